"""Instances: list, stats, start, stop, restart, delete, add."""

from typing import Annotated

import msgspec

from mailauncher.errors import Code, InvalidParameter, Text
from resolvers import instances
from resolvers.context import Context
from resolvers.instances import NewInstance
from resolvers.views import InstanceView, Outcome, ServiceView
from rest import existing_client
from rest.operation import Call, Operation, Parameter
from rest.wording import about
from terminals.states import State

GROUP = "instances"


class Service(msgspec.Struct):
    """A service of an instance."""

    name: Annotated[str, about("服务名称，在实例内唯一。", "Its name, unique in the instance.")]
    path: Annotated[str, about("服务的文件夹。", "Its folder.")]
    status: Annotated[State, about("服务的状态。", "What it is doing.")]
    port: Annotated[
        int, about("服务监听的端口；0 表示不监听。", "The port it listens on; 0 if it listens on none.")
    ]


class Instance(msgspec.Struct):
    """A managed bot."""

    id: Annotated[str, about("40 位小写十六进制数字。", "40 lower-case hex digits.")]
    name: Annotated[str, about("实例名称，不重复。", "Its name, unique.")]
    status: Annotated[State, about("主程序的状态。", "What its main program is doing.")]
    installed_at: Annotated[
        str,
        about(
            "加入管理的时间，1970 年以来的毫秒数。", "When it was added: milliseconds since 1970, as text."
        ),
    ] = msgspec.field(name="installedAt")
    path: Annotated[str, about("实例的文件夹。", "Its folder.")]
    port: Annotated[int, about("主程序监听的端口。", "The port its main program listens on.")]
    version: Annotated[str, about("Bot 的版本；未知时为 unknown。", "The bot's version, or `unknown`.")]
    services: Annotated[list[Service], about("已安装的服务。", "The services that are installed.")]


class Instances(msgspec.Struct):
    """All instances, in the order they were added."""

    instances: Annotated[list[Instance], about("所有实例，按加入的先后。", "All of them, first added first.")]
    success: Annotated[bool, about("总是 true。", "Always true.", const=True)]


class Stats(msgspec.Struct):
    """Instances by status; `running` and `stopped` add up to `total`."""

    total: Annotated[int, about("实例总数。", "How many there are.")]
    running: Annotated[int, about("运行中的实例数。", "How many run.")]
    stopped: Annotated[int, about("其余实例数。", "How many do not, for whatever reason.")]


class Done(msgspec.Struct):
    """A command was carried out, or is under way where the message says so."""

    success: Annotated[bool, about("总是 true。", "Always true.", const=True)]
    message: Annotated[str, about("给人看的说明。", "A sentence for people.")]


class AddInstance(msgspec.Struct):
    """An existing folder to be managed."""

    name: Annotated[
        str,
        about(
            "1-64 个字符：文字、数字、-、_、.、空格。", "1-64 characters: letters, digits, -, _, . and space."
        ),
    ]
    path: Annotated[
        str,
        about(
            "已存在的文件夹，绝对路径或以 ~（工作区）开头。",
            "An existing folder, absolute or from `~`, the workspace.",
        ),
    ]
    port: Annotated[int, about("主程序的端口，1-65535。", "The main program's port, 1-65535.")]

    def as_new(self) -> NewInstance:
        return NewInstance(name=self.name, path=self.path, port=self.port)


class Added(msgspec.Struct):
    """The instance is managed now."""

    success: Annotated[bool, about("总是 true。", "Always true.", const=True)]
    instance_id: Annotated[str, about("新实例的 ID。", "The new instance's id.")]
    message: Annotated[str, about("给人看的说明。", "A sentence for people.")]


async def _list(ctx: Context, _call: Call) -> Instances:
    return Instances([_instance(view) for view in instances.list_all(ctx)], success=True)


def _instance(view: InstanceView) -> Instance:
    return Instance(
        id=view.id,
        name=view.name,
        status=view.status,
        installed_at=view.installed_at,
        path=view.path,
        port=view.port,
        version=view.version,
        services=[_service(service) for service in view.services],
    )


def _service(view: ServiceView) -> Service:
    return Service(view.name, view.path, view.status, view.port)


async def _stats(ctx: Context, _call: Call) -> Stats:
    found = instances.stats(ctx)
    return Stats(found.total, found.running, found.stopped)


def done(outcome: Outcome, call: Call) -> Done:
    return Done(True, outcome.message.in_language(call.language))


