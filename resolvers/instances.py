"""Instances: list, stats, add, start, stop, kill, restart, delete."""

import asyncio
import os
import re
import secrets
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bots import run_command as run_commands
from mailauncher.errors import (
    DuplicateResource,
    InstanceAlreadyRunning,
    InstanceNotRunning,
    InvalidParameter,
    InvalidPath,
    PortInUse,
    ServiceUnavailable,
    Text,
)
from mailauncher.files import is_folder
from mailauncher.grants import Scope
from mailauncher.listeners import LAST_PORT
from mailauncher.names import NAME_LENGTH, is_instance_name
from resolvers import backups
from resolvers.context import Context
from resolvers.deploying import folders
from resolvers.rights import needs
from resolvers.running import existing
from resolvers.running.existing import FoundBot
from resolvers.views import CommandOutcome, InstanceView, Stats
from store.journal import Kind
from store.records import DeploymentKind, InstanceRecord, ServiceRecord
from store.removal import remove_resources
from terminals.policy import Supervision
from terminals.states import State
from terminals.supervisor import DEPLOY, MAIN, Command, Supervisor

RESPONSE_S = 8  # every command is answered within this
ANSWER_WITHIN_S = 7.5  # so that the answer itself has some of it
DELETE_STOP_TIMEOUT_S = 120.0
SERVICES_LIMIT = 32
ADDED = Text("实例已成功添加", "The instance was added")


@dataclass(frozen=True, slots=True)
class NewService:
    """A service of an instance to be added. `path` None: the folder of its name inside the instance's folder. `alias`: what
    the existing web client calls it, where that is another name."""

    name: str
    path: str | None = None
    port: int | None = None
    run_command: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class NewInstance:
    """An existing folder to manage. `port` None: the one in its configuration, else the usual one of its kind. `services` None:
    those found in it."""

    name: str
    path: str
    port: int | None = None
    run_command: str | None = None
    services: tuple[NewService, ...] | None = None


@needs(Scope.READ, filters=True)
def list_all(ctx: Context, *, status: State | None = None, search: str | None = None) -> list[InstanceView]:
    """Instances in the order they were added, filtered by status and by a part of the name (case ignored)."""
    views = _covered(ctx)
    if status is not None:
        views = [view for view in views if view.status is status]
    if search:
        folded = search.casefold() if len(search) <= 3 * NAME_LENGTH else None  # one letter may become three
        views = [view for view in views if folded is not None and folded in view.name.casefold()]
    return views


def _covered(ctx: Context) -> list[InstanceView]:
    """The instances that the caller may see."""
    if ctx.grant.instances is None:
        return ctx.live.views
    return [view for view in ctx.live.views if ctx.grant.covers(view.id)]


@needs(Scope.READ)
def get(ctx: Context, instance_id: str) -> InstanceView:
    """Raises InstanceNotFound."""
    return ctx.live.view(instance_id)


@needs(Scope.READ, filters=True)
def stats(ctx: Context) -> Stats:
    views = _covered(ctx)
    running = sum(view.status is State.RUNNING for view in views)
    return Stats(total=len(views), running=running, stopped=len(views) - running)


@needs(Scope.OPERATE)
async def start(ctx: Context, instance_id: str) -> CommandOutcome:
    """Starts the main program and every service that is not running.

    Raises InstanceAlreadyRunning, PortInUse, or CommandFailed with the last lines of what died at once.
    """
    require_installed(ctx, instance_id)
    supervisor = ctx.live.supervisor(instance_id)
    name = get(ctx, instance_id).name
    main = supervisor.main_program
    if (main.wanted and not main.backing_off) or main.lost_pid is not None:
        raise InstanceAlreadyRunning(f"实例 {name} 已在运行", f"Instance {name} is already running")
    # Nothing is awaited between the check and the goals. Otherwise another command could come in between, and this one would
    # act on a check that no longer holds; as it is, the last of several commands wins.
    command = supervisor.start()
    return await _execute(
        ctx, instance_id, "start", command, Text("已启动", "started"), Text("正在启动", "is starting")
    )


@needs(Scope.OPERATE)
async def stop(ctx: Context, instance_id: str) -> CommandOutcome:
    """Stops services and main program. Raises InstanceNotRunning when all of them are stopped."""
    supervisor = _require_running(ctx, instance_id)
    return await _execute(
        ctx,
        instance_id,
        "stop",
        supervisor.stop(),
        Text("已停止", "stopped"),
        Text("正在停止", "is stopping"),
    )


