"""The past output of a terminal: history, download, parts of it.

The log is read in pieces, so that memory does not grow with it, and examined in a thread, a piece at a time: whatever was
printed, each takes a few milliseconds, and between two of them a caller that has left ends the work.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from mailauncher.clock import now_ms
from mailauncher.errors import InvalidParameter, ResourceNotFound
from mailauncher.grants import Scope
from resolvers import terminals
from resolvers.context import Context
from resolvers.rights import needs
from store.journal import EventFilter
from terminals import kept, text
from terminals.terminal import Terminal

SMALL_BYTES = 4 << 10
"""A piece of up to this size is examined at once: that takes less time than the way to a thread and back."""
LINE_BYTES = 64 << 10
TIME_ACCURACY_MS = 250  # of the times in the log
HISTORY_BYTES = 1 << 20
HISTORY_LINES = 5000
EVER_MS = 1 << 62
PART_BYTES = 1 << 10  # the least: a character or a sequence is not longer

CRASH_BYTES = 256 << 10

DownloadFormat = Literal["text", "asciicast"]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A line of output, printed `at` milliseconds since 1970, without terminal queries."""

    at: int
    data: str


async def span(terminal: Terminal, first: int | None, last: int | None) -> tuple[int, int]:
    """The offsets between which lies what was printed between two times (milliseconds since 1970; None: no limit)."""
    client, name = terminal.client, terminal.name
    begin = 0 if first is None else await client.seek(name, first - TIME_ACCURACY_MS)
    end = (await client.status(name)).end if last is None else await client.seek(name, last + 1)
    return begin, end


def require_order(first: int | None, last: int | None, field: str = "from") -> None:
    """Raises InvalidParameter."""
    if first is not None and last is not None and first > last:
        raise InvalidParameter("起始时间晚于结束时间", "The start is later than the end", field=field)


@dataclass(frozen=True, slots=True)
class LogPart:
    """Output between two offsets, in bytes of all that the terminal has ever printed, without terminal queries."""

    data: str
    offset: int
    end: int


@needs(Scope.READ)
async def part(
    ctx: Context,
    session_id: str,
    before: int | None,
    after: int | None,
    size: int,
    since: int | None = None,
) -> LogPart:
    """The output before an offset, or from one on, or from a time on (milliseconds since 1970, accurate to 250 ms), see
    `part_before` and `part_after`. Raises InvalidParameter for more than one of these."""
    if [before, after, since].count(None) < 2:
        raise InvalidParameter(
            "before、after 与 since 只能给出一个",
            "Only one of before, after and since may be given",
            field="after" if since is None else "since",
        )
    if not PART_BYTES <= size <= terminals.OUTPUT_BYTES:
        raise InvalidParameter(
            f"bytes 应在 {PART_BYTES} 与 {terminals.OUTPUT_BYTES} 之间",
            f"bytes must be between {PART_BYTES} and {terminals.OUTPUT_BYTES}",
            field="bytes",
        )
    terminal = terminals.find(ctx, session_id)
    if since is not None:
        after = await terminal.client.seek(terminal.name, since - TIME_ACCURACY_MS)
    if after is not None:
        return await part_after(terminal, after, size)
    return await part_before(terminal, before, size)


async def part_after(terminal: Terminal, after: int, size: int) -> LogPart:
    """The output from an offset on, or from the next that is kept, at most `size` bytes of it: whole lines, if one ends in
    them, and whole characters. With the `end` of one part as the next `after`, parts lie next to each other up to the newest
    output, but for gaps in what is kept; the part is empty there."""
    status = await terminal.client.status(terminal.name)
    found, _ = await terminal.client.read(terminal.name, max(after, status.oldest, 0), 1)
    begin = min(found, status.end)
    data = b""
    async with aclosing(
        kept.pieces(terminal.client, terminal.name, begin, min(status.end, begin + size))
    ) as pieces:
        async for offset, piece in pieces:
            if offset != begin + len(data):
                break
            data += piece
    end = begin + len(data)
    whole = data.rfind(b"\n") + 1
    if end < status.end and len(data) < size:  # a gap cuts the line
        whole = len(data)
    elif end == status.end or not whole:  # the line goes on, or has not been printed yet
        whole = text.complete_length(data)
    return LogPart(await _clean(data[:whole]), begin, begin + whole)


