"""`mailauncher attach`: uses a terminal of a bot from this one."""

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

from cli.client import ApiClient, Token, Url, connect
from cli.console import console_of
from cli.instances import Name
from cli.language import described
from cli.logs import TerminalName
from mailauncher.errors import InvalidParameter, LauncherError

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

DETACH = b"\x1d"
READ_BYTES = 1 << 16
MAX_SIDE = 1000  # columns or rows of a terminal, as the server accepts them
_RESIZED, _ENDED = b"r", b"e"
_ALTERNATE, _NORMAL = "\x1b[?1049h", "\x1b[?1049l"
# Undoes what a program may have switched on, since its own way of undoing it no longer reaches this terminal: mouse
# reports, bracketed paste, application keys, a hidden cursor, colours.
_RESET = "\x1b[?1000;1002;1003;1006;2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m"


@described(
    "在此使用 Bot 的终端。按 Ctrl-] 离开，Bot 继续运行。\n\n输入的一切都交给 Bot，包括 Ctrl-C。Bot 未运行时，那里是其文件夹中的 shell。",
    "Use a bot's terminal from this one. Ctrl-] detaches; the bot keeps running.\n\nAll input goes to the bot, Ctrl-C too. While the bot does not run, the terminal is a shell in its folder.",
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
    from cli.websocket import open_terminal

    with open_terminal(client, f"{instance.id}_{terminal}") as connection:
        console.note(
            f"{instance.name} 的 {terminal} 终端，按 Ctrl-] 离开",
            f"Terminal {terminal} of {instance.name}; Ctrl-] detaches",
        )
        with _raw_mode():
            failure = _Attachment(client, connection).run()
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
    """Sends keys and shows output until the user detaches or the connection ends."""

    def __init__(self, client: ApiClient, connection: "ClientConnection") -> None:
        self._client = client
        self._connection = connection
        self._wake_read, self._wake_write = os.pipe()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._failure: LauncherError | None = None
        self._alternate = False
        self._detached = False

    def run(self) -> LauncherError | None:
        """Returns why the connection ended; None if the user detached."""
        reader = threading.Thread(target=self._show_output, name="output")
        former = signal.signal(signal.SIGWINCH, lambda *_: os.write(self._wake_write, _RESIZED))
        try:
            self._resize()
            reader.start()
            while self._wait():
                pass
        finally:
            signal.signal(signal.SIGWINCH, former)
            self._connection.close()
            if reader.ident is not None:
                reader.join()
            os.close(self._wake_read)
            os.close(self._wake_write)
            _print((_NORMAL if self._alternate else "") + _RESET + "\r\n")
        return None if self._detached else self._failure

    def _wait(self) -> bool:
        """Waits for keys, a new size or the end; returns False at the end."""
        ready, _, _ = select.select([0, self._wake_read], [], [])
        if self._wake_read in ready:
            if _ENDED in os.read(self._wake_read, READ_BYTES):
                return False
            self._resize()
        return self._send_keys() if 0 in ready else True

    def _send_keys(self) -> bool:
        from cli.websocket import send

        try:
            keys = os.read(0, READ_BYTES)
        except OSError:  # the terminal is gone
            keys = b""
        typed, leave, _ = keys.partition(DETACH)
        self._detached = bool(leave) or not keys
        text = self._decoder.decode(typed)
        if text:
            send(self._connection, "input", data=text)
        return not self._detached

    def _resize(self) -> None:
        from cli.websocket import send

        size = os.get_terminal_size(1)
        columns, rows = (max(1, min(length, MAX_SIDE)) for length in size)
        send(self._connection, "resize", cols=columns, rows=rows)

    def _show_output(self) -> None:
        """Runs in a thread: shows output and messages of the server as they arrive."""
        from cli.websocket import messages

        try:
            for message in messages(self._client, self._connection):
                self._show_message(message)
        except LauncherError as error:
            self._failure = error
        finally:
            with suppress(OSError):  # `run` has ended
                os.write(self._wake_write, _ENDED)

    def _show_message(self, message: dict[str, Any]) -> None:
        if message["type"] == "output":
            data = message["data"]
            if _ALTERNATE in data or _NORMAL in data:
                self._alternate = data.rfind(_ALTERNATE) > data.rfind(_NORMAL)
            _print(data)
        elif message["type"] in ("status", "error"):
            _print(f"\x1b[2m[{message['message']}]\x1b[0m\r\n")


def _print(text: str) -> None:
    data = memoryview(text.encode("utf-8", "replace"))
    while data:
        data = data[os.write(1, data) :]