@needs(Scope.OPERATE)
async def kill(ctx: Context, instance_id: str) -> CommandOutcome:
    """Ends every process of services and main program at once, by SIGKILL, also while a stop waits for them: none can save
    anything. Raises as `stop` does."""
    supervisor = _require_running(ctx, instance_id)
    return await _execute(
        ctx,
        instance_id,
        "kill",
        supervisor.kill(),
        Text("已强制结束", "killed"),
        Text("正在强制结束", "is being killed"),
    )


def _require_running(ctx: Context, instance_id: str) -> Supervisor:
    """Raises InstanceNotRunning when main program and services are all stopped, and as `require_installed` does."""
    require_installed(ctx, instance_id)
    supervisor = ctx.live.supervisor(instance_id)
    if not any(program.wanted or program.lives for program in supervisor.programs.values()):
        name = get(ctx, instance_id).name
        raise InstanceNotRunning(f"实例 {name} 未运行", f"Instance {name} is not running")
    return supervisor


@needs(Scope.OPERATE)
async def restart(ctx: Context, instance_id: str) -> CommandOutcome:
    """Replaces every process, and starts what is stopped. Raises as `start` does, except InstanceAlreadyRunning."""
    require_installed(ctx, instance_id)
    command = ctx.live.supervisor(instance_id).restart()
    return await _execute(
        ctx, instance_id, "restart", command, Text("已重启", "restarted"), Text("正在重启", "is restarting")
    )


def require_installed(ctx: Context, instance_id: str) -> None:
    """Raises InstanceNotFound; ServiceUnavailable for an instance that is being installed, or whose installation failed."""
    name = get(ctx, instance_id).name
    override = ctx.live.overridden(instance_id)
    if override is not None and override.status is State.INSTALLING:
        raise ServiceUnavailable(
            f"实例 {name} 正在安装，请等待完成或取消部署",
            f"Instance {name} is being installed: wait for it, or cancel the deployment",
        )
    if override is not None:
        raise ServiceUnavailable(
            f"实例 {name} 的部署失败，请重试部署或删除该实例",
            f"The deployment of instance {name} failed: retry it, or delete the instance",
        )


async def _execute(
    ctx: Context, instance_id: str, kind: Kind, command: Command, done: Text, in_progress: Text
) -> CommandOutcome:
    view = get(ctx, instance_id)
    stored = await ctx.store.registry.set_wanted(
        instance_id, list(ctx.live.supervisor(instance_id).programs), kind in ("start", "restart")
    )
    await ctx.store.journal.note(
        kind, ctx.caller, Text(f"{view.name}：{_COMMANDS[kind].zh}", f"{view.name}: {kind}"), instance_id
    )
    complete = await command.wait(ANSWER_WITHIN_S)
    result = done if complete else with_reason(ctx, instance_id, in_progress)
    message = Text(f"实例 {view.name} {result.zh}", f"Instance {view.name} {result.en}")
    return CommandOutcome(ctx.live.view(instance_id), with_record(message, stored=stored), complete)


@needs(Scope.READ)
def with_reason(ctx: Context, instance_id: str, in_progress: Text) -> Text:
    """That a start is in progress, and that it waits for a port, if it does."""
    for program in ctx.live.supervisor(instance_id).programs.values():
        if (reason := program.port_wait) is not None:
            return Text(f"{in_progress.zh}：{reason.zh}", f"{in_progress.en}: {reason.en}")
    return in_progress


def with_record(message: Text, *, stored: bool) -> Text:
    """What was done, and that it is not on record, where that could not be written: it is done all the same."""
    if stored:
        return message
    return Text(
        f"{message.zh}（暂时无法写入数据库，稍后会自动补记）",
        f"{message.en} (the database cannot be written at present; this will be recorded later)",
    )


_COMMANDS = {
    "start": Text("启动", "start"),
    "stop": Text("停止", "stop"),
    "restart": Text("重启", "restart"),
    "kill": Text("强制结束", "kill"),
}


