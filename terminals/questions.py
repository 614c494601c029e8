"""What a program asks in its terminal: its last words, and whether they look like a question."""

import re
from typing import NamedTuple

from terminals import text

LENGTH = 200
_ASKS = re.compile(r"[?？:：>»]$|[\[(]y(es)?/n|输入|确认|回车|\b(press|enter|type)\b", re.IGNORECASE)
"""A sentence that asks, in the languages of bots. What a bot prints while it works rarely ends or speaks like that."""


class LastWords(NamedTuple):
    """What a terminal shows last. `line` is the last line with a word in it, so that a bare `>` does not stand for the question
    above it; empty if there is none. `open_ended`: no line break has followed, as after a prompt. `asks`: it looks like a question.
    `commands`: it ends like the prompt of a console, which is always there and asks nothing."""

    line: str
    open_ended: bool
    asks: bool
    commands: bool


def last_words(output: bytes) -> LastWords:
    """Of the end of a terminal's output. Lines are shown without sequences and control characters, and not beyond LENGTH."""
    lines = [_printable(line) for line in text.last_lines(output, 5)]
    line = next((line for line in reversed(lines) if any(map(str.isalnum, line))), "")
    after_break = text.last_lines(output.rpartition(b"\n")[2], 1)
    asks = bool(_ASKS.search(line) or lines[-1:] == [">"])
    return LastWords(line[:LENGTH], bool(after_break), asks, bool(lines) and lines[-1].endswith((">", "»")))


def _printable(line: str) -> str:
    return "".join(character for character in line if character.isprintable()).strip()
