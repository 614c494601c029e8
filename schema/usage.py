"""Usage: what programs and the machine use, now and in the past."""

from collections.abc import AsyncGenerator
from typing import Annotated, cast

import strawberry

from resolvers import usage
from schema.context import Info
from schema.scalars import Instant, Long
from schema.supervision import Usage
from store.usage_history import RINGS


@strawberry.type(description="Resource usage of one running program.")
class ProgramUsage:
    session_id: strawberry.ID = strawberry.field(description="Id of the session of the program's terminal.")
    instance_id: strawberry.ID = strawberry.field(description="Id of its instance.")
    usage: Usage = strawberry.field(description="The latest sample.")


@strawberry.type(description="Processor time in percent in each bucket.")
class CpuHistory:
    least: list[float] = strawberry.field(description="Lowest sample.")
    mean: list[float] = strawberry.field(description="Mean of the samples.")
    most: list[float] = strawberry.field(description="Highest sample.")


@strawberry.type(description="Memory in bytes in each bucket.")
class MemoryHistory:
    least: list[Long] = strawberry.field(description="Lowest sample.")
    mean: list[Long] = strawberry.field(description="Mean of the samples.")
    most: list[Long] = strawberry.field(description="Highest sample.")


@strawberry.type(
    description="Resource usage over a period, in columns: each list has one value for each bucket, oldest first. "
    "A bucket without a sample is left out."
)
class UsageHistory:
    step_s: int = strawberry.field(description="Seconds that a bucket stands for: 1, 60 or 3600.")
    at: list[Instant] = strawberry.field(description="When each bucket begins.")
    cpu: CpuHistory = strawberry.field(
        description="Processor time in percent: of one core for a program, of all processors for the machine."
    )
    memory: MemoryHistory = strawberry.field(description="Memory in bytes.")


async def _history(
    info: Info,
    begin: Annotated[Instant, strawberry.argument(description="Beginning of the period.")],
    session_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Id of the session of a program's terminal. Null: the machine."),
    ] = None,
    end: Annotated[Instant | None, strawberry.argument(description="End of the period. Null: now.")] = None,
) -> UsageHistory | None:
    return cast(UsageHistory, await usage.history(info.context.ctx, session_id, begin, end))


@strawberry.type
class UsageQuery:
    usage_history: UsageHistory | None = strawberry.field(
        resolver=_history,
        description="Resource usage of a program or of the machine over a period. Kept are "
        f"{RINGS[1] // 60} minutes by the second, {RINGS[60] // 1440} days by the minute and {RINGS[3600] // 24} days by the "
        "hour; the finest of these that reaches back to `begin` is chosen. Null only with an error: `INVALID_PARAMETER`, or as "
        "for `terminal`.",
    )


def _stream(
    info: Info,
    instance_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only programs of this instance. Null: all.")
    ] = None,
) -> AsyncGenerator[list[ProgramUsage], None]:
    return cast(AsyncGenerator[list[ProgramUsage], None], usage.stream(info.context.ctx, instance_id))


@strawberry.type
class UsageSubscription:
    usage_changed: AsyncGenerator[list[ProgramUsage], None] = strawberry.subscription(
        resolver=_stream,
        description="Resource usage of all running programs: the latest samples at once, then after each sampling, about once a "
        "second. A slow subscriber skips samples.",
    )