@needs(Scope.ADMIN)
async def add(ctx: Context, new: NewInstance) -> InstanceView:
    """Manages an existing folder and the services in it.

    Raises InvalidParameter, InvalidPath (also for a folder in which there is nothing to run), DuplicateResource (name or folder),
    PortInUse for the bot's port and for requested ones. A service without one gets its own or its usual port, even if another
    instance has that: the two may never run at the same time.
    """
    require_sound(new)
    folder = await asyncio.to_thread(folders.existing_folder, ctx.settings.workspace_folder, new.path)
    async with ctx.locks.claims:
        bot = await asyncio.to_thread(existing.read, ctx.bots.catalogue, folder)
        record = await require_addable(ctx, new, folder, bot)
        view = await ctx.live.add(record)
    await ctx.configs.record_all(view.id)
    await ctx.store.journal.note("add", ctx.caller, Text(f"添加 {new.name}", f"added {new.name}"), view.id)
    return view


def require_sound(new: NewInstance) -> None:
    """Raises InvalidParameter for what no instance can have, wherever it is."""
    require_name(new.name)
    if new.port is not None:
        require_port(new.port)
    if new.services and len(new.services) > SERVICES_LIMIT:
        raise InvalidParameter(
            f"服务不能超过 {SERVICES_LIMIT} 个",
            f"At most {SERVICES_LIMIT} services are allowed",
            field="services",
        )
    for service in new.services or ():
        require_port(service.port or 1)
    if new.run_command:
        run_commands.split(new.run_command)


async def require_addable(ctx: Context, new: NewInstance, folder: Path, bot: FoundBot) -> InstanceRecord:
    """The record of a folder that may be added, as long as `Locks.claims` is held. Raises as `add` does."""
    _require_unique(ctx, new, folder)
    if not new.run_command:  # before its ports: of an empty folder they are guesses
        await asyncio.to_thread(existing.require_runnable, bot, folder)
    record = await asyncio.to_thread(_record, ctx, new, folder, bot)
    try:
        await ctx.ports.require_free(ctx.grant, [record.port], record)
    except PortInUse as error:
        raise _with_origin(error, new, bot) from None
    await ctx.ports.require_free(ctx.grant, (service.port or 0 for service in new.services or ()), record)
    return record


@needs(Scope.ADMIN)
async def added(ctx: Context, instance_id: str) -> Text:
    """What to answer to whoever has added an instance: that it was added, and what to know before it is started."""
    record = ctx.store.registry.get(instance_id)
    remarks = await asyncio.to_thread(existing.remarks, record, ctx.bots.catalogue) if record else []
    lines = [ADDED, *remarks]
    return Text("\n".join(line.zh for line in lines), "\n".join(line.en for line in lines))


def _with_origin(error: PortInUse, new: NewInstance, bot: FoundBot) -> PortInUse:
    """The error, and where the port comes from if it was not given."""
    if new.port is not None:
        return error
    zh, en = (
        (
            "该端口来自 Bot 的配置：请在那里改用别的端口",
            "The bot's configuration has this port: choose another one there",
        )
        if bot.port
        else (
            "Bot 的配置没有写端口，因此取了通常的端口：请给出它实际使用的端口",
            "The bot's configuration names no port, so the usual one was taken: give the one that it uses",
        )
    )
    return PortInUse(f"{error.text.zh}\n{zh}", f"{error.text.en}\n{en}", field="port")


def require_name(name: str) -> None:
    """Raises InvalidParameter."""
    if not is_instance_name(name):
        raise InvalidParameter(
            f"名称应为 1-{NAME_LENGTH} 个字符：文字、数字、-、_、. 或空格（不在首尾）",
            f"The name must have 1-{NAME_LENGTH} characters: letters, digits, -, _, . or space (not at either end)",
            field="name",
        )


def require_port(port: int) -> None:
    """Raises InvalidParameter."""
    if not 1 <= port <= LAST_PORT:
        raise InvalidParameter(
            f"端口应在 1 与 {LAST_PORT} 之间", f"The port must be between 1 and {LAST_PORT}", field="port"
        )


def require_name_free(ctx: Context, name: str) -> None:
    """Raises DuplicateResource."""
    if any(record.name == name for record in ctx.store.registry):
        raise DuplicateResource(
            f"实例名称 {name} 已存在", f"An instance named {name} exists already", field="name"
        )


def _require_unique(ctx: Context, new: NewInstance, folder: Path) -> None:
    require_name_free(ctx, new.name)
    for record in ctx.store.registry:
        if Path(record.path) == folder:
            raise DuplicateResource(
                f"该文件夹已由实例 {record.name} 管理",
                f"Instance {record.name} already manages this folder",
                field="path",
            )


