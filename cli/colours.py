"""Colours on a terminal.

A colour in a text is a mark until the text is written: a lone high surrogate, which nothing decoded from bytes contains, so
that no name, path or message of others can colour anything. `SafeStream` turns marks into control sequences, or leaves them
out where no terminal shows the text.
"""

import os
import re
from collections.abc import Callable
from typing import IO

RED, GREEN, YELLOW, BLUE, DIM = "\ud800", "\ud801", "\ud802", "\ud803", "\ud804"
_END = "\ud80f"
_SEQUENCES = {
    RED: "\x1b[31m",
    GREEN: "\x1b[32m",
    YELLOW: "\x1b[33m",
    BLUE: "\x1b[36m",
    DIM: "\x1b[2m",
    _END: "\x1b[0m",
}
_MARK = re.compile(f"([{''.join(_SEQUENCES)}])")
_DIFF = {"+": GREEN, "-": RED, "@": BLUE}


def coloured(text: str, colour: str | None) -> str:
    return f"{colour}{text}{_END}" if colour else text


def without(text: str) -> str:
    """The text as it is without colours."""
    return text if text.isascii() else _MARK.sub("", text)


def cleaned(text: str, clean: Callable[[str], str]) -> str:
    """The text with what is between the marks cleaned."""
    return (
        clean(text)
        if text.isascii()
        else "".join(part if part in _SEQUENCES else clean(part) for part in _MARK.split(text))
    )


def rendered(text: str, *, colours: bool) -> str:
    """What to write for a text with marks."""
    if text.isascii():
        return text
    return _MARK.sub(lambda mark: _SEQUENCES[mark[0]] if colours else "", text)


def wanted(stream: IO[str]) -> bool:
    """Whether what is written there is shown in colours: on a terminal that knows them, unless NO_COLOR is set."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb" and stream.isatty()


def diff(text: str) -> str:
    """A unified diff with its lines coloured."""
    return "\n".join(coloured(line, _DIFF.get(line[:1])) for line in text.split("\n"))
