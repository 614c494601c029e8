"""The interface to one keeper: spawn, input, resize, signal, status, read, follow, and the exits it reports.

Whoever makes a `KeeperClient` hands it a `dial`: how to reach that keeper, starting it if need be. Nothing else knows
whether the keeper is a process beside this one or at the end of a forwarded socket.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec

from mailauncher.errors import CommandFailed, ConnectionFailed
from mailauncher.launch import Launch, Target
from terminals import keeper

ANSWER_TIMEOUT_S = 10.0

Dial = Callable[[Callable[[], asyncio.BaseProtocol], bool], Awaitable[bool]]
"""`await dial(protocol_factory, start)` opens one connection; False when no keeper listens and `start` is False."""


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. `code` is None when signal number `signal` ended it; `lost` when its keeper died first and
    nobody saw. `at` is in milliseconds since 1970, `offset` the end of its output."""

    at: int
    offset: int
    code: int | None = None
    signal: int | None = None
    lost: bool = False


class TerminalStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal as its keeper sees it. `run` names the process started last; `start` is where its output began."""

    run: str
    pid: int
    alive: bool
    exit: Exit | None
    started: int
    start: int
    end: int
    oldest: int
    columns: int
    rows: int
    log_error: str = ""
    waiting: int = 0
    """Bytes typed that the terminal has not taken yet."""


class _Connection(asyncio.Protocol):
    """Frames in, frames out. Everything received goes to `on_frame`, the end of the connection to `on_end`."""

    def __init__(self, on_frame: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
        self._on_frame = on_frame
        self._on_end = on_end
        self._received = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._received += data
        for kind, payload in keeper.unpack(self._received):
            self._on_frame(kind, payload)

    def connection_lost(self, _error: Exception | None) -> None:
        self.transport = None
        self._on_end()

    def send(self, **message: object) -> None:
        if self.transport is None:
            raise ConnectionResetError
        self.transport.write(keeper.pack_json(message))


class Follow:
    """A running stream of a terminal's output from one offset on, on a connection of its own.

    `pause` and `resume` hold the keeper back, which holds the program back as long as nobody else reads faster.
    """

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def pause(self) -> None:
        if self._connection.transport:
            self._connection.transport.pause_reading()

    def resume(self) -> None:
        if self._connection.transport:
            self._connection.transport.resume_reading()

    def close(self) -> None:
        if self._connection.transport:
            self._connection.transport.close()


class KeeperClient:
    """One keeper's operations, and what it says unasked, called on the loop: `on_exit(terminal, run, exit)`,
    `on_log_error(terminal, text)` (empty: the log is written again), `on_refused(terminal, text)` of input that nobody
    waited for, and `on_lost()` when the control connection ends."""

    def __init__(
        self,
        dial: Dial,
        *,
        on_exit: Callable[[str, str, Exit], None],
        on_log_error: Callable[[str, str], None],
        on_refused: Callable[[str, str], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._dial = dial
        self._on_exit = on_exit
        self._on_log_error = on_log_error
        self._on_refused = on_refused
        self._on_lost = on_lost
        self._control: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._gone = asyncio.Event()
        self._retired = False

    async def connect(self, *, start: bool) -> dict[str, TerminalStatus] | None:
        """Connects if need be; every terminal's status on a new connection, None when nothing listens or nothing is new.

        Raises ConnectionFailed when the keeper cannot be started or speaks another protocol.
        """
        async with self._connecting:
            if self._control is not None:
                return None
            if self._retired:
                raise ConnectionFailed("keeper 已结束", "The keeper was ended")
            control = _Connection(self._frame, self._ended)
            if not await self._dial(lambda: control, start):
                return None
            self._control = control
            self._gone.clear()
            try:
                hello = await self._ask("hello")
            except BaseException:
                self.close()  # the next one to ask says hello again
                raise
            if hello["protocol"][0] != keeper.PROTOCOL[0]:
                self.close()
                raise ConnectionFailed(
                    f"keeper 使用协议 {hello['protocol']}，本程序无法使用",
                    f"The keeper speaks protocol {hello['protocol']}",
                )
            return msgspec.convert(hello["terminals"], dict[str, TerminalStatus])

    @property
    def connected(self) -> bool:
        return self._control is not None

    def close(self) -> None:
        """Drops the control connection; the keeper and what it runs go on."""
        control, self._control = self._control, None
        if control is not None and control.transport is not None:
            control.transport.close()

    def retire(self) -> None:
        """Closes for good: whoever still asks gets ConnectionFailed, and no keeper is started for it."""
        self._retired = True
        self.close()

    async def spawn(self, terminal: str, run: str, launch: Launch, columns: int, rows: int) -> TerminalStatus:
        """Starts a process; `run` is a new id for it. Asking twice with the same id starts it once.

        Raises CommandFailed when the program or its folder cannot be used.
        """
        fields = {
            "run": run,
            "argv": launch.argv,
            "env": launch.env,
            "cwd": launch.cwd,
            "columns": columns,
            "rows": rows,
        }
        return msgspec.convert(
            await self._request("spawn", terminal=terminal, **fields), TerminalStatus, strict=False
        )

    async def status(self, terminal: str) -> TerminalStatus:
        return msgspec.convert(await self._request("status", terminal=terminal), TerminalStatus, strict=False)

    async def input(self, terminal: str, data: str, *, answered: bool = True) -> None:
        """Types into a terminal. Not `answered` it does not wait to hear that it went well, which would delay the echo of
        a key; what does not comes to `on_refused`."""
        if answered:
            await self._request("input", terminal=terminal, data=data)
            return
        await self.connect(start=True)
        if self._control is not None:
            with contextlib.suppress(ConnectionResetError):  # `on_lost` tells
                self._control.send(id=0, op="input", terminal=terminal, data=data)

    async def resize(self, terminal: str, columns: int, rows: int) -> None:
        await self._request("resize", terminal=terminal, columns=columns, rows=rows)

    async def signal(self, terminal: str, name: str, to: Target) -> int:
        """Sends a signal; how many processes or groups got it."""
        answer = await self._request("signal", terminal=terminal, signal=name, to=to)
        return int(answer["sent"])

    async def read(self, terminal: str, offset: int, limit: int) -> tuple[int, bytes]:
        """(offset, data): the first kept bytes at or after `offset`, at most 256 KiB; no data at the end."""
        found: tuple[int, bytes] = await self._request("read", terminal=terminal, offset=offset, limit=limit)
        return found

    async def times(self, terminal: str, first: int, last: int) -> list[tuple[int, int]]:
        """(milliseconds, offset) pairs between two times, and the one before them; one every 250 ms of output."""
        answer = await self._request("times", terminal=terminal, first=first, last=last)
        return [(at, offset) for at, offset in answer["times"]]

    async def seek(self, terminal: str, moment: int) -> int:
        """Offset of the first output at or after `moment` milliseconds since 1970, true to 250 ms; the end if there is none."""
        answer = await self._request("seek", terminal=terminal, time=moment)
        return int(answer["offset"])

    async def follow(
        self, terminal: str, after: int, on_data: Callable[[int, bytes], None], on_end: Callable[[], None]
    ) -> Follow:
        """Streams output from `after` on to `on_data(offset, data)`, until closed or the keeper ends (`on_end`)."""
        await self.connect(start=True)

        def on_frame(kind: int, payload: bytes) -> None:
            if kind == ord("D"):
                on_data(keeper.DATA.unpack_from(payload)[1], payload[keeper.DATA.size :])

        connection = _Connection(on_frame, on_end)
        await self._dial(lambda: connection, False)
        if connection.transport is None:
            raise ConnectionFailed("无法连接 keeper", "Cannot reach the keeper")
        connection.send(id=0, op="follow", terminal=terminal, after=after)
        return Follow(connection)

    async def end(self) -> None:
        """Ends the keeper, which must be running nothing. Its end is no loss to report, and nobody starts another."""
        self._retired = True
        try:
            await self._ask("end")
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._gone.wait()
        except BaseException:
            self._retired = False
            raise

    async def _request(self, op: str, **fields: object) -> Any:
        await self.connect(start=True)
        return await self._ask(op, **fields)

    async def _ask(self, op: str, **fields: object) -> Any:
        if self._control is None:
            raise ConnectionFailed("keeper 已断开", "The keeper is gone")
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._control.send(id=number, op=op, **fields)
            return await asyncio.wait_for(answer, ANSWER_TIMEOUT_S)
        except (TimeoutError, ConnectionResetError) as error:
            raise ConnectionFailed("keeper 没有应答", "The keeper does not answer") from error
        finally:
            self._waiting.pop(number, None)

    def _frame(self, kind: int, payload: bytes) -> None:
        if kind == ord("D"):
            number, offset = keeper.DATA.unpack_from(payload)
            self._settle(number, result=(offset, payload[keeper.DATA.size :]))
            return
        message = json.loads(payload)
        event = message.get("event")
        if event == "exit":
            self._on_exit(message["terminal"], message["run"], msgspec.convert(message, Exit))
        elif event == "log":
            self._on_log_error(message["terminal"], message["error"])
        elif event == "refused":
            self._on_refused(message["terminal"], message["error"])
        elif "error" in message:
            reason = message["error"]
            self._settle(
                message["id"], error=CommandFailed(f"命令失败：{reason}", f"Command failed: {reason}")
            )
        else:
            self._settle(message["id"], result=message)

    def _settle(self, number: int, *, result: object = None, error: Exception | None = None) -> None:
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)

    def _ended(self) -> None:
        self._gone.set()
        for number in list(self._waiting):
            self._settle(number, error=ConnectionFailed("keeper 已断开", "The keeper is gone"))
        if self._control is not None:
            self._control = None
            if not self._retired:
                self._on_lost()
