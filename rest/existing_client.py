"""What the existing Vue client asks for beside, or instead of, the documented API. All of it is kept here.

That client tests `status == "success"`, sends one fixed command for its adapter whatever the folder holds, and looks
for the answer to its update check in `data` or in `data.data`, depending on the page.
"""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

import mailauncher
from mailauncher.errors import Code, InvalidParameter, Text
from resolvers import configuration
from resolvers.context import Context
from resolvers.instances import NewInstance, NewService
from resolvers.metrics import Machine, Metrics
from rest.operation import Call, Operation
from rest.wording import about

GROUP = "version"
ADAPTER = "nonebot-ada"
MIB, GIB = 1 << 20, 1 << 30
# The day this copy was made: there is no other date of a release in it.
RELEASED = datetime.fromtimestamp(Path(mailauncher.__file__).stat().st_mtime, UTC).date().isoformat()


class ClientService(msgspec.Struct, kw_only=True):
    """A service of a folder to be managed, or to be deployed: that stands where its recipe says, and runs so."""

    name: Annotated[str, about("服务名称；napcat-ada 即适配器。", "Its name; `napcat-ada` is the adapter.")]
    path: Annotated[str | None, about("服务的文件夹。", "Its folder; null: the one of its name.")] = None
    port: Annotated[int | None, about("服务的端口。", "Its port; null: its usual one.")] = None
    run_cmd: Annotated[str | None, about("运行命令。", "The command that runs it; null: its usual one.")] = (
        None
    )

    def as_new(self) -> NewService:
        name = ADAPTER if self.name == "napcat-ada" else self.name
        return NewService(name, self.path or None, self.port, own_interpreter(self.run_cmd))


def chosen(service: str | ClientService) -> NewService:
    """A service to be deployed. That client also says where it would be and what runs it: its recipe knows better."""
    if isinstance(service, str):
        return NewService(ADAPTER if service == "napcat-ada" else service)
    return NewService(service.as_new().name, port=service.port)


class ClientInstance(msgspec.Struct, kw_only=True):
    """An existing folder to be managed, in the keys of the existing web client."""

    instance_name: Annotated[str, about("实例名称。", "The instance's name.")]
    port: Annotated[int, about("主程序的端口，1-65535。", "The main program's port, 1-65535.")]
    maibot_path: Annotated[str | None, about("MaiBot 的文件夹。", "MaiBot's folder.")] = None
    install_path: Annotated[str | None, about("同 maibot_path。", "The same.")] = None
    adapter_path: Annotated[
        str | None,
        about("适配器的文件夹，如未列在服务中。", "The adapter's folder, if no service is listed."),
    ] = None
    install_services: Annotated[
        list[ClientService] | None,
        about("服务；缺少时查找文件夹中已有的。", "Its services; absent: those that stand in the folder."),
    ] = None
    version: Annotated[str | None, about("不使用：以文件夹为准。", "Not used: the folder says it.")] = None
    host: Annotated[str | None, about("不使用。", "Not used.")] = None
    token: Annotated[str | None, about("不使用。", "Not used.")] = None

    def as_new(self) -> NewInstance:
        """Raises InvalidParameter when neither key names the folder."""
        path = self.maibot_path or self.install_path
        if not path:
            raise InvalidParameter(
                "缺少字段 maibot_path", "The field maibot_path is missing", field="maibot_path"
            )
        return NewInstance(name=self.instance_name, path=path, port=self.port, services=self._services())

    def _services(self) -> tuple[NewService, ...] | None:
        if self.install_services:
            return tuple(service.as_new() for service in self.install_services)
        if self.adapter_path:
            return (NewService(ADAPTER, self.adapter_path),)
        return None if self.install_services is None else ()


def own_interpreter(command: str | None) -> str | None:
    """`python main.py`, which that client sends for every folder, means the folder's own Python."""
    return re.sub(r"\Apython3?(?=\s)", "{python}", command.strip()) if command else None


class ClientConfig(msgspec.Struct):
    """What a configuration file says, or the environment variables."""

    status: Annotated[str, about("总是 success。", "Always `success`.", const="success")]
    data: Annotated[dict[str, Any], about("文件内容。", "The file as JSON.")]


class ClientConfigPatch(msgspec.Struct):
    """Keys of a configuration file to change, as in `PUT /config/...`."""

    config_data: Annotated[dict[str, Any], about("要更改的键。", "The keys to change.")]
    instance_id: Annotated[str | None, about("不使用：以地址为准。", "Not used: the address says it.")] = None


