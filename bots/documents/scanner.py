"""Finds the places of values in a valid text: those of JSON, and those after `=` in TOML.

A complete parser has read the text before, so the scanner can assume that it is well-formed. Strings, arrays and tables
are similar enough in both languages for one scanner.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from mailauncher.interruption import Check, proceed

_TRIVIA = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_COMMENT = re.compile(r"[ \t]*#[^\r\n]*")
_BLANK = re.compile(r"[ \t]*")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:[\d:.]+(?:Z|z|[+-]\d\d:\d\d)?")
_BARE = re.compile(r"[^,\]}\s#]+")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRINGS = (
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}(?!")', re.DOTALL),
    re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\])*"'),
    re.compile(r"'[^']*'"),
)


@dataclass(slots=True, frozen=True)
class Key:
    """One part of a key as written, quotes included."""

    start: int
    end: int


@dataclass(slots=True)
class Value:
    """The place of a value. `members`: those of an array or table; `tail`: start of the white space before its closing bracket."""

    start: int
    end: int
    kind: Literal["scalar", "array", "table"] = "scalar"
    members: list["Member"] = field(default_factory=list)
    tail: int = 0
    trailing: bool = False
    """Whether a comma follows the last member."""


@dataclass(slots=True)
class Member:
    """The place of a member. `start`: of the white space before it; `begin`: of the member itself; `close`: of its comma, or
    its end if there is none; `after`: after the comma; `end`: after a comment on the same line."""

    start: int
    begin: int
    keys: list[Key]
    value: Value
    close: int = 0
    after: int = 0
    end: int = 0

    @property
    def comma_follows(self) -> bool:
        return self.after > self.close


class Scanner:
    """A cursor in a well-formed text. In any other text it may raise anything."""

    def __init__(self, text: str, check: Check = proceed) -> None:
        self.text = text
        self.at = 0
        self.check = check

    def trivia(self) -> None:
        self._over(_TRIVIA)

    def blank(self) -> None:
        self._over(_BLANK)

    def comment(self) -> None:
        self._over(_COMMENT)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def keys(self) -> list[Key]:
        """Reads a dotted key, up to the blanks before its equal sign or bracket."""
        keys = []
        while True:
            self.blank()
            start = self.at
            self._string() if self.peek() in "\"'" else self._over(_BARE_KEY)
            keys.append(Key(start, self.at))
            end = self.at
            self.blank()
            if self.peek() != ".":
                self.at = end
                return keys
            self.at += 1

    def value(self) -> Value:
        match self.peek():
            case "[":
                return self._container("array", "]")
            case "{":
                return self._container("table", "}")
            case '"' | "'":
                start = self.at
                self._string()
                return Value(start, self.at)
        start = self.at
        if not self._over(_DATE_TIME):
            self._over(_BARE)
        return Value(start, self.at)

    def _container(self, kind: Literal["array", "table"], closing: str) -> Value:
        value = Value(self.at, 0, kind)
        self.at += 1
        while True:
            start = self.at
            self.trivia()
            if self.peek() == closing:
                value.tail = start
                break
            member = self._member(start, kind)
            value.members.append(member)
            if not member.comma_follows:
                value.tail = member.end
                break
        value.trailing = bool(value.members) and value.members[-1].comma_follows
        self.at += 1
        value.end = self.at
        return value

    def _member(self, start: int, kind: Literal["array", "table"]) -> Member:
        """Leaves the cursor at the closing bracket, or after the comma and its comment."""
        self.check()
        begin = self.at
        keys: list[Key] = []
        if kind == "table":
            keys = self.keys()
            self.trivia()
            self.at += 1  # the equal sign or the colon
            self.trivia()
        member = Member(start, begin, keys, self.value())
        ended = self.at
        self.trivia()
        if self.peek() == ",":
            member.close = self.at
            self.at = member.after = self.at + 1
            self.comment()
            member.end = self.at
        else:
            closing = self.at
            self.at = member.close = member.after = ended
            self.comment()
            member.end = self.at
            self.at = closing
        return member

    def _string(self) -> None:
        if not any(self._over(pattern) for pattern in _STRINGS):
            raise ValueError(f"no string at {self.at}")

    def _over(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self.text, self.at)
        if not found:
            return False
        self.at = found.end()
        return True


def line_end(text: str) -> str:
    """The more frequent of CRLF and LF, for lines that are added."""
    return "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
