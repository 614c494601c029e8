"""Commands on many instances at once: start, stop, kill, restart, back up, upgrade."""

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

import strawberry

from mailauncher.errors import ERROR_INFO, LauncherError
from resolvers import backups, bulk, instances, upgrades
from resolvers.bulk import BulkResult
from resolvers.context import Context
from resolvers.views import BackupView, CommandOutcome, DeploymentView
from schema import deployment, instance
from schema.backup import Backup
from schema.backup_commands import CREATED
from schema.context import Info
from schema.deployment import Deployment
from schema.descriptions import COMPLETE, INSTANCE_ID, LANGUAGE, VERSION
from schema.instance import Instance
from schema.upgrade_commands import ACCEPT_TERMS, FORCE, UPGRADING

Outcome = CommandOutcome | BackupView | DeploymentView
_IDS = f"Ids of 1-{bulk.LIMIT} instances, each once."
_EACH = (
    "Each instance has a result of its own, in the order of the ids; where it fails, that is no error of the operation. Null "
    "only with an error: `INVALID_PARAMETER` for the ids."
)


@strawberry.type(description="Why a command on one of several instances failed.")
class CommandError:
    code: str = strawberry.field(description="The error code, as in `extensions` of an error.")
    status: int = strawberry.field(description="The HTTP status that REST would return.")
    field: str | None = strawberry.field(
        description="The invalid field of the input. Null: no single field is invalid."
    )


@strawberry.type(description="What became of a command on one of several instances.")
class InstanceResult:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    instance: Instance | None = strawberry.field(
        description="The instance after the command. Null: there is no such instance."
    )
    message: str = strawberry.field(description=f"What was done, or why it failed, for people, {LANGUAGE}.")
    complete: bool = strawberry.field(description=f"{COMPLETE} Also false if it failed.")
    backup: Backup | None = strawberry.field(
        description="The backup that was made. Null: it failed, or the command makes none."
    )
    deployment: Deployment | None = strawberry.field(
        description="The upgrade that has begun. Null: it failed, or the command begins none."
    )
    error: CommandError | None = strawberry.field(description="Why it failed. Null: it did not.")


@strawberry.type(description="Results of a command on several instances.")
class InstancesPayload:
    results: list[InstanceResult] = strawberry.field(
        description="One for each instance, in the order of the ids."
    )


@strawberry.input(description="The instances to start.")
class StartInstancesInput:
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)


@strawberry.input(description="The instances to stop.")
class StopInstancesInput:
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)


@strawberry.input(description="The instances to kill.")
class KillInstancesInput:
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)


@strawberry.input(description="The instances to restart.")
class RestartInstancesInput:
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)


@strawberry.input(description="The instances to back up.")
class CreateBackupsInput:
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)


@strawberry.input(description="The instances to upgrade, and the new version.")
class UpgradeInstancesInput:
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)
    version: str = strawberry.field(default="latest", description=VERSION)
    accept_terms: bool = strawberry.field(default=False, description=ACCEPT_TERMS)
    force: bool = strawberry.field(default=False, description=FORCE)


async def _each(
    info: Info,
    ids: list[strawberry.ID],
    command: Callable[[Context, str], Awaitable[Outcome]],
    at_once: int = bulk.LIMIT,
) -> InstancesPayload:
    ctx = info.context.ctx
    results = await info.context.complete(bulk.each(ids, lambda one: command(ctx, one), at_once=at_once))
    return InstancesPayload(results=[_result(result, info) for result in results])


def _result(result: BulkResult[Outcome], info: Info) -> InstanceResult:
    live, outcome = info.context.ctx.live, result.outcome
    if result.error is not None:
        message = result.error.text
    elif isinstance(outcome, CommandOutcome):
        message = outcome.message
    else:
        message = CREATED if isinstance(outcome, BackupView) else UPGRADING
    there = result.instance_id in live
    return InstanceResult(
        instance_id=strawberry.ID(result.instance_id),
        instance=instance.from_view(live.view(result.instance_id)) if there else None,
        message=message.in_language(info.context.language),
        complete=isinstance(outcome, BackupView)
        or (isinstance(outcome, CommandOutcome) and outcome.complete),
        backup=cast(Backup, outcome) if isinstance(outcome, BackupView) else None,
        deployment=deployment.from_view(outcome) if isinstance(outcome, DeploymentView) else None,
        error=_error(result.error) if result.error else None,
    )


def _error(error: LauncherError) -> CommandError:
    return CommandError(code=error.code.value, status=ERROR_INFO[error.code].http, field=error.field)


async def _start(
    info: Info,
    input: Annotated[StartInstancesInput, strawberry.argument(description="The instances.")],
) -> InstancesPayload | None:
    return await _each(info, input.ids, instances.start)


async def _stop(
    info: Info, input: Annotated[StopInstancesInput, strawberry.argument(description="The instances.")]
) -> InstancesPayload | None:
    return await _each(info, input.ids, instances.stop)


async def _kill(
    info: Info, input: Annotated[KillInstancesInput, strawberry.argument(description="The instances.")]
) -> InstancesPayload | None:
    return await _each(info, input.ids, instances.kill)


async def _restart(
    info: Info,
    input: Annotated[RestartInstancesInput, strawberry.argument(description="The instances.")],
) -> InstancesPayload | None:
    return await _each(info, input.ids, instances.restart)


async def _back_up(
    info: Info,
    input: Annotated[CreateBackupsInput, strawberry.argument(description="The instances.")],
) -> InstancesPayload | None:
    return await _each(info, input.ids, backups.create, bulk.AT_ONCE)


async def _upgrade(
    info: Info,
    input: Annotated[
        UpgradeInstancesInput, strawberry.argument(description="The instances and the version.")
    ],
) -> InstancesPayload | None:
    def upgrade(ctx: Context, instance_id: str) -> Awaitable[DeploymentView]:
        return upgrades.upgrade(
            ctx, instance_id, input.version, accept_terms=input.accept_terms, force=input.force
        )

    return await _each(info, input.ids, upgrade, bulk.AT_ONCE)


@strawberry.type
class BulkMutation:
    start_instances: InstancesPayload | None = strawberry.mutation(
        resolver=_start,
        description=f"`startInstance` for several instances, all at once. {_EACH}",
    )
    stop_instances: InstancesPayload | None = strawberry.mutation(
        resolver=_stop,
        description=f"`stopInstance` for several instances, all at once. {_EACH}",
    )
    kill_instances: InstancesPayload | None = strawberry.mutation(
        resolver=_kill,
        description=f"`killInstance` for several instances, all at once. {_EACH}",
    )
    restart_instances: InstancesPayload | None = strawberry.mutation(
        resolver=_restart,
        description=f"`restartInstance` for several instances, all at once. {_EACH}",
    )
    create_backups: InstancesPayload | None = strawberry.mutation(
        resolver=_back_up,
        description=f"`createBackup` for several instances, {bulk.AT_ONCE} at a time; responds when the last one is complete. "
        f"{_EACH}",
    )
    upgrade_instances: InstancesPayload | None = strawberry.mutation(
        resolver=_upgrade,
        description="`upgradeInstance` for several instances: responds when each has begun or failed to begin, and all "
        f"continue in the background, as many at a time as deployments do. {_EACH}",
    )