def _record(ctx: Context, new: NewInstance, folder: Path, bot: FoundBot) -> InstanceRecord:
    """Reads the folder."""
    port = new.port or bot.port or bot.usual_port
    if not port:
        raise InvalidParameter(
            "Bot 的配置没有写端口：请给出端口",
            "The bot's configuration names no port: give one",
            field="port",
        )
    services = bot.services
    if new.services is not None:
        services = tuple(_service(ctx, service, folder, bot.version) for service in new.services)
    names = [service.name for service in services]
    if len(set(names)) < len(names):
        raise InvalidParameter("服务名称重复", "A service is listed twice", field="install_services")
    ports = [each for each in (port, *(service.port for service in services)) if each]
    if twice := next((each for each in ports if ports.count(each) > 1), None):
        raise InvalidParameter(
            f"端口 {twice} 在实例中出现两次",
            f"Two programs of the instance would have port {twice}",
            field="port",
        )
    return InstanceRecord(
        id=secrets.token_hex(20),
        name=new.name,
        path=str(folder),
        port=port,
        version=bot.version,
        installed_at=int(time.time() * 1000),
        recipe=bot.recipe.name,
        run_command=new.run_command or None,
        services=services,
    )


def _service(ctx: Context, new: NewService, folder: Path, version: str) -> ServiceRecord:
    name = ctx.bots.catalogue.service_name(new.name)
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,63}", name) or name in (MAIN, DEPLOY):
        raise InvalidParameter(
            f"服务名称无效：{name[:64]}", f"Invalid service name: {name[:64]}", field="install_services"
        )
    recipe = ctx.bots.catalogue.recipes.get(name)
    if recipe is None and not new.run_command:
        raise InvalidParameter(
            f"未知服务 {name} 需要运行命令",
            f"The service {name} is unknown and needs a run command",
            field="install_services",
        )
    if new.run_command:
        run_commands.split(new.run_command)
    place = folders.existing_folder(ctx.settings.workspace_folder, new.path) if new.path else folder / name
    if not is_folder(place):
        raise InvalidPath(
            f"服务文件夹不存在，或无权访问：{place}",
            f"The folder of the service does not exist, or there is no access to it: {place}",
            field="path",
        )
    return ServiceRecord(
        name=name,
        path=str(place),
        port=new.port or (existing.service_port(recipe, version, place) if recipe else 0),
        run_command=new.run_command or None,
        alias=new.alias,
    )


SUPERVISED = Text("监管设置已更新", "Supervision changed")


@needs(Scope.READ)
def supervision(ctx: Context, instance_id: str) -> Supervision:
    """The supervision settings of an instance. Raises InstanceNotFound."""
    return ctx.live.supervisor(instance_id).main_program.policy.supervision


@needs(Scope.ADMIN)
async def supervise(ctx: Context, instance_id: str, **wishes: object) -> InstanceView:
    """Changes the supervision settings of an instance, from now on: fields of `Supervision`, None for the default.

    Raises InstanceNotFound, InvalidParameter for an unknown field or an invalid value.
    """

    def changed(policy: dict[str, Any]) -> dict[str, Any]:
        merged = {name: value for name, value in {**policy, **wishes}.items() if value is not None}
        _supervision(merged)
        return merged

    policy = await ctx.store.registry.set_supervision(instance_id, changed)
    ctx.live.supervisor(instance_id).set_policy(_supervision(policy))
    await ctx.store.journal.note(
        "supervise", ctx.caller, Text("修改监管设置", "supervision changed"), instance_id
    )
    return get(ctx, instance_id)


def _supervision(policy: dict[str, Any]) -> Supervision:
    """Raises InvalidParameter."""
    try:
        return msgspec.convert(policy, Supervision)
    except msgspec.ValidationError as error:
        reason, _, field = str(error).partition(" - at `$.")
        raise InvalidParameter(
            f"监管设置无效：{error}", f"Invalid supervision: {reason}", field=field.rstrip("`") or None
        ) from None


