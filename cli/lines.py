"""Output of a terminal, in lines."""

from collections import deque
from collections.abc import Iterable, Iterator

LINE_BYTES = 64 << 10
_CONTINUATION = bytes(range(0x80, 0xC0))


class Lines:
    """Splits output that arrives in pieces into lines, and keeps at most the last 64 KiB of each.

    A progress bar may go on for days without a line end. What it showed before its last carriage return is
    overwritten, and that carriage return is within those 64 KiB.
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    def add(self, piece: bytes) -> Iterator[bytes]:
        """The lines that end in this piece. They must be read: what follows them is added after the last one."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._append(end)
            yield self.rest()
            self._rest.clear()
        self._append(rest)

    def rest(self) -> bytes:
        """The line that has not ended yet."""
        if len(self._rest) <= LINE_BYTES:
            return bytes(self._rest)
        return bytes(self._rest[-LINE_BYTES:]).lstrip(_CONTINUATION)  # a character may be cut

    def _append(self, part: bytes) -> None:
        self._rest += part
        # Only at twice the limit, so that the bytes that move are never more than those that came.
        if len(self._rest) > 2 * LINE_BYTES:
            del self._rest[: -LINE_BYTES - 1]  # one byte more than the limit, so that `rest` knows of the cut


def last_of(pieces: Iterable[bytes], count: int) -> bytes:
    """The last `count` lines of a stream and the unfinished one, holding no more than these in memory."""
    lines = Lines()
    kept: deque[bytes] = deque(maxlen=count)
    for piece in pieces:
        kept.extend(lines.add(piece))
    return b"\n".join([*kept, lines.rest()])


def last_lines(output: bytes, count: int) -> bytes:
    """The last `count` lines, an unfinished one counting as a line."""
    lines = output.split(b"\n")
    unfinished = bool(lines[-1])
    wanted = count if unfinished else count + 1
    return b"\n".join(lines[-wanted:]) if count else b""
