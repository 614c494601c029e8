"""The values of a text in the order in which they stand, each with its place and the comment that explains it: what a form
needs. Sections and inline tables are values too, followed by those in them."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bots.documents import env, json, toml, values
from bots.documents.json_language import Json
from bots.documents.scanner import Scanner, Value, line_end
from bots.documents.secrets import Kind, is_secret, spans
from bots.documents.toml_language import Toml
from bots.documents.toml_tables import TomlStatement, statements
from mailauncher.errors import InvalidParameter
from mailauncher.interruption import Check, proceed
from mailauncher.log import mask

Shape = Literal["table", "array", "list", "string", "integer", "float", "boolean", "time", "null"]
"""An `array` contains tables or arrays, whose values follow; a `list` none, and is one value."""

COMMENT_LINES = 20
"""A comment of more lines above a value is cut off at its beginning."""
Name = Callable[[str], str]
"""The key for its written form."""
_COMMENT = re.compile(r"^[ \t]*[#;]+ ?(.*?)[ \t]*\r?$", re.MULTILINE)
_SHAPES: dict[type, Shape] = {
    dict: "table", str: "string", bool: "boolean", int: "integer", float: "float", type(None): "null",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A value. `start` and `end`: its place in the text, in characters; for a section the place of its name."""

    path: tuple[str, ...]
    """Keys and, in arrays, indices."""
    shape: Shape
    value: Any
    """None for a table or an array."""
    comment: str
    """Comment lines directly above it, and the comment behind it, without their signs."""
    secret: bool
    line: int
    start: int
    end: int


def outline(
    text: str, kind: Kind, document: Mapping[str, Any] | None = None, check: Check = proceed
) -> list[Entry]:
    """`document`: what the text contains, if it has been read already. Raises what the reader of the format raises, and
    InvalidParameter for a form of TOML that can be read, but not be edited value by value."""
    if document is None:
        document = {"toml": toml.read, "json": json.read, "env": env.read}[kind](text)
    found = _Outline(text, document, check)
    try:
        return list({"toml": found.of_toml, "json": found.of_json, "env": found.of_env}[kind]())
    except (LookupError, ValueError):
        raise InvalidParameter(
            "文件能够读取，但其写法只能整体编辑",
            "The file can be read, but is written in a way that can only be edited as a whole",
        ) from None


def hidden(text: str, entries: Iterable[Entry] | None) -> list[tuple[int, int]]:
    """Where secrets stand in the text, in order. `entries`: its outline; None for a text that has none."""
    if entries is None:
        return spans(text, None)
    return spans(text, [(entry.start, entry.end) for entry in entries if entry.secret and entry.value])


class _Outline:
    def __init__(self, text: str, document: Mapping[str, Any], check: Check) -> None:
        self._text = text
        self._document = document
        self._check = check
        self._breaks = [found.start() for found in re.finditer("\n", text)]

    def of_toml(self) -> Iterator[Entry]:
        language = Toml(line_end(self._text))
        section: tuple[str, ...] = ()
        elements: dict[tuple[str, ...], int] = {}
        """The index of the last element of each array of tables."""
        before = 0
        for statement in statements(self._text, language, self._check):
            above = _above(self._text[before : statement.start])
            before = statement.end
            if statement.kind == "pair":
                comment = _joined(above, self._text[statement.value.end : statement.end])
                path = (*section, *statement.names)
                data = values.value_at(self._document, path)
                yield from self._value(path, statement.value, data, comment, language.name)
                continue
            behind = self._text[statement.name_end : statement.end].lstrip(" \t]")
            comment = _joined(above, behind)
            section = _section(statement, elements)
            if statement.kind == "element" and section[-1] == "0":
                yield self._header(statement, section[:-1], "array", "")
            yield self._header(statement, section, "table", comment)

    def _header(self, statement: TomlStatement, path: tuple[str, ...], shape: Shape, comment: str) -> Entry:
        end = statement.name_end
        return self._entry(path, shape, None, comment, end, end)

    def of_json(self) -> Iterator[Entry]:
        scanner = Scanner(self._text, self._check)
        scanner.trivia()
        if scanner.peek():
            top = scanner.value()
            yield from self._members((), top, self._document, Json("", "\n").name)

    def of_env(self) -> Iterator[Entry]:
        text = self._text
        spans = list(env.value_spans(text))
        last = {name: start for name, start, _ in spans}
        before = 0
        for name, start, end in spans:
            above = _above(text[before : text.rfind("\n", before, start) + 1])
            stop = text.find("\n", end)
            before = len(text) if stop < 0 else stop
            if last[name] == start:  # of a duplicate name the last one counts
                comment = _joined(above, text[end:before])
                yield self._entry((name,), "string", self._document[name], comment, start, end)

    def _value(
        self, path: tuple[str, ...], place: Value, data: Any, comment: str, name: Name
    ) -> Iterator[Entry]:
        shape = _shape(data)
        value = None if shape in ("table", "array") else values.plain(data)
        yield self._entry(path, shape, value, comment, place.start, place.end)
        if value is None:
            yield from self._members(path, place, data, name)

    def _members(self, path: tuple[str, ...], place: Value, data: Any, name: Name) -> Iterator[Entry]:
        """The members of an inline table or array. Of a duplicate name the last one counts."""
        text = self._text
        named = {}
        for i, member in enumerate(place.members):
            self._check()
            keys = tuple(name(text[key.start : key.end]) for key in member.keys)
            named[keys or (str(i),)] = member
        for keys, member in named.items():
            lead, after = text[member.start : member.begin], text[member.after : member.end]
            below = values.value_at(data, keys)
            yield from self._value((*path, *keys), member.value, below, _joined(_above(lead), after), name)

    def _entry(
        self, path: tuple[str, ...], shape: Shape, value: Any, comment: str, start: int, end: int
    ) -> Entry:
        line = bisect_right(self._breaks, start - 1) + 1
        texts = shape == "string" or (shape == "list" and any(isinstance(member, str) for member in value))
        return Entry(path, shape, value, comment, texts and any(map(is_secret, path)), line, start, end)


def _shape(data: Any) -> Shape:
    if isinstance(data, list):
        return "array" if any(isinstance(member, dict | list) for member in data) else "list"
    return _SHAPES.get(type(data), "time")


def _section(statement: TomlStatement, elements: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """The path that a header opens; counts the elements of arrays."""
    path: tuple[str, ...] = ()
    for name in statement.names[:-1]:
        path = (*path, name)
        if path in elements:
            path = (*path, str(elements[path]))
    path = (*path, statement.names[-1])
    if statement.kind == "element":
        elements[path] = elements.get(path, -1) + 1
        path = (*path, str(elements[path]))
    return path


def _above(gap: str) -> str:
    """The comment lines at the end of what stands before a value, without a blank line between."""
    lines = gap.rstrip(" \t").splitlines()
    at = len(lines)
    while at > len(lines) - COMMENT_LINES and at and lines[at - 1].lstrip(" \t").startswith(("#", ";")):
        at -= 1
    return "\n".join(lines[at:])


def _joined(above: str, behind: str) -> str:
    """What the comments say. A value that is commented out may be a secret."""
    found = "\n".join(found for part in (above, behind) for found in _COMMENT.findall(part)).strip()
    return mask(found) if found else found