@needs(Scope.ADMIN)
async def delete(ctx: Context, instance_id: str, *, files: bool = False) -> CommandOutcome:
    """Stops and removes the instance. With `files`, also removes its folder if this program deployed it, and what upgrades kept
    beside it. Of an instance that is being installed nothing is left, whatever `files` says.

    What takes longer than a caller waits (a stop, a backup that is being made, many files) goes on in the background. Raises PermissionDenied, before anything else happens, for a
    folder that this program did not make or that is a link, and ServiceUnavailable for one that is being cloned.
    """
    view = get(ctx, instance_id)
    if (ended := await _end_deployment(ctx, view)) is not None:
        return ended
    never_there = ctx.live.overridden(instance_id) is not None and await asyncio.to_thread(
        _is_absent, view.path
    )
    if files and not never_there:
        await asyncio.to_thread(folders.require_ours, Path(view.path), instance_id)
        _require_idle(ctx, view, files=True)
    command = ctx.live.supervisor(instance_id).stop()
    deletion = ctx.live.spawn(_finish_deletion(ctx, view, command, files=files), f"deletion of {view.name}")
    await asyncio.wait([deletion], timeout=ANSWER_WITHIN_S)
    if deletion.done():
        deletion.result()
        return CommandOutcome(view, Text(f"实例 {view.name} 已删除", f"Instance {view.name} deleted"))
    in_progress = Text(f"正在删除实例 {view.name}", f"Instance {view.name} is being deleted")
    return CommandOutcome(view, in_progress, complete=False)


async def _end_deployment(ctx: Context, view: InstanceView) -> CommandOutcome | None:
    """Cancels the instance's deployment, if one is under way. That removes a new instance, and is then the outcome of its
    deletion; None means that the instance is there and still to be deleted."""
    job = ctx.deployer.job(view.id)
    if job is None:
        return None
    there = job.record.kind in (DeploymentKind.UPGRADE, DeploymentKind.SERVICES)
    try:
        task = await ctx.deployer.cancel(view.id)
    except InstanceNotRunning:  # it has ended just now
        return None
    await asyncio.wait([task], timeout=None if there else ANSWER_WITHIN_S)
    if there:
        return None
    await ctx.store.journal.note(
        "delete", ctx.caller, Text(f"删除 {view.name}", f"deleted {view.name}"), view.id
    )
    if task.done():
        return CommandOutcome(view, Text(f"实例 {view.name} 已删除", f"Instance {view.name} deleted"))
    in_progress = Text(
        f"正在取消实例 {view.name} 的部署，随后删除",
        f"The deployment of instance {view.name} is being cancelled; then it will be deleted",
    )
    return CommandOutcome(view, in_progress, complete=False)


def _require_idle(ctx: Context, view: InstanceView, *, files: bool) -> None:
    """Raises ServiceUnavailable if a deployment of the instance has begun since the deletion was asked for, and, if its files
    are to be deleted, while it is being cloned."""
    if ctx.deployer.job(view.id) is not None:
        raise ServiceUnavailable(
            f"实例 {view.name} 的部署刚刚开始，没有删除：请再次删除",
            f"A deployment of instance {view.name} has just begun, so the instance was not deleted: delete it again",
        )
    if files and (record := ctx.store.registry.get(view.id)) is not None:
        ctx.deployer.require_not_copied(record)


def _is_absent(path: str) -> bool:
    return not os.path.lexists(path)


async def _finish_deletion(ctx: Context, view: InstanceView, command: Command, *, files: bool) -> None:
    await command.wait(DELETE_STOP_TIMEOUT_S)
    async with ctx.locks.of(view.id):  # a backup that is being made reads the files
        _require_idle(ctx, view, files=files)
        folder = Path(view.path)
        if files:
            await asyncio.to_thread(folders.move_aside, folder, view.id)
        await ctx.live.remove(view.id)
        await asyncio.to_thread(ctx.samplers.history.forget, view.id)
        # Very many take longer than a caller waits.
        work = remove_resources(ctx.store.emojis, ctx.store.images, ctx.store.persons, view.id)
        ctx.live.spawn(work, f"emojis and persons of {view.name}")
        await ctx.deployer.forget(view.id, clear=not files)
    await ctx.store.journal.note(
        "delete", ctx.caller, Text(f"删除 {view.name}", f"deleted {view.name}"), view.id
    )
    if files:
        await backups.forget(ctx, view.id)
        await ctx.deployer.removals.run(partial(folders.remove_deleted, folder, view.id))
        await ctx.deployer.forget(view.id)
