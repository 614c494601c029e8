"""Commands on instances: add, start, stop, kill, restart, delete."""

from typing import Annotated

import strawberry

from resolvers import instances
from resolvers.views import CommandOutcome
from schema import instance
from schema.context import Info
from schema.descriptions import COMPLETE, INSTANCE_ID, MESSAGE, NAME, RUN_COMMAND
from schema.instance import Instance


@strawberry.type(description="Result of a command on an instance.")
class InstancePayload:
    instance: Instance = strawberry.field(description="The instance after the command.")
    message: str = strawberry.field(description=MESSAGE)
    complete: bool = strawberry.field(description=COMPLETE)


@strawberry.type(description="Result of deleting an instance.")
class DeleteInstancePayload:
    id: strawberry.ID = strawberry.field(description="Id of the deleted instance.")
    message: str = strawberry.field(description=MESSAGE)
    complete: bool = strawberry.field(description=COMPLETE)


@strawberry.input(description="A service of an instance to add.")
class AddServiceInput:
    name: str = strawberry.field(
        description="`napcat`, `nonebot` (or `nonebot-ada`), or another name of lower-case letters, digits, `-`, `.`."
    )
    path: str | None = strawberry.field(
        default=None,
        description="Folder. Null: the folder of the same name in the instance's folder.",
    )
    port: int | None = strawberry.field(
        default=None,
        description="TCP port it listens on, 1-65535. Null: the one in its configuration, else its usual one.",
    )
    run_command: str | None = strawberry.field(
        default=None,
        description=RUN_COMMAND,
    )


@strawberry.input(description="An existing folder to add as an instance.")
class AddInstanceInput:
    name: str = strawberry.field(description=NAME)
    path: str = strawberry.field(
        description="Existing folder that no instance uses: an absolute path, or one that begins with `~`, the workspace."
    )
    port: int | None = strawberry.field(
        default=None,
        description="TCP port of the main program, 1-65535; no other instance may have it. Null: the one in the bot's configuration, "
        "else the usual one of its kind.",
    )
    run_command: str | None = strawberry.field(
        default=None,
        description=RUN_COMMAND,
    )
    services: list[AddServiceInput] | None = strawberry.field(
        default=None,
        description=f"Services, at most {instances.SERVICES_LIMIT}. Null: those found in its folder.",
    )


@strawberry.input(description="The instance to start.")
class StartInstanceInput:
    id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="The instance to stop.")
class StopInstanceInput:
    id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="The instance to kill.")
class KillInstanceInput:
    id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="The instance to restart.")
class RestartInstanceInput:
    id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="The instance to delete.")
class DeleteInstanceInput:
    id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    files: bool = strawberry.field(
        default=False,
        description="Whether to delete its folder on disk too; only allowed if this program deployed it.",
    )


def instance_payload(outcome: CommandOutcome, info: Info) -> InstancePayload:
    return InstancePayload(
        instance=instance.from_view(outcome.instance),
        message=outcome.message.in_language(info.context.language),
        complete=outcome.complete,
    )


def new_instance(input: AddInstanceInput) -> instances.NewInstance:
    services = None
    if input.services is not None:
        services = tuple(instances.NewService(s.name, s.path, s.port, s.run_command) for s in input.services)
    return instances.NewInstance(input.name, input.path, input.port, input.run_command, services)


async def _add(
    info: Info,
    input: Annotated[AddInstanceInput, strawberry.argument(description="The instance to add.")],
) -> InstancePayload | None:
    view = await info.context.complete(instances.add(info.context.ctx, new_instance(input)))
    return instance_payload(CommandOutcome(view, await instances.added(info.context.ctx, view.id)), info)


async def _start(
    info: Info,
    input: Annotated[StartInstanceInput, strawberry.argument(description="The instance.")],
) -> InstancePayload | None:
    return instance_payload(await info.context.complete(instances.start(info.context.ctx, input.id)), info)


async def _stop(
    info: Info, input: Annotated[StopInstanceInput, strawberry.argument(description="The instance.")]
) -> InstancePayload | None:
    return instance_payload(await info.context.complete(instances.stop(info.context.ctx, input.id)), info)


async def _kill(
    info: Info, input: Annotated[KillInstanceInput, strawberry.argument(description="The instance.")]
) -> InstancePayload | None:
    return instance_payload(await info.context.complete(instances.kill(info.context.ctx, input.id)), info)


async def _restart(
    info: Info,
    input: Annotated[RestartInstanceInput, strawberry.argument(description="The instance.")],
) -> InstancePayload | None:
    return instance_payload(await info.context.complete(instances.restart(info.context.ctx, input.id)), info)


async def _delete(
    info: Info,
    input: Annotated[DeleteInstanceInput, strawberry.argument(description="The instance.")],
) -> DeleteInstancePayload | None:
    outcome = await info.context.complete(instances.delete(info.context.ctx, input.id, files=input.files))
    message = outcome.message.in_language(info.context.language)
    return DeleteInstancePayload(id=input.id, message=message, complete=outcome.complete)


@strawberry.type
class InstanceMutation:
    add_instance: InstancePayload | None = strawberry.mutation(
        resolver=_add,
        description="Adds an existing folder as an instance; nothing in it is changed. Null only with an error: "
        "`INVALID_PARAMETER`, `INVALID_PATH`, `DUPLICATE_RESOURCE`, `PORT_IN_USE`.",
    )
    start_instance: InstancePayload | None = strawberry.mutation(
        resolver=_start,
        description="Starts the main program and every service that is not running. Responds once all of them are alive, at "
        f"the latest after {instances.RESPONSE_S} s. Null only with an error: `INSTANCE_NOT_FOUND`, "
        "`INSTANCE_ALREADY_RUNNING`, `PORT_IN_USE`, `COMMAND_FAILED` with the last output of a program that exited at once, "
        "`SERVICE_UNAVAILABLE` while it is being installed.",
    )
    stop_instance: InstancePayload | None = strawberry.mutation(
        resolver=_stop,
        description="Stops the services and the main program. Null only with an error: `INSTANCE_NOT_FOUND`, "
        "`INSTANCE_NOT_RUNNING` if all of them are stopped, `SERVICE_UNAVAILABLE` while it is being installed.",
    )
    kill_instance: InstancePayload | None = strawberry.mutation(
        resolver=_kill,
        description="Ends all processes of the services and the main program at once, with their child processes, by SIGKILL: "
        "for programs that do not stop. They cannot save anything. Null only with an error: as for `stopInstance`.",
    )
    restart_instance: InstancePayload | None = strawberry.mutation(
        resolver=_restart,
        description="Restarts every process of the instance; a stopped instance is started. Null only with an error: "
        "`INSTANCE_NOT_FOUND`, `PORT_IN_USE`, `COMMAND_FAILED`, `SERVICE_UNAVAILABLE` while it is being installed.",
    )
    delete_instance: DeleteInstancePayload | None = strawberry.mutation(
        resolver=_delete,
        description="Stops and removes an instance; its files stay on disk unless `files` is set. A deployment in progress is "
        "cancelled. Null only with an error: `INSTANCE_NOT_FOUND`, `PERMISSION_DENIED` for files that this program did not "
        "deploy, `SERVICE_UNAVAILABLE` for files that are being cloned.",
    )
