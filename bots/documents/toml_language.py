"""Writes keys and values of TOML."""

import math
import re
import tomllib
from datetime import date, datetime, time
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # except tab, LF and CR
_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_SPECIAL = re.compile(r'[\x00-\x1f\x7f"\\]')
_SPECIAL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\\]")


class Toml:
    """Changed strings keep their kind of quotes; a new string with line breaks gets three."""

    separator = " = "
    spread = False
    step = ""
    gap = " "
    margin = " "

    def __init__(self, line_end: str) -> None:
        self.line_end = line_end

    def key(self, key: str) -> str:
        return key if _BARE_KEY.fullmatch(key) else _basic(key)

    def name(self, written: str) -> str:
        if _BARE_KEY.fullmatch(written):
            return written
        (name,) = tomllib.loads(f"{written} = 0")
        return name

    def header(self, path: tuple[str, ...]) -> str:
        return ".".join(map(self.key, path))

    def value(self, value: Any, *, like: str = "", indent: str | None = "") -> str:
        match value:
            case bool():
                return "true" if value else "false"
            case str():
                return self._string(value, like)
            case float():
                return repr(value) if math.isfinite(value) else repr(value).lower()
            case int():
                return str(value)
            case datetime() | date() | time():
                return value.isoformat()
            case list():
                return "[" + ", ".join(self.value(member) for member in value) + "]"
            case dict():
                members = ", ".join(
                    f"{self.key(key)} = {self.value(member)}" for key, member in value.items()
                )
                return f"{{ {members} }}" if members else "{}"
        raise TypeError(type(value))

    def _string(self, text: str, like: str) -> str:
        raw = not _CONTROL.search(text) and "\r" not in text
        if like.startswith("'''"):
            if raw and "'''" not in text and not text.endswith("'"):
                return "'''" + self._opened(text, like) + "'''"
        elif like.startswith("'") and raw and not set(text) & {"'", "\n"}:
            return f"'{text}'"
        if like.startswith(('"""', "'''")) or "\n" in text:
            return self._lines(text, like)
        return _basic(text)

    def _lines(self, text: str, like: str) -> str:
        escaped = _SPECIAL_IN_LINES.sub(_escape, text).replace('"""', '""\\"')
        if escaped.endswith('"'):
            escaped = escaped[:-1] + '\\"'
        return '"""' + self._opened(escaped, like) + '"""'

    def _opened(self, text: str, like: str) -> str:
        """The text with the line breaks of the file. A line break directly after the opening quotes is not part of the string."""
        first = text.startswith("\n") or like[3:5].lstrip("\r").startswith("\n")
        return ("\n" * first + text).replace("\n", self.line_end)


def _basic(text: str) -> str:
    return '"' + _SPECIAL.sub(_escape, text) + '"'


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}"
