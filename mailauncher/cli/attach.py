"""`mailauncher attach`: this terminal becomes one of a bot's."""

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

from mailauncher.cli.instances import Name
from mailauncher.cli.logs import TerminalName
from mailauncher.cli.remote import Remote, Token, Url, connect
from mailauncher.cli.voice import voice_of
from mailauncher.errors import InvalidParameter, LauncherError

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

DETACH = b"\x1d"
READ_BYTES = 1 << 16
LONGEST_SIDE = 1000  # columns or rows that a terminal may have
_RESIZED, _ENDED = b"r", b"e"
_ALTERNATE, _NORMAL = "\x1b[?1049h", "\x1b[?1049l"
# What a program may have switched on and cannot switch off any more once nobody shows us its output: mouse reports,
# pasting in brackets, application keys, a hidden cursor, colours.
_PLAIN = "\x1b[?1000;1002;1003;1006;2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m"


def attach(
    context: typer.Context,
    name: Name,
    terminal: TerminalName = "main",
    url: Url = None,
    token: Token = None,
) -> None:
    """Use a bot's terminal from this one. Ctrl-] leaves it; the bot goes on.

    Everything typed goes to the bot, Ctrl-C too. While no bot runs there it is a shell in the bot's folder.
    """
    voice = voice_of(context)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidParameter(
            "attach 需要终端；只看输出请用 logs -f", "attach needs a terminal; to only read, use logs -f"
        )
    remote = connect(context, url, token)
    instance = remote.find(name)
    from mailauncher.cli.feed import opened

    with opened(remote, f"{instance.id}_{terminal}") as connection:
        voice.note(
            f"{instance.name} 的 {terminal} 终端，按 Ctrl-] 离开",
            f"Terminal {terminal} of {instance.name}; Ctrl-] leaves it",
        )
        with _raw():
            failure = _Attachment(remote, connection).run()
    if failure is not None:
        raise failure
    voice.note("已离开终端", "Left the terminal")


@contextmanager
def _raw() -> Iterator[None]:
    """The terminal raw for the block, and as it was afterwards, whatever ends it."""
    former = termios.tcgetattr(0)
    handlers = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setraw(0, termios.TCSADRAIN)  # what was typed already is meant for the bot
        yield
    finally:
        with suppress(OSError, termios.error):  # the terminal may be gone
            termios.tcsetattr(0, termios.TCSADRAIN, former)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


class _Attachment:
    """Keys one way, output the other, until the user leaves or the connection ends."""

    def __init__(self, remote: Remote, connection: "ClientConnection") -> None:
        self._remote = remote
        self._connection = connection
        self._news, self._news_in = os.pipe()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._failure: LauncherError | None = None
        self._alternate = False
        self._left = False

    def run(self) -> LauncherError | None:
        """Why the connection ended; None when the user left."""
        reader = threading.Thread(target=self._show, name="output")
        former = signal.signal(signal.SIGWINCH, lambda *_: os.write(self._news_in, _RESIZED))
        try:
            self._resize()
            reader.start()
            while self._step():
                pass
        finally:
            signal.signal(signal.SIGWINCH, former)
            self._connection.close()
            if reader.ident is not None:
                reader.join()
            os.close(self._news)
            os.close(self._news_in)
            _print((_NORMAL if self._alternate else "") + _PLAIN + "\r\n")
        return None if self._left else self._failure

    def _step(self) -> bool:
        """Waits for keys or news; False at the end."""
        ready, _, _ = select.select([0, self._news], [], [])
        if self._news in ready:
            news = os.read(self._news, READ_BYTES)
            if _ENDED in news:
                return False
            self._resize()
        return self._type() if 0 in ready else True

    def _type(self) -> bool:
        from mailauncher.cli.feed import send

        try:
            keys = os.read(0, READ_BYTES)
        except OSError:  # the terminal is gone
            keys = b""
        typed, leave, _ = keys.partition(DETACH)
        self._left = bool(leave) or not keys
        text = self._decoder.decode(typed)
        if text:
            send(self._connection, "input", data=text)
        return not self._left

    def _resize(self) -> None:
        from mailauncher.cli.feed import send

        size = os.get_terminal_size(1)
        columns, rows = (max(1, min(length, LONGEST_SIDE)) for length in size)
        send(self._connection, "resize", cols=columns, rows=rows)

    def _show(self) -> None:
        """The reader's thread: output as it comes, and what the server says about it."""
        from mailauncher.cli.feed import messages

        try:
            for message in messages(self._remote, self._connection):
                self._take(message)
        except LauncherError as error:
            self._failure = error
        finally:
            with suppress(OSError):  # nobody listens any more
                os.write(self._news_in, _ENDED)

    def _take(self, message: dict[str, Any]) -> None:
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
