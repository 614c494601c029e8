"""Services: start NapCat or the NoneBot adapter, which have routes of their own."""

from mailauncher.errors import Code, Text
from resolvers import services
from resolvers.context import Context
from rest.done import Done, done
from rest.operation import Call, Operation

GROUP = "services"
_CODES = (
    Code.INSTANCE_NOT_FOUND,
    Code.RESOURCE_NOT_FOUND,
    Code.INSTANCE_ALREADY_RUNNING,
    Code.PORT_IN_USE,
    Code.COMMAND_FAILED,
    Code.SERVICE_UNAVAILABLE,
)


async def _start_napcat(ctx: Context, call: Call) -> Done:
    return done((await services.start(ctx, call.path["id"], "napcat")).message, call)


async def _start_nonebot(ctx: Context, call: Call) -> Done:
    return done((await services.start(ctx, call.path["id"], "nonebot-ada")).message, call)


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/start/{id}/napcat",
        group=GROUP,
        text=Text("启动 NapCat 服务", "Start the NapCat service"),
        handler=_start_napcat,
        response=Done,
        codes=_CODES,
        changes=True,
    ),
    Operation(
        method="GET",
        path="/api/v1/start/{id}/nonebot",
        group=GROUP,
        text=Text("启动 NoneBot 服务", "Start the NoneBot service"),
        handler=_start_nonebot,
        response=Done,
        codes=_CODES,
        changes=True,
    ),
)
