"""The command that synchronizes an instance with its bot's own database."""

from typing import Annotated, cast

import strawberry

from resolvers import sync
from schema.context import Info
from schema.descriptions import COMPLETE, INSTANCE_ID, MESSAGE
from schema.sync import SyncProblem, SyncStatus


@strawberry.input(description="The instance to synchronize with its bot.")
class SyncResourcesInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.type(description="Result of a sync.")
class SyncPayload:
    message: str = strawberry.field(description=MESSAGE)
    complete: bool = strawberry.field(description=COMPLETE)
    added: int = strawberry.field(description="Emojis and persons imported from the bot.")
    changed: int = strawberry.field(description="Emojis and persons updated from the bot.")
    gone: int = strawberry.field(description="Emojis and persons that the bot no longer has; they stay here.")
    applied: int = strawberry.field(description="Changes made here that were pushed to the bot.")
    pending: int = strawberry.field(description="Changes that have not been pushed yet.")
    problems: list[SyncProblem] = strawberry.field(
        description=f"Problems and notes, at most {sync.PROBLEMS_SHOWN}."
    )
    status: SyncStatus = strawberry.field(description="Synchronization status after the sync.")


async def _sync(
    info: Info,
    input: Annotated[SyncResourcesInput, strawberry.argument(description="The instance.")],
) -> SyncPayload | None:
    context = info.context
    done = await context.complete(sync.sync(context.ctx, input.instance_id))
    return SyncPayload(
        message=done.message.in_language(context.language),
        complete=done.complete,
        added=done.added,
        changed=done.changed,
        gone=done.gone,
        applied=done.applied,
        pending=done.pending,
        problems=cast(list[SyncProblem], list(done.problems)),
        status=cast(SyncStatus, await sync.status(context.ctx, input.instance_id)),
    )


@strawberry.type
class SyncMutation:
    sync_resources: SyncPayload | None = strawberry.mutation(
        resolver=_sync,
        description="Imports the emojis and persons that the bot has learned, and pushes the pending changes that it can accept "
        "now; idempotent. Null only with an error: `INSTANCE_NOT_FOUND`, `SERVICE_UNAVAILABLE` if the bot's database is "
        "locked, `DATABASE_ERROR` if it is damaged or has an unknown layout, `INVALID_PATH` if it is a link to another place, "
        "`PERMISSION_DENIED`, `INSUFFICIENT_SPACE`.",
    )
