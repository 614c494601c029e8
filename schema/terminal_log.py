"""The past output of a terminal: backwards from an offset, and a search in it."""

from typing import Annotated, cast

import strawberry

from resolvers import logs
from resolvers.terminals import OUTPUT_BYTES
from schema.context import Info
from schema.scalars import Long
from schema.terminal import SessionId
from terminals.terminal import REPLAY_BYTES


@strawberry.type(description="A line of a terminal's log that contains the text.")
class TerminalMatch:
    offset: Long = strawberry.field(
        description="Offset in bytes of its first byte in all that the terminal has ever printed."
    )
    line: str = strawberry.field(
        description=f"The line without terminal sequences, cut after {logs.LINE_BYTES >> 10} KiB."
    )


@strawberry.type(description="Lines that contain a text, oldest first.")
class TerminalSearch:
    matches: list[TerminalMatch] = strawberry.field(description="The lines of this page.")
    next: Long | None = strawberry.field(
        description="Pass it as `after` to get further lines. Null: the end of the log was reached."
    )


@strawberry.type(description="A part of a terminal's log.")
class TerminalLogPart:
    data: str = strawberry.field(
        description="The output with its terminal sequences, without queries that a terminal would answer."
    )
    offset: Long = strawberry.field(
        description="Offset in bytes of its beginning in all that the terminal has ever printed; pass it as `before` to get "
        "what was printed earlier."
    )
    end: Long = strawberry.field(description="Offset in bytes of its end.")


async def _part(
    info: Info,
    session_id: SessionId,
    before: Annotated[
        Long | None,
        strawberry.argument(description="Offset in bytes where the part ends. Null: the newest output."),
    ] = None,
    bytes: Annotated[
        int, strawberry.argument(description=f"Maximum size in bytes, {logs.PART_BYTES:,}-{OUTPUT_BYTES:,}.")
    ] = REPLAY_BYTES,
) -> TerminalLogPart | None:
    return cast(TerminalLogPart, await logs.part_before(info.context.ctx, session_id, before, bytes))


async def _search(
    info: Info,
    session_id: SessionId,
    text: Annotated[
        str,
        strawberry.argument(
            description=f"The text to find, 1-{logs.QUERY_CHARACTERS} characters, case-insensitive."
        ),
    ],
    after: Annotated[
        Long | None,
        strawberry.argument(description="Offset in bytes to start at. Null: the oldest output kept."),
    ] = None,
    first: Annotated[
        int, strawberry.argument(description=f"Maximum number of lines, 1-{logs.MATCHES_LIMIT}.")
    ] = 50,
) -> TerminalSearch | None:
    return cast(TerminalSearch, await logs.search(info.context.ctx, session_id, text, after or 0, first))


@strawberry.type
class TerminalLogQuery:
    terminal_log: TerminalLogPart | None = strawberry.field(
        resolver=_part,
        description="The output of a terminal before an offset, in whole lines: the way to scroll back as far as the log is "
        "kept. Opens no shell. Null only with an error: `INVALID_PARAMETER`, or as for `terminal`.",
    )
    search_terminal: TerminalSearch | None = strawberry.field(
        resolver=_search,
        description="Lines of a terminal's log that contain a text. Null only with an error: `INVALID_PARAMETER`, "
        "or as for `terminal`.",
    )
