"""Instances: list, count, start, stop, restart, delete, add."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import Code, InvalidParameter, Text
from resolvers import instances
from resolvers.context import Context
from resolvers.instances import NewInstance
from resolvers.views import InstanceView, ServiceView, WaitingFor
from rest.done import Done, done
from rest.existing_client.adding import ClientInstance
from rest.field_docs import about
from rest.operation import Call, Operation, Parameter
from rest.values import Id, InstanceName, Message, Success
from terminals.questions import LENGTH
from terminals.states import State

GROUP = "instances"


class Details(msgspec.Struct):
    """What the status of a program does not tell."""

    ready: Annotated[
        bool | None,
        about(
            "是否已就绪；未运行或无从得知时为 null。",
            "Whether it is ready; null if it does not run, or nothing says when it is.",
        ),
    ]
    restarts: Annotated[
        int, about("上次手动启动以来自动重启的次数。", "Automatic restarts since the last manual start.")
    ]
    reason: Annotated[
        str | None,
        about(
            "没有正常运行的原因，可能有多行；正常或已停止时为 null。",
            "Why it does not work, or not yet, in one or more lines; null if it works, or was stopped.",
        ),
    ]
    waiting_for: Annotated[
        WaitingFor | None,
        about(
            "正在等待什么：terms（接受条款）、input（在终端中回答）、login（有人登录）、port（端口上的监听）、output（表示就绪的一行输出）、backoff（自动重启）、program（先启动的程序）；没有时为 null。",
            "What it waits for: `terms` (to be accepted), `input` (an answer in its terminal), `login` (a person who logs it in), "
            "`port` (that something listens on it), `output` (the line that says that it is ready), `backoff` (its automatic restart), `program` (one that has to start "
            "first); null: nothing that is known.",
        ),
    ]
    question: Annotated[
        str | None,
        about(
            f"等待回答时终端中的最后一行，至多 {LENGTH} 个字符；否则为 null。",
            f"If it waits for an answer: the last line on its terminal, at most {LENGTH} characters; else null.",
        ),
    ]
    uptime_s: Annotated[
        int | None,
        about("已运行的秒数；未运行时为 null。", "Seconds since its start; null if it does not run."),
    ]
    cpu: Annotated[
        float | None,
        about(
            "处理器占用，单核的百分比，含子进程；未知时为 null。",
            "Processor time in percent of one core, child processes included; null: not known.",
        ),
    ]
    memory: Annotated[
        int | None,
        about(
            "常驻内存的字节数，含子进程；未知时为 null。",
            "Resident memory in bytes, child processes included; null: not known.",
        ),
    ]


_DETAILS = about(
    "仅在 `details=true` 时有：状态之外的情况。", "Only with `details=true`: what the status does not tell."
)


class Service(msgspec.Struct):
    """A service of an instance."""

    name: Annotated[
        str,
        about(
            "服务名称，在实例内唯一；现有网页客户端以 napcat-ada 之名添加的适配器仍用此名。",
            "Name, unique in the instance. An adapter that the existing web client has added as `napcat-ada` keeps that name.",
        ),
    ]
    path: Annotated[str, about("服务的文件夹。", "Absolute path of its folder.")]
    status: Annotated[State, about("服务的状态。", "Status of its process.")]
    port: Annotated[int, about("服务监听的端口；0 表示不监听。", "Port it listens on; 0: none.")]
    details: Annotated[Details | UnsetType, _DETAILS] = UNSET


class Instance(msgspec.Struct):
    """A managed bot."""

    id: Id
    name: InstanceName
    status: Annotated[State, about("主程序的状态。", "Status of the main program.")]
    installed_at: Annotated[
        str,
        about(
            "加入管理的时间，1970 年以来的毫秒数。",
            "Time when it was added, as text: milliseconds since 1970.",
        ),
    ] = msgspec.field(name="installedAt")
    path: Annotated[str, about("实例的文件夹。", "Absolute path of its folder.")]
    port: Annotated[int, about("主程序监听的端口。", "Port the main program listens on.")]
    version: Annotated[str, about("Bot 的版本；未知时为 unknown。", "Version of the bot, or `unknown`.")]
    services: Annotated[list[Service], about("已安装的服务。", "Installed services.")]
    details: Annotated[Details | UnsetType, _DETAILS] = UNSET


class Instances(msgspec.Struct):
    """All instances."""

    instances: Annotated[list[Instance], about("所有实例，按加入的先后。", "In the order they were added.")]
    success: Success


class InstanceStats(msgspec.Struct):
    """Number of instances by status; `running` and `stopped` add up to `total`."""

    total: Annotated[int, about("实例总数。", "All instances.")]
    running: Annotated[int, about("运行中的实例数。", "Running instances.")]
    stopped: Annotated[int, about("其余实例数。", "All others, whatever their status.")]


class AddInstance(msgspec.Struct):
    """An existing folder to manage."""

    name: InstanceName
    path: Annotated[
        str,
        about(
            "已存在的文件夹，绝对路径或以 ~（工作区）开头。",
            "Existing folder: an absolute path, or one that begins with `~`, the workspace.",
        ),
    ]
    port: Annotated[int, about("主程序的端口，1-65535。", "Port of the main program, 1-65535.")]

    def as_new(self) -> NewInstance:
        return NewInstance(name=self.name, path=self.path, port=self.port)


class Added(msgspec.Struct):
    """The instance was added."""

    success: Success
    instance_id: Annotated[str, about("新实例的 ID。", "Id of the new instance.")]
    message: Message


async def _list(ctx: Context, call: Call) -> Instances:
    wanted = call.query("details")
    if wanted not in ([], ["true"], ["false"]):
        raise InvalidParameter(
            "details 只能为 true 或 false", "details must be true or false", field="details"
        )
    found = [_instance(view) for view in instances.list_all(ctx)]
    if wanted == ["true"]:
        for instance, view in zip(found, instances.list_all(ctx), strict=True):
            instance.details = _details(ctx, view, call.language)
            for service, part in zip(instance.services, view.services, strict=True):
                service.details = _details(ctx, part, call.language)
    return Instances(found, success=True)


def _instance(view: InstanceView) -> Instance:
    return Instance(
        id=view.id,
        name=view.name,
        status=view.status,
        installed_at=view.installed_at,
        path=view.path,
        port=view.port,
        version=view.version,
        services=[
            Service(part.alias or part.name, part.path, part.status, part.port) for part in view.services
        ],
    )


def _details(ctx: Context, part: InstanceView | ServiceView, language: str) -> Details:
    usage, known = ctx.samplers.usage.latest(part.pid), part.details
    return Details(
        ready=part.ready,
        restarts=part.restarts,
        reason=known.reason.in_language(language) if known.reason else None,
        waiting_for=known.waiting_for,
        question=known.question,
        uptime_s=part.uptime_s,
        cpu=usage.cpu_percent if usage else None,
        memory=usage.memory if usage else None,
    )


async def _stats(ctx: Context, _call: Call) -> InstanceStats:
    found = instances.stats(ctx)
    return InstanceStats(found.total, found.running, found.stopped)


async def _start(ctx: Context, call: Call) -> Done:
    return done((await instances.start(ctx, call.path["id"])).message, call)


async def _stop(ctx: Context, call: Call) -> Done:
    return done((await instances.stop(ctx, call.path["id"])).message, call)


async def _restart(ctx: Context, call: Call) -> Done:
    return done((await instances.restart(ctx, call.path["id"])).message, call)


async def _delete(ctx: Context, call: Call) -> Done:
    files = call.query("files")
    if files not in ([], ["delete"]):
        raise InvalidParameter("files 只能为 delete", "files must be delete", field="files")
    return done((await instances.delete(ctx, call.path["id"], files=bool(files))).message, call)


async def _add(ctx: Context, call: Call) -> Added:
    view = await instances.add(ctx, call.body.as_new())
    return Added(True, view.id, (await instances.added(ctx, view.id)).in_language(call.language))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/instances",
        group=GROUP,
        text=Text("获取实例列表", "List instances"),
        details=Text(
            "details=true 时每个实例与服务多一个键 details：是否就绪、原因、正在等待什么、资源占用等。",
            "With `details=true` each instance and service has one more key, `details`: whether it is ready, and if not why, what it "
            "waits for, its use of the machine.",
        ),
        handler=_list,
        response=Instances,
        query=(
            Parameter(
                "details",
                Text("包含每个程序的详情", "Include the details of each program"),
                ("true", "false"),
            ),
        ),
        codes=(Code.INVALID_PARAMETER,),
        cache_key=lambda ctx, _call: ctx.live.version,
    ),
    Operation(
        method="GET",
        path="/api/v1/instances/stats",
        group=GROUP,
        text=Text("获取实例统计", "Count instances by status"),
        handler=_stats,
        response=InstanceStats,
        cache_key=lambda ctx, _call: ctx.live.version,
    ),
    Operation(
        method="GET",
        path="/api/v1/instance/{id}/start",
        group=GROUP,
        text=Text("启动实例", "Start an instance and its services"),
        details=Text(
            f"所有进程都已启动并存活片刻后回答，最迟 {instances.RESPONSE_S} 秒；立刻退出的进程会给出退出码和最后的输出。尚未装好的实例不能启动。",
            f"Responds once every process has been alive for a moment, at the latest after {instances.RESPONSE_S} s. A process that exits"
            " at once results in an error with its exit code and last output. An instance that is still being installed"
            " cannot be started.",
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
            f"需要 {instances.RESPONSE_S} 秒以上的停止会先回答，并继续进行。",
            f"If stopping takes more than {instances.RESPONSE_S} s, the response comes first and stopping continues.",
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
        details=Text("未运行的实例会被启动。", "A stopped instance is started."),
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
        text=Text("删除实例", "Stop an instance and remove it"),
        details=Text(
            "文件留在磁盘上，除非 files=delete，且文件夹由本程序部署。",
            "Its files stay on disk, unless `files=delete` is given and this program deployed the folder.",
        ),
        handler=_delete,
        response=Done,
        query=(Parameter("files", Text("同时删除文件", "Also delete the files on disk"), ("delete",)),),
        codes=(Code.INSTANCE_NOT_FOUND, Code.INVALID_PARAMETER, Code.SERVICE_UNAVAILABLE),
        changes=True,
    ),
    Operation(
        method="POST",
        path="/api/v1/instances/add",
        group=GROUP,
        text=Text("添加现有实例", "Add an existing folder as an instance"),
        handler=_add,
        request=(AddInstance, ClientInstance),
        response=Added,
        codes=(Code.INVALID_PATH, Code.DUPLICATE_RESOURCE, Code.PORT_IN_USE),
        changes=True,
    ),
)