async def part_before(terminal: Terminal, before: int | None, size: int) -> LogPart:
    """The output before an offset (None: the newest), at most `size` bytes (1-256 KiB) of it: whole lines, if one begins in
    them, and whole characters in any case. With the `offset` of one part as the next `before`, parts lie next to each other
    as far back as the log is kept, but for gaps in it; the part is empty there."""
    status = await terminal.client.status(terminal.name)
    end = min(status.end if before is None else max(0, before), status.end)
    end = await kept.end_before(terminal.client, terminal.name, end, size, status.oldest)
    begin = oldest = max(status.oldest, end - size)
    data = b""
    async for offset, piece in kept.pieces(terminal.client, terminal.name, begin, end):
        if offset != oldest + len(data):  # behind a gap
            oldest, data = offset, b""
        data += piece
    if not data:
        return LogPart("", end, end)
    if before is None:  # the rest has not been printed yet
        data = data[: text.complete_length(data)]
    whole = text.first_line_start(data[:-1]) or text.first_character(data)
    begun = 0 if oldest == status.oldest or oldest > begin else whole
    shown = await _clean(data[begun:])
    return LogPart(shown, oldest + begun, oldest + len(data))


@needs(Scope.READ)
async def history(ctx: Context, session_id: str, first: int, last: int) -> list[HistoryLine]:
    """The lines printed between two times (milliseconds since 1970), oldest first.

    The newest 1 MiB and 5,000 lines of them; times are accurate to 250 ms. Raises as `download` does.
    """
    require_order(first, last)
    terminal = terminals.find(ctx, session_id)
    times = await terminal.client.times(terminal.name, first, last)
    lines: deque[HistoryLine] = deque(maxlen=HISTORY_LINES)
    for begin, end, marks in _newest_stretches(times):
        async for at, shown in _shown(terminal, begin, end, marks):
            newest = _newest_lines(shown)
            if lines and lines[-1].at == at and not lines[-1].data.endswith("\n"):
                newest[0] = lines.pop().data + newest[0]
            lines += [HistoryLine(at, line) for line in newest]
    return list(lines)


def _newest_stretches(pieces: list[tuple[int, int, int]]) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """(begin, end, marks) of each stretch of output without a gap, for `_shown`: the newest 1 MiB of them. `pieces`: (time,
    begin, end). There is more than one where the clock was set back, and passed the same time twice."""
    found: list[tuple[int, int, list[tuple[int, int]]]] = []
    left = HISTORY_BYTES
    for at, start, end in reversed(pieces):
        begin = max(start, end - left)
        left -= end - begin
        if not (found and found[-1][0] == end):
            found.append((end, end, []))
        _, last, marks = found.pop()
        marks.append((at, begin))
        found.append((begin, last, marks))
        if not left:
            break
    return [(begin, end, marks[::-1]) for begin, end, marks in reversed(found)]


def _newest_lines(shown: str) -> list[str]:
    """The last lines of a text that is not empty, with their line breaks; no more are made than a history may have."""
    *whole, rest = shown.rsplit("\n", HISTORY_LINES + 1)
    lines = [f"{line}\n" for line in whole]
    return ([*lines, rest] if rest else lines)[-HISTORY_LINES:]


@needs(Scope.READ)
async def download(
    ctx: Context, session_id: str, first: int | None, last: int | None, form: DownloadFormat
) -> AsyncGenerator[bytes, None]:
    """A terminal's log between two times (milliseconds since 1970; None: no limit), without terminal queries, as text or
    as an asciicast v2 recording. Raises InvalidSession, InstanceNotFound, TerminalNotFound, InvalidParameter."""
    terminal = terminals.find(ctx, session_id)
    require_order(first, last)
    begin, end = await span(terminal, first, last)
    return _as(form, terminal, begin, end)


