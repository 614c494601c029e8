"""Writes keys and values of JSON in the style of an existing text."""

import json
import re
from typing import Any

from bots.documents.room import joined

_STEP = re.compile(r"^[ \t]*[\[{][ \t]*\r?\n([ \t]+)")
_TIGHT = re.compile(r'^[^:]*":\S')


class Json:
    """`step`: the indentation of the first member. A text on one line stays on one line."""

    margin = ""

    def __init__(self, text: str, line_end: str) -> None:
        found = _STEP.match(text)
        self.line_end = line_end
        self.spread = found is not None
        self.step = found[1] if found else ""
        self.tight = not self.spread and bool(_TIGHT.match(text))
        self.gap = "" if self.tight else " "
        self.separator = ":" if self.tight else ": "

    def key(self, key: str) -> str:
        return json.dumps(key, ensure_ascii=False)

    def name(self, written: str) -> str:
        name: str = json.loads(written)
        return name

    def value(self, value: Any, *, like: str = "", indent: str | None = "") -> str:
        """Raises FileTooLarge: each line repeats the indentation."""
        del like
        separators = (",", ":") if self.tight else None
        step = self.step or None if indent is not None else None
        encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=step, separators=separators)
        line_break = self.line_end + (indent or "")
        # Strings have none: each break begins a line.
        return joined(piece.replace("\n", line_break) for piece in encoder.iterencode(value))
