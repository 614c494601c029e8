"""Instances: list, stats, add, start, stop, restart, delete."""

import asyncio
import os
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mailauncher.bots import launching, version
from mailauncher.bots.deploying.staging import remove
from mailauncher.errors import (
    DuplicateResource,
    InstanceAlreadyRunning,
    InstanceNotRunning,
    InvalidParameter,
    InvalidPath,
    PermissionDenied,
    PortInUse,
    ServiceUnavailable,
    Text,
)
from mailauncher.store.records import DeploymentKind, InstanceRecord, ServiceRecord
from resolvers import backups, places, resources
from resolvers.context import Context
from resolvers.views import InstanceView, Outcome, Stats
from terminals.crew import DEPLOY, MAIN, Order
from terminals.policy import Supervision
from terminals.states import State

ANSWER_WITHIN_S = 7.5  # every command is answered within 8 s, of which the answer itself takes some
DELETE_STOP_TIMEOUT_S = 120.0
SERVICES_LIMIT = 32
ADDED = Text("实例已成功添加", "The instance was added")
NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class NewService:
    """A service of an instance to be added. `path` None: the folder of the same name inside the instance's."""

    name: str
    path: str | None = None
    port: int | None = None
    run_command: str | None = None


@dataclass(frozen=True, slots=True)
class NewInstance:
    """An existing folder to manage. `services` None: those that are found in it."""

    name: str
    path: str
    port: int
    run_command: str | None = None
    services: tuple[NewService, ...] | None = None


def list_all(ctx: Context, *, status: State | None = None, search: str | None = None) -> list[InstanceView]:
    """Instances in the order they were added, filtered by status and by a part of the name (case ignored)."""
    views = ctx.fleet.views
    if status is not None:
        views = [view for view in views if view.status is status]
    if search:
        views = [view for view in views if search.casefold() in view.name.casefold()]
    return views


def get(ctx: Context, instance_id: str) -> InstanceView:
    """Raises InstanceNotFound."""
    return ctx.fleet.view(instance_id)


def stats(ctx: Context) -> Stats:
    views = ctx.fleet.views
    running = sum(view.status is State.RUNNING for view in views)
    return Stats(total=len(views), running=running, stopped=len(views) - running)


async def start(ctx: Context, instance_id: str) -> Outcome:
    """Starts the main program and every service that is not running.

    Raises InstanceAlreadyRunning, PortInUse, or CommandFailed with the last lines of what died at once.
    """
    require_installed(ctx, instance_id)
    crew = ctx.fleet.crew(instance_id)
    name = get(ctx, instance_id).name
    if crew.main.wanted and not crew.main.backing_off:
        raise InstanceAlreadyRunning(f"实例 {name} 已在运行", f"Instance {name} is already running")
    # Nothing is awaited before the goals are set: of commands at the same moment the last one wins.
    order = crew.start()
    return await _carried_out(
        ctx, instance_id, "start", order, Text("已启动", "started"), Text("正在启动", "is starting")
    )


async def stop(ctx: Context, instance_id: str) -> Outcome:
    """Stops services and main program. Raises InstanceNotRunning when all of them are stopped."""
    require_installed(ctx, instance_id)
    crew = ctx.fleet.crew(instance_id)
    if not any(program.wanted or program.alive for program in crew.programs.values()):
        name = get(ctx, instance_id).name
        raise InstanceNotRunning(f"实例 {name} 未运行", f"Instance {name} is not running")
    return await _carried_out(
        ctx, instance_id, "stop", crew.stop(), Text("已停止", "stopped"), Text("正在停止", "is stopping")
    )


async def restart(ctx: Context, instance_id: str) -> Outcome:
    """Replaces every process; a stopped instance is started."""
    require_installed(ctx, instance_id)
    order = ctx.fleet.crew(instance_id).restart()
    return await _carried_out(
        ctx, instance_id, "restart", order, Text("已重启", "restarted"), Text("正在重启", "is restarting")
    )


def require_installed(ctx: Context, instance_id: str) -> None:
    """Raises InstanceNotFound; ServiceUnavailable for an instance that is being installed, or could not be."""
    name = get(ctx, instance_id).name
    mark = ctx.fleet.marked(instance_id)
    if mark is not None and mark.status is State.INSTALLING:
        raise ServiceUnavailable(
            f"实例 {name} 正在安装，请等待完成或取消部署",
            f"Instance {name} is being installed: wait for it, or cancel the deployment",
        )
    if mark is not None:
        raise ServiceUnavailable(
            f"实例 {name} 的部署失败，请重试部署或删除该实例",
            f"The deployment of instance {name} failed: try it again, or delete the instance",
        )


