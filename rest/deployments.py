"""Deploying: versions and services to choose from, a new instance, how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec

from mailauncher.errors import Code, LauncherError, Text
from mailauncher.store.records import DeploymentStatus
from resolvers import deployments, versions
from resolvers.context import Context
from resolvers.deployments import NewDeployment
from resolvers.views import DeploymentView
from rest.existing_client import ClientService, chosen
from rest.operation import Call, Operation
from rest.wording import about

GROUP = "deployments"
BEGUN = Text("部署已开始", "The deployment has begun")
_FIELDS = {"name": "instance_name", "path": "install_path", "services": "install_services"}
"""What the fields of a new deployment are called here, where that is something else."""


class Versions(msgspec.Struct):
    """The versions of MaiBot that can be deployed."""

    versions: Annotated[
        list[str],
        about(
            "依次为 latest、main、从新到旧的标签、其他分支。",
            "`latest`, `main`, tags from the newest to the oldest, then other branches.",
        ),
    ]


class DeployableService(msgspec.Struct):
    """A service that can be deployed with an instance."""

    name: Annotated[str, about("服务名称。", "Its name.")]
    description: Annotated[str, about("服务的说明。", "What it is.")]


class DeployableServices(msgspec.Struct):
    """The services that can be deployed."""

    services: Annotated[list[DeployableService], about("可部署的服务。", "Those that can be deployed.")]


class Deploy(msgspec.Struct, kw_only=True):
    """A new instance to be installed."""

    instance_name: Annotated[
        str,
        about(
            "1-64 个字符：文字、数字、-、_、.、空格。", "1-64 characters: letters, digits, -, _, . and space."
        ),
    ]
    install_path: Annotated[
        str | None,
        about(
            "尚不存在或为空的文件夹，绝对路径或以 ~（工作区）开头；缺少时为工作区中与实例同名的文件夹。",
            "A folder that does not exist yet or is empty, absolute or from `~`, the workspace; absent: one of the"
            " instance's name in the workspace.",
        ),
    ] = None
    port: Annotated[
        int | None,
        about(
            "主程序的端口，1-65535；缺少时选一个空闲的。",
            "The main program's port, 1-65535; absent: a free one.",
        ),
    ] = None
    version: Annotated[
        str,
        about(
            "标签、分支，或 latest（最新的稳定标签）。",
            "A tag, a branch, or `latest`, the newest stable tag.",
        ),
    ] = "latest"
    install_services: Annotated[
        list[str | ClientService],
        about(
            "一同安装的服务：名称，或现有客户端使用的对象。",
            "The services that come with it: their names, or objects as the existing web client has them.",
        ),
    ] = []
    auto_start: Annotated[
        bool,
        about(
            "完成后是否启动；须已接受用户协议与隐私条款，仅当设置 deployment_accepts_terms 打开时此项才视为同意。",
            "Whether it is started at the end. That needs the user's consent to the bot's terms; this counts as such"
            " only where the setting `deployment_accepts_terms` is on.",
        ),
    ] = False

    def as_new(self, *, accepts_terms: bool) -> NewDeployment:
        return NewDeployment(
            name=self.instance_name,
            path=self.install_path,
            port=self.port,
            version=self.version,
            services=tuple(chosen(service) for service in self.install_services),
            auto_start=self.auto_start,
            accept_terms=self.auto_start and accepts_terms,
        )


class Deployed(msgspec.Struct):
    """The deployment has begun."""

    success: Annotated[bool, about("总是 true。", "Always true.", const=True)]
    instance_id: Annotated[str, about("新实例的 ID。", "The new instance's id.")]
    message: Annotated[str, about("给人看的说明。", "A sentence for people.")]


class ServiceStatus(msgspec.Struct):
    """How far one service is."""

    name: Annotated[str, about("服务名称。", "Its name.")]
    status: Annotated[DeploymentStatus, about("服务的部署状态。", "How far it is, in a word.")]
    progress: Annotated[int, about("进度，0-100。", "How far it is, 0-100.")]
    message: Annotated[str, about("正在做什么。", "What is done to it now.")]


class InstallStatus(msgspec.Struct):
    """How far the newest deployment of an instance is."""

    status: Annotated[DeploymentStatus, about("部署的状态。", "How far it is, in a word.")]
    progress: Annotated[
        int,
        about(
            "进度，0-100，从不减少，完成时才为 100。", "0-100; it never falls, and is 100 only at its end."
        ),
    ]
    current_step: Annotated[
        str,
        about(
            "正在做什么，或如何结束；失败时为步骤、原因和最后的输出。",
            "What it does now, or how it ended: of a failure the step, the cause and the last lines.",
        ),
    ]
    logs: Annotated[
        list[str],
        about(
            "至今做过的事，最多最后 1000 条，只在末尾增加。", "What was done so far: the last 1000 sentences."
        ),
    ]
    message: Annotated[str, about("同 current_step。", "The same as `current_step`.")]
    services_install_status: Annotated[
        list[ServiceStatus], about("各服务的进度。", "How far each service is.")
    ]


async def _versions(ctx: Context, _call: Call) -> Versions:
    found = await versions.list_all(ctx)
    return Versions([version.name for version in found.versions])


async def _services(ctx: Context, call: Call) -> DeployableServices:
    return DeployableServices(
        [
            DeployableService(recipe.name, recipe.description.text.in_language(call.language))
            for recipe in versions.services(ctx)
        ]
    )


async def _deploy(ctx: Context, call: Call) -> Deployed:
    body: Deploy = call.body
    with _named_as_here():
        new = body.as_new(accepts_terms=ctx.settings.deployment_accepts_terms)
        view = await deployments.deploy(ctx, new)
    return Deployed(True, view.instance_id, BEGUN.in_language(call.language))


@contextmanager
def _named_as_here() -> Iterator[None]:
    """A field at fault has the name that this body gives it."""
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
    """What it does now or how it ended; of a failure also the step and, a line each, what was printed last."""
    text = view.message.in_language(language)
    if view.failure is None:
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
        text=Text("获取可用版本", "List the versions that can be deployed"),
        details=Text(
            "来自所设置的 git 仓库，缓存一段时间并在后台更新。",
            "From the configured git repository; kept for a while and fetched anew in the background.",
        ),
        handler=_versions,
        response=Versions,
        codes=(Code.DOWNLOAD_FAILED,),
    ),
    Operation(
        method="GET",
        path="/api/v1/deploy/services",
        group=GROUP,
        text=Text("获取可部署服务", "List the services that can be deployed"),
        handler=_services,
        response=DeployableServices,
    ),
    Operation(
        method="POST",
        path="/api/v1/deploy/deploy",
        group=GROUP,
        text=Text("部署新实例", "Install a new instance"),
        details=Text(
            "能检查的都检查之后立即回答，随后在后台安装；进度见 install-status。",
            "Answers once everything that can be checked was checked, and installs in the background; `install-status`"
            " tells how far it is.",
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
        text=Text("获取安装状态", "Tell how far a deployment is"),
        handler=_install_status,
        response=InstallStatus,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND),
    ),
    Operation(
        method="GET",
        path="/api/v1/deploy/install-status/{instance_id}",
        group=GROUP,
        text=Text("获取安装状态，现有客户端的地址", "The same, at the existing web client's address"),
        handler=_client_install_status,
        response=InstallStatus,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND),
    ),
)
