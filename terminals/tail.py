"""The live end of one terminal's output, shared by all who watch it, and the cursors they are.

A viewer is an offset and a wake-up, never a queue. Live ones share the pieces kept here, each encoded once; one that
lags behind them reads from the keeper's log; one behind the log is told what it missed.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from mailauncher.errors import LauncherError
from terminals import text
from terminals.client import Follow, KeeperClient

QUIET_S = 0.003  # output after this much quiet goes out at once: somebody may have pressed a key
PIECE_BYTES = 64 << 10  # output that follows is joined up to this size
KEPT_BYTES = (
    1 << 20
)  # with half of it most of fifty viewers fell behind and were served one by one from the log
KEPT_PIECES = 512  # small ones cost more than their bytes
AHEAD_BYTES = 256 << 10  # how far the output may run ahead of the leading viewer that moves
PATIENCE_S = 0.25  # how long that viewer may make no progress before the output goes on without it
NOTICES = 64


@dataclass(slots=True, eq=False)
class Piece:
    """Some output as it goes to viewers. `end - offset` bytes were printed; `data` is what is shown of them.

    `missed` counts the bytes before `offset` that are no longer kept. `wire` is for the front door: the encoded message,
    made once for all viewers that get this very piece.
    """

    offset: int
    end: int
    data: bytes
    missed: int = 0
    wire: bytes | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a viewer is told between pieces, once it has seen the output up to `after`."""

    after: int


class Viewer:
    """One watcher's cursor. `async for` gives pieces and notices, in order, for as long as the terminal exists."""

    def __init__(self, tail: "Tail", cursor: int, live_from: int) -> None:
        self.cursor = cursor
        self.size: tuple[int, int] | None = None
        self.moved_at = time.monotonic()
        self._live_from = live_from
        self._tail = tail
        self._notices: deque[Notice] = deque(maxlen=NOTICES)
        self._wake = asyncio.Event()

    def restart(self, cursor: int, live_from: int) -> None:
        """Goes on at `cursor`; what was printed before `live_from` is the past, shown without terminal queries."""
        self.cursor, self._live_from = cursor, live_from

    def notify(self, notice: Notice) -> None:
        self._notices.append(notice)
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def __aiter__(self) -> "Viewer":
        return self

    async def __anext__(self) -> Piece | Notice:
        while True:
            self._wake.clear()
            if self._notices and (self._notices[0].after <= self.cursor or self._tail.stalled):
                return self._notices.popleft()
            if self.cursor < self._tail.end:
                piece = await self._tail.piece(self.cursor, self._live_from)
                if piece is not None:
                    self.cursor = piece.end
                    self.moved_at = time.monotonic()
                    self._tail.moved()
                    return piece
            if self._tail.over:
                raise StopAsyncIteration
            await self._wake.wait()

    def ready(self) -> Piece | None:
        """The piece that comes next if it lies at hand and no notice goes before it, as if it had been waited for."""
        piece = self._tail.at_hand(self.cursor) if self.cursor >= self._live_from else None
        if piece is None or self._notices:
            return None
        self.cursor = piece.end
        self._tail.moved()
        return piece


