"""The past of a terminal: download it, search in it. Read piece by piece; memory does not grow with the log."""

import json
import re
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from mailauncher.errors import InvalidParameter
from resolvers import terminals
from resolvers.context import Context
from terminals import text

PIECE_BYTES = 256 << 10
LINE_BYTES = 64 << 10
QUERY_CHARACTERS = 256
SLOT_MS = 250  # how exactly the log knows when something was printed
MATCHES_LIMIT = 200

Form = Literal["text", "asciicast"]


@dataclass(frozen=True, slots=True)
class Match:
    """A line that holds the text: `offset` of its first byte, without terminal sequences, cut at 64 KiB."""

    offset: int
    line: str


@dataclass(frozen=True, slots=True)
class Found:
    """Matches, oldest first. `next` is where to go on, None when the end of the log was reached."""

    matches: tuple[Match, ...]
    next: int | None


async def pieces(
    ctx: Context, session_id: str, begin: int, end: int | None = None
) -> AsyncGenerator[tuple[int, bytes], None]:
    """(offset, bytes) of what is kept from offset `begin` to `end` (the present end), in order."""
    client = ctx.fleet.crew(session_id.rpartition("_")[0]).client
    name = terminals.find(ctx, session_id).name
    last = (await client.status(name)).end if end is None else end
    while begin < last:
        offset, data = await client.read(name, begin, min(PIECE_BYTES, last - begin))
        data = data[: max(0, last - offset)]
        if not data:
            return
        yield offset, data
        begin = offset + len(data)


async def download(
    ctx: Context, session_id: str, first: int | None, last: int | None, form: Form
) -> AsyncGenerator[bytes, None]:
    """A terminal's log between two times (milliseconds since 1970; None: no limit), as text without terminal queries or
    as an asciicast v2 recording. Raises InvalidSession, InstanceNotFound, TerminalNotFound, InvalidParameter."""
    terminal = terminals.find(ctx, session_id)
    if first is not None and last is not None and first > last:
        raise InvalidParameter("from 晚于 to", "from is later than to", field="from")
    begin, end = await _range(ctx, session_id, first, last)
    if form == "text":
        return _plain(ctx, session_id, begin, end)
    return _recording(ctx, session_id, begin, end, terminal.columns, terminal.rows)


async def _range(
    ctx: Context, session_id: str, first: int | None, last: int | None
) -> tuple[int, int | None]:
    """The offsets that belong to two times; the start to the quarter of a second before."""
    terminal = terminals.find(ctx, session_id)
    client = ctx.fleet.crew(session_id.rpartition("_")[0]).client
    begin = 0 if first is None else await client.seek(terminal.name, first - SLOT_MS)
    return begin, None if last is None else await client.seek(terminal.name, last + 1)


def _now_ms() -> int:
    return int(time.time() * 1000) + 1


async def _plain(ctx: Context, session_id: str, begin: int, end: int | None) -> AsyncGenerator[bytes, None]:
    pending = b""
    async for _, data in pieces(ctx, session_id, begin, end):
        pending += data
        cut = text.finished(pending) or len(pending)
        yield text.without_queries(pending[:cut])
        pending = pending[cut:]
    if pending:
        yield text.without_queries(pending)


async def _recording(
    ctx: Context, session_id: str, begin: int, end: int | None, columns: int, rows: int
) -> AsyncGenerator[bytes, None]:
    """asciicast v2: a header line, then `[seconds, "o", text]` lines. Times are true to a quarter of a second."""
    terminal = terminals.find(ctx, session_id)
    client = ctx.fleet.crew(session_id.rpartition("_")[0]).client
    times = [
        (at, offset) for at, offset in await client.times(terminal.name, 0, _now_ms()) if offset >= begin
    ]
    start = times[0][0] if times else _now_ms()
    header = {"version": 2, "width": columns, "height": rows, "timestamp": start // 1000, "title": session_id}
    yield json.dumps(header, ensure_ascii=False).encode() + b"\n"
    marks = iter([*times, (0, 1 << 62)])
    at, (next_at, following) = start, next(marks)
    pending = b""
    async for piece_offset, piece in pieces(ctx, session_id, begin, end):
        offset, data = piece_offset, piece
        while data:
            while following <= offset:
                at, (next_at, following) = next_at, next(marks)
            part, data = data[: following - offset], data[following - offset :]
            offset += len(part)
            pending += part
            cut = text.finished(pending) or len(pending)
            shown = text.decode(text.without_queries(pending[:cut]))
            pending = pending[cut:]
            yield json.dumps([(at - start) / 1000, "o", shown], ensure_ascii=False).encode() + b"\n"


async def search(ctx: Context, session_id: str, wanted: str, after: int, first: int) -> Found:
    """Lines from offset `after` on that hold the text (case ignored), at most `first` (1-200).

    Raises InvalidParameter for an empty or long text or a bad number.
    """
    if not 1 <= len(wanted) <= QUERY_CHARACTERS:
        raise InvalidParameter(
            f"搜索文本应为 1-{QUERY_CHARACTERS} 个字符",
            f"The text must have 1-{QUERY_CHARACTERS} characters",
            field="text",
        )
    if not 1 <= first <= MATCHES_LIMIT:
        raise InvalidParameter(
            f"first 应在 1 与 {MATCHES_LIMIT} 之间",
            f"first must be between 1 and {MATCHES_LIMIT}",
            field="first",
        )
    terminals.find(ctx, session_id)
    pattern = re.compile(re.escape(wanted), re.IGNORECASE)
    matches: list[Match] = []
    async for offset, line in _lines(ctx, session_id, max(0, after)):
        shown = "\n".join(text.last_lines(line, 1))
        if pattern.search(shown):
            if len(matches) == first:
                return Found(tuple(matches), offset)
            matches.append(Match(offset, shown))
    return Found(tuple(matches), None)


async def _lines(ctx: Context, session_id: str, begin: int) -> AsyncGenerator[tuple[int, bytes], None]:
    """(offset, line) of each line; one longer than 64 KiB comes in parts."""
    pending, at = b"", begin
    async for offset, data in pieces(ctx, session_id, begin):
        if offset != at + len(pending):
            pending, at = b"", offset
        pending += data
        *whole, pending = pending.split(b"\n")
        for line in whole:
            yield at, line
            at += len(line) + 1
        if len(pending) > LINE_BYTES:
            yield at, pending
            at += len(pending)
            pending = b""
    if pending:
        yield at, pending
