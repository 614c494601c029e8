"""The statements of a TOML text, and the tables that they define."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bots.documents.scanner import Scanner, Value
from bots.documents.toml_language import Toml
from mailauncher.interruption import Check, proceed


@dataclass(slots=True)
class TomlStatement:
    """A header or `key = value`, from the start of its line to the end of its line break."""

    kind: Literal["pair", "table", "element"]
    start: int
    names: tuple[str, ...]
    written: tuple[str, ...]
    """The names as written, quotes included."""
    name_end: int
    value: Value
    """Empty for a header."""
    end: int = 0


@dataclass(slots=True)
class TomlPair:
    at: int
    """The index of its statement."""


@dataclass(slots=True)
class TomlTable:
    """A table: the `root`, one with a `header`, one `implied` by the headers of inner tables, or one defined by `dotted` keys."""

    style: Literal["root", "header", "implied", "dotted"]
    header: int = -1
    own: int = -1
    """The last pair directly below its header, or with its dotted name."""
    statements: list[int] = field(default_factory=list)
    """All statements inside it, with its header, in order."""
    members: dict[str, "TomlPair | TomlTable | TomlTableArray"] = field(default_factory=dict)
    prefix: str = ""
    """For a dotted table: the written keys that lead to it from its section, with a dot after each."""


@dataclass(slots=True)
class TomlTableArray:
    """An array of tables."""

    tables: list[TomlTable] = field(default_factory=list)

    @property
    def statements(self) -> list[int]:
        return [at for table in self.tables for at in table.statements]


def statements(text: str, language: Toml, check: Check = proceed) -> Iterator[TomlStatement]:
    """The statements of a well-formed text, in order."""
    scanner = Scanner(text, check)
    end = 0
    while True:
        check()
        scanner.trivia()
        if scanner.at >= len(text):
            return
        # The line begins behind the former statement: a search to the start of the text would be quadratic.
        start = max(text.rfind("\n", end, scanner.at), text.rfind("\r", end, scanner.at), end - 1) + 1
        brackets = 0
        while brackets < 2 and scanner.peek() == "[":
            brackets += 1
            scanner.at += 1
        keys = scanner.keys()
        scanner.blank()
        written = tuple(text[key.start : key.end] for key in keys)
        names = tuple(map(language.name, written))
        if brackets:
            scanner.at += brackets
            value = Value(scanner.at, scanner.at)
        else:
            scanner.at += 1
            scanner.blank()
            value = scanner.value()
        scanner.blank()
        scanner.comment()
        end = scanner.at
        if text.startswith("\r\n", end):
            end += 2
        elif end < len(text):
            end += 1
        scanner.at = end
        kind: Literal["pair", "table", "element"] = ("pair", "table", "element")[brackets]
        yield TomlStatement(kind, start, names, written, keys[-1].end, value, end)


def tree(lines: list[TomlStatement]) -> TomlTable:
    """The root table with all others in it."""
    root = section = TomlTable("root")
    way = [root]
    for at, line in enumerate(lines):
        if line.kind == "pair":
            section.own = at
            table, *passed = _dotted(section, line)
            for dotted in passed:
                dotted.own = at
                dotted.statements.append(at)
            (passed[-1] if passed else table).members[line.names[-1]] = TomlPair(at)
            for outer in way:
                outer.statements.append(at)
            continue
        way = _tables_of_header(root, line)
        section = way[-1]
        section.header = at
        for outer in way:
            outer.statements.append(at)
    return root


def _tables_of_header(root: TomlTable, line: TomlStatement) -> list[TomlTable]:
    """The tables from the root to the one that the header opens."""
    way = [root]
    for name in line.names[:-1]:
        member = way[-1].members.setdefault(name, TomlTable("implied"))
        way.append(_table(member))
    last = line.names[-1]
    if line.kind == "element":
        elements = way[-1].members.setdefault(last, TomlTableArray())
        assert isinstance(elements, TomlTableArray)
        elements.tables.append(TomlTable("header"))
        return [*way, elements.tables[-1]]
    table = way[-1].members.setdefault(last, TomlTable("header"))
    assert isinstance(table, TomlTable)
    table.style = "header"
    return [*way, table]


def _dotted(section: TomlTable, line: TomlStatement) -> list[TomlTable]:
    """The section, and the tables on the way of a pair's dotted key."""
    way = [section]
    for i, name in enumerate(line.names[:-1]):
        prefix = ".".join(line.written[: i + 1]) + "."
        way.append(_table(way[-1].members.setdefault(name, TomlTable("dotted", prefix=prefix))))
    return way


def _table(member: TomlPair | TomlTable | TomlTableArray) -> TomlTable:
    if isinstance(member, TomlTableArray):
        return member.tables[-1]
    assert isinstance(member, TomlTable)
    return member
