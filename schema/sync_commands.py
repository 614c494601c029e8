"""Bringing an instance in step with its bot's own database."""

from typing import Annotated, cast

import strawberry

from resolvers import sync
from schema.context import Info
from schema.instance_commands import COMPLETE, MESSAGE
from schema.sync import SyncProblem, SyncStatus


@strawberry.input(description="The instance that is to be brought in step with its bot.")
class SyncResourcesInput:
    instance_id: strawberry.ID = strawberry.field(description="Which instance.")


@strawberry.type(description="What a sync did.")
class SyncPayload:
    message: str = strawberry.field(description=MESSAGE)
    complete: bool = strawberry.field(description=COMPLETE)
    added: int = strawberry.field(description="Emojis and persons that came from the bot.")
    changed: int = strawberry.field(description="Those that got what the bot had changed.")
    gone: int = strawberry.field(description="Those that the bot has no more. They stay here.")
    applied: int = strawberry.field(description="Changes made here that the bot was told.")
    pending: int = strawberry.field(description="Changes that it has still to be told.")
    problems: list[SyncProblem] = strawberry.field(
        description="The first 50 things that could not be done, or of which it has to tell."
    )
    status: SyncStatus = strawberry.field(description="How far the instance is in step now.")


async def _sync(
    info: Info,
    input: Annotated[SyncResourcesInput, strawberry.argument(description="Which instance.")],
) -> SyncPayload | None:
    call = info.context
    done = await call.carry_out(sync.sync(call.ctx, input.instance_id))
    return SyncPayload(
        message=done.message.in_language(call.language),
        complete=done.complete,
        added=done.added,
        changed=done.changed,
        gone=done.gone,
        applied=done.applied,
        pending=done.pending,
        problems=cast(list[SyncProblem], list(done.problems)),
        status=cast(SyncStatus, await sync.status(call.ctx, input.instance_id)),
    )


@strawberry.type
class SyncMutation:
    sync_resources: SyncPayload | None = strawberry.mutation(
        resolver=_sync,
        description="Brings in the emojis and persons that the bot has learned, and tells it the changes that it can take now; "
        "doing it twice comes to the same. Null only together with an error: `INSTANCE_NOT_FOUND`, `SERVICE_UNAVAILABLE` "
        "for a database that is locked, `DATABASE_ERROR` for one that is damaged or of no known shape, `INVALID_PATH` for "
        "one that is a link to elsewhere, `PERMISSION_DENIED`, `INSUFFICIENT_SPACE`.",
    )
