"""The launcher itself and its machine: health, metrics, events."""

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from mailauncher import __version__
from mailauncher.errors import InvalidParameter, Text
from mailauncher.events import InstanceChanged, MetricsSampled, Noted
from resolvers.context import Context
from resolvers.metrics import Machine, Metrics
from resolvers.views import EventView, InstanceChange

EVENTS_LIMIT = 200
RECENT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Health:
    """`uptime` in whole seconds, `at` in milliseconds since 1970."""

    status: str
    uptime: int
    version: str
    at: int


def health(ctx: Context) -> Health:
    return Health("healthy", int(time.monotonic() - ctx.started_at), __version__, int(time.time() * 1000))


def metrics(ctx: Context) -> Metrics:
    """The last sample; never waits for one."""
    return ctx.sampler.latest


def machine(ctx: Context) -> Machine:
    return ctx.sampler.machine


def metrics_stream(ctx: Context, interval_ms: int) -> AsyncGenerator[Metrics, None]:
    """The latest sample at once, then a new one at most every `interval_ms` milliseconds. Raises InvalidParameter."""
    if not 100 <= interval_ms <= 3_600_000:
        raise InvalidParameter(
            "intervalMs 应在 100 与 3600000 之间",
            "intervalMs must be between 100 and 3600000",
            field="intervalMs",
        )
    return _samples(ctx, interval_ms)


async def _samples(ctx: Context, interval_ms: int) -> AsyncGenerator[Metrics, None]:
    with ctx.bus.subscribe(MetricsSampled) as samples:
        sent = ctx.sampler.latest
        yield sent
        async for _ in samples:
            # Half a sampling interval of tolerance, or a wish for every second sample would get every third.
            if ctx.sampler.latest.at - sent.at >= interval_ms - ctx.settings.metrics_interval_s * 500:
                sent = ctx.sampler.latest
                yield sent


def instance_changes(ctx: Context, instance_id: str | None) -> AsyncGenerator[InstanceChange, None]:
    """Each visible change of one instance, or of all of them. Raises InstanceNotFound."""
    if instance_id is not None:
        ctx.fleet.view(instance_id)
    return _changes(ctx, instance_id)


async def _changes(ctx: Context, instance_id: str | None) -> AsyncGenerator[InstanceChange, None]:
    with ctx.bus.subscribe(InstanceChanged) as changes:
        async for change in changes:
            if isinstance(change, InstanceChanged) and instance_id in (None, change.instance_id):
                gone = change.removed or change.instance_id not in ctx.fleet
                view = None if gone else ctx.fleet.view(change.instance_id)
                yield InstanceChange(change.instance_id, view)


async def events(ctx: Context, after: int, first: int) -> list[EventView]:
    """Events with a cursor above `after`, oldest first, at most `first` (1-200). Raises InvalidParameter."""
    require_first(first, EVENTS_LIMIT)
    return [_event(row) for row in await ctx.journal.after(max(0, after), first)]


def require_first(first: int, limit: int) -> None:
    """Raises InvalidParameter unless `first` is 1 to `limit`."""
    if not 1 <= first <= limit:
        raise InvalidParameter(
            f"first 应在 1 与 {limit} 之间", f"first must be between 1 and {limit}", field="first"
        )


async def event_stream(ctx: Context, after: int | None) -> AsyncGenerator[EventView, None]:
    """Every event with a cursor above `after` (None: from now on), oldest first, then each new one."""
    with ctx.bus.subscribe(Noted) as news:
        cursor = await ctx.journal.last() if after is None else max(0, after)
        while True:
            rows = await ctx.journal.after(cursor, EVENTS_LIMIT)
            for row in rows:
                cursor = row["id"]
                yield _event(row)
            if not rows:
                await anext(news)


async def recent_events(ctx: Context, instance_ids: Sequence[str], limit: int) -> list[list[EventView]]:
    """The newest events of each instance, newest first, in the order of the ids; one query for all.

    Raises InvalidParameter for a `limit` over RECENT_LIMIT.
    """
    require_first(limit, RECENT_LIMIT)
    rows = await ctx.journal.newest(instance_ids, limit)
    return [[_event(row) for row in rows[instance_id]] for instance_id in instance_ids]


def _event(row: dict[str, Any]) -> EventView:
    text = Text(row["zh"], row["en"])
    return EventView(row["id"], row["at"], row["instance_id"], row["kind"], row["caller"], text)
