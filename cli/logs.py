"""`mailauncher logs`: the output of a terminal, past and present."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from cli import completion
from cli.client import ApiClient, Token, Url, connect, quoted
from cli.console import Console, console_of
from cli.instances import Name
from cli.language import described, help_text
from cli.lines import LINE_BYTES, Lines, last_lines, last_of
from mailauncher.errors import ConnectionFailed

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

RETRY_S = 0.2
MAX_RETRY_S = 2.0
RECENT_BYTES = 64 << 10
MAX_LINES = 10**9

TerminalName = Annotated[
    str,
    typer.Option(
        "--terminal",
        "-t",
        metavar="NAME",
        autocompletion=completion.terminal,
        help=help_text(
            "哪个终端：main、napcat、nonebot-ada 等。", "Which terminal: main, napcat, nonebot-ada..."
        ),
    ),
]


@described(
    f"显示终端的输出。\n\n加上 -f 则持续显示，直到 Ctrl-C；服务器重启也不会丢失或重复内容。输出不是终端时，去掉颜色和进度条，一行只显示最后 {LINE_BYTES >> 10} KiB。",
    f"Show the output of a terminal.\n\nWith -f it continues until Ctrl-C, even across restarts of the server, without losing or repeating anything. Unless standard output is a terminal, colours and progress bars are left out, and a line is cut to its last {LINE_BYTES >> 10} KiB.",
)
def logs(
    context: typer.Context,
    name: Name,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            "-f",
            help=help_text("持续显示之后的输出。", "Continue with new output as it is printed."),
        ),
    ] = False,
    lines: Annotated[
        int | None,
        typer.Option(
            "--lines",
            "-n",
            metavar="N",
            min=0,
            max=MAX_LINES,
            help=help_text(
                f"最后 N 行；默认为最后 {RECENT_BYTES >> 10} KiB。",
                f"The last N lines; by default the last {RECENT_BYTES >> 10} KiB.",
            ),
        ),
    ] = None,
    terminal: TerminalName = "main",
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    session_id = f"{client.find(name).id}_{terminal}"
    log = _Log(client, session_id, console_of(context))
    if follow:
        with suppress(KeyboardInterrupt):  # its usual end
            log.follow(lines)
    else:
        log.show(lines)


class _Log:
    """Writes the output of one terminal to standard output."""

    def __init__(self, client: ApiClient, session_id: str, console: Console) -> None:
        self._client = client
        self._session_id = session_id
        self._console = console
        self._sink = _TerminalSink() if sys.stdout.isatty() else _TextSink()
        self._position = 0

    def show(self, lines: int | None) -> None:
        """Writes the stored output. Reads the log, since a viewer of the terminal would open a shell where no bot runs."""
        pieces = self._client.stream(f"/terminals/{quoted(self._session_id)}/log")
        if lines is None:
            self._sink.write(_last_bytes(pieces))
        else:
            self._sink.write(last_lines(last_of(pieces, lines).decode(errors="replace"), lines))
        self._sink.close()

    def follow(self, lines: int | None) -> None:
        """Writes the recent output, then new output for ever."""
        from cli.websocket import ConnectionLost, open_terminal

        with suppress(ConnectionLost), open_terminal(self._client, self._session_id) as connection:
            self._sink.write(self._recent(connection, lines))
            self._copy(connection)
        while True:
            self._reconnect()

    def _recent(self, connection: "ClientConnection", lines: int | None) -> str:
        """What the server shows a new viewer, cut or extended to the wanted number of lines."""
        from cli.websocket import end_of, messages, send

        send(connection, "ping")
        text, begin = "", None
        for message in messages(self._client, connection):
            if message["type"] == "pong":  # answered after all earlier output was sent
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
        """At least the last `lines` lines before an offset, as far as they are stored."""
        from cli.websocket import open_terminal

        with open_terminal(self._client, self._session_id, 0) as connection:
            return last_of(self._output(connection, before), lines).decode(errors="ignore")

    def _output(self, connection: "ClientConnection", before: int) -> Iterator[bytes]:
        """The output up to an offset, in pieces."""
        from cli.websocket import end_of, messages

        for message in messages(self._client, connection):
            if message["type"] != "output":
                continue
            yield message["data"].encode()[: max(0, before - message["offset"])]
            if end_of(message) >= before:
                return

    def _copy(self, connection: "ClientConnection", *, status_is_news: bool = True) -> None:
        from cli.websocket import end_of, messages

        for message in messages(self._client, connection):
            if message["type"] == "output":
                self._sink.write(message["data"])
                self._position = end_of(message)
            elif message["type"] in ("status", "error"):
                if status_is_news:
                    print(f"[{message['message']}]", file=sys.stderr, flush=True)
                status_is_news = True

    def _reconnect(self) -> None:
        """Continues at the offset reached, as soon as the server is back."""
        from cli.websocket import ConnectionLost, open_terminal

        self._console.note("[连接已断开，正在重连……]", "[connection lost, reconnecting...]")
        for delay in retry_delays():
            time.sleep(delay)
            try:
                with open_terminal(self._client, self._session_id, self._position) as connection:
                    self._copy(connection, status_is_news=False)
            except ConnectionLost:
                return
            except ConnectionFailed:  # not back yet
                continue


def retry_delays() -> Iterator[float]:
    delay = RETRY_S
    while True:
        yield delay
        delay = min(delay * 2, MAX_RETRY_S)


def _last_bytes(pieces: Iterable[bytes]) -> str:
    """The last 64 KiB of a stream, from the beginning of a line."""
    kept = b""
    total = 0
    for piece in pieces:
        total += len(piece)
        kept = (kept + piece)[-RECENT_BYTES:]
    if total > RECENT_BYTES:
        kept = kept[kept.find(b"\n") + 1 :]
    return kept.decode(errors="replace")


class _TerminalSink:
    """For a terminal: writes everything unchanged."""

    def write(self, text: str) -> None:
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Does nothing: nothing is held back."""


class _TextSink:
    """For a file or a pipe: writes whole lines, as they would look on a screen."""

    def __init__(self) -> None:
        self._lines = Lines()

    def write(self, text: str) -> None:
        for line in self._lines.add(text.encode("utf-8", "replace")):
            self._line(line)
        sys.stdout.buffer.flush()

    def close(self) -> None:
        if rest := self._lines.rest():
            self._line(rest)
            sys.stdout.buffer.flush()

    def _line(self, line: bytes) -> None:
        from terminals import text

        shown = text.last_lines(line.rstrip(b"\r"), 1)
        sys.stdout.buffer.write("".join(shown).encode("utf-8", "replace") + b"\n")