class ClientVariablesPatch(msgspec.Struct):
    """Environment variables to change, as in `PUT /config/{id}/env`."""

    env_data: Annotated[dict[str, Any], about("要更改的变量。", "The variables to change.")]
    instance_id: Annotated[str | None, about("不使用：以地址为准。", "Not used: the address says it.")] = None


class ClientUpdated(msgspec.Struct):
    """The file was changed."""

    status: Annotated[str, about("总是 success。", "Always `success`.", const="success")]
    success: Annotated[bool, about("总是 true。", "Always true.", const=True)]
    message: Annotated[str, about("给人看的说明。", "A sentence for people.")]


class MemoryUsage(msgspec.Struct):
    """Memory in MiB."""

    total_mb: Annotated[float, about("总量，MiB。", "In all, MiB.")]
    used_mb: Annotated[float, about("已用，MiB。", "In use, MiB.")]
    available_mb: Annotated[float, about("可用，MiB。", "Can be had, MiB.")]
    percent: Annotated[float, about("使用率，0-100。", "How full it is, 0-100.")]


class DiskUsage(msgspec.Struct):
    """The disk that holds the data, in GiB."""

    total_gb: Annotated[float, about("总量，GiB。", "In all, GiB.")]
    used_gb: Annotated[float, about("已用，GiB。", "In use, GiB.")]
    free_gb: Annotated[float, about("可用，GiB。", "Can be had, GiB.")]
    percent: Annotated[float, about("使用率，0-100。", "How full it is, 0-100.")]


class SystemInfo(msgspec.Struct):
    """What kind of machine it is."""

    system: Annotated[str, about("操作系统。", "The operating system.")]
    release: Annotated[str, about("操作系统的版本。", "Its release.")]
    machine: Annotated[str, about("机器类型。", "The kind of machine.")]
    processor: Annotated[str, about("处理器。", "The processor.")]


class ClientMetrics(msgspec.Struct):
    """The machine's figures as the existing web client reads them."""

    cpu_usage_percent: Annotated[float, about("处理器使用率，0-100。", "How busy the processors are, 0-100.")]
    memory_usage: Annotated[MemoryUsage, about("内存。", "Memory.")]
    disk_usage_root: Annotated[DiskUsage, about("数据所在的磁盘。", "The disk that holds the data.")]
    system_info: Annotated[SystemInfo, about("机器。", "The machine.")]
    network_up: Annotated[float, about("上行，字节每秒。", "Sent, bytes per second.")]
    network_down: Annotated[float, about("下行，字节每秒。", "Received, bytes per second.")]


def metrics(sample: Metrics, machine: Machine) -> ClientMetrics:
    return ClientMetrics(
        cpu_usage_percent=sample.cpu_usage,
        memory_usage=MemoryUsage(
            round(sample.memory_total / MIB, 2),
            round(sample.memory_used / MIB, 2),
            round(sample.memory_free / MIB, 2),
            sample.memory_usage_percent,
        ),
        disk_usage_root=DiskUsage(
            round(sample.disk_total / GIB, 2),
            round(sample.disk_used / GIB, 2),
            round(sample.disk_free / GIB, 2),
            sample.disk_usage_percent,
        ),
        system_info=SystemInfo(machine.system, machine.release, machine.machine, machine.processor),
        network_up=round(sample.network_up, 1),
        network_down=round(sample.network_down, 1),
    )


class Version(msgspec.Struct):
    """This launcher."""

    version: Annotated[str, about("版本号。", "Its version.")]
    internal_version: Annotated[
        int, about("可比较大小的版本号。", "The same as a number that can be compared.")
    ]
    release_date: Annotated[str, about("日期，YYYY-MM-DD。", "The date of this copy, YYYY-MM-DD.")]
    release_notes: Annotated[str, about("此版本的说明。", "What is to be said of it.")]


class CurrentVersion(msgspec.Struct):
    """The launcher's version."""

    status: Annotated[str, about("总是 success。", "Always `success`.", const="success")]
    data: Annotated[Version, about("启动器的版本。", "The launcher's version.")]