async def _carried_out(
    ctx: Context, instance_id: str, kind: str, order: Order, done: Text, going: Text
) -> Outcome:
    view = get(ctx, instance_id)
    await ctx.journal.note(
        kind, ctx.caller, Text(f"{view.name}：{_COMMANDS[kind].zh}", f"{view.name}: {kind}"), instance_id
    )
    await ctx.registry.set_wanted(instance_id, list(ctx.fleet.crew(instance_id).programs), kind != "stop")
    complete = await order.wait(ANSWER_WITHIN_S)
    how = done if complete else going
    message = Text(f"实例 {view.name} {how.zh}", f"Instance {view.name} {how.en}")
    return Outcome(ctx.fleet.view(instance_id), message, complete)


_COMMANDS = {
    "start": Text("启动", "start"),
    "stop": Text("停止", "stop"),
    "restart": Text("重启", "restart"),
}


async def add(ctx: Context, new: NewInstance) -> InstanceView:
    """Takes an existing folder under management, with the services that stand in it.

    Raises InvalidParameter, InvalidPath, DuplicateResource (name or folder), PortInUse (another instance has the port).
    """
    require_name(new.name)
    require_port(new.port)
    if new.services and len(new.services) > SERVICES_LIMIT:
        raise InvalidParameter(
            f"服务不能超过 {SERVICES_LIMIT} 个",
            f"There can be no more than {SERVICES_LIMIT} services",
            field="services",
        )
    for service in new.services or ():
        require_port(service.port or 1)
    if new.run_command:
        launching.split(new.run_command)
    folder = await asyncio.to_thread(existing_folder, ctx.settings.workspace_folder, new.path)
    async with ctx.fleet.adding:
        _refuse_duplicates(ctx, new, folder)
        record = await asyncio.to_thread(_record, ctx, new, folder)
        view = await ctx.fleet.add(record)
    await ctx.journal.note("add", ctx.caller, Text(f"添加 {new.name}", f"added {new.name}"), view.id)
    return view


def require_name(name: str) -> None:
    """Raises InvalidParameter unless the name is allowed."""
    # Marks too: many scripts write their vowels with them.
    allowed = all(unicodedata.category(c)[0] in "LMN" or c in "-_. " for c in name)
    if not allowed or not 1 <= len(name) <= NAME_LENGTH or name in (".", "..") or name != name.strip():
        raise InvalidParameter(
            "名称应为 1-64 个字符：文字、数字、-、_、. 或空格（不在首尾）",
            "The name must have 1-64 characters: letters, digits, -, _, . or space (not at its ends)",
            field="name",
        )


def require_port(port: int) -> None:
    if not 1 <= port <= 65535:
        raise InvalidParameter(
            "端口应在 1 与 65535 之间", "The port must be between 1 and 65535", field="port"
        )


def existing_folder(workspace: Path, given: str) -> Path:
    """The folder that a client means: `~` is the workspace, a backslash a slash. Links resolved. Raises InvalidPath."""
    path = places.meant(workspace, given)
    try:
        folder = path.resolve(strict=True)
        if not folder.is_dir():
            raise InvalidPath(f"不是文件夹：{given}", f"Not a folder: {given}", field="path")
        next(folder.iterdir(), None)
        folder.joinpath("bot.py").exists()  # a folder may be listed that may not be entered
        str(folder).encode()  # neither the database nor JSON takes a name that is no text
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidPath(
            f"路径无法使用：{given}", f"The path cannot be used: {given}", field="path"
        ) from error
    return folder


def _refuse_duplicates(ctx: Context, new: NewInstance, folder: Path) -> None:
    for record in ctx.registry:
        if record.name == new.name:
            raise DuplicateResource(
                f"实例名称 {new.name} 已存在", f"An instance is called {new.name} already", field="name"
            )
        if Path(record.path) == folder:
            raise DuplicateResource(
                f"该文件夹已由实例 {record.name} 管理",
                f"Instance {record.name} manages this folder already",
                field="path",
            )
        taken = {record.port, *(service.port for service in record.services)}
        wanted = {new.port, *(service.port for service in new.services or () if service.port)}
        if both := taken & wanted - {0}:
            port = min(both)
            raise PortInUse(
                f"端口 {port} 已由实例 {record.name} 使用",
                f"Instance {record.name} has port {port} already",
                field="port",
            )


