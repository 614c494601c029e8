"""`mailauncher logs`: the output of a terminal, past and present."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli import completion
from cli.client import ApiClient, Token, Url, connect, quoted
from cli.console import Console, console_of
from cli.language import described, help_text
from cli.lines import LINE_BYTES, Lines, last_lines, last_of
from cli.log_search import LIMIT, Wanted, moment, search
from mailauncher.errors import InvalidParameter

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

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


Grep = Annotated[
    str | None,
    typer.Option(
        "--grep",
        "-g",
        metavar="REGEX",
        help=help_text(
            "只显示匹配此正则表达式（RE2）的行，最早的在前，在全部保留的输出中查找。",
            "Only the lines that match this regular expression (RE2), oldest first, of all output that is kept.",
        ),
    ),
]
Fixed = Annotated[
    bool,
    typer.Option("--fixed", "-F", help=help_text("REGEX 是普通文本。", "REGEX is plain text.")),
]
IgnoreCase = Annotated[
    bool, typer.Option("--ignore-case", "-i", help=help_text("不区分大小写。", "Ignore case."))
]
Word = Annotated[
    bool, typer.Option("--word", "-w", help=help_text("只匹配整个词。", "Match whole words only."))
]
Level = Annotated[
    Literal["debug", "info", "warning", "error", "critical"] | None,
    typer.Option(
        "--level",
        metavar="LEVEL",
        help=help_text(
            "只要此级别及以上的行：debug、info、warning、error、critical；没有级别的行随前一行。",
            "Only lines of at least this level: debug, info, warning, error, critical. One that names none has that of the line before.",
        ),
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help=help_text(
            "只要此时之后的行：30m、2h、3d（多久以前），或 2026-01-31T08:00。",
            "Only lines printed since then: 30m, 2h, 3d (so long ago), or 2026-01-31T08:00.",
        ),
    ),
]
ContextLines = Annotated[
    int,
    typer.Option(
        "--context",
        "-C",
        metavar="N",
        min=0,
        max=10,
        help=help_text("每行前后各 N 行。", "N lines before and behind each."),
    ),
]
Most = Annotated[
    int,
    typer.Option(
        "--max",
        "-m",
        metavar="N",
        min=1,
        max=LIMIT,
        help=help_text("最多显示多少行。", "Show so many lines at most."),
    ),
]
Everywhere = Annotated[
    bool,
    typer.Option(
        "--all",
        help=help_text(
            "在实例的所有终端中查找；未给出实例时，在所有实例中查找。",
            "Search all terminals of the instance; without one, those of all instances.",
        ),
    ),
]


@described(
    f"显示终端的输出，或在其中查找。\n\n加上 -f 则持续显示，直到 Ctrl-C；服务器重启也不会丢失或重复内容。输出不是终端时，去掉颜色和进度条，一行只显示最后 {LINE_BYTES >> 10} KiB。\n\n--grep 在输出中查找，其余选项（自 -F 起）只用于查找。没有找到时，退出状态为 1。",
    f"Show the output of a terminal, or search it.\n\nWith -f it continues until Ctrl-C, even across restarts of the server, without losing or repeating anything. Unless standard output is a terminal, colours and progress bars are left out, and a line is cut to its last {LINE_BYTES >> 10} KiB.\n\nWith --grep it searches the output; the options from -F on are for that. The exit status is 1 if nothing is found.",
)
def logs(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="INSTANCE",
            autocompletion=completion.instance,
            help=help_text("实例的名称、ID 或 ID 的开头。", "Name, id or prefix of an id."),
        ),
    ] = None,
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
    grep: Grep = None,
    fixed: Fixed = False,
    ignore_case: IgnoreCase = False,
    word: Word = False,
    level: Level = None,
    since: Since = None,
    around: ContextLines = 0,
    most: Most = LIMIT,
    everywhere: Everywhere = False,
    url: Url = None,
    token: Token = None,
) -> None:
    searching = fixed or ignore_case or word or level or since or around or most != LIMIT or everywhere
    if grep is None and searching:
        raise InvalidParameter("这些选项须与 --grep 一起使用", "These options need --grep", field="grep")
    if grep is not None and (follow or lines is not None):
        raise InvalidParameter(
            "--grep 不能与 -f 或 -n 一起使用：持续查找请用 logs -f 与 grep，行数用 --max",
            "--grep excludes -f and -n: pipe logs -f into grep, and limit the lines with --max",
            field="grep",
        )
    if name is None and not everywhere:
        raise InvalidParameter(
            "缺少实例；在所有实例中查找请加上 --grep 与 --all",
            "The instance is missing; to search all of them use --grep and --all",
            field="name",
        )
    client = connect(context, url, token)
    instance_id = None if name is None else client.find(name).id
    session_id = f"{instance_id}_{terminal}"
    if grep is not None:
        wanted = Wanted(
            text=grep,
            regex=not fixed,
            case_sensitive=not ignore_case,
            whole_word=word,
            level=level and level.upper(),
            begin=since and moment(since),
            context=around,
            first=most,
        )
        search(client, console_of(context), wanted, instance_id, None if everywhere else session_id)
        return
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

    def show(self, lines: int | None) -> None:
        """Writes the stored output. Reads the log, since a viewer of the terminal would open a shell where no bot runs."""
        pieces = self._client.stream(f"/terminals/{quoted(self._session_id)}/log")
        self._sink.write(_last_bytes(pieces) if lines is None else last_lines(last_of(pieces, lines), lines))
        self._sink.close()

    def follow(self, lines: int | None) -> None:
        """Writes the recent output, then new output for ever."""
        from cli.viewing import FORGOTTEN, Viewing

        received = Viewing(self._client, self._session_id).messages()
        self._sink.write(self._recent(received, lines))
        for message in received:
            match message["type"]:
                case "output":
                    self._sink.write(message["data"])
                case "lost":
                    self._say_lost()
                case "forgotten":
                    self._console.note(*(f"[{words}]" for words in FORGOTTEN))
                case "status" | "error":
                    print(f"[{message['message']}]", file=sys.stderr, flush=True)

    def _say_lost(self) -> None:
        from cli.viewing import LOST

        self._console.note(*(f"[{words}]" for words in LOST))

    def _recent(self, received: Iterator[dict[str, Any]], lines: int | None) -> bytes:
        """What the server shows a new viewer, cut or extended to the wanted number of lines."""
        from cli.websocket import send

        shown, begin = b"", None
        for message in received:
            match message["type"]:
                case "connected":
                    send(message["connection"], "ping")
                case "output":
                    begin = message["offset"] if begin is None else begin
                    shown += message["data"]
                case "lost":
                    self._say_lost()
                case "pong":  # answered after all earlier output was sent
                    break
        if lines is None:
            return shown
        if begin and shown.count(b"\n") < lines:
            shown = self._older(begin, lines) + shown
        return last_lines(shown, lines)

    def _older(self, before: int, lines: int) -> bytes:
        """At least the last `lines` lines before an offset, as far as they are stored."""
        from cli.websocket import open_terminal

        with open_terminal(self._client, self._session_id, 0) as connection:
            return last_of(self._output(connection, before), lines)

    def _output(self, connection: "ClientConnection", before: int) -> Iterator[bytes]:
        """The output up to an offset, in pieces."""
        from cli.websocket import end_of, messages

        for message in messages(self._client, connection):
            if message["type"] != "output":
                continue
            yield message["data"][: max(0, before - message["offset"])]
            if end_of(message) >= before:
                return


def _last_bytes(pieces: Iterable[bytes]) -> bytes:
    """The last 64 KiB of a stream, from the beginning of a line."""
    kept = b""
    total = 0
    for piece in pieces:
        total += len(piece)
        kept = (kept + piece)[-RECENT_BYTES:]
    return kept[kept.find(b"\n") + 1 :] if total > RECENT_BYTES else kept


class _TerminalSink:
    """For a terminal: writes everything unchanged."""

    def write(self, output: bytes) -> None:
        sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Does nothing: nothing is held back."""


class _TextSink:
    """For a file or a pipe: writes whole lines, as they would look on a screen."""

    def __init__(self) -> None:
        self._lines = Lines()

    def write(self, output: bytes) -> None:
        for line in self._lines.add(output):
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
