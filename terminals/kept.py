"""Reads what a keeper has kept of a terminal's output. It may have gaps: what found no room on the disk, or was lost with power."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from terminals.client import KeeperClient

PIECE_BYTES = 64 << 10


async def pieces(
    client: KeeperClient, terminal: str, begin: int, end: int
) -> AsyncGenerator[tuple[int, bytes], None]:
    """(offset, bytes) of the output that is kept between two offsets, in order."""
    while begin < end:
        offset, data = await client.read(terminal, begin, min(PIECE_BYTES, end - begin))
        data = data[: max(0, end - offset)]
        if not data:
            return
        yield offset, data
        begin = offset + len(data)


async def before(client: KeeperClient, terminal: str, end: int, size: int) -> tuple[int, bytes]:
    """(offset, bytes) of the newest output that is kept before an offset, at most `size` bytes of it, without the gaps in it. The
    offset is that of the first of these bytes."""
    begin = max(0, end - size)
    first, data = end, b""
    async with aclosing(pieces(client, terminal, begin, end)) as found:
        async for offset, piece in found:
            first = min(first, offset)
            data += piece
    if first > begin:  # a gap, unless it is the beginning of what is kept
        status = await client.status(terminal)
        if status.oldest < first:
            missing = size - len(data)
            gap = await end_before(client, terminal, first, missing, status.oldest)
            begin = max(status.oldest, gap - missing)
            older = b""
            async with aclosing(pieces(client, terminal, begin, gap)) as found:
                async for offset, piece in found:
                    first = min(first, offset)
                    older += piece
            data = older + data
    return first, data


async def end_before(client: KeeperClient, terminal: str, end: int, size: int, oldest: int) -> int:
    """The offset `end` itself, or where a gap begins that takes up all of the `size` bytes before it."""

    async def is_kept(begin: int) -> bool:
        offset, data = await client.read(terminal, begin, 1)
        return bool(data) and offset < end

    begin, gap = max(oldest, end - size), end
    while not await is_kept(begin):
        if begin <= oldest:
            return end
        gap, begin = begin, max(oldest, begin - 2 * (end - begin))
    if gap < end:
        while gap - begin > 1:
            middle = (begin + gap) // 2
            begin, gap = (middle, gap) if await is_kept(middle) else (begin, middle)
    return gap
