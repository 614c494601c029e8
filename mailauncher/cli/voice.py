"""What the command line says, and in which language."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from mailauncher.errors import LauncherError, Text

LANGUAGES = ("zh", "en")
_FLAG = "--lang"
_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


def choose(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """(language, the other arguments): `--lang` wherever it stands, else the locale; Chinese for `zh*`, else English.

    A value that is no language stays among the arguments, to be refused like any wrong option.
    """
    rest = list(arguments)
    end = rest.index("--") if "--" in rest else len(rest)
    for at, word in enumerate(rest[:end]):
        name, equals, value = word.partition("=")
        if name != _FLAG:
            continue
        width = 1 if equals else 2
        language = value if equals else next(iter(rest[at + 1 : end]), "")
        if language in LANGUAGES:
            del rest[at : at + width]
            return language, rest
        break
    locale = next((environ[name] for name in _LOCALE if environ.get(name)), "")
    return ("zh" if locale.lower().startswith("zh") else "en"), rest


class Voice:
    """Speaks one language: results on standard output, everything else on standard error."""

    def __init__(self, language: str) -> None:
        self.language = language

    def words(self, text: Text) -> str:
        return text.in_language(self.language)

    def pick(self, zh: str, en: str) -> str:
        return self.words(Text(zh, en))

    def say(self, zh: str, en: str) -> None:
        print(self.pick(zh, en), flush=True)

    def note(self, zh: str, en: str) -> None:
        print(self.pick(zh, en), file=sys.stderr, flush=True)

    def fail(self, error: LauncherError) -> int:
        """Says what went wrong, in one sentence under its code; the exit status for it."""
        head, *more = self.words(error.text).splitlines() or [""]
        self.note(f"错误 {error.code}: {head}", f"Error {error.code}: {head}")
        for line in more:
            self.note(f"  {line}", f"  {line}")
        return error.verdict.exit


def voice_of(context: typer.Context) -> Voice:
    """The voice that the program was started with."""
    voice = context.find_object(Voice)
    assert voice is not None
    return voice


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width; a wide character counts as two, as terminals show it."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def called() -> str:
    """How this program can be started again from the same place, as a person would type it."""
    if Path(sys.argv[0]).name == "__main__.py":
        return f"{_typed(Path(sys.executable))} -m mailauncher"
    return _typed(Path(sys.argv[0]))


def _typed(program: Path) -> str:
    """A program's name where the shell finds the same one, else the shorter of its paths."""
    found = shutil.which(program.name)
    if found and Path(found).absolute() == program.absolute():
        return program.name
    return min((os.path.relpath(program), str(program.absolute())), key=len)