class Update(msgspec.Struct, omit_defaults=True):
    """Whether there is a newer launcher. This one does not look for any: it is updated by whoever installed it."""

    status: Annotated[str, about("总是 success。", "Always `success`.", const="success")]
    has_update: Annotated[bool, about("总是 false。", "Always false.", const=False)]
    latest_version: Annotated[str, about("最新版本。", "The newest version.")]
    latest_internal: Annotated[
        int, about("可比较大小的最新版本号。", "The same as a number that can be compared.")
    ]
    update_url: Annotated[str, about("总是空。", "Always empty.")]
    release_notes: Annotated[str, about("此版本的说明。", "What is to be said of it.")]
    release_date: Annotated[str, about("日期，YYYY-MM-DD。", "The date of this copy, YYYY-MM-DD.")]
    update_type: Annotated[str, about("总是 none。", "Always `none`.")]
    data: Annotated[Any, about("同样的内容再说一遍。", "The same once more, without this key.")] = None


class CheckedVersion(msgspec.Struct):
    """The answer to the client's update check."""

    status: Annotated[str, about("总是 success。", "Always `success`.", const="success")]
    data: Annotated[Update, about("检查的结果。", "What was found.")]


NOTES = Text("详见 CHANGELOG.md", "See CHANGELOG.md")


def internal_version(version: str) -> int:
    """10000 for each major step, 100 for each minor one, 1 for each patch. Never 0, which that client takes for nothing."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return (major * 10_000 + minor * 100 + patch) or 1


async def _current(_ctx: Context, call: Call) -> CurrentVersion:
    number = mailauncher.__version__
    notes = NOTES.in_language(call.language)
    return CurrentVersion("success", Version(number, internal_version(number), RELEASED, notes))


async def _check(_ctx: Context, call: Call) -> CheckedVersion:
    number = mailauncher.__version__
    notes = NOTES.in_language(call.language)
    found = Update("success", False, number, internal_version(number), "", notes, RELEASED, "none")
    return CheckedVersion("success", msgspec.structs.replace(found, data=found))


def _configuration(place: str, name: str, text: Text) -> tuple[Operation, Operation]:
    """The client's own ways to read and change a configuration file."""

    async def get(ctx: Context, call: Call) -> ClientConfig:
        view = await configuration.read(ctx, call.path["id"], name)
        return ClientConfig("success", await asyncio.to_thread(view.config))

    async def update(ctx: Context, call: Call) -> ClientUpdated:
        patch = call.body.env_data if name == "env" else call.body.config_data
        await configuration.merge(ctx, call.path["id"], name, patch)
        return ClientUpdated("success", True, Text("配置已更新", "Changed").in_language(call.language))

    get.__name__, update.__name__ = f"get_{name}", f"update_{name}"
    codes = (Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND, Code.INVALID_PARAMETER, Code.INVALID_PATH)
    return (
        Operation(
            method="GET",
            path=f"/api/v1/resources/{{id}}/{place}/get",
            group="resources",
            text=Text(f"获取{text.zh}", f"Get {text.en}"),
            handler=get,
            response=ClientConfig,
            codes=codes,
        ),
        Operation(
            method="POST",
            path=f"/api/v1/resources/{{id}}/{place}/update",
            group="resources",
            text=Text(f"更新{text.zh}", f"Change {text.en}"),
            handler=update,
            request=(ClientVariablesPatch if name == "env" else ClientConfigPatch,),
            response=ClientUpdated,
            codes=(*codes, Code.PORT_IN_USE, Code.CONFLICT, Code.INSUFFICIENT_SPACE),
            changes=True,
        ),
    )


OPERATIONS = (
    *_configuration("config", "bot", Text(" Bot 配置", "the bot's configuration")),
    *_configuration("lpmm", "lpmm", Text(" LPMM 配置", "the LPMM configuration")),
    *_configuration("env", "env", Text("环境变量", "the environment variables")),
    *_configuration("adapter/napcat", "adapter", Text("适配器配置", "the adapter's configuration")),
    Operation(
        method="GET",
        path="/api/v1/version/current",
        group=GROUP,
        text=Text("启动器版本", "The launcher's version"),
        handler=_current,
        response=CurrentVersion,
    ),
    Operation(
        method="GET",
        path="/api/v1/version/check",
        group=GROUP,
        text=Text("检查更新", "Look for a newer launcher"),
        handler=_check,
        response=CheckedVersion,
    ),
)


def sessions(session_id: str) -> tuple[str, ...]:
    """The terminals that it may mean, best first: its `napcat-ada` is the adapter's, else NapCat's."""
    instance_id = session_id.removesuffix("_napcat-ada")
    if instance_id == session_id:
        return (session_id,)
    return f"{instance_id}_{ADAPTER}", f"{instance_id}_napcat"
