"""The services of an instance: start one, stop one."""

from mailauncher.errors import InstanceAlreadyRunning, InstanceNotRunning, ResourceNotFound, Text
from resolvers import instances
from resolvers.context import Context
from resolvers.views import Outcome, ServiceView
from terminals.crew import Order


def get(ctx: Context, instance_id: str, name: str) -> ServiceView:
    """A service by its own name or its terminal's. Raises InstanceNotFound, ResourceNotFound."""
    instance = instances.get(ctx, instance_id)
    own_name = ctx.catalogue.service_name(name)
    found = instance.service(name) or instance.service(own_name)
    if found is None:
        raise ResourceNotFound(
            f"实例 {instance.name} 没有安装服务 {own_name[:64]}",
            f"Instance {instance.name} has no service {own_name[:64]}",
            field="name",
        )
    return found


def title(ctx: Context, name: str) -> Text:
    """What a service is called in a sentence."""
    recipe = ctx.catalogue.recipes.get(name)
    return recipe.title.text if recipe else Text(f"{name} 服务", f"The service {name}")


async def start(ctx: Context, instance_id: str, name: str) -> Outcome:
    """Starts one service, whether the main program runs or not. Raises InstanceAlreadyRunning, PortInUse, CommandFailed."""
    service = get(ctx, instance_id, name)
    instances.require_installed(ctx, instance_id)
    program = ctx.fleet.crew(instance_id).programs[service.name]
    called = title(ctx, service.name)
    if program.wanted and not program.backing_off:
        raise InstanceAlreadyRunning(f"{called.zh}已在运行", f"{called.en} is already running")
    order = Order((program.start(),))
    return await _carried_out(
        ctx, service, "start-service", order, Text("已启动", "started"), Text("正在启动", "is starting")
    )


async def stop(ctx: Context, instance_id: str, name: str) -> Outcome:
    """Stops one service. Raises InstanceNotRunning."""
    service = get(ctx, instance_id, name)
    instances.require_installed(ctx, instance_id)
    program = ctx.fleet.crew(instance_id).programs[service.name]
    if not program.wanted and not program.alive:
        called = title(ctx, service.name)
        raise InstanceNotRunning(f"{called.zh}未运行", f"{called.en} is not running")
    order = Order((program.stop(),))
    return await _carried_out(
        ctx, service, "stop-service", order, Text("已停止", "stopped"), Text("正在停止", "is stopping")
    )


async def _carried_out(
    ctx: Context, service: ServiceView, kind: str, order: Order, done: Text, going: Text
) -> Outcome:
    instance = instances.get(ctx, service.instance_id)
    called = title(ctx, service.name)
    await ctx.registry.set_wanted(instance.id, [service.name], kind == "start-service")
    complete = await order.wait(instances.ANSWER_WITHIN_S)
    how = done if complete else going
    message = Text(
        f"实例 {instance.name} 的{called.zh}{how.zh}", f"{called.en} of instance {instance.name} {how.en}"
    )
    await ctx.journal.note(kind, ctx.caller, message, instance.id)
    return Outcome(instances.get(ctx, instance.id), message, complete)
