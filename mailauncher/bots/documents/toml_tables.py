"""The lines of a TOML text that say something, and the tables that they make up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from mailauncher.bots.documents.scanner import Scanner, Value
from mailauncher.bots.documents.toml_language import Toml


@dataclass(slots=True)
class Statement:
    """A header or `key = value`, from the beginning of its line to behind its line break."""

    kind: Literal["pair", "table", "element"]
    start: int
    names: tuple[str, ...]
    written: tuple[str, ...]
    """The names as they are written, quotes included."""
    name_end: int
    value: Value
    """A header's is empty."""
    end: int = 0


@dataclass(slots=True)
class Pair:
    at: int
    """The number of its statement."""


@dataclass(slots=True)
class Table:
    """`root`; with a `header` of its own; `implied` by the headers of tables inside it; `dotted` keys of another table."""

    style: Literal["root", "header", "implied", "dotted"]
    header: int = -1
    own: int = -1
    """The last pair that stands directly under its header, or has its dotted name."""
    statements: list[int] = field(default_factory=list)
    """All that is inside it, its header too, in order."""
    members: dict[str, "Pair | Table | Elements"] = field(default_factory=dict)
    prefix: str = ""
    """For a dotted one: the written keys that lead to it from its section, with a dot after each."""


@dataclass(slots=True)
class Elements:
    """An array of tables."""

    tables: list[Table] = field(default_factory=list)

    @property
    def statements(self) -> list[int]:
        return [at for table in self.tables for at in table.statements]


def statements(text: str, language: Toml) -> Iterator[Statement]:
    """Those of a well-formed text, in order."""
    scanner = Scanner(text)
    while True:
        scanner.trivia()
        if scanner.at >= len(text):
            return
        start = max(text.rfind("\n", 0, scanner.at), text.rfind("\r", 0, scanner.at)) + 1
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
        yield Statement(kind, start, names, written, keys[-1].end, value, end)


def tree(lines: list[Statement]) -> Table:
    """The document's table, with all others in it."""
    root = section = Table("root")
    way = [root]
    for at, line in enumerate(lines):
        if line.kind == "pair":
            section.own = at
            table, *passed = _dotted(section, line)
            for dotted in passed:
                dotted.own = at
                dotted.statements.append(at)
            (passed[-1] if passed else table).members[line.names[-1]] = Pair(at)
            for outer in way:
                outer.statements.append(at)
            continue
        way = _headed(root, line)
        section = way[-1]
        section.header = at
        for outer in way:
            outer.statements.append(at)
    return root


def _headed(root: Table, line: Statement) -> list[Table]:
    """The tables from the root to the one that a header opens."""
    way = [root]
    for name in line.names[:-1]:
        member = way[-1].members.setdefault(name, Table("implied"))
        way.append(_table(member))
    last = line.names[-1]
    if line.kind == "element":
        elements = way[-1].members.setdefault(last, Elements())
        assert isinstance(elements, Elements)
        elements.tables.append(Table("header"))
        return [*way, elements.tables[-1]]
    table = way[-1].members.setdefault(last, Table("header"))
    assert isinstance(table, Table)
    table.style = "header"
    return [*way, table]


def _dotted(section: Table, line: Statement) -> list[Table]:
    """The section, and the tables that the dotted key of a pair leads through."""
    way = [section]
    for i, name in enumerate(line.names[:-1]):
        prefix = ".".join(line.written[: i + 1]) + "."
        way.append(_table(way[-1].members.setdefault(name, Table("dotted", prefix=prefix))))
    return way


def _table(member: Pair | Table | Elements) -> Table:
    if isinstance(member, Elements):
        return member.tables[-1]
    assert isinstance(member, Table)
    return member