@needs(Scope.READ)
async def crash(ctx: Context, session_id: str, form: DownloadFormat) -> AsyncGenerator[bytes, None]:
    """What a terminal's program had printed before it last died: the last 256 KiB, in whole lines. Raises as `download`, and
    ResourceNotFound if no death is known."""
    terminal = terminals.find(ctx, session_id)
    session_id = terminal.session_id  # a service has two names
    wanted = EventFilter(session_id.rpartition("_")[0], session_id=session_id)
    deaths = await ctx.store.journal.page(wanted, 1, newest=True)
    if not deaths:
        raise ResourceNotFound(
            "没有这个终端的程序崩溃的记录", "No crash of the program in this terminal is known"
        )
    end = deaths[0]["offset"]
    begin = max(0, end - CRASH_BYTES)
    if begin:
        async with aclosing(kept.pieces(terminal.client, terminal.name, begin, end)) as pieces:
            async for offset, data in pieces:
                begin = min(end, offset + text.first_line_start(data))
                break
    return _as(form, terminal, begin, end)


def _as(form: DownloadFormat, terminal: Terminal, begin: int, end: int) -> AsyncGenerator[bytes, None]:
    return _as_text(terminal, begin, end) if form == "text" else _as_asciicast(terminal, begin, end)


async def _shown(
    terminal: Terminal, begin: int, end: int, marks: Sequence[tuple[int, int]] = ()
) -> AsyncGenerator[tuple[int, str], None]:
    """(time, text) of the output between two offsets, without terminal queries. `marks` are times and the offsets from
    which on they hold. No text is empty, nor does one end within a character or a sequence."""
    upcoming = iter([*marks, (0, 1 << 62)])
    at, (next_at, following) = 0, next(upcoming)
    pending = b""
    async for piece_offset, piece in kept.pieces(terminal.client, terminal.name, begin, end):
        offset, data = piece_offset, piece
        while data:
            while following <= offset:
                at, (next_at, following) = next_at, next(upcoming)
            part, data = data[: following - offset], data[following - offset :]
            offset += len(part)
            pending += part
            cut = text.complete_length(pending)
            ready, pending = pending[:cut], pending[cut:]
            if shown := await _clean(ready):
                yield at, shown
    if shown := await _clean(pending):
        yield at, shown


async def _clean(data: bytes) -> str:
    def cleaned() -> str:
        return text.decode(text.without_queries(data))

    if len(data) > SMALL_BYTES:
        return await asyncio.to_thread(cleaned)
    await asyncio.sleep(0)  # what was printed a few bytes at a time has thousands of pieces
    return cleaned()


async def _as_text(terminal: Terminal, begin: int, end: int) -> AsyncGenerator[bytes, None]:
    async for _, shown in _shown(terminal, begin, end):
        yield shown.encode()


async def _as_asciicast(terminal: Terminal, begin: int, end: int) -> AsyncGenerator[bytes, None]:
    """asciicast v2: a header line, then `[seconds, "o", text]` lines. Times are accurate to 250 ms."""
    noted = await terminal.client.times(terminal.name, 0, EVER_MS)
    times = [(at, offset) for at, offset, _ in noted if offset >= begin]
    start = times[0][0] if times else now_ms()
    header = {
        "version": 2,
        "width": terminal.columns,
        "height": terminal.rows,
        "timestamp": start // 1000,
        "title": terminal.session_id,
    }
    yield json.dumps(header, ensure_ascii=False).encode() + b"\n"
    async for elapsed, shown in _shown(terminal, begin, end, [(0, begin), *_elapsed(times)]):
        yield json.dumps([elapsed / 1000, "o", shown], ensure_ascii=False).encode() + b"\n"


def _elapsed(times: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """(milliseconds since the first, offset): a recording goes on where the clock was set back."""
    elapsed, before = 0, times[0][0] if times else 0
    for at, offset in times:
        elapsed, before = elapsed + max(0, at - before), at
        yield elapsed, offset


async def whole_lines(terminal: Terminal, begin: int, end: int) -> AsyncGenerator[tuple[int, bytes], None]:
    """(offset, bytes) of the lines between two offsets in pieces of whole ones; a line longer than 64 KiB is given in parts."""
    pending, at = b"", begin
    async for offset, data in kept.pieces(terminal.client, terminal.name, begin, end):
        if offset != at + len(pending):
            pending, at = b"", offset
        pending += data
        cut = pending.rfind(b"\n") + 1 or (len(pending) if len(pending) > LINE_BYTES else 0)
        if cut:
            yield at, pending[:cut]
        pending, at = pending[cut:], at + cut
    if pending:
        yield at, pending
