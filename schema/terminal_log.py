"""The past output of a terminal, before an offset, or from one or a time on."""

from typing import Annotated, cast

import strawberry

from resolvers import logs
from resolvers.terminals import OUTPUT_BYTES
from schema.context import Info
from schema.scalars import Instant, Long
from schema.terminal import SessionId
from terminals.terminal import REPLAY_BYTES


@strawberry.type(description="A part of a terminal's log.")
class TerminalLogPart:
    data: str = strawberry.field(
        description="The output with its terminal sequences, without queries that a terminal would answer."
    )
    offset: Long = strawberry.field(
        description="Offset in bytes of its beginning in all that the terminal has ever printed; pass it as `before` to get "
        "what was printed earlier."
    )
    end: Long = strawberry.field(
        description="Offset in bytes of its end; pass it as `after` to get what was printed later."
    )


async def _part(
    info: Info,
    session_id: SessionId,
    before: Annotated[
        Long | None,
        strawberry.argument(description="Offset in bytes where the part ends. Null: the newest output."),
    ] = None,
    after: Annotated[
        Long | None,
        strawberry.argument(
            description="Offset in bytes where the part begins, instead of `before`. The part is empty at the newest output."
        ),
    ] = None,
    since: Annotated[
        Instant | None,
        strawberry.argument(
            description="Time from which on the part was printed, instead of `before` and `after`, accurate to 250 ms. The part is "
            "empty, at the newest output, if nothing was."
        ),
    ] = None,
    bytes: Annotated[
        int, strawberry.argument(description=f"Maximum size in bytes, {logs.PART_BYTES:,}-{OUTPUT_BYTES:,}.")
    ] = REPLAY_BYTES,
) -> TerminalLogPart | None:
    return cast(TerminalLogPart, await logs.part(info.context.ctx, session_id, before, after, bytes, since))


@strawberry.type
class TerminalLogQuery:
    terminal_log: TerminalLogPart | None = strawberry.field(
        resolver=_part,
        description="The output of a terminal before an offset, or from one on, or from a time on, in whole lines: the way to scroll as far as "
        "the log is kept. Opens no shell. Null only with an error: `INVALID_PARAMETER`, or as for `terminal`.",
    )
