"""The client of one keeper: spawn, input, resize, signal, status, read, follow, and the events that the keeper reports.

A `KeeperClient` is given a `dial`, which connects to the keeper and starts it if need be. Nothing else knows whether the
keeper is a process on this machine or at the end of a forwarded socket.
"""

import asyncio
import contextlib
import errno
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import msgspec

from mailauncher.errors import CommandFailed, ConnectionFailed, InsufficientSpace, LauncherError
from mailauncher.launch import Launch, Target
from terminals import keeper
from terminals.last_words import with_last_words

ANSWER_TIMEOUT_S = 10.0
_EARLIER_FRAME_LIMIT = 4 << 20  # of keepers that speak a protocol before 1.3

Dial = Callable[[Callable[[], asyncio.BaseProtocol], bool], Awaitable[bool]]
"""`await dial(protocol_factory, start)` opens one connection. Returns False if no keeper listens and `start` is False."""


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. `code` is None if signal number `signal` ended it. `lost`: its keeper died, so neither is known.
    `at` is in milliseconds since 1970, `offset` the end of its output, `left` how many processes of its session it left, and
    `programs` how many of them were programs that it left running (0 by keepers before protocol 1.4)."""

    at: int
    offset: int
    code: int | None = None
    signal: int | None = None
    lost: bool = False
    left: int = 0
    programs: int = 0


class TerminalStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal as its keeper sees it. `run` is the id of the process started last, `start` the offset where its output
    begins."""

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
    """Bytes of input that the terminal has not taken yet."""
    age: float | None = None
    """Seconds since the process was started, also if the clock was set anew meanwhile. None: it has ended, or its keeper is of
    an earlier version and does not say."""


class NoAnswer(ConnectionFailed):
    """The keeper, of process `pid` where that is known, lives and does not answer."""

    def __init__(self, pid: int | None = None) -> None:
        zh, en = (f"（pid {pid}）", f" (pid {pid})") if pid else ("", "")
        super().__init__(
            f"keeper{zh} 没有应答，可能被挂起：请重启该 Bot（keeper 会随之更换），或等它恢复应答",
            f"The keeper{en} does not answer; it may be suspended: restart the bot, which replaces the keeper, or wait until it"
            " answers",
        )


class InputNumber(msgspec.Struct, frozen=True):
    """Marks input that may be sent again: `seq` counts the inputs of a viewer from 1, and each is typed once. 0: nothing is
    typed, which asks what has been. The viewer's id is its own choice."""

    viewer: str
    seq: int


class Refused(CommandFailed):
    """The keeper refuses a request. `number` is the system's error, if it is one."""

    def __init__(self, zh: str, en: str, number: int | None) -> None:
        super().__init__(zh, en)
        self.number = number


