"""Commands to instances: add, start, stop, restart, delete."""

from typing import Annotated

import strawberry

from resolvers import instances
from resolvers.views import Outcome
from schema import instance
from schema.context import Info
from schema.instance import Instance

COMPLETE = "Whether the command is carried out. False: it takes longer than 8 s and goes on; `instanceChanged` tells its end."
MESSAGE = "One sentence for people, in the language that `Accept-Language` asks for."


@strawberry.type(description="An instance after a command.")
class InstancePayload:
    instance: Instance = strawberry.field(description="The instance as it is now.")
    message: str = strawberry.field(description=MESSAGE)
    complete: bool = strawberry.field(description=COMPLETE)


@strawberry.type(description="What is left of a deleted instance.")
class DeleteInstancePayload:
    id: strawberry.ID = strawberry.field(description="The id that it had.")
    message: str = strawberry.field(description=MESSAGE)
    complete: bool = strawberry.field(description=COMPLETE)


@strawberry.input(description="A service of an instance that is to be added.")
class AddServiceInput:
    name: str = strawberry.field(
        description="`napcat`, `nonebot` (or `nonebot-ada`), or another name of lower-case letters, digits, `-`, `.`."
    )
    path: str | None = strawberry.field(
        default=None,
        description="Its folder. Null: the folder of the same name inside the instance's.",
    )
    port: int | None = strawberry.field(
        default=None,
        description="The TCP port that it listens on, 1-65535. Null: the usual one of such a service.",
    )
    run_command: str | None = strawberry.field(
        default=None,
        description="Command that runs it, split like in a shell but not run by one. Null: as its recipe says.",
    )


@strawberry.input(description="An existing folder that is to be managed.")
class AddInstanceInput:
    name: str = strawberry.field(
        description="1-64 characters: letters of any script, digits, `-`, `_`, `.`, space (not at its ends). Unique."
    )
    path: str = strawberry.field(
        description="An existing folder that no instance has: an absolute path, or one from `~`, the workspace."
    )
    port: int = strawberry.field(
        description="The TCP port that its main program listens on, 1-65535; no other instance may have it."
    )
    run_command: str | None = strawberry.field(
        default=None,
        description="Command that runs it, split like in a shell but not run by one. Null: as its recipe says.",
    )
    services: list[AddServiceInput] | None = strawberry.field(
        default=None, description="Its services, at most 32. Null: those that are found in its folder."
    )


@strawberry.input(description="The instance that is to be started.")
class StartInstanceInput:
    id: strawberry.ID = strawberry.field(description="Which instance.")


@strawberry.input(description="The instance that is to be stopped.")
class StopInstanceInput:
    id: strawberry.ID = strawberry.field(description="Which instance.")


@strawberry.input(description="The instance that is to be restarted.")
class RestartInstanceInput:
    id: strawberry.ID = strawberry.field(description="Which instance.")


@strawberry.input(description="The instance that is to be deleted.")
class DeleteInstanceInput:
    id: strawberry.ID = strawberry.field(description="Which instance.")
    files: bool = strawberry.field(
        default=False,
        description="Whether its folder is removed from the disk too; only one that this program deployed may be.",
    )


def payload(outcome: Outcome, info: Info) -> InstancePayload:
    return InstancePayload(
        instance=instance.shown(outcome.instance),
        message=outcome.message.in_language(info.context.language),
        complete=outcome.complete,
    )


async def _add(
    info: Info,
    input: Annotated[AddInstanceInput, strawberry.argument(description="What is to be added.")],
) -> InstancePayload | None:
    services = None
    if input.services is not None:
        services = tuple(instances.NewService(s.name, s.path, s.port, s.run_command) for s in input.services)
    new = instances.NewInstance(input.name, input.path, input.port, input.run_command, services)
    view = await info.context.carry_out(instances.add(info.context.ctx, new))
    return payload(Outcome(view, instances.ADDED), info)


async def _start(
    info: Info,
    input: Annotated[StartInstanceInput, strawberry.argument(description="Which instance.")],
) -> InstancePayload | None:
    return payload(await info.context.carry_out(instances.start(info.context.ctx, input.id)), info)


async def _stop(
    info: Info, input: Annotated[StopInstanceInput, strawberry.argument(description="Which instance.")]
) -> InstancePayload | None:
    return payload(await info.context.carry_out(instances.stop(info.context.ctx, input.id)), info)


async def _restart(
    info: Info,
    input: Annotated[RestartInstanceInput, strawberry.argument(description="Which instance.")],
) -> InstancePayload | None:
    return payload(await info.context.carry_out(instances.restart(info.context.ctx, input.id)), info)


async def _delete(
    info: Info,
    input: Annotated[DeleteInstanceInput, strawberry.argument(description="Which instance.")],
) -> DeleteInstancePayload | None:
    outcome = await info.context.carry_out(instances.delete(info.context.ctx, input.id, files=input.files))
    message = outcome.message.in_language(info.context.language)
    return DeleteInstancePayload(id=input.id, message=message, complete=outcome.complete)


@strawberry.type
class InstanceMutation:
    add_instance: InstancePayload | None = strawberry.mutation(
        resolver=_add,
        description="Takes an existing folder under management; nothing in it is changed. Null only together with an "
        "error: `INVALID_PARAMETER`, `INVALID_PATH`, `DUPLICATE_RESOURCE`, `PORT_IN_USE`.",
    )
    start_instance: InstancePayload | None = strawberry.mutation(
        resolver=_start,
        description="Starts the main program and every service that is not running. Answers once all of them live, "
        "within 8 s. Null only together with an error: `INSTANCE_NOT_FOUND`, `INSTANCE_ALREADY_RUNNING`, `PORT_IN_USE`, "
        "`COMMAND_FAILED` with the last lines of what died at once, `SERVICE_UNAVAILABLE` while it is being installed.",
    )
    stop_instance: InstancePayload | None = strawberry.mutation(
        resolver=_stop,
        description="Stops services and main program. Null only together with an error: `INSTANCE_NOT_FOUND`, "
        "`INSTANCE_NOT_RUNNING` when all of them are stopped, `SERVICE_UNAVAILABLE` while it is being installed.",
    )
    restart_instance: InstancePayload | None = strawberry.mutation(
        resolver=_restart,
        description="Replaces every process of the instance; a stopped one is started. Null only together with an error: "
        "`INSTANCE_NOT_FOUND`, `PORT_IN_USE`, `COMMAND_FAILED`, `SERVICE_UNAVAILABLE` while it is being installed.",
    )
    delete_instance: DeleteInstancePayload | None = strawberry.mutation(
        resolver=_delete,
        description="Stops the instance and forgets it; its files stay unless `files` is set. A deployment under way is cancelled. Null only together with an "
        "error: `INSTANCE_NOT_FOUND`, `PERMISSION_DENIED` for files that this program did not deploy, `SERVICE_UNAVAILABLE` "
        "for files that are being cloned.",
    )