class Tail:
    """What a terminal printed last, followed as long as somebody watches."""

    def __init__(self, client: KeeperClient, terminal: str) -> None:
        self.viewers: list[Viewer] = []
        self.end = 0
        self.over = False
        """Set once the terminal is no more: its viewers are shown what is left here and end."""
        self._client = client
        self._terminal = terminal
        self._pieces: dict[int, Piece] = {}
        self._kept = 0
        self._pending = bytearray()
        self._emitted_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._follow: Follow | None = None
        self._opening = asyncio.Lock()

    @property
    def stalled(self) -> bool:
        """Whether no more output can come: the keeper is gone."""
        return self._follow is None

    async def open(self) -> None:
        """Follows the terminal from its present end on, unless that is going on already."""
        async with self._opening:
            if self._follow is not None:
                return
            status = await self._client.status(self._terminal)
            offset, data = await self._client.read(self._terminal, max(self.end, status.end - 64), 64)
            end = offset + text.whole_characters(data)
            if end != self.end:
                self._pieces.clear()
                self._kept = 0
            self.end = end
            self._pending.clear()
            self._follow = await self._client.follow(self._terminal, end, self._arrived, self._lost)

    def close(self) -> None:
        """Stops following. Viewers, if any are left, see nothing new until it is opened again."""
        for timer in (self._timer, self._patience):
            if timer is not None:
                timer.cancel()
        self._timer = self._patience = None
        follow, self._follow = self._follow, None
        if follow is not None:
            follow.close()

    def end_viewers(self) -> None:
        """Closes for good."""
        self.over = True
        self.close()
        for viewer in self.viewers:
            viewer.wake()

    async def replay(self, end: int, limit: int) -> Piece:
        """The recent output up to `end`: at most `limit` bytes, from the start of a line, without terminal queries."""
        offset, data = await self._client.read(self._terminal, max(0, end - limit), limit)
        data = data[: max(0, end - offset)]
        if offset > 0 and end - offset >= limit:
            cut = text.from_line_start(data)
            offset, data = offset + cut, data[cut:]
        return Piece(offset, end, text.without_queries(data))

    def at_hand(self, cursor: int) -> Piece | None:
        """The shared piece that begins at `cursor`, if there is one."""
        return self._pieces.get(cursor)

    async def piece(self, cursor: int, live_from: int) -> Piece | None:
        """What comes at `cursor`: the shared piece where there is one, else read from the log for this viewer alone."""
        if cursor >= live_from and (shared := self.at_hand(cursor)):
            return shared
        stop = next((offset for offset in self._pieces if offset > cursor), self.end)
        if cursor < live_from:
            stop = min(stop, live_from) if stop > cursor else live_from
        limit = min(PIECE_BYTES, stop - cursor)
        try:
            offset, data = await self._client.read(self._terminal, cursor, limit)
        except LauncherError:
            return None
        if not data:
            return None
        if offset + len(data) != stop:
            data = data[: text.finished(data) or len(data)]
        end = offset + len(data)
        return Piece(
            offset, end, text.without_queries(data) if cursor < live_from else data, missed=offset - cursor
        )

    def moved(self) -> None:
        """A viewer has taken a piece: the output may go on if that was what it waited for."""
        if self._patience is not None and self._ahead() <= AHEAD_BYTES // 2:
            self._go_on()

    def _ahead(self) -> int:
        """How far the output is ahead of the leading viewer that moves; 0 when none does: nobody waits for those."""
        since = time.monotonic() - PATIENCE_S
        return min(
            (self.end - viewer.cursor for viewer in self.viewers if viewer.moved_at > since), default=0
        )

    def _arrived(self, offset: int, data: bytes) -> None:
        expected = self.end + len(self._pending)
        if offset != expected:  # the log has a gap (its disk was full): viewers find it when they read there
            self._emit(len(self._pending))
            self.end = offset
        self._pending += data
        loop = asyncio.get_running_loop()
        if len(self._pending) >= PIECE_BYTES:
            self._emit_whole()
        elif self._timer is None:
            wait = self._emitted_at + QUIET_S - loop.time()
            if wait <= 0:
                self._emit_whole()
            else:
                self._timer = loop.call_later(wait, self._emit_whole)

    def _emit_whole(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._emit(text.whole_characters(self._pending))

    def _emit(self, length: int) -> None:
        while length > 0:
            size = length if length <= PIECE_BYTES else text.whole_characters(self._pending[:PIECE_BYTES])
            data = bytes(self._pending[:size])
            del self._pending[:size]
            length -= size
            self._pieces[self.end] = Piece(self.end, self.end + size, data)
            self.end += size
            self._kept += size
        while self._kept > KEPT_BYTES or len(self._pieces) > KEPT_PIECES:
            self._kept -= len(self._pieces.pop(next(iter(self._pieces))).data)
        self._emitted_at = asyncio.get_running_loop().time()
        for viewer in self.viewers:
            viewer.wake()
        self._hold_back()

    def _hold_back(self) -> None:
        if self._patience is None and self._follow is not None and self._ahead() > AHEAD_BYTES:
            self._follow.pause()
            self._patience = asyncio.get_running_loop().call_later(PATIENCE_S, self._look_again)

    def _look_again(self) -> None:
        self._go_on()
        self._hold_back()

    def _go_on(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._follow is not None:
            self._follow.resume()

    def _lost(self) -> None:
        self._follow = None
        self._emit(len(self._pending))