def _record(ctx: Context, new: NewInstance, folder: Path) -> InstanceRecord:
    """Reads the folder."""
    recipe = ctx.catalogue.recognise(folder)
    if new.services is None:
        services = [
            ServiceRecord(name=r.name, path=str(place), port=r.port)
            for r, place in ctx.catalogue.services_in(folder)
        ]
    else:
        services = [_service(ctx, service, folder) for service in new.services]
    names = [service.name for service in services]
    if len(set(names)) < len(names):
        raise InvalidParameter("服务名称重复", "A service is named twice", field="install_services")
    ports = [port for port in (new.port, *(service.port for service in services)) if port]
    if twice := next((port for port in ports if ports.count(port) > 1), None):
        raise InvalidParameter(
            f"端口 {twice} 在实例中出现两次", f"Two programs of the instance have port {twice}", field="port"
        )
    return InstanceRecord(
        id=secrets.token_hex(20),
        name=new.name,
        path=str(folder),
        port=new.port,
        version=version.read(folder),
        installed_at=int(time.time() * 1000),
        recipe=recipe.name,
        run_command=new.run_command or None,
        services=tuple(services),
    )


def _service(ctx: Context, new: NewService, folder: Path) -> ServiceRecord:
    name = ctx.catalogue.service_name(new.name)
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,63}", name) or name in (MAIN, DEPLOY):
        raise InvalidParameter(
            f"服务名称无效：{name[:64]}", f"Invalid service name: {name[:64]}", field="install_services"
        )
    recipe = ctx.catalogue.recipes.get(name)
    if recipe is None and not new.run_command:
        raise InvalidParameter(
            f"未知服务 {name} 需要运行命令",
            f"The unknown service {name} needs a run command",
            field="install_services",
        )
    if new.run_command:
        launching.split(new.run_command)
    place = existing_folder(ctx.settings.workspace_folder, new.path) if new.path else folder / name
    if not place.is_dir():
        raise InvalidPath(f"服务文件夹不存在：{place}", f"No such service folder: {place}", field="path")
    return ServiceRecord(
        name=name,
        path=str(place),
        port=new.port or (recipe.port if recipe else 0),
        run_command=new.run_command or None,
    )


SUPERVISED = Text("监管设置已更新", "Supervision changed")


def supervision(ctx: Context, instance_id: str) -> Supervision:
    """How an instance's programs are looked after. Raises InstanceNotFound."""
    return ctx.fleet.crew(instance_id).main.care.supervision


async def supervise(ctx: Context, instance_id: str, **wishes: object) -> InstanceView:
    """Changes how an instance's programs are looked after, from now on: the fields of `Supervision`, None for the default.

    Raises InvalidParameter for a name or value that it does not have.
    """
    get(ctx, instance_id)
    record = ctx.registry.get(instance_id)
    assert record is not None
    merged = {**(record.supervision or {}), **wishes}
    merged = {name: value for name, value in merged.items() if value is not None}
    try:
        supervision = msgspec.convert(merged, Supervision)
    except msgspec.ValidationError as error:
        reason, _, field = str(error).partition(" - at `$.")
        raise InvalidParameter(
            f"监管设置无效：{error}", f"Invalid supervision: {reason}", field=field.rstrip("`") or None
        ) from None
    await ctx.registry.set_supervision(instance_id, merged)
    ctx.fleet.crew(instance_id).look_after(supervision)
    await ctx.journal.note("supervise", ctx.caller, Text("修改监管设置", "supervision changed"), instance_id)
    return get(ctx, instance_id)


async def delete(ctx: Context, instance_id: str, *, files: bool = False) -> Outcome:
    """Stops the instance and forgets it. With `files`, removes its folder if this program deployed it, and what upgrades
    kept of it. Of one that is being installed nothing is left, whatever `files` says.

    Where the stop takes long, the rest happens when it is done. Raises PermissionDenied, before anything else happens,
    for a folder that somebody else made or that is a link, and ServiceUnavailable for one that is being cloned.
    """
    view = get(ctx, instance_id)
    if (ended := await _end_deployment(ctx, view)) is not None:
        return ended
    never_there = ctx.fleet.marked(instance_id) is not None and await asyncio.to_thread(_is_absent, view.path)
    if files and not never_there:
        await asyncio.to_thread(_require_deployed, Path(view.path), instance_id)
        _require_idle(ctx, view, files=True)
    crew = ctx.fleet.crew(instance_id)
    order = crew.stop()
    if await order.wait(ANSWER_WITHIN_S):
        await _forget(ctx, view, order, files=files)
        return Outcome(view, Text(f"实例 {view.name} 已删除", f"Instance {view.name} deleted"))
    ctx.fleet.chore(_forget(ctx, view, order, files=files))
    going = Text(
        f"实例 {view.name} 正在停止，随后删除", f"Instance {view.name} is stopping and will then be deleted"
    )
    return Outcome(view, going, complete=False)