async def _start(ctx: Context, call: Call) -> Done:
    return done(await instances.start(ctx, call.path["id"]), call)


async def _stop(ctx: Context, call: Call) -> Done:
    return done(await instances.stop(ctx, call.path["id"]), call)


async def _restart(ctx: Context, call: Call) -> Done:
    return done(await instances.restart(ctx, call.path["id"]), call)


async def _delete(ctx: Context, call: Call) -> Done:
    files = call.query("files")
    if files not in ([], ["delete"]):
        raise InvalidParameter("files 只能为 delete", "The only value of files is delete", field="files")
    return done(await instances.delete(ctx, call.path["id"], files=bool(files)), call)


async def _add(ctx: Context, call: Call) -> Added:
    view = await instances.add(ctx, call.body.as_new())
    message = Text("实例已成功添加", "The instance was added")
    return Added(True, view.id, message.in_language(call.language))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/instances",
        group=GROUP,
        text=Text("获取实例列表", "List the instances"),
        handler=_list,
        response=Instances,
        kept=lambda ctx: ctx.fleet.version,
    ),
    Operation(
        method="GET",
        path="/api/v1/instances/stats",
        group=GROUP,
        text=Text("获取实例统计", "Count the instances by status"),
        handler=_stats,
        response=Stats,
        kept=lambda ctx: ctx.fleet.version,
    ),
    Operation(
        method="GET",
        path="/api/v1/instance/{id}/start",
        group=GROUP,
        text=Text("启动实例", "Start an instance and its services"),
        details=Text(
            "所有进程都已启动并存活片刻后回答，最迟 8 秒；立刻退出的进程会给出退出码和最后的输出。尚未装好的实例不能启动。",
            "Answers once every process has been alive for a moment, within 8 s; what dies at once gives an error"
            " with its exit code and last lines. An instance that is still being installed cannot be started.",
        ),
        handler=_start,
        response=Done,
        codes=(
            Code.INSTANCE_NOT_FOUND,
            Code.INSTANCE_ALREADY_RUNNING,
            Code.PORT_IN_USE,
            Code.COMMAND_FAILED,
            Code.SERVICE_UNAVAILABLE,
        ),
        changes=True,
    ),
    Operation(
        method="GET",
        path="/api/v1/instance/{id}/stop",
        group=GROUP,
        text=Text("停止实例", "Stop an instance and its services"),
        details=Text(
            "需要 8 秒以上的停止会先回答，并继续进行。",
            "A stop that needs more than 8 s is answered first, and goes on.",
        ),
        handler=_stop,
        response=Done,
        codes=(
            Code.INSTANCE_NOT_FOUND,
            Code.INSTANCE_NOT_RUNNING,
            Code.COMMAND_FAILED,
            Code.SERVICE_UNAVAILABLE,
        ),
        changes=True,
    ),
    Operation(
        method="GET",
        path="/api/v1/instance/{id}/restart",
        group=GROUP,
        text=Text("重启实例", "Restart an instance"),
        details=Text("未运行的实例会被启动。", "An instance that does not run is started."),
        handler=_restart,
        response=Done,
        codes=(
            Code.INSTANCE_NOT_FOUND,
            Code.PORT_IN_USE,
            Code.COMMAND_FAILED,
            Code.SERVICE_UNAVAILABLE,
        ),
        changes=True,
    ),
    Operation(
        method="DELETE",
        path="/api/v1/instance/{id}/delete",
        group=GROUP,
        text=Text("删除实例", "Stop an instance and forget it"),
        details=Text(
            "文件留在磁盘上，除非 files=delete，且文件夹由本程序部署。",
            "Its files stay, unless `files=delete` is given and this program deployed the folder.",
        ),
        handler=_delete,
        response=Done,
        query=(Parameter("files", Text("同时删除文件", "Also delete the files"), ("delete",)),),
        codes=(Code.INSTANCE_NOT_FOUND, Code.INVALID_PARAMETER, Code.SERVICE_UNAVAILABLE),
        changes=True,
    ),
    Operation(
        method="POST",
        path="/api/v1/instances/add",
        group=GROUP,
        text=Text("添加现有实例", "Manage an existing folder"),
        handler=_add,
        request=(AddInstance, existing_client.ClientInstance),
        response=Added,
        codes=(Code.INVALID_PATH, Code.DUPLICATE_RESOURCE, Code.PORT_IN_USE),
        changes=True,
    ),
)
