"""Yes-or-no questions at the terminal."""

import select
import sys
from collections.abc import Callable
from typing import TypeVar

import typer

from cli.client import RequestRefused
from cli.console import Console
from cli.early_signals import INTERRUPTED
from mailauncher.errors import InvalidParameter

_ANSWERS = {
    **dict.fromkeys(("y", "yes", "是", "同意"), True),
    **dict.fromkeys(("n", "no", "否", "不同意"), False),
}

SIGNALS_EVERY_S = 0.2


def confirm(console: Console, question: str, *, default: bool = False) -> bool:
    """The user's answer; False without a terminal. Ctrl-C ends the program with status 130, Ctrl-D with status 1."""
    choices = "[Y/n]" if default else "[y/N]"
    while sys.stdin.isatty():
        try:
            answer = _read_line(f"{question} {choices}: ").strip().lower()
        except (KeyboardInterrupt, EOFError) as error:
            console.note("\n已取消", "\nCancelled")
            raise typer.Exit(INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1) from None
        found = _ANSWERS.get(answer) if answer else default
        if found is not None:
            return found
        console.note("请回答 y 或 n", "Answer y or n")
    return False


Answer = TypeVar("Answer")


def unless_refused(console: Console, act: Callable[[bool], Answer], *, force: bool) -> Answer:
    """The result of `act`, which is told whether to force what the server would otherwise refuse. Where it refuses, the user
    is asked; without a terminal its error, which names `--force`, is the answer."""
    try:
        return act(force)
    except RequestRefused as refused:
        if refused.field != "force" or not sys.stdin.isatty():
            raise
        console.note(*refused.text)
    require_yes(console, console.pick("仍然继续？", "Do it all the same?"))
    return act(True)


def _read_line(prompt: str) -> str:
    """What the user types. Raises KeyboardInterrupt, EOFError."""
    print(prompt, end="", file=sys.stderr, flush=True)
    # A Ctrl-C in the moment before a read begins would be noticed only after it.
    while not select.select([sys.stdin], [], [], SIGNALS_EVERY_S)[0]:
        pass
    if not (line := sys.stdin.readline()):
        raise EOFError
    return line


def require_yes(console: Console, question: str) -> None:
    """Ends the program with status 1 unless the user says yes. Raises InvalidParameter without a terminal."""
    if not sys.stdin.isatty():
        raise InvalidParameter(
            "没有终端可以询问，请加上 --yes", "There is no terminal to ask at; add --yes", field="yes"
        )
    if not confirm(console, question):
        console.note("已取消", "Cancelled")
        raise typer.Exit(1)