async def _end_deployment(ctx: Context, view: InstanceView) -> Outcome | None:
    """Cancels the instance's deployment, if one is under way. A new instance is forgotten with that, and the outcome says so;
    None: it is there and is still to be deleted."""
    job = ctx.deployer.job(view.id)
    if job is None:
        return None
    upgrade = job.record.kind is DeploymentKind.UPGRADE
    try:
        task = await ctx.deployer.cancel(view.id)
    except InstanceNotRunning:  # it has ended just now
        return None
    await asyncio.wait([task], timeout=None if upgrade else ANSWER_WITHIN_S)
    if upgrade:
        return None
    await ctx.journal.note("delete", ctx.caller, Text(f"删除 {view.name}", f"deleted {view.name}"), view.id)
    if task.done():
        return Outcome(view, Text(f"实例 {view.name} 已删除", f"Instance {view.name} deleted"))
    going = Text(
        f"正在取消实例 {view.name} 的部署，随后删除",
        f"The deployment of instance {view.name} is being cancelled; then it will be deleted",
    )
    return Outcome(view, going, complete=False)


def _require_idle(ctx: Context, view: InstanceView, *, files: bool) -> None:
    """Raises ServiceUnavailable where a deployment of the instance has begun while it was about to be deleted, and, with
    its files, while another is made of them."""
    if ctx.deployer.job(view.id) is not None:
        raise ServiceUnavailable(
            f"实例 {view.name} 的部署刚刚开始，没有删除：请再次删除",
            f"A deployment of instance {view.name} has just begun, so it was not deleted: delete it again",
        )
    if files and (record := ctx.registry.get(view.id)) is not None:
        ctx.deployer.require_not_copied(record)


def _is_absent(path: str) -> bool:
    return not os.path.lexists(path)


async def _forget(ctx: Context, view: InstanceView, order: Order, *, files: bool) -> None:
    await order.wait(DELETE_STOP_TIMEOUT_S)
    async with ctx.turns.of(view.id):  # a backup that is being made reads the files
        _require_idle(ctx, view, files=files)
        folder = Path(view.path)
        if files:
            await asyncio.to_thread(_put_aside, folder, view.id)
        await ctx.fleet.remove(view.id)
        # Of very many it takes longer than a caller waits.
        ctx.fleet.chore(resources.forget(ctx.emojis, ctx.images, ctx.persons, view.id))
        await ctx.deployer.forget(view.id, clear=not files)
    await ctx.journal.note("delete", ctx.caller, Text(f"删除 {view.name}", f"deleted {view.name}"), view.id)
    if files:
        await backups.forget(ctx, view.id)
        await asyncio.to_thread(_remove, folder, view.id)
        await ctx.deployer.forget(view.id)


def _put_aside(folder: Path, instance_id: str) -> None:
    """In one step, so that a folder that is being deleted is nowhere any more, whatever happens to the server meanwhile; the
    deployer removes what is aside. Raises PermissionDenied, also for what has become somebody else's or a link meanwhile."""
    if _is_absent(str(folder)):
        return
    _require_deployed(folder, instance_id)
    try:
        folder.rename(places.deleted(folder, instance_id))
    except OSError as error:
        raise PermissionDenied(
            f"{folder} 无法删除：{error.strerror}",
            f"{folder} cannot be deleted: {error.strerror}",
            field="files",
        ) from error


def _remove(folder: Path, instance_id: str) -> None:
    """Raises PermissionDenied."""
    try:
        for tree in places.trees(folder, instance_id):
            remove(tree)
    except OSError as error:
        raise PermissionDenied(
            f"实例已删除，但 {error.filename} 无法删除：{error.strerror}",
            f"The instance is deleted, but {error.filename} cannot be removed: {error.strerror}",
            field="files",
        ) from error


def _require_deployed(folder: Path, instance_id: str) -> None:
    """Raises PermissionDenied. One that was put aside by a delete that was cut short is still this program's."""
    if not any(places.is_ours(place, instance_id) for place in (folder, places.deleted(folder, instance_id))):
        raise PermissionDenied(
            f"{folder} 不是由本程序部署的，文件不会被删除",
            f"{folder} was not deployed by this program; its files are not deleted",
            field="files",
        )
