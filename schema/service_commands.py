"""Commands on services: start, stop, kill, restart."""

from typing import Annotated

import strawberry

from resolvers import services
from resolvers.views import CommandOutcome
from schema import instance, service
from schema.context import Info
from schema.descriptions import COMPLETE, MESSAGE, OWNER
from schema.instance import Instance
from schema.service import Service

NAME = "Name of the service, or of its terminal (`nonebot` is `nonebot-ada`)."


@strawberry.type(description="Result of a command on a service.")
class ServicePayload:
    service: Service = strawberry.field(description="The service after the command.")
    instance: Instance = strawberry.field(description="The instance it belongs to.")
    message: str = strawberry.field(description=MESSAGE)
    complete: bool = strawberry.field(description=COMPLETE)


@strawberry.input(description="The service to start.")
class StartServiceInput:
    instance_id: strawberry.ID = strawberry.field(description=OWNER)
    name: str = strawberry.field(description=NAME)


@strawberry.input(description="The service to stop.")
class StopServiceInput:
    instance_id: strawberry.ID = strawberry.field(description=OWNER)
    name: str = strawberry.field(description=NAME)


@strawberry.input(description="The service to kill.")
class KillServiceInput:
    instance_id: strawberry.ID = strawberry.field(description=OWNER)
    name: str = strawberry.field(description=NAME)


@strawberry.input(description="The service to restart.")
class RestartServiceInput:
    instance_id: strawberry.ID = strawberry.field(description=OWNER)
    name: str = strawberry.field(description=NAME)


def _payload(outcome: CommandOutcome, name: str, info: Info) -> ServicePayload:
    return ServicePayload(
        service=service.from_view(services.get(info.context.ctx, outcome.instance.id, name)),
        instance=instance.from_view(outcome.instance),
        message=outcome.message.in_language(info.context.language),
        complete=outcome.complete,
    )


async def _start(
    info: Info, input: Annotated[StartServiceInput, strawberry.argument(description="The service.")]
) -> ServicePayload | None:
    outcome = await info.context.complete(services.start(info.context.ctx, input.instance_id, input.name))
    return _payload(outcome, input.name, info)


async def _stop(
    info: Info, input: Annotated[StopServiceInput, strawberry.argument(description="The service.")]
) -> ServicePayload | None:
    outcome = await info.context.complete(services.stop(info.context.ctx, input.instance_id, input.name))
    return _payload(outcome, input.name, info)


async def _kill(
    info: Info, input: Annotated[KillServiceInput, strawberry.argument(description="The service.")]
) -> ServicePayload | None:
    outcome = await info.context.complete(services.kill(info.context.ctx, input.instance_id, input.name))
    return _payload(outcome, input.name, info)


async def _restart(
    info: Info, input: Annotated[RestartServiceInput, strawberry.argument(description="The service.")]
) -> ServicePayload | None:
    outcome = await info.context.complete(services.restart(info.context.ctx, input.instance_id, input.name))
    return _payload(outcome, input.name, info)


@strawberry.type
class ServiceMutation:
    start_service: ServicePayload | None = strawberry.mutation(
        resolver=_start,
        description="Starts one service, whether the main program is running or not. Null only with an error: "
        "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND` if it is not installed, `INSTANCE_ALREADY_RUNNING`, `PORT_IN_USE`, "
        "`COMMAND_FAILED`, `SERVICE_UNAVAILABLE` while the instance is being installed.",
    )
    stop_service: ServicePayload | None = strawberry.mutation(
        resolver=_stop,
        description="Stops one service. Null only with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, "
        "`INSTANCE_NOT_RUNNING`, `SERVICE_UNAVAILABLE` while the instance is being installed.",
    )
    kill_service: ServicePayload | None = strawberry.mutation(
        resolver=_kill,
        description="Ends all processes of one service at once, by SIGKILL. Null only with an error: as for `stopService`.",
    )
    restart_service: ServicePayload | None = strawberry.mutation(
        resolver=_restart,
        description="Restarts one service; a stopped one is started. Programs that need it keep running. Null only with an "
        "error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `PORT_IN_USE`, `COMMAND_FAILED`, `SERVICE_UNAVAILABLE` while the "
        "instance is being installed.",
    )
