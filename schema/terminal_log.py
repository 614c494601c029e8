"""Finding a text in what a terminal printed."""

from typing import Annotated, cast

import strawberry

from resolvers import logs
from schema.context import Info
from schema.scalars import Long
from schema.terminal import SessionId


@strawberry.type(description="A line of a terminal's log that holds the text.")
class TerminalMatch:
    offset: Long = strawberry.field(
        description="Offset in bytes of its first byte in everything that the terminal ever printed."
    )
    line: str = strawberry.field(description="The line without terminal sequences, at most 64 KiB of it.")


@strawberry.type(description="Lines that hold a text, oldest first.")
class TerminalSearch:
    matches: list[TerminalMatch] = strawberry.field(description="The lines of this page.")
    next: Long | None = strawberry.field(
        description="Give it as `after` to get further lines. Null: the end of the log was reached."
    )


async def _search(
    info: Info,
    session_id: SessionId,
    text: Annotated[str, strawberry.argument(description="What to find, 1-256 characters; case is ignored.")],
    after: Annotated[
        Long | None,
        strawberry.argument(description="Offset in bytes to begin at. Null: the oldest output that is kept."),
    ] = None,
    first: Annotated[int, strawberry.argument(description="How many lines at most, 1-200.")] = 50,
) -> TerminalSearch | None:
    return cast(TerminalSearch, await logs.search(info.context.ctx, session_id, text, after or 0, first))


@strawberry.type
class TerminalLogQuery:
    search_terminal: TerminalSearch | None = strawberry.field(
        resolver=_search,
        description="Lines of a terminal's log that hold a text. Null only together with an error: `INVALID_PARAMETER`, "
        "or as for `terminal`.",
    )
