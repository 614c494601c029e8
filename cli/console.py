"""What the command line prints: sentences in the chosen language, errors, tables."""

import io
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import typer

from cli import colours
from cli.table import fitted, format_table, terminal_width
from mailauncher.errors import Code, LauncherError, Text
from mailauncher.system_text import visible


class SafeStream(io.TextIOWrapper):
    """Standard output or error. Whatever a name, a path or a message contains, it neither controls the terminal nor changes
    the order of what is shown. Output that is meant for a terminal, or is a file's content, goes to `buffer` instead."""

    def write(self, text: str) -> int:
        shown = colours.cleaned(text, visible)
        super().write(shown if shown.isascii() else colours.rendered(shown, colours=colours.wanted(self)))
        return len(text)


def safe_stream(stream: io.TextIOWrapper) -> SafeStream:
    """Writes what the stream, of which nothing is pending, would write. A locale without Chinese still shows the rest."""
    return SafeStream(
        stream.buffer,
        stream.encoding,
        "replace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def print_content(text: str) -> None:
    """Prints a file's content: unchanged, unless a terminal shows it."""
    if sys.stdout.isatty():
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))


def print_diff(text: str) -> None:
    """Prints a diff: unchanged, unless a terminal shows it."""
    print_content(colours.diff(text) if sys.stdout.isatty() else text)


_WAYS_OUT = {
    Code.INSTANCE_NOT_FOUND: Text("列出实例：{} ls", "To list the instances: {} ls"),
    Code.VERSION_NOT_FOUND: Text("列出版本：{} versions", "To list the versions: {} versions"),
}
"""Commands that help, which a server does not know: it has other clients."""


class Console:
    """Prints in one language: results on standard output, everything else on standard error."""

    def __init__(self, language: str) -> None:
        self.language = language

    def translate(self, text: Text) -> str:
        return text.in_language(self.language)

    def pick(self, zh: str, en: str) -> str:
        return self.translate(Text(zh, en))

    def print(self, zh: str, en: str) -> None:
        """Prints a result."""
        print(self.pick(zh, en), flush=True)

    def note(self, zh: str, en: str) -> None:
        """Prints anything that is not a result."""
        print(self.pick(zh, en), file=sys.stderr, flush=True)

    def farewell(self, zh: str, en: str) -> None:
        """Prints the last words of a command whose end may be that its terminal was closed."""
        with suppress(OSError):
            self.note(zh, en)

    def report(self, error: LauncherError) -> int:
        """Prints an error in one line with its code, what follows indented. Returns the exit status for it."""
        head, *more = self.translate(error.text).splitlines() or [""]
        colour = colours.RED if colours.wanted(sys.stderr) else None
        title = colours.coloured(self.pick(f"错误 {error.code}:", f"Error {error.code}:"), colour)
        self.note(f"{title} {head}", f"{title} {head}")
        if error.code in _WAYS_OUT:
            more.append(self.translate(_WAYS_OUT[error.code]).format(program_name()))
        for line in more:
            self.note(f"  {line}", f"  {line}")
        return error.info.exit

    def table(self, headings: Sequence[Text], rows: Iterable[Sequence[str]]) -> str:
        """Rows under headings, in columns of equal width."""
        return format_table(self._under(headings, rows))

    def fitted_table(
        self, headings: Sequence[Text], rows: Iterable[Sequence[str]], expendable: Sequence[Text]
    ) -> tuple[list[str], list[Text]]:
        """The lines of a table, and the headings of columns that are left out: in a terminal that is too narrow as many of the
        expendable ones as it takes, in their order."""
        indices = [headings.index(heading) for heading in expendable]
        lines, left_out = fitted(self._under(headings, rows), indices, terminal_width())
        return lines, [headings[index] for index in left_out]

    def _under(self, headings: Sequence[Text], rows: Iterable[Sequence[str]]) -> list[Sequence[str]]:
        return [[self.translate(heading) for heading in headings], *rows]


def console_of(context: typer.Context) -> Console:
    """The console that the program was started with."""
    console = context.find_object(Console)
    assert console is not None
    return console


def print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def program_name() -> str:
    """How a person would type the name of this program here, to run it again."""
    if Path(sys.argv[0]).name == "__main__.py":
        return f"{_typed_name(Path(sys.executable))} -m mailauncher"
    return _typed_name(Path(sys.argv[0]))


def _typed_name(program: Path) -> str:
    """A program's name if the shell finds the same program by it, else the shorter of its paths."""
    try:
        found = shutil.which(program.name)
        if found and Path(found).absolute() == program.absolute():
            return program.name
        return min((os.path.relpath(program), str(program.absolute())), key=len)
    except FileNotFoundError:  # the folder that this runs in was removed
        return str(program)
