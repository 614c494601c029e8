"""The launcher and its machine: health, metrics, events."""

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from mailauncher import __version__
from mailauncher.errors import InvalidParameter, Text
from mailauncher.events import InstanceChanged, JournalWritten, MetricsSampled
from mailauncher.grants import Scope
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.views import EventView, InstanceChange, Machine, Metrics
from store.database_status import DatabaseStatus
from store.journal import EventFilter

EVENTS_LIMIT = 200
EVENTS_DEFAULT = 50
KINDS_LIMIT = 100
ANY_EVENT = EventFilter()
RECENT_LIMIT = 50
INTERVAL_MIN_MS = 100
INTERVAL_MAX_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Health:
    """`uptime` in whole seconds, `at` in milliseconds since 1970."""

    status: str
    uptime: int
    version: str
    at: int


@needs(Scope.READ, filters=True)
def health(ctx: Context) -> Health:
    return Health("healthy", int(time.monotonic() - ctx.started_at), __version__, int(time.time() * 1000))


@needs(Scope.READ)
async def database(ctx: Context) -> DatabaseStatus:
    """Which one is used, and whether it answers now."""
    return await ctx.store.database.status()


@needs(Scope.READ, filters=True)
def metrics(ctx: Context) -> Metrics:
    """The last sample, without waiting for a new one."""
    return ctx.samplers.machine.latest


@needs(Scope.READ, filters=True)
def machine(ctx: Context) -> Machine:
    return ctx.samplers.machine.machine


@needs(Scope.READ, filters=True)
def metrics_stream(ctx: Context, interval_ms: int) -> AsyncGenerator[Metrics, None]:
    """The latest sample at once, then a new one at most every `interval_ms` milliseconds. Raises InvalidParameter."""
    if not INTERVAL_MIN_MS <= interval_ms <= INTERVAL_MAX_MS:
        raise InvalidParameter(
            f"intervalMs 应在 {INTERVAL_MIN_MS} 与 {INTERVAL_MAX_MS} 之间",
            f"intervalMs must be between {INTERVAL_MIN_MS} and {INTERVAL_MAX_MS}",
            field="intervalMs",
        )
    return _samples(ctx, interval_ms)


async def _samples(ctx: Context, interval_ms: int) -> AsyncGenerator[Metrics, None]:
    with ctx.bus.subscribe(MetricsSampled) as samples:
        sent = ctx.samplers.machine.latest
        yield sent
        async for _ in samples:
            # Half a sampling interval of tolerance: without it, a client that asks for every second sample gets every third.
            if (
                ctx.samplers.machine.latest.at - sent.at
                >= interval_ms - ctx.settings.metrics_interval_s * 500
            ):
                sent = ctx.samplers.machine.latest
                yield sent


@needs(Scope.READ, filters=True)
def instance_changes(ctx: Context, instance_id: str | None) -> AsyncGenerator[InstanceChange, None]:
    """Each visible change of one instance, or of all of them. Raises InstanceNotFound."""
    if instance_id is not None:
        ctx.live.view(instance_id)
    return _changes(ctx, instance_id)


async def _changes(ctx: Context, instance_id: str | None) -> AsyncGenerator[InstanceChange, None]:
    with ctx.bus.subscribe(InstanceChanged) as changes:
        async for change in changes:
            if (
                isinstance(change, InstanceChanged)
                and instance_id in (None, change.instance_id)
                and ctx.grant.covers(change.instance_id)
            ):
                gone = change.removed or change.instance_id not in ctx.live
                view = None if gone else ctx.live.view(change.instance_id)
                yield InstanceChange(change.instance_id, view)


@needs(Scope.READ)
async def events(
    ctx: Context,
    wanted: EventFilter = ANY_EVENT,
    after: int = 0,
    before: int | None = None,
    first: int | None = None,
    last: int | None = None,
) -> list[EventView]:
    """Events with a cursor between `after` and `before`, oldest first: the oldest `first` (1-200, by default 50) of them, or the
    newest `last`. Raises InvalidParameter."""
    if first is not None and last is not None:
        raise InvalidParameter(
            "first 与 last 只能给出一个", "only one of first and last can be given", field="last"
        )
    if wanted.kinds is not None and len(wanted.kinds) > KINDS_LIMIT:
        raise InvalidParameter(
            f"kinds 最多 {KINDS_LIMIT} 个", f"kinds must have at most {KINDS_LIMIT} items", field="kinds"
        )
    limit = last if last is not None else EVENTS_DEFAULT if first is None else first
    require_first(limit, EVENTS_LIMIT, field="first" if last is None else "last")
    rows = await ctx.store.journal.page(
        wanted, limit, after=max(0, after), before=before, newest=last is not None
    )
    return [_event(row) for row in rows]


def require_first(first: int, limit: int, field: str = "first") -> None:
    """Raises InvalidParameter unless `first` is 1 to `limit`."""
    if not 1 <= first <= limit:
        raise InvalidParameter(
            f"{field} 应在 1 与 {limit} 之间", f"{field} must be between 1 and {limit}", field=field
        )


@needs(Scope.READ)
async def event_stream(ctx: Context, after: int | None) -> AsyncGenerator[EventView, None]:
    """Every event with a cursor above `after` (None: from now on), oldest first, then each new one. A cursor beyond the last event
    is one that a power cut has taken from the journal: the next event has a lower one."""
    with ctx.bus.subscribe(JournalWritten) as news:
        last = await ctx.store.journal.last()
        cursor = last if after is None else min(max(0, after), last)
        while True:
            rows = await ctx.store.journal.after(cursor, EVENTS_LIMIT)
            for row in rows:
                cursor = row["id"]
                yield _event(row)
            if not rows:
                await anext(news)


@needs(Scope.READ)
async def recent_events(ctx: Context, instance_ids: Sequence[str], limit: int) -> list[list[EventView]]:
    """The newest events of each instance, newest first, in the order of the ids; one query for all.

    Raises InvalidParameter for a `limit` over RECENT_LIMIT.
    """
    require_first(limit, RECENT_LIMIT)
    rows = await ctx.store.journal.newest(instance_ids, limit)
    return [[_event(row) for row in rows[instance_id]] for instance_id in instance_ids]


def _event(row: dict[str, Any]) -> EventView:
    text = Text(row["zh"], row["en"])
    return EventView(
        row["id"],
        row["at"],
        row["instance_id"],
        row["kind"],
        row["caller"],
        text,
        row["session_id"],
        row["offset"],
    )
