"""The live end of one terminal's output, shared by all its viewers, and their cursors.

A viewer is an offset and a wake-up, not a queue. Viewers at the live end share the pieces kept here, each encoded once.
A viewer that is further behind reads from the keeper's log. One that is behind the oldest output kept is told how much
it has missed.
"""

import asyncio
import functools
import secrets
import time
from collections import deque
from dataclasses import dataclass

from mailauncher.errors import LauncherError
from mailauncher.turns import Turns
from terminals import kept, text
from terminals.client import KeeperClient, OutputStream

QUIET_S = 0.003  # output after this much quiet is sent at once: somebody may have pressed a key
DELIVERY_SHARE = 0.5  # of the event loop's time, for the pieces of one terminal
PAUSE_MAX_S = 0.25
PIECE_BYTES = 64 << 10  # output that follows is joined up to this size
KEPT_BYTES = (
    1 << 20
)  # with half of it most of fifty viewers fell behind and were served one by one from the log
KEPT_PIECES = 512  # small ones cost more than their bytes
LEAD_BYTES = 256 << 10  # how far the output may be ahead of the foremost active viewer
STALL_S = 0.25  # a viewer that has taken nothing for this long is no longer active, and nobody waits for it
NOTICES = 64


@dataclass(slots=True, eq=False)
class Piece:
    """A piece of output as viewers get it. `end - offset` bytes were printed; `data` is what is shown of them.

    `missed` counts the bytes before `offset` that are no longer kept; after a power cut, at most so many were printed. The frames are for the front door: the encoded
    messages, made once for all viewers that get this very piece in that form.
    """

    offset: int
    end: int
    data: bytes
    missed: int = 0
    json_frames: bytes | None = None
    binary_frames: bytes | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a viewer is told between pieces, once it has seen the output up to `after`."""

    after: int


class Viewer:
    """The cursor of one viewer. `async for` gives pieces and notices, in order, for as long as the terminal exists."""

    def __init__(self, tail: "Tail") -> None:
        self.id = secrets.token_hex(4)
        self.cursor = 0
        self.size: tuple[int, int] | None = None
        self.moved_at = time.monotonic()
        self._live_from = 0
        self._tail = tail
        self._notices: deque[Notice] = deque(maxlen=NOTICES)
        self._wake = asyncio.Event()

    def seek(self, cursor: int, live_from: int) -> None:
        """Continues at `cursor`. Output before `live_from` is the past, shown without terminal queries."""
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
            # First clear, then look. What comes while a piece is read from the log sets the event again, and `wait`
            # returns at once. The other way round it would be cleared unseen, and shown only after the next output.
            self._wake.clear()
            if self._notices and (self._notices[0].after <= self.cursor or self._tail.disconnected):
                return self._notices.popleft()
            if self.cursor < self._tail.end:
                piece = await self._tail.piece(self.cursor, self._live_from)
                if piece is not None:
                    self.cursor = piece.end
                    self.moved_at = time.monotonic()
                    self._tail.viewer_moved()
                    return piece
            if self._tail.ended:
                raise StopAsyncIteration
            await self._wake.wait()

    def next_ready(self) -> Piece | None:
        """The next piece, if it is at hand and no notice comes before it; it counts as taken."""
        piece = self._tail.shared_piece(self.cursor) if self.cursor >= self._live_from else None
        if piece is None or self._notices:
            return None
        self.cursor = piece.end
        self._tail.viewer_moved()
        return piece


class Tail:
    """The newest output of a terminal, followed while it has viewers."""

    def __init__(self, client: KeeperClient, terminal: str) -> None:
        self.viewers: list[Viewer] = []
        self.end = 0
        self.ended = False
        """Set once the terminal no longer exists: its viewers get what is left here, and end."""
        self._client = client
        self._terminal = terminal
        self._pieces: dict[int, Piece] = {}
        self._kept = 0
        self._pending = bytearray()
        self._emitted_at = 0.0
        self._delivery_begun: float | None = None
        """When the first piece was emitted that has not reached all viewers."""
        self._turns = Turns()
        self._pause_s = QUIET_S
        self._emit_timer: asyncio.TimerHandle | None = None
        self._pause_timer: asyncio.TimerHandle | None = None
        """Runs while the stream is paused."""
        self._stream: OutputStream | None = None
        self._streams = 0
        self._opening = asyncio.Lock()

    @property
    def disconnected(self) -> bool:
        """Whether no more output can come: there is no connection to the keeper."""
        return self._stream is None

    async def open(self) -> None:
        """Follows the terminal from its present end on, unless that is going on already.

        Viewers enter at any time, and each of them calls this: the lock makes all but one wait, or two streams would
        deliver every byte twice.
        """
        async with self._opening:
            if self._stream is not None:
                return
            status = await self._client.status(self._terminal)
            offset, data = await self._client.read(self._terminal, max(self.end, status.end - 64), 64)
            end = offset + text.whole_characters_length(data)
            if end != self.end:
                self._pieces.clear()
                self._kept = 0
            self.end = end
            self._pending.clear()
            self._streams += 1
            on_end = functools.partial(self._stream_ended, self._streams)
            self._stream = await self._client.follow(self._terminal, end, self._on_data, on_end)
            for viewer in self.viewers:  # what was printed before `end` has woken nobody
                viewer.wake()

    def close(self) -> None:
        """Stops following. Remaining viewers see nothing new until `open`."""
        for timer in (self._emit_timer, self._pause_timer):
            if timer is not None:
                timer.cancel()
        self._emit_timer = self._pause_timer = None
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def disconnect(self) -> None:
        """The control connection to the keeper has ended; stops following, with what has arrived so far shown.

        The stream has a connection of its own, whose end may be noticed later (any time later, while it is paused). If
        it were kept until then, `open` would take it for one that works, and viewers would see nothing of the next keeper.
        """
        self.close()
        self._emit(len(self._pending))

    def _stream_ended(self, number: int) -> None:
        """The keeper has ended a stream. The end of one that was closed here is reported too, later, and must not be taken
        for the end of the one that was opened since."""
        if number == self._streams and self._stream is not None:
            self.disconnect()

    def end_viewers(self) -> None:
        """Closes for good."""
        self.ended = True
        self.close()
        for viewer in self.viewers:
            viewer.wake()

    async def replay(self, end: int, limit: int) -> Piece:
        """The recent output up to `end`: at most `limit` bytes, from the start of a line, without terminal queries."""
        offset, data = await kept.before(self._client, self._terminal, end, limit)
        if offset > 0 and end - offset >= limit:
            cut = text.first_line_start(data)
            offset, data = offset + cut, data[cut:]
        return Piece(offset, end, text.without_queries(data))

    def shared_piece(self, cursor: int) -> Piece | None:
        """The kept piece that begins at `cursor`, if there is one."""
        return self._pieces.get(cursor)

    async def piece(self, cursor: int, live_from: int) -> Piece | None:
        """The piece that begins at `cursor`: the kept one if there is one, else read from the log for this viewer alone.
        None if it cannot be read."""
        if cursor >= live_from and (shared := self.shared_piece(cursor)):
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
            at_gap = cursor < offset <= self.end  # with nothing behind it yet
            return Piece(offset, offset, b"", missed=offset - cursor) if at_gap else None
        if offset + len(data) != stop:
            data = data[: text.complete_length(data) or len(data)]
        end = offset + len(data)
        return Piece(
            offset, end, text.without_queries(data) if cursor < live_from else data, missed=offset - cursor
        )

    # From the keeper

    def _on_data(self, offset: int, data: bytes) -> None:
        expected = self.end + len(self._pending)
        if offset != expected:  # the log has a gap (its disk was full): viewers find it when they read there
            self._emit(len(self._pending))
            self.end = offset
        self._pending += data
        loop = asyncio.get_running_loop()
        if len(self._pending) >= PIECE_BYTES:
            self._emit_whole()
        elif self._emit_timer is None:
            wait = self._emitted_at + self._pause_s - loop.time()
            if wait <= 0:
                self._emit_whole()
            else:
                self._emit_timer = loop.call_later(wait, self._emit_whole)

    def _emit_whole(self) -> None:
        if self._emit_timer is not None:
            self._emit_timer.cancel()
            self._emit_timer = None
        self._emit(text.whole_characters_length(self._pending))

    def _emit(self, length: int) -> None:
        while length > 0:
            size = (
                length if length <= PIECE_BYTES else text.whole_characters_length(self._pending[:PIECE_BYTES])
            )
            data = bytes(self._pending[:size])
            del self._pending[:size]
            length -= size
            self._pieces[self.end] = Piece(self.end, self.end + size, data)
            self.end += size
            self._kept += size
        while self._kept > KEPT_BYTES or len(self._pieces) > KEPT_PIECES:
            self._kept -= len(self._pieces.pop(next(iter(self._pieces))).data)
        self._emitted_at = asyncio.get_running_loop().time()
        if self._delivery_begun is None:
            self._delivery_begun = self._emitted_at
        self._turns.call([*(viewer.wake for viewer in self.viewers), self._all_woken])
        self._pause_if_ahead()

    def _all_woken(self) -> None:
        # Behind the viewers in the queue of the loop: it is called once each of them has had its turn.
        asyncio.get_running_loop().call_soon(self._delivered)

    def _delivered(self) -> None:
        """Requests need turns of the loop between deliveries: the more time one takes, the longer output is joined before
        the next. Otherwise many viewers of a few lines a second keep the loop for ever, and fall behind all the same."""
        if self._delivery_begun is None:  # of several pieces at once, all of which have been delivered
            return
        took = asyncio.get_running_loop().time() - self._delivery_begun
        self._delivery_begun = None
        self._pause_s = min(max(QUIET_S, took / DELIVERY_SHARE), PAUSE_MAX_S)

    # Backpressure: a paused stream fills its socket, the keeper stops reading the terminal, and the program waits.
    #
    # The output waits for the foremost viewer, not for the slowest, and only while that viewer takes pieces: one that
    # stalls is no longer active after STALL_S, and the others have the log. `viewer_moved` ends a pause early, and the
    # timer ends every other: without it, viewers that all stall or leave during a pause would stop the program for ever.
    # The keeper applies the same rule, with the same times, to its followers, of which this stream is one.

    def viewer_moved(self) -> None:
        """A viewer has taken a piece: ends the pause if it was waiting for that."""
        if self._pause_timer is not None and self._lead() <= LEAD_BYTES // 2:
            self._resume()

    def _lead(self) -> int:
        """How far the output is ahead of the foremost active viewer, in bytes; 0 if no viewer is active."""
        since = time.monotonic() - STALL_S
        return min(
            (self.end - viewer.cursor for viewer in self.viewers if viewer.moved_at > since), default=0
        )

    def _pause_if_ahead(self) -> None:
        if self._pause_timer is None and self._stream is not None and self._lead() > LEAD_BYTES:
            self._stream.pause()
            self._pause_timer = asyncio.get_running_loop().call_later(STALL_S, self._pause_is_over)

    def _pause_is_over(self) -> None:
        self._resume()
        self._pause_if_ahead()

    def _resume(self) -> None:
        if self._pause_timer is not None:
            self._pause_timer.cancel()
            self._pause_timer = None
        if self._stream is not None:
            self._stream.resume()
