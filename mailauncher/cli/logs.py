"""`mailauncher logs`: what a terminal printed, and prints."""

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from mailauncher.cli.instances import Name
from mailauncher.cli.remote import Remote, Token, Url, connect
from mailauncher.cli.voice import Voice, voice_of
from mailauncher.errors import ConnectionFailed

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

RETRY_S = 0.2
LONGEST_RETRY_S = 2.0
RECENT_BYTES = 64 << 10

TerminalName = Annotated[
    str,
    typer.Option("--terminal", "-t", metavar="NAME", help="Which terminal: main, napcat, nonebot-ada..."),
]


def logs(
    context: typer.Context,
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is printed next.")] = False,
    lines: Annotated[
        int | None,
        typer.Option(
            "--lines", "-n", metavar="N", min=0, help="The last N lines; by default the last 64 KiB."
        ),
    ] = None,
    terminal: TerminalName = "main",
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what a terminal printed.

    With -f it goes on until Ctrl-C, also over a restart of the server, without losing or repeating anything. Where the
    output is no terminal, colours and progress bars are left out.
    """
    remote = connect(context, url, token)
    session_id = f"{remote.find(name).id}_{terminal}"
    log = _Log(remote, session_id, voice_of(context))
    if follow:
        log.follow(lines)
    else:
        log.show(lines)


class _Log:
    """One terminal's output on its way to standard output."""

    def __init__(self, remote: Remote, session_id: str, voice: Voice) -> None:
        self._remote = remote
        self._session_id = session_id
        self._voice = voice
        self._sink = _Raw() if sys.stdout.isatty() else _Plain()
        self._position = 0

    def show(self, lines: int | None) -> None:
        """What is kept. Not as a viewer of the terminal: where no bot runs, the first one opens a shell."""
        pieces = self._remote.pieces(f"/terminals/{quote(self._session_id)}/log")
        text = _last_bytes(pieces) if lines is None else _last_lines(pieces, lines)
        self._sink.write(text)
        self._sink.close()

    def follow(self, lines: int | None) -> None:
        """The recent output, then what comes, for ever."""
        from mailauncher.cli.feed import Dropped, opened

        with suppress(Dropped), opened(self._remote, self._session_id) as connection:
            self._sink.write(self._recent(connection, lines))
            self._go_on(connection)
        while True:
            self._reconnect()

    def _recent(self, connection: "ClientConnection", lines: int | None) -> str:
        """What the server shows a late viewer, cut or extended to the wanted number of lines."""
        from mailauncher.cli.feed import end_of, messages, send

        send(connection, "ping")
        text, begin = "", None
        for message in messages(self._remote, connection):
            if message["type"] == "pong":  # it answers only after it has shown what was there
                break
            if message["type"] == "output":
                begin = message["offset"] if begin is None else begin
                text += message["data"]
                self._position = end_of(message)
        if lines is None:
            return text
        if begin and text.count("\n") < lines:
            text = self._older(begin, lines) + text
        return last_lines(text, lines)

    def _older(self, before: int, lines: int) -> str:
        """At least the last `lines` lines of what was printed before an offset, as far as it is kept."""
        from mailauncher.cli.feed import end_of, messages, opened

        kept: deque[str] = deque(maxlen=lines + 1)
        with opened(self._remote, self._session_id, 0) as connection:
            for message in messages(self._remote, connection):
                if message["type"] != "output":
                    continue
                data = message["data"].encode()[: max(0, before - message["offset"])].decode(errors="ignore")
                head, *rest = data.split("\n")
                kept.append((kept.pop() if kept else "") + head)
                kept.extend(rest)
                if end_of(message) >= before:
                    break
        return "\n".join(kept)

    def _go_on(self, connection: "ClientConnection", *, greeted: bool = True) -> None:
        from mailauncher.cli.feed import end_of, messages

        for message in messages(self._remote, connection):
            if message["type"] == "output":
                self._sink.write(message["data"])
                self._position = end_of(message)
            elif message["type"] in ("status", "error"):
                if greeted:
                    print(f"[{message['message']}]", file=sys.stderr, flush=True)
                greeted = True

    def _reconnect(self) -> None:
        """Goes on where the output ended, as soon as the server is there again."""
        from mailauncher.cli.feed import Dropped, opened

        self._voice.note("[连接已断开，正在重连……]", "[connection lost, reconnecting...]")
        for delay in delays():
            time.sleep(delay)
            try:
                with opened(self._remote, self._session_id, self._position) as connection:
                    self._go_on(connection, greeted=False)
            except Dropped:
                return
            except ConnectionFailed:  # not there yet
                continue


def delays() -> Iterator[float]:
    delay = RETRY_S
    while True:
        yield delay
        delay = min(delay * 2, LONGEST_RETRY_S)


def _last_bytes(pieces: Iterable[bytes]) -> str:
    """The last 64 KiB of what comes, cut at the beginning of a line."""
    kept = b""
    total = 0
    for piece in pieces:
        total += len(piece)
        kept = (kept + piece)[-RECENT_BYTES:]
    if total > RECENT_BYTES:
        kept = kept[kept.find(b"\n") + 1 :]
    return kept.decode(errors="replace")


def _last_lines(pieces: Iterable[bytes], count: int) -> str:
    """The last `count` lines of what comes; no more than these are held."""
    kept: deque[bytes] = deque(maxlen=count + 1)
    for piece in pieces:
        head, *rest = piece.split(b"\n")
        kept.append((kept.pop() if kept else b"") + head)
        kept.extend(rest)
    return last_lines(b"\n".join(kept).decode(errors="replace"), count)


def last_lines(text: str, count: int) -> str:
    """The last `count` lines, an unfinished one counting as a line."""
    lines = text.split("\n")
    unfinished = bool(lines[-1])
    wanted = count if unfinished else count + 1
    return "\n".join(lines[-wanted:]) if count else ""


class _Raw:
    """For a terminal: everything, as it was printed."""

    def write(self, text: str) -> None:
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Nothing is held back."""


class _Plain:
    """For a file or a pipe: whole lines, as a person would read them."""

    def __init__(self) -> None:
        self._rest = ""

    def write(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(line)
        sys.stdout.buffer.flush()

    def close(self) -> None:
        if self._rest:
            self._line(self._rest)
            sys.stdout.buffer.flush()

    def _line(self, line: str) -> None:
        from terminals import text

        shown = text.last_lines(line.rstrip("\r").encode("utf-8", "replace"), 1)
        sys.stdout.buffer.write("".join(shown).encode("utf-8", "replace") + b"\n")
