"""Commands to services: start one, stop one."""

from typing import Annotated

import strawberry

from resolvers import services
from resolvers.views import Outcome
from schema import instance, service
from schema.context import Info
from schema.instance import Instance
from schema.instance_commands import COMPLETE, MESSAGE
from schema.service import Service

NAME = "The service's own name, or a name of its terminal (`nonebot` is `nonebot-ada`)."


@strawberry.type(description="A service after a command.")
class ServicePayload:
    service: Service = strawberry.field(description="The service as it is now.")
    instance: Instance = strawberry.field(description="The instance that it belongs to.")
    message: str = strawberry.field(description=MESSAGE)
    complete: bool = strawberry.field(description=COMPLETE)


@strawberry.input(description="The service that is to be started.")
class StartServiceInput:
    instance_id: strawberry.ID = strawberry.field(description="Which instance it belongs to.")
    name: str = strawberry.field(description=NAME)


@strawberry.input(description="The service that is to be stopped.")
class StopServiceInput:
    instance_id: strawberry.ID = strawberry.field(description="Which instance it belongs to.")
    name: str = strawberry.field(description=NAME)


def _payload(outcome: Outcome, name: str, info: Info) -> ServicePayload:
    return ServicePayload(
        service=service.shown(services.get(info.context.ctx, outcome.instance.id, name)),
        instance=instance.shown(outcome.instance),
        message=outcome.message.in_language(info.context.language),
        complete=outcome.complete,
    )


async def _start(
    info: Info, input: Annotated[StartServiceInput, strawberry.argument(description="Which service.")]
) -> ServicePayload | None:
    outcome = await info.context.carry_out(services.start(info.context.ctx, input.instance_id, input.name))
    return _payload(outcome, input.name, info)


async def _stop(
    info: Info, input: Annotated[StopServiceInput, strawberry.argument(description="Which service.")]
) -> ServicePayload | None:
    outcome = await info.context.carry_out(services.stop(info.context.ctx, input.instance_id, input.name))
    return _payload(outcome, input.name, info)


@strawberry.type
class ServiceMutation:
    start_service: ServicePayload | None = strawberry.mutation(
        resolver=_start,
        description="Starts one service, whether the main program runs or not. Null only together with an error: "
        "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND` when it is not installed, `INSTANCE_ALREADY_RUNNING`, `PORT_IN_USE`, "
        "`COMMAND_FAILED`, `SERVICE_UNAVAILABLE` while the instance is being installed.",
    )
    stop_service: ServicePayload | None = strawberry.mutation(
        resolver=_stop,
        description="Stops one service. Null only together with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, "
        "`INSTANCE_NOT_RUNNING`, `SERVICE_UNAVAILABLE` while the instance is being installed.",
    )
