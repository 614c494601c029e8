"""What programs and the machine use, now and in the past."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence

from mailauncher.errors import InvalidParameter
from mailauncher.events import UsageSampled
from mailauncher.grants import Scope
from resolvers import terminals
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.views import ProgramUsage, UsageColumns, UsagePeriod
from store.usage_history import MACHINE, Spread


@needs(Scope.READ)
async def history(ctx: Context, session_id: str | None, begin: int, end: int | None) -> UsagePeriod:
    """What a program, or the machine (None), used between two times (milliseconds since 1970; `end` None: until now), in the
    finest step that is kept since `begin`. Raises InvalidParameter, and what `terminals.find` raises."""
    key = MACHINE if session_id is None else terminals.find(ctx, session_id).session_id
    now = time.time()
    last = now if end is None else end / 1000
    if last < begin / 1000:
        raise InvalidParameter("end 早于 begin", "end is before begin", field="end")
    step, buckets = await asyncio.to_thread(ctx.samplers.history.between, key, begin / 1000, last, now)
    return UsagePeriod(
        step,
        [bucket.at * 1000 for bucket in buckets],
        _columns([bucket.cpu for bucket in buckets], 1, 1),
        _columns([bucket.memory for bucket in buckets], 1024, 0),
    )


def _columns(spreads: Sequence[Spread], unit: int, digits: int) -> UsageColumns:
    columns = ([round(value * unit, digits) for value in column] for column in zip(*spreads, strict=True))
    return UsageColumns(*columns) if spreads else UsageColumns([], [], [])


@needs(Scope.READ)
def stream(ctx: Context, instance_id: str | None) -> AsyncGenerator[tuple[ProgramUsage, ...], None]:
    """The usage of all running programs, of one instance or of all, now and after each sample. Raises InstanceNotFound."""
    if instance_id is not None:
        ctx.live.view(instance_id)
    return _samples(ctx, instance_id)


async def _samples(ctx: Context, instance_id: str | None) -> AsyncGenerator[tuple[ProgramUsage, ...], None]:
    with ctx.bus.subscribe(UsageSampled) as samples:
        while True:
            programs = ctx.samplers.usage.programs()
            yield tuple(program for program in programs if instance_id in (None, program.instance_id))
            await anext(samples)
