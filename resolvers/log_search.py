"""Searches in the past output of terminals: of one, of all of an instance, or of all."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from mailauncher.errors import InvalidParameter, LauncherError
from mailauncher.grants import Scope
from resolvers import instances, logs, terminals
from resolvers.context import Context
from resolvers.rights import needs
from terminals.line_search import LineQuery, LineSearch
from terminals.terminal import Terminal

MATCHES_LIMIT = 200
STREAMED_LIMIT = 10_000
CONTEXT_LIMIT = 10
CONTEXT_CHARACTERS = 1000
"""Of each line before and behind a match."""
LEAD_BYTES = 64 << 10
"""Before the place where a search begins, so much is read for the level that holds there, and for the lines before a match."""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines are wanted, printed between two times (milliseconds since 1970; None: any), and how many lines before and
    behind each to give."""

    lines: LineQuery
    begin: int | None = None
    end: int | None = None
    context: int = 0


@dataclass(frozen=True, slots=True)
class LogMatch:
    """A wanted line, without terminal sequences, cut at 64 KiB, and those before and behind it. `offset` is that of its first
    byte."""

    session_id: str
    offset: int
    line: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogMatches:
    """Matches, oldest first. `next` is the offset to continue from, None if the end of the log was reached."""

    matches: tuple[LogMatch, ...]
    next: int | None


@needs(Scope.READ)
async def page(ctx: Context, session_id: str, query: LogQuery, after: int, first: int) -> LogMatches:
    """The first matches from offset `after` on: `first` (1-200) at most.

    Raises as `terminals.find` does, InvalidParameter for an invalid query.
    """
    search = await _prepared(query, first, MATCHES_LIMIT)
    matches: list[LogMatch] = []
    terminal = terminals.find(ctx, session_id)
    async with aclosing(_matches(terminal, query, search, max(0, after), first + 1)) as found:
        async for match in found:
            if len(matches) == first:
                return LogMatches(tuple(matches), match.offset)
            matches.append(match)
    return LogMatches(tuple(matches), None)


@needs(Scope.READ)
async def stream(
    ctx: Context, query: LogQuery, first: int, *, instance_id: str | None, session_id: str | None
) -> AsyncGenerator[LogMatch, None]:
    """Each match as soon as it is found, with the lines behind it: terminal by terminal, oldest first, `first` (1-10,000) in
    all. In one terminal, in those of an instance, or in all.

    Raises as `page` does. What cannot be read fails the stream at its end, after the matches in all other terminals.
    """
    search = await _prepared(query, first, STREAMED_LIMIT)
    if session_id is not None:
        chosen = [terminals.find(ctx, session_id)]
    else:
        ids = [view.id for view in instances.list_all(ctx)] if instance_id is None else [instance_id]
        names = [view.session_id for each in ids for view in terminals.list_of(ctx, each)]
        chosen = [terminals.find(ctx, name) for name in names]
    return _stream(chosen, query, search, first)


async def _stream(
    chosen: Sequence[Terminal], query: LogQuery, search: LineSearch, first: int
) -> AsyncGenerator[LogMatch, None]:
    failure: LauncherError | None = None
    for terminal in chosen:
        try:
            async with aclosing(_matches(terminal, query, search.anew(), 0, first)) as found:
                async for match in found:
                    first -= 1
                    yield match
                    await asyncio.sleep(
                        0
                    )  # one piece may have thousands, and a quick reader never makes us wait
        except LauncherError as error:
            failure = failure or error
        if not first:
            return
    if failure is not None:
        raise failure


async def _prepared(query: LogQuery, first: int, limit: int) -> LineSearch:
    """The search for a valid query. Raises InvalidParameter."""
    search = await asyncio.to_thread(LineSearch, query.lines)
    logs.require_order(query.begin, query.end, "begin")
    for field, value, least, most in (
        ("first", first, 1, limit),
        ("context", query.context, 0, CONTEXT_LIMIT),
    ):
        if not least <= value <= most:
            raise InvalidParameter(
                f"{field} 应在 {least} 与 {most} 之间",
                f"{field} must be between {least} and {most}",
                field=field,
            )
    return search


async def _matches(
    terminal: Terminal, query: LogQuery, search: LineSearch, after: int, most: int
) -> AsyncGenerator[LogMatch, None]:
    """The first matches from an offset on. A match at the end of a piece waits for the lines behind it."""
    earlier: deque[str] = deque(maxlen=query.context)
    waiting: deque[LogMatch] = deque()
    begin, end = await logs.span(terminal, query.begin, query.end)
    begin = max(begin, after)
    if query.lines.level is not None or query.context:
        await _lead(terminal, search, earlier, begin)
    async for offset, data in logs.whole_lines(terminal, begin, end):
        lines, found = await asyncio.to_thread(
            _examined, search, terminal.session_id, offset, data, most, earlier, query.context
        )
        most -= len(found)
        waiting = deque(_continued(match, lines, query.context) for match in waiting)
        waiting += found
        earlier += lines[-query.context :] if query.context else ()
        while waiting and len(waiting[0].after) == query.context:
            yield waiting.popleft()
        if not most and not waiting:
            return
    for match in waiting:
        yield match


async def _lead(terminal: Terminal, search: LineSearch, earlier: deque[str], begin: int) -> None:
    """Tells a search the level that holds at an offset, and `earlier` the lines before it.

    These lines are read apart from those that are searched: lines longer than 64 KiB are given in parts, and `begin`, the
    offset of a match of an earlier page, has to stay the beginning of a part.
    """
    first = max(0, begin - LEAD_BYTES)
    async for offset, data in logs.whole_lines(terminal, first, begin):
        # The rest of a line could begin with a word that names a level only there.
        lines = data.partition(b"\n")[2] if offset == first > 0 else data
        earlier += (await asyncio.to_thread(search.examine, lines, 0)).lines


def _continued(match: LogMatch, lines: list[str], context: int) -> LogMatch:
    more = map(_cut, lines[: context - len(match.after)])
    return LogMatch(match.session_id, match.offset, match.line, match.before, (*match.after, *more))


def _examined(
    search: LineSearch,
    session_id: str,
    offset: int,
    data: bytes,
    most: int,
    earlier: deque[str],
    context: int,
) -> tuple[list[str], list[LogMatch]]:
    """All lines of a piece, and the matches in it, with the lines around them as far as these are known. Blocks."""
    piece = search.examine(data, most)
    return piece.lines, [
        LogMatch(
            session_id,
            offset + at,
            piece.lines[number],
            tuple(map(_cut, _before(piece.lines, number, earlier, context))),
            tuple(map(_cut, piece.lines[number + 1 : number + 1 + context])),
        )
        for number, at in piece.found
    ]


def _before(lines: list[str], number: int, earlier: deque[str], context: int) -> list[str]:
    here = lines[max(0, number - context) : number]
    missing = context - len(here)
    return [*itertools.islice(earlier, max(0, len(earlier) - missing), None), *here]


def _cut(line: str) -> str:
    return line[:CONTEXT_CHARACTERS]
