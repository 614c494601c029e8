"""The services of an instance: start, stop, kill and restart one; and those that its main program runs."""

import asyncio

from mailauncher.errors import InstanceAlreadyRunning, InstanceNotRunning, ResourceNotFound, Text
from mailauncher.grants import Scope
from resolvers import instances
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.running import plugins
from resolvers.views import CommandOutcome, ServiceView
from store.journal import Kind
from terminals.program import Program
from terminals.supervisor import Command


@needs(Scope.READ)
def get(ctx: Context, instance_id: str, name: str) -> ServiceView:
    """A service, by its name or that of its terminal. Raises InstanceNotFound, ResourceNotFound."""
    instance = instances.get(ctx, instance_id)
    own_name = ctx.bots.catalogue.service_name(name)
    found = instance.service(name) or instance.service(own_name)
    if found is None:
        if plugin := plugins.about(ctx.bots.catalogue, instance.version, own_name):
            raise ResourceNotFound(*plugin, field="name")
        raise ResourceNotFound(
            f"实例 {instance.name} 没有安装服务 {own_name[:64]}",
            f"Instance {instance.name} has no service {own_name[:64]}",
            field="name",
        )
    return found


@needs(Scope.READ)
async def hosted(ctx: Context, instance_id: str) -> list[str]:
    """The names of those that the main program runs itself. Raises InstanceNotFound."""
    record = ctx.store.registry.get(instances.get(ctx, instance_id).id)
    if record is None:
        return []
    found = await asyncio.to_thread(lambda: list(plugins.installed(ctx.bots.catalogue, record)))
    return [recipe.name for recipe, _ in found]


@needs(Scope.READ, filters=True)
def title(ctx: Context, name: str) -> Text:
    """The name of a service in a sentence."""
    recipe = ctx.bots.catalogue.recipes.get(name)
    return recipe.title.text if recipe else Text(f"{name} 服务", f"The service {name}")


@needs(Scope.OPERATE)
async def start(ctx: Context, instance_id: str, name: str) -> CommandOutcome:
    """Starts one service, whether or not the main program runs. Raises InstanceAlreadyRunning, PortInUse, CommandFailed."""
    service = get(ctx, instance_id, name)
    instances.require_installed(ctx, instance_id)
    program = ctx.live.supervisor(instance_id).programs[service.name]
    called = title(ctx, service.name)
    if (program.wanted and not program.backing_off) or program.lost_pid is not None:
        raise InstanceAlreadyRunning(f"{called.zh}已在运行", f"{called.en} is already running")
    command = Command((program.start(),))
    return await _execute(
        ctx, service, "start-service", command, Text("已启动", "started"), Text("正在启动", "is starting")
    )


@needs(Scope.OPERATE)
async def stop(ctx: Context, instance_id: str, name: str) -> CommandOutcome:
    """Stops one service. Raises InstanceNotRunning."""
    service, program = _running(ctx, instance_id, name)
    command = Command((program.stop(),))
    return await _execute(
        ctx, service, "stop-service", command, Text("已停止", "stopped"), Text("正在停止", "is stopping")
    )


@needs(Scope.OPERATE)
async def kill(ctx: Context, instance_id: str, name: str) -> CommandOutcome:
    """Ends every process of one service at once, by SIGKILL. Raises InstanceNotRunning."""
    service, program = _running(ctx, instance_id, name)
    command = Command((program.kill(),))
    return await _execute(
        ctx,
        service,
        "kill-service",
        command,
        Text("已强制结束", "killed"),
        Text("正在强制结束", "is being killed"),
    )


@needs(Scope.OPERATE)
async def restart(ctx: Context, instance_id: str, name: str) -> CommandOutcome:
    """Replaces the process of one service, or starts it. What needs the service goes on. Raises PortInUse, CommandFailed."""
    service = get(ctx, instance_id, name)
    instances.require_installed(ctx, instance_id)
    program = ctx.live.supervisor(instance_id).programs[service.name]
    command = Command((program.start(replace=True),))
    return await _execute(
        ctx,
        service,
        "restart-service",
        command,
        Text("已重启", "restarted"),
        Text("正在重启", "is restarting"),
    )


def _running(ctx: Context, instance_id: str, name: str) -> tuple[ServiceView, Program]:
    """Raises InstanceNotRunning if it is stopped, and as `get` and `require_installed` do."""
    service = get(ctx, instance_id, name)
    instances.require_installed(ctx, instance_id)
    program = ctx.live.supervisor(instance_id).programs[service.name]
    if not program.wanted and not program.lives:
        called = title(ctx, service.name)
        raise InstanceNotRunning(f"{called.zh}未运行", f"{called.en} is not running")
    return service, program


async def _execute(
    ctx: Context, service: ServiceView, kind: Kind, command: Command, done: Text, in_progress: Text
) -> CommandOutcome:
    instance = instances.get(ctx, service.instance_id)
    called = title(ctx, service.name)
    wanted = kind in ("start-service", "restart-service")
    stored = await ctx.store.registry.set_wanted(instance.id, [service.name], wanted)
    complete = await command.wait(instances.ANSWER_WITHIN_S)
    result = done if complete else instances.with_reason(ctx, instance.id, in_progress)
    message = Text(
        f"实例 {instance.name} 的{called.zh}{result.zh}",
        f"{called.en} of instance {instance.name} {result.en}",
    )
    await ctx.store.journal.note(kind, ctx.caller, message, instance.id)
    return CommandOutcome(
        instances.get(ctx, instance.id), instances.with_record(message, stored=stored), complete
    )
