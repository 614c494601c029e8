"""`mailauncher attach`: uses a terminal of a bot from this one, also across restarts of the server."""

import codecs
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from cli.client import Token, Url, connect
from cli.console import Console, console_of
from cli.instances import Name
from cli.language import described
from cli.logs import TerminalName
from mailauncher.errors import ConnectionFailed, InvalidParameter, LauncherError
from mailauncher.screen import ScreenModes, aside

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from cli.viewing import Viewing

DETACH = b"\x1d"
READ_BYTES = 1 << 16
MAX_SIDE = 1000  # columns or rows of a terminal, as the server accepts them
SETTLE_S = 5.0  # for what was typed last to arrive
ASK_AGAIN_S = 1.0
_RESIZED, _ENDED = b"r", b"e"


@described(
    "在此使用 Bot 的终端。按 Ctrl-] 离开，Bot 继续运行。\n\n输入的一切都交给 Bot，包括 Ctrl-C。Bot 未运行时，那里是其文件夹中的 shell。与服务器的连接断开后自动重连：输出不丢失也不重复，其间的输入随后送达，且只输入一次。",
    "Use a bot's terminal from this one. Ctrl-] detaches; the bot keeps running.\n\nAll input goes to the bot, Ctrl-C too. While the bot does not run, the terminal is a shell in its folder. After a lost connection to the server it connects again: output is neither lost nor repeated, and what you type meanwhile arrives later, once.",
)
def attach(
    context: typer.Context,
    name: Name,
    terminal: TerminalName = "main",
    url: Url = None,
    token: Token = None,
) -> None:
    console = console_of(context)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidParameter(
            "attach 需要终端；只看输出请用 logs -f",
            "attach needs a terminal; to read the output only, use logs -f",
        )
    client = connect(context, url, token)
    instance = client.find(name)
    from cli.viewing import Viewing

    attachment = _Attachment(console, Viewing(client, f"{instance.id}_{terminal}"))
    console.note(
        f"{instance.name} 的 {terminal} 终端，按 Ctrl-] 离开",
        f"Terminal {terminal} of {instance.name}; Ctrl-] detaches",
    )
    with _raw_mode():
        failure = attachment.run()
    if failure is not None:
        raise failure
    console.note("已离开终端", "Detached")


@contextmanager
def _raw_mode() -> Iterator[None]:
    """Puts the terminal into raw mode for the block, and restores it however the block ends."""
    former = termios.tcgetattr(0)
    handlers = {number: signal.signal(number, _exit_on_signal) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setraw(0, termios.TCSADRAIN)  # keeps input that was typed already: it is meant for the bot
        yield
    finally:
        with suppress(OSError, termios.error):  # the terminal may be gone
            termios.tcsetattr(0, termios.TCSADRAIN, former)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


class _Attachment:
    """Sends keys and shows output until the user detaches or the server refuses. Raises what the first connection fails with."""

    def __init__(self, console: Console, viewing: "Viewing") -> None:
        from cli.exactly_once import ExactlyOnceInput

        self._console = console
        self._viewing = viewing
        self._messages = viewing.messages()
        self._connection: ClientConnection | None = next(self._messages)["connection"]
        self._typed = ExactlyOnceInput()
        self._wake_read, self._wake_write = os.pipe()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._failure: LauncherError | None = None
        self._modes = ScreenModes()
        self._detached = False

    def run(self) -> LauncherError | None:
        """Returns why it ended; None if the user detached, and all that was typed has arrived."""
        # A thread that would connect again when the user detaches may stay in that for seconds: nobody waits for it.
        reader = threading.Thread(target=self._show_output, name="output", daemon=True)
        former = signal.signal(signal.SIGWINCH, lambda *_: os.write(self._wake_write, _RESIZED))
        try:
            assert self._connection is not None
            self._connected(self._connection)
            reader.start()
            while self._wait():
                pass
            if self._detached and not self._typed.wait(SETTLE_S):
                self._failure = ConnectionFailed(
                    "最后输入的内容可能没有送达", "What was typed last may not have arrived"
                )
        finally:
            signal.signal(signal.SIGWINCH, former)
            connected = self._connection is not None
            self._viewing.leave()
            if connected and reader.ident is not None:
                reader.join()
                os.close(self._wake_read)
                os.close(self._wake_write)
            _print(self._modes.undo())
        return self._failure

    def _wait(self) -> bool:
        """Waits for keys, a new size or the end; returns False at the end."""
        ready, _, _ = select.select(
            [0, self._wake_read], [], [], ASK_AGAIN_S if self._typed.stalled else None
        )
        if self._wake_read in ready:
            if _ENDED in os.read(self._wake_read, READ_BYTES):
                return False
            self._resize()
        if not ready:
            self._typed.ask_for_last_number()
        return self._send_keys() if 0 in ready else True

    def _send_keys(self) -> bool:
        try:
            keys = os.read(0, READ_BYTES)
        except OSError:  # the terminal is gone
            keys = b""
        typed, leave, _ = keys.partition(DETACH)
        self._detached = bool(leave) or not keys
        text = self._decoder.decode(typed)
        if text and not self._typed.type(text):
            self._typed.wait(SETTLE_S)
            if not self._typed.type(text):
                self._say(
                    "等待送达的输入太多，这些没有保留", "too much input waits already: this was dropped"
                )
        return not self._detached

    def _connected(self, connection: "ClientConnection") -> None:
        self._connection = connection
        self._resize()
        self._typed.connected(connection)

    def _resize(self) -> None:
        from cli.websocket import send

        size = os.get_terminal_size(1)
        columns, rows = (max(1, min(length, MAX_SIDE)) for length in size)
        if (connection := self._connection) is not None:
            send(connection, "resize", cols=columns, rows=rows)

    def _show_output(self) -> None:
        """Runs in a thread: shows output and messages of the server as they arrive."""
        try:
            for message in self._messages:
                self._show(message)
        except LauncherError as error:
            self._failure = error
        finally:
            os.write(self._wake_write, _ENDED)

    def _show(self, message: dict[str, Any]) -> None:
        from cli.viewing import FORGOTTEN, LOST

        match message["type"]:
            case "output":
                data = message["data"]
                self._modes.show(data)
                _print(data)
            case "connected":
                self._connected(message["connection"])
                self._say("已重新连接", "connected again")
            case "lost":
                self._connection = None
                self._typed.lost()
                self._say(*LOST)
            case "forgotten":
                self._say(*FORGOTTEN)
            case "input_ack":
                if news := self._typed.acknowledged(message):
                    self._say(*news)
            case "status":
                self._say(message["message"], message["message"])
            case "error":
                self._show_error(message)

    def _show_error(self, message: dict[str, Any]) -> None:
        if "seq" not in message or self._typed.refused(message):
            self._say(message["message"], message["message"])
        if self._typed.stalled:
            os.write(self._wake_write, _RESIZED)  # from now on `_wait` asks again

    def _say(self, zh: str, en: str) -> None:
        _print(aside(self._console.pick(zh, en)))


def _print(output: bytes) -> None:
    data = memoryview(output)
    while data:
        data = data[os.write(1, data) :]
