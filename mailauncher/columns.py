"""The width of texts in a terminal, where a wide character takes two columns."""

import itertools
import unicodedata

ELLIPSIS = "…"


def width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def cut(text: str, columns: int) -> str:
    """The text in at most so many columns."""
    if width(text) <= columns:
        return text
    widths = itertools.accumulate(map(width, text))
    return text[: sum(end <= columns - width(ELLIPSIS) for end in widths)] + ELLIPSIS


def padded(text: str, columns: int) -> str:
    """The text in at least so many columns."""
    return text + " " * (columns - width(text))
