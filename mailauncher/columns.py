"""The width of texts in a terminal, where a wide character takes two columns."""

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
    end = len(text)
    while end and width(text[:end]) > columns - width(ELLIPSIS):
        end -= 1
    return text[:end] + ELLIPSIS


def padded(text: str, columns: int) -> str:
    """The text in at least so many columns."""
    return text + " " * (columns - width(text))
