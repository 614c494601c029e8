"""Deployments: available versions and services, deploying an instance, progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec

from mailauncher.errors import Code, LauncherError, Text
from resolvers import deployments, versions
from resolvers.context import Context
from resolvers.deployments import LOGS_KEPT, NewDeployment
from resolvers.instances import SERVICES_LIMIT
from resolvers.views import DeploymentView
from rest.existing_client.adding import ClientService, deployable
from rest.field_docs import about
from rest.operation import Call, Operation
from rest.values import InstanceName, Message, Success
from store.records import DeploymentStatus

GROUP = "deployments"
STARTED = Text("部署已开始", "The deployment has started")
_FIELDS = {"name": "instance_name", "path": "install_path", "services": "install_services"}
"""Fields of a new deployment that have another name in this body."""


class DeployableVersions(msgspec.Struct):
    """Versions of MaiBot that can be deployed."""

    versions: Annotated[
        list[str],
        about(
            "依次为 latest、main、从新到旧的标签、其他分支。",
            "`latest`, `main`, tags from newest to oldest, then other branches.",
        ),
    ]


class DeployableService(msgspec.Struct):
    """A service that can be deployed with an instance."""

    name: Annotated[str, about("服务名称。", "Name.")]
    description: Annotated[str, about("服务的说明。", "Description.")]


class DeployableServices(msgspec.Struct):
    """Services that can be deployed."""

    services: Annotated[list[DeployableService], about("可部署的服务。", "Services.")]


class Deploy(msgspec.Struct, kw_only=True):
    """A new instance to install."""

    instance_name: InstanceName
    install_path: Annotated[
        str | None,
        about(
            "尚不存在或为空的文件夹，绝对路径或以 ~（工作区）开头；缺少时为工作区中与实例同名的文件夹。",
            "Folder that does not exist or is empty: an absolute path, or one that begins with `~`, the workspace. Absent:"
            " a folder in the workspace, named like the instance.",
        ),
    ] = None
    port: Annotated[
        int | None,
        about(
            "主程序的端口，1-65535；缺少时选一个空闲的。",
            "Port of the main program, 1-65535; absent: a free one.",
        ),
    ] = None
    version: Annotated[
        str,
        about(
            "标签、分支，或 latest（最新的稳定标签）。",
            "Tag, branch, or `latest`, the newest stable tag.",
        ),
    ] = "latest"
    install_services: Annotated[
        list[str | ClientService],
        about(
            f"一同安装的服务，至多 {SERVICES_LIMIT} 个：名称，或现有客户端使用的对象。",
            f"Services to install with it, at most {SERVICES_LIMIT}: names, or objects as the existing web client sends"
            " them.",
        ),
    ] = []
    auto_start: Annotated[
        bool,
        about(
            "完成后是否启动；须已接受用户协议与隐私条款，仅当设置 deployment_accepts_terms 打开时此项才视为同意。",
            "Whether to start it when the deployment is complete. This requires the user's consent to the bot's terms; the"
            " flag counts as consent only if the setting `deployment_accepts_terms` is on.",
        ),
    ] = False

    def as_new(self, *, accepts_terms: bool) -> NewDeployment:
        return NewDeployment(
            name=self.instance_name,
            path=self.install_path,
            port=self.port,
            version=self.version,
            services=tuple(deployable(service) for service in self.install_services),
            auto_start=self.auto_start,
            accept_terms=self.auto_start and accepts_terms,
        )


class Deployed(msgspec.Struct):
    """The deployment has started."""

    success: Success
    instance_id: Annotated[str, about("新实例的 ID。", "Id of the new instance.")]
    message: Message


class ServiceStatus(msgspec.Struct):
    """Progress of one service."""

    name: Annotated[str, about("服务名称。", "Name of the service.")]
    status: Annotated[DeploymentStatus, about("服务的部署状态。", "Status of its installation.")]
    progress: Annotated[int, about("进度，0-100。", "Progress, 0-100.")]
    message: Annotated[str, about("正在做什么。", "Current activity.")]


class InstallStatus(msgspec.Struct):
    """Progress of the newest deployment of an instance."""

    status: Annotated[DeploymentStatus, about("部署的状态。", "Status of the deployment.")]
    progress: Annotated[
        int,
        about(
            "进度，0-100，从不减少，完成时才为 100。",
            "Progress, 0-100; never decreases, 100 only when complete.",
        ),
    ]
    current_step: Annotated[
        str,
        about(
            "正在做什么，或如何结束；失败时为步骤、原因和最后的输出。",
            "Current activity, or the result; for a failure the step, the cause and the last output.",
        ),
    ]
    logs: Annotated[
        list[str],
        about(
            f"至今做过的事，最多最后 {LOGS_KEPT} 条，只在末尾增加。",
            f"Log of the deployment: the last {LOGS_KEPT} messages; grows only at its end.",
        ),
    ]
    message: Annotated[str, about("同 current_step。", "Same as `current_step`.")]
    services_install_status: Annotated[
        list[ServiceStatus], about("各服务的进度。", "Progress of each service.")
    ]


async def _versions(ctx: Context, _call: Call) -> DeployableVersions:
    found = await versions.list_all(ctx)
    return DeployableVersions([version.name for version in found.versions])


async def _services(ctx: Context, call: Call) -> DeployableServices:
    return DeployableServices(
        [
            DeployableService(recipe.name, recipe.description.text.in_language(call.language))
            for recipe in versions.services(ctx)
        ]
    )


async def _deploy(ctx: Context, call: Call) -> Deployed:
    body: Deploy = call.body
    with _with_field_names():
        new = body.as_new(accepts_terms=ctx.settings.deployment_accepts_terms)
        view = await deployments.deploy(ctx, new)
    return Deployed(True, view.instance_id, STARTED.in_language(call.language))


@contextmanager
def _with_field_names() -> Iterator[None]:
    """Errors name the field as this body does."""
    try:
        yield
    except LauncherError as error:
        error.field = _FIELDS.get(error.field or "", error.field)
        raise


async def _install_status(ctx: Context, call: Call) -> InstallStatus:
    return _status(await deployments.get(ctx, call.path["instance_id"]), call.language)


async def _client_install_status(ctx: Context, call: Call) -> InstallStatus:
    return await _install_status(ctx, call)


def _message(view: DeploymentView, language: str) -> str:
    """The current activity or the result; for a failure with the step and, a line each, the last output."""
    text = view.message.in_language(language)
    if view.failure is None or view.status is not DeploymentStatus.FAILED:
        return text
    where = f"{view.failure.step}: " if view.failure.step else ""
    return "\n".join((where + text, *view.failure.last_lines))


def _status(view: DeploymentView, language: str) -> InstallStatus:
    message = _message(view, language)
    return InstallStatus(
        status=view.status,
        progress=view.progress,
        current_step=message,
        logs=[text.in_language(language) for text in view.logs],
        message=message,
        services_install_status=[
            ServiceStatus(part.name, part.status, part.progress, part.message.in_language(language))
            for part in view.services
        ],
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/deploy/versions",
        group=GROUP,
        text=Text("获取可用版本", "List deployable versions"),
        details=Text(
            "来自所设置的 git 仓库，缓存一段时间并在后台更新。",
            "From the configured git repository; cached for a while and refreshed in the background.",
        ),
        handler=_versions,
        response=DeployableVersions,
        codes=(Code.DOWNLOAD_FAILED,),
    ),
    Operation(
        method="GET",
        path="/api/v1/deploy/services",
        group=GROUP,
        text=Text("获取可部署服务", "List deployable services"),
        handler=_services,
        response=DeployableServices,
    ),
    Operation(
        method="POST",
        path="/api/v1/deploy/deploy",
        group=GROUP,
        text=Text("部署新实例", "Deploy a new instance"),
        details=Text(
            "能检查的都检查之后立即回答，随后在后台安装；进度见 install-status。",
            "Responds once all checks that are possible in advance have passed, then installs in the background; see"
            " `install-status` for the progress.",
        ),
        handler=_deploy,
        request=(Deploy,),
        response=Deployed,
        codes=(
            Code.VERSION_NOT_FOUND,
            Code.INVALID_PATH,
            Code.PORT_IN_USE,
            Code.INSUFFICIENT_SPACE,
            Code.DUPLICATE_RESOURCE,
            Code.DOWNLOAD_FAILED,
            Code.DEPLOYMENT_FAILED,
        ),
        changes=True,
    ),
    Operation(
        method="GET",
        path="/api/v1/install-status/{instance_id}",
        group=GROUP,
        text=Text("获取安装状态", "Get the progress of a deployment"),
        handler=_install_status,
        response=InstallStatus,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND),
    ),
    Operation(
        method="GET",
        path="/api/v1/deploy/install-status/{instance_id}",
        group=GROUP,
        text=Text(
            "获取安装状态，现有客户端的地址",
            "Get the progress of a deployment, at the existing web client's path",
        ),
        handler=_client_install_status,
        response=InstallStatus,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND),
    ),
)
