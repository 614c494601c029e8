"""One session of a connection: what the client has asked for, and its bytes in both directions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh

from mailauncher.errors import InvalidParameter, Text, locale_language

WINDOW_BYTES = 128 << 10
"""Of what a client may send before it is taken."""
PACKET_BYTES = 32 << 10
WAITING_BYTES = 64 << 10
"""Beyond which no more is taken from the client."""
_LANGUAGE = (b"LC_ALL", b"LC_MESSAGES", b"LANG")

Run = Callable[["Session"], Awaitable[int]]
"""What a session does. Returns its exit status."""
Start = Callable[["Session", Run], None]


class Channel(asyncssh.SSHServerChannel[bytes]):
    """A channel that sets no variables. Those that name a language are looked at: sentences are in it."""

    def __init__(self, conn: asyncssh.SSHServerConnection, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(conn, loop, True, False, False, 0, 0, None, "strict", WINDOW_BYTES, PACKET_BYTES)
        self._locale: dict[bytes, str] = {}
        self._first_window = 0
        self._unsent = 0

    def process_open(self, send_chan: int, send_window: int, send_pktsize: int, session: Any) -> None:
        self._first_window = send_window
        super().process_open(send_chan, send_window, send_pktsize, session)

    def process_connection_close(self, exc: Exception | None) -> None:
        self._unsent = self.get_write_buffer_size()  # which is thrown away
        super().process_connection_close(exc)

    def _process_env_request(self, packet: Any) -> bool:
        name, value = packet.get_string(), packet.get_string()
        packet.check_end()
        if name in _LANGUAGE:
            self._locale[name] = value[:64].decode("ascii", "replace")
        return False

    @property
    def language(self) -> str:
        """`zh` or `en`, by the variables that a locale goes by, in their order."""
        found = next((self._locale[name] for name in _LANGUAGE if self._locale.get(name)), "")
        return locale_language(found)

    @property
    def unseen(self) -> int:
        """At most so many bytes of what was written have not been shown by the client: by what it has made room for again."""
        unsent = self._unsent or self.get_write_buffer_size()
        return max(0, self._first_window - self._send_window) + unsent


def no_transfer() -> InvalidParameter:
    """The error for whoever tries to copy files."""
    return InvalidParameter(
        "此网关只提供终端与命令，不传送文件（sftp、scp）",
        "This gateway has terminals and commands only, and transfers no files (sftp, scp)",
    )


async def _refuse_transfer(_session: "Session") -> int:
    raise no_transfer()


class Session(asyncssh.SSHServerSession[bytes]):
    """Reads, writes, and the size of the client's window. `choose` says what a shell or a command is."""

    def __init__(self, choose: Callable[["Session", str | None], Run], start: Start) -> None:
        self.term: str | None = None
        """Type of the client's terminal; None: it has none."""
        self.size: tuple[int, int] | None = None
        self.resized = asyncio.Event()
        self.ended = asyncio.Event()
        self._choose = choose
        self._start = start
        self._run: Run | None = None
        self._chan: Channel
        self._received = bytearray()
        self._at_end = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    # From the client

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        assert isinstance(chan, Channel)
        self._chan = chan

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        self.term = term_type[:64]
        self.terminal_size_changed(*term_size)
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        if width and height:
            self.size = width, height
            self.resized.set()

    def shell_requested(self) -> bool:
        self._run = self._choose(self, None)
        return True

    def exec_requested(self, command: str) -> bool:
        self._run = self._choose(self, command)
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """Refuses `sftp`, which `scp` uses too, and every other: as a program that ends with a sentence, since clients show none
        that comes with a refusal."""
        self._run = _refuse_transfer
        return True

    def session_started(self) -> None:
        assert self._run is not None
        self._start(self, self._run)

    def data_received(self, data: bytes, datatype: Any) -> None:
        self._received += data
        if len(self._received) >= WAITING_BYTES:
            self._chan.pause_reading()
        self._arrived.set()

    def eof_received(self) -> bool:
        """True: the client has closed its input, as for `< /dev/null`, and still wants the output."""
        self._at_end = True
        self._arrived.set()
        return True

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_end = True
        self.ended.set()
        for event in (self._room, self._arrived, self.resized):
            event.set()

    # For what runs in it

    @property
    def language(self) -> str:
        return self._chan.language

    @property
    def unseen(self) -> int:
        return self._chan.unseen

    async def read(self) -> bytes:
        """What was sent next; empty at the end."""
        while not self._received and not self._at_end:
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._received)
        self._received.clear()
        if not self.ended.is_set():
            self._chan.resume_reading()
        return data

    def give_back(self, data: bytes) -> None:
        """What was read and is for whoever reads next."""
        self._received[:0] = data

    async def write(self, data: bytes, *, stderr: bool = False) -> None:
        """Returns once the client has room for more. Raises BrokenPipeError if it is gone."""
        if self.ended.is_set() or self._chan.is_closing():
            raise BrokenPipeError
        self._chan.write(data, asyncssh.EXTENDED_DATA_STDERR if stderr else None)
        await self._room.wait()
        connection: Any = self._chan.get_connection() if not self.ended.is_set() else None
        if connection is not None:
            await connection.drained()

    def error(self, text: Text) -> None:
        """A sentence on the client's standard error, unless it is gone."""
        newline = "\r\n" if self.term else "\n"
        lines = [*text.in_language(self.language).splitlines(), ""]
        if not self.ended.is_set() and not self._chan.is_closing():
            self._chan.write_stderr(newline.join(lines).encode())

    def finish(self, status: int) -> None:
        """Sends what is still to be sent, then the exit status, and closes."""
        if not self.ended.is_set():
            self._chan.exit(status)

    def close(self) -> None:
        """Closes at once."""
        if not self.ended.is_set():
            self._chan.abort()