class _Connection(asyncio.Protocol):
    """Sends and receives frames. Calls `on_frame` for each received, and `on_end` at the end of the connection."""

    def __init__(self, on_frame: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
        self._on_frame = on_frame
        self._on_end = on_end
        self._received = bytearray()
        self.transport: asyncio.Transport | None = None
        self.frame_limit = _EARLIER_FRAME_LIMIT
        """What the keeper takes, as far as is known before it has said which protocol it speaks."""

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
        """Raises CommandFailed for a request that is too large. A keeper closes the connection on which such a one comes, and
        every request on it fails."""
        if self.transport is None:
            raise ConnectionResetError
        frame = keeper.pack_json(message)
        if len(frame) > self.frame_limit:
            limit = f"{self.frame_limit >> 20} MiB"
            raise CommandFailed(
                f"请求过大：{len(frame)} 字节，keeper 最多接受 {limit}；请分成较小的部分，或缩短命令与环境变量",
                f"The request is too large: {len(frame)} bytes, of which a keeper takes at most {limit}; send it in smaller parts, or "
                "shorten the command and its environment",
            )
        self.transport.write(frame)


class OutputStream:
    """A terminal's output from one offset on, on a connection of its own.

    While it is paused, the keeper makes the program wait, unless another client reads faster.
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
    """The operations of one keeper. Each connects first, and starts the keeper if it does not run. All raise
    ConnectionFailed if the keeper cannot be reached, NoAnswer if it lives nevertheless, CommandFailed if it refuses. `log` is
    what a keeper says last in.

    Events are called on the event loop: `on_exit(terminal, run, exit)`, `on_log_error(terminal, text)` (empty: the log is
    written again), `on_refused(terminal, text)` for input whose result nobody waits for, and `on_lost()` when the control
    connection ends, or was closed because a request was not answered on it."""

    def __init__(
        self,
        dial: Dial,
        *,
        log: Path,
        on_exit: Callable[[str, str, Exit], None],
        on_log_error: Callable[[str, str], None],
        on_refused: Callable[[str, str], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._dial = dial
        self._log = log
        self._on_exit = on_exit
        self._on_log_error = on_log_error
        self._on_refused = on_refused
        self._on_lost = on_lost
        self._control: _Connection | None = None
        self._greeted = False
        """Whether the keeper has answered on the control connection."""
        self._connecting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._gone = asyncio.Event()
        self._retired = False
        self._minor = 0
        """Of the protocol that the keeper speaks, once there is a connection."""

    async def connect(self, *, start: bool) -> bool:
        """Whether there is a connection; opens one if need be. False if no keeper listens and `start` is False.

        Raises ConnectionFailed if the keeper cannot be started, does not answer, or speaks another protocol.
        """
        async with self._connecting:
            if self._control is not None:
                return True
            if self._retired:
                raise ConnectionFailed("keeper 已结束", "The keeper was ended")
            try:
                hello = await self._open(start)
            except ConnectionFailed:
                # A keeper that ends for want of work may have accepted the connection just before, and read nothing from
                # it. The second attempt finds no keeper, or starts a new one.
                if not self._gone.is_set():
                    raise
                hello = await self._open(start)
            if hello is None:
                return False
            if hello["protocol"][0] != keeper.PROTOCOL[0]:
                self.close()
                raise ConnectionFailed(
                    f"keeper 使用协议 {hello['protocol']}，本程序无法使用",
                    f"The keeper speaks protocol {hello['protocol']}, which this program does not",
                )
            return True

    async def _open(self, start: bool) -> Any:
        """The keeper's greeting on a new control connection; None if no keeper listens and `start` is False."""
        self._gone.clear()
        self._greeted = False
        control = _Connection(self._handle_frame, lambda: self._control_ended(control))
        if not await self._dial(lambda: control, start):
            return None
        self._control = control
        try:
            hello = await self._send_request("hello")
        except BaseException:
            self.close()  # or the next caller would find a connection on which the keeper reports no events
            raise
        self._greeted = True
        self._minor = hello["protocol"][1]
        if self._minor >= 3:
            control.frame_limit = keeper.FRAME_LIMIT
        return hello

    async def statuses(self) -> dict[str, TerminalStatus]:
        """The status of every terminal by name; none if no keeper runs."""
        if not await self.connect(start=False):
            return {}
        return msgspec.convert((await self._send_request("hello"))["terminals"], dict[str, TerminalStatus])

    async def answers(self, within_s: float | None = None) -> bool:
        """Whether the keeper answers in time (None: as for any request); True also if none lives. Asks on a connection of its
        own: whoever waits for the answer to a request goes on waiting."""
        heard = asyncio.Event()
        probe = _Connection(lambda _kind, _payload: heard.set(), heard.set)
        try:
            if await self._dial(lambda: probe, False):
                probe.send(id=1, op="hello")
                async with asyncio.timeout(ANSWER_TIMEOUT_S if within_s is None else within_s):
                    await heard.wait()
        except ConnectionResetError:  # it has ended, or is about to
            return True
        except (NoAnswer, TimeoutError):
            return False
        finally:
            if probe.transport is not None:
                probe.transport.close()
        return True

    @property
    def connected(self) -> bool:
        return self._control is not None and self._greeted

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer."""
        return bool(self._waiting)

    def close(self) -> None:
        """Closes the control connection. The keeper, and what it runs, go on."""
        control, self._control = self._control, None
        if control is not None and control.transport is not None:
            control.transport.close()

    def retire(self) -> None:
        """Closes for good: further requests raise ConnectionFailed and start no keeper."""
        self._retired = True
        self.close()

    async def spawn(self, terminal: str, run: str, launch: Launch, columns: int, rows: int) -> TerminalStatus:
        """Starts a process; `run` is a new id for it. A second request with the same id starts nothing.

        Raises CommandFailed if the program or its folder cannot be used.
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
        """Types into a terminal. Unless `answered`, it does not wait for the result, which would delay the echo of a key;
        `on_refused` reports a failure."""
        if answered:
            await self._request("input", terminal=terminal, data=data)
            return
        await self.connect(start=True)
        if self._control is not None:
            with contextlib.suppress(ConnectionResetError):  # `on_lost` reports it
                self._control.send(id=0, op="input", terminal=terminal, data=data)

    async def input_once(self, terminal: str, data: str, number: InputNumber) -> int | None:
        """Types into a terminal unless that number was typed before, or is not the next of its viewer. Returns the last one that
        was typed; None: the keeper is of an earlier version, which typed it and will type it again."""
        await self.connect(start=True)
        fields = msgspec.structs.asdict(number) if self._minor >= 4 else {}
        if not fields and number.seq == 0:
            return None
        answer = await self._send_request("input", terminal=terminal, data=data, **fields)
        return int(answer["held"]) if fields else None

    async def reading(self, terminal: str) -> bool | None:
        """Whether something in a terminal waits for input; None where that cannot be known, as by an older keeper."""
        try:
            answer = await self._request("reading", terminal=terminal)
        except CommandFailed:
            return None
        found: bool | None = answer["reading"]
        return found

    async def resize(self, terminal: str, columns: int, rows: int) -> None:
        await self._request("resize", terminal=terminal, columns=columns, rows=rows)

    async def signal(self, terminal: str, name: str, to: Target) -> int:
        """Sends a signal. Returns how many processes or groups received it."""
        answer = await self._request("signal", terminal=terminal, signal=name, to=to)
        return int(answer["sent"])

    async def read(self, terminal: str, offset: int, limit: int) -> tuple[int, bytes]:
        """(offset, data): the first bytes kept at or after `offset`, at most 256 KiB; no data at the end."""
        found: tuple[int, bytes] = await self._request("read", terminal=terminal, offset=offset, limit=limit)
        return found

    async def times(self, terminal: str, first: int, last: int) -> list[tuple[int, int, int]]:
        """(milliseconds, offset, end) of what was printed between two times, in pieces of 250 ms, by offset. The times fall where
        the clock was set back."""
        answer = await self._request("times", terminal=terminal, first=first, last=last)
        times = answer["times"]
        ends = answer.get("ends")
        if ends is None:  # a keeper of an earlier version, which also gives the piece before the first
            ends = [*(offset for _, offset in times[1:]), await self.seek(terminal, last + 1)]
        return [(at, offset, end) for (at, offset), end in zip(times, ends, strict=False) if at >= first]

    async def seek(self, terminal: str, moment: int) -> int:
        """The offset of the first output at or after `moment` (milliseconds since 1970), accurate to 250 ms; the end if there
        is none."""
        answer = await self._request("seek", terminal=terminal, time=moment)
        return int(answer["offset"])

    async def follow(
        self, terminal: str, after: int, on_data: Callable[[int, bytes], None], on_end: Callable[[], None]
    ) -> OutputStream:
        """Streams the output from `after` on to `on_data(offset, data)`. Calls `on_end()` once when the stream ends, be it
        that the keeper ended or that it was closed here."""
        await self.connect(start=True)

        def on_frame(kind: int, payload: bytes) -> None:
            if kind == keeper.DATA_FRAME:
                on_data(keeper.DATA.unpack_from(payload)[1], payload[keeper.DATA.size :])

        connection = _Connection(on_frame, on_end)
        await self._dial(lambda: connection, False)
        if connection.transport is None:
            raise ConnectionFailed("无法连接 keeper", "Cannot connect to the keeper")
        connection.send(id=0, op="follow", terminal=terminal, after=after)
        return OutputStream(connection)

    async def end(self) -> None:
        """Ends the keeper, which must run nothing. Afterwards no request starts another one.

        `_retired` is set before the request: the end of the connection, which may come before the answer, must not count
        as the loss of the keeper, and `connect` must not start a new one while this one ends.
        """
        self._retired = True
        try:
            try:
                await self._send_request("end")
            except ConnectionFailed as error:
                if isinstance(error, NoAnswer) or not self._gone.is_set():
                    raise
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._gone.wait()
        except BaseException:
            self._retired = False
            raise

    async def _request(self, op: str, **fields: object) -> Any:
        await self.connect(start=True)
        return await self._send_request(op, **fields)

    async def _send_request(self, op: str, **fields: object) -> Any:
        if self._control is None:
            raise ConnectionFailed("keeper 已断开连接", "The keeper has closed the connection")
        control, number = self._control, next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            control.send(id=number, op=op, **fields)
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await answer
        except ConnectionResetError as error:
            raise ConnectionFailed("keeper 没有应答", "The keeper does not answer") from error
        except TimeoutError as error:
            self._hang_up(control, report=op != "hello")
            raise NoAnswer from error
        except ConnectionFailed as error:
            raise await asyncio.to_thread(with_last_words, error, self._log) from error
        finally:
            self._waiting.pop(number, None)

    def _hang_up(self, control: _Connection, *, report: bool) -> None:
        """Closes a connection on which a request was not answered. A keeper that hangs is found again by connecting to it; on
        this connection nothing would tell whether what it runs has ended meanwhile. Whoever says hello tries again, and
        needs no report."""
        if self._control is control:
            self.close()
            if report and not self._retired:
                self._on_lost()

    def _handle_frame(self, kind: int, payload: bytes) -> None:
        if kind == keeper.DATA_FRAME:
            number, offset = keeper.DATA.unpack_from(payload)
            self._resolve(number, result=(offset, payload[keeper.DATA.size :]))
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
            self._resolve(message["id"], error=_refusal(message))
        else:
            self._resolve(message["id"], result=message)

    def _resolve(self, number: int, *, result: object = None, error: Exception | None = None) -> None:
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)

    def _control_ended(self, control: _Connection) -> None:
        """A control connection has ended. For one that was closed here that is reported later, and by then there may be a
        newer one, whose requests it must not fail."""
        if self._control is not None and self._control is not control:
            return
        self._gone.set()
        for number in list(self._waiting):
            self._resolve(
                number, error=ConnectionFailed("keeper 已断开连接", "The keeper has closed the connection")
            )
        if self._control is not None:
            self._control = None
            if not self._retired:
                self._on_lost()


def _refusal(message: dict[str, Any]) -> LauncherError:
    reason = message["error"]
    number = message.get("errno")
    if number in (errno.ENOSPC, errno.EDQUOT):
        return InsufficientSpace(f"磁盘空间不足：{reason}", f"Not enough disk space: {reason}")
    return Refused(f"命令失败：{reason}", f"Command failed: {reason}", number)
