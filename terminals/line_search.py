"""Finds lines of output by a text or a regular expression, and by level."""

import copy
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from mailauncher import expressions
from mailauncher.errors import InvalidParameter
from terminals import text

QUERY_CHARACTERS = 256
_LEVEL_WITHIN = 64


class LogLevel(IntEnum):
    """As Python's logging numbers them."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


_LEVELS = {
    b"trace": LogLevel.DEBUG,
    b"debug": LogLevel.DEBUG,
    b"info": LogLevel.INFO,
    b"success": LogLevel.INFO,
    b"warn": LogLevel.WARNING,
    b"warning": LogLevel.WARNING,
    b"error": LogLevel.ERROR,
    b"fatal": LogLevel.CRITICAL,
    b"critical": LogLevel.CRITICAL,
}
_NAMES = rb"|".join(_LEVELS)
# A word in capitals, or in brackets in any case: `[info     ]`, `| ERROR |`, `WARNING:root:`. In other places a word is prose.
_LEVEL = re.compile(
    rb"^[^\n]{0,%d}?(?:\b(%b)\b|\[\s{0,8}((?i:%b))\s{0,8}\])" % (_LEVEL_WITHIN, _NAMES.upper(), _NAMES),
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class LineQuery:
    """Which lines are wanted: those that contain `text`, or match it as a regular expression, in RE2's syntax.

    `whole_word`: no letter, digit or underscore stands directly before or behind. `level`: of this level or a higher one; a
    line that names none, such as those of a traceback, has that of the line before.
    """

    text: str
    regex: bool = False
    case_sensitive: bool = False
    whole_word: bool = False
    level: LogLevel | None = None


@dataclass(frozen=True, slots=True)
class FoundLines:
    """The lines of a piece as a person would read them, and of the first that are wanted the number and the offset in the
    piece."""

    lines: list[str]
    found: list[tuple[int, int]]


class LineSearch:
    """Searches one terminal's output, given in pieces of whole lines.

    To make one blocks for some milliseconds. Raises InvalidParameter for an invalid query, such as an expression that is too large.
    """

    def __init__(self, query: LineQuery) -> None:
        if not 1 <= len(query.text) <= QUERY_CHARACTERS:
            raise InvalidParameter(
                f"搜索文本应为 1-{QUERY_CHARACTERS} 个字符",
                f"The text must have 1-{QUERY_CHARACTERS} characters",
                field="text",
            )
        self._pattern = _compiled(query)
        self._wanted_level = query.level
        self._level = 0

    def anew(self) -> "LineSearch":
        """A search for the same in another terminal, or from another place on. Does not block."""
        found = copy.copy(self)
        found._level = 0
        return found

    def examine(self, data: bytes, most: int) -> FoundLines:
        """All lines of a piece, and the first `most` that are wanted. Blocks for some milliseconds.

        Sequences never go beyond their line, so the lines of the text are those of the bytes.
        """
        raw = text.plain(data).replace("\r\n", "\n").split("\n")
        if not raw[-1]:
            raw.pop()
        if not raw:
            return FoundLines([], [])
        lines = [text.shown_line(line) if "\r" in line else line.rstrip() for line in raw]
        shown = "\n".join(lines).encode()
        levels = self._levels(shown, len(lines)) if self._wanted_level else None
        found: list[tuple[int, int]] = []
        if levels is not None and max(levels) < (self._wanted_level or 0):
            return FoundLines(lines, found)
        at = number = offset = 0
        while len(found) < most and (match := self._pattern.search(shown, at)):
            start = shown.rfind(b"\n", at, match.start()) + 1 or at
            for _ in range(shown.count(b"\n", at, start)):
                offset, number = data.index(b"\n", offset) + 1, number + 1
            if levels is None or levels[number] >= (self._wanted_level or 0):
                found.append((number, offset))
            end = shown.find(b"\n", match.start())
            if end < 0:
                break
            at, offset, number = end + 1, data.index(b"\n", offset) + 1, number + 1
        return FoundLines(lines, found)

    def _levels(self, shown: bytes, lines: int) -> list[int]:
        """The level of each line; 0: none is known yet."""
        levels: list[int] = []
        at = 0
        for match in _LEVEL.finditer(shown):
            levels += [self._level] * shown.count(b"\n", at, match.start())
            self._level = _LEVELS[(match[1] or match[2]).lower()]
            at = match.start()
        return levels + [self._level] * (lines - len(levels))


def _compiled(query: LineQuery) -> Any:
    """Raises InvalidParameter. The expression is compiled as it is first: what is only valid within another one is refused."""
    options = expressions.options()
    options.case_sensitive = query.case_sensitive
    options.never_nl = True
    pattern = query.text if query.regex else expressions.escaped(query.text)
    try:
        expressions.compiled(pattern, options)
        word = rf"(?:^|[^\pL\pN_])(?:{pattern})(?:$|[^\pL\pN_])" if query.whole_word else f"(?:{pattern})"
        return expressions.compiled(f"(?m:{word})", options)
    except ValueError as error:
        raise InvalidParameter(
            f"正则表达式无效：{error}", f"Invalid regular expression: {error}", field="text"
        ) from None
