"""Questions at the terminal, answered by yes or no in the reader's language."""

import select
import sys

import typer

from mailauncher.cli.voice import Voice
from mailauncher.errors import InvalidParameter

_ANSWERS = {
    **dict.fromkeys(("y", "yes", "是", "同意"), True),
    **dict.fromkeys(("", "n", "no", "否", "不同意"), False),
}

SIGNALS_EVERY_S = 0.2


def ask(voice: Voice, question: str) -> bool:
    """The user's answer; no where there is no terminal. Ctrl-C and Ctrl-D leave the program with status 1."""
    while sys.stdin.isatty():
        try:
            answer = _line(f"{question} [y/N]: ")
        except (KeyboardInterrupt, EOFError):
            voice.note("\n已放弃", "\nGiven up")
            raise typer.Exit(1) from None
        found = _ANSWERS.get(answer.strip().lower())
        if found is not None:
            return found
        voice.note("请回答 y 或 n", "Answer y or n")
    return False


def _line(prompt: str) -> str:
    """What the user types. Raises KeyboardInterrupt, EOFError."""
    print(prompt, end="", file=sys.stderr, flush=True)
    # A Ctrl-C in the moment before a read begins would be noticed only after it.
    while not select.select([sys.stdin], [], [], SIGNALS_EVERY_S)[0]:
        pass
    if not (line := sys.stdin.readline()):
        raise EOFError
    return line


def require_yes(voice: Voice, question: str) -> None:
    """Leaves the program with status 1 unless the user says yes. Raises InvalidParameter where there is no terminal."""
    if not sys.stdin.isatty():
        raise InvalidParameter(
            "没有终端可以询问，请加上 --yes", "There is no terminal to ask at; add --yes", field="yes"
        )
    if not ask(voice, question):
        voice.note("已放弃", "Given up")
        raise typer.Exit(1)
