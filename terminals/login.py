"""Whether a program waits for a person to log it in, as its output tells."""

import asyncio

from mailauncher import expressions
from mailauncher.launch import LoginSigns
from terminals import text
from terminals.client import KeeperClient

READ_BYTES = 64 << 10
"""Of what was printed since the last look, at most this much is read. Before it, somebody may have logged in."""


class LoginWatch:
    """Reads the output of one run of a program as it grows."""

    def __init__(self, signs: LoginSigns) -> None:
        self._asks = expressions.in_lines(signs.asks)
        self._done = expressions.in_lines(signs.done)
        self._position = 0
        self._rest = b""
        self._waits = False

    async def waits(self, client: KeeperClient, terminal: str, start: int, end: int) -> bool:
        """Whether it waits for a log-in at offset `end` of its output, which is kept from `start` on."""
        begin = max(self._position, start, end - READ_BYTES)
        if begin != self._position:
            self._position, self._rest, self._waits = begin, b"", False
        while self._position < end:
            offset, data = await client.read(terminal, self._position, READ_BYTES)
            if not data:
                break
            if offset != self._position:  # what came between is not kept any more
                self._rest, self._waits = b"", False
            self._position = offset + len(data)
            whole, line_feed, rest = (self._rest + data).rpartition(b"\n")
            self._rest = rest[-READ_BYTES:]
            if line_feed:
                self._waits = await asyncio.to_thread(self._after, whole)
        return self._waits

    def _after(self, output: bytes) -> bool:
        """Whether it waits after these lines."""
        lines = text.last_lines(output, output.count(b"\n") + 1)
        whole = "\n".join(lines)
        if not self._done.search(whole) and not self._asks.search(whole):
            return self._waits
        for line in reversed(lines):
            if self._done.search(line):
                return False
            if self._asks.search(line):
                return True
        return self._waits
