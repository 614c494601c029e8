"""Edits a TOML text statement by statement, so that it has other values."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from bots.documents.container import Rewriter, differing
from bots.documents.room import Room
from bots.documents.scanner import line_end
from bots.documents.toml_language import Toml
from bots.documents.toml_tables import TomlPair, TomlTable, TomlTableArray, statements, tree
from bots.documents.values import is_same
from mailauncher.interruption import Check, proceed


def rewrite(text: str, old: dict[str, Any], new: dict[str, Any], check: Check = proceed) -> str:
    """The text, which has the values `old`, with the values `new`. Raises FileTooLarge."""
    if is_same(old, new):
        return text
    edit = _TomlEdit(text, check)
    edit.table(edit.root, old, new, ())
    return edit.text()


class _TomlEdit:
    """Collects the changes to each statement; `text` applies them."""

    def __init__(self, text: str, check: Check) -> None:
        self.source = text
        self.line_end = line_end(text)
        self.language = Toml(self.line_end)
        self.lines = list(statements(text, self.language, check))
        self.root = tree(self.lines)
        self.room = Room(check)
        self.values = Rewriter(text, self.language, self.room)
        self.replaced: dict[int, str] = {}
        self.removed: set[int] = set()
        self.interior: set[int] = set()
        """Removed statements whose preceding comments are removed as well."""
        self.pairs: dict[int, list[str]] = defaultdict(list)
        """New lines after a statement; -1: before the first header."""
        self.sections: dict[int, list[str]] = defaultdict(list)
        """New sections after the section that a statement ends."""
        self.headers: dict[int, list[str]] = defaultdict(list)
        """New sections before a header and the comments above it."""

    def table(
        self, table: TomlTable, old: dict[str, Any], new: dict[str, Any], path: tuple[str, ...]
    ) -> None:
        """Changes a table from `old` to `new`; `path` is its path without indices."""
        added = {key: value for key, value in new.items() if key not in old}
        for key, value in old.items():
            member = table.members[key]
            if key not in new:
                self._remove(member)
            elif not is_same(value, new[key]) and not self._changed(member, value, new[key], (*path, key)):
                self._remove(member)
                added[key] = new[key]
        self._add(table, added, path)
        self._keep_empty(table, old, new, path)

    def _changed(
        self, member: TomlPair | TomlTable | TomlTableArray, old: Any, new: Any, path: tuple[str, ...]
    ) -> bool:
        """Changes a member in its place; False if that is not possible."""
        if isinstance(member, TomlPair):
            place = self.lines[member.at].value
            self.replaced[member.at] = self.values.value(place, old, new)
            return True
        if isinstance(member, TomlTable):
            if not isinstance(new, dict) or (member.style == "dotted" and not new):
                return False
            self.table(member, old, new, path)
            return True
        if not _tables(new):
            return False
        self._elements(member, old, new, path)
        return True

    def _elements(
        self, elements: TomlTableArray, old: list[Any], new: list[Any], path: tuple[str, ...]
    ) -> None:
        first, end_old, end_new = differing(old, new)
        both = min(end_old, end_new)
        for i in range(first, both):
            self.table(elements.tables[i], old[i], new[i], path)
        for table in elements.tables[both:end_old]:
            self._remove(table)
        for value in new[both:end_new]:
            section = self._section(path, value, element=True)
            if both:
                self.sections[elements.tables[both - 1].statements[-1]].append(section)
            else:
                self.headers[elements.tables[0].statements[0]].append(section)

    def _remove(self, member: TomlPair | TomlTable | TomlTableArray) -> None:
        """Removes a member; comments inside a section are removed with it."""
        gone = [member.at] if isinstance(member, TomlPair) else member.statements
        self.removed.update(gone)
        inside, before = False, -2
        for at in sorted(gone):
            inside = at == before + 1 and (inside or self.lines[before].kind != "pair")
            if inside:
                self.interior.add(at)
            before = at

    def _add(self, table: TomlTable, added: dict[str, Any], path: tuple[str, ...]) -> None:
        if table.style == "dotted":
            self.pairs[table.own] += [
                self._pair(key, value, table.own, table.prefix) for key, value in added.items()
            ]
            return
        beside = table.own if table.own >= 0 else table.header
        lines = {key: value for key, value in added.items() if not _sections(value)}
        if lines and table.style == "implied":
            self.headers[table.statements[0]].append(self._section(path, lines))
        elif lines:
            self.pairs[beside] += [self._pair(key, value, beside) for key, value in lines.items()]
        end = table.statements[-1] if table.statements else -1
        for key, value in added.items():
            if isinstance(value, dict):
                self.sections[end].append(self._section((*path, key), value))
            elif _tables(value):
                self.sections[end] += [self._section((*path, key), one, element=True) for one in value]

    def _keep_empty(
        self, table: TomlTable, old: dict[str, Any], new: dict[str, Any], path: tuple[str, ...]
    ) -> None:
        """Adds a header for a table that was implied by members which are all removed."""
        if old and not new and table.style == "implied":
            self.headers[table.statements[0]].append(self._section(path, {}))

    def _pair(self, key: str, value: Any, beside: int, prefix: str = "") -> str:
        """A line with the indentation and spacing of the neighbouring pair."""
        blank, separator = "", self.language.separator
        if beside >= 0 and self.lines[beside].kind == "pair":
            line = self.lines[beside]
            first = self.source[line.start : line.name_end]
            blank = first[: len(first) - len(first.lstrip(" \t"))]
            separator = self.source[line.name_end : line.value.start]
        written = self.language.value(value)
        return self.room.take(f"{blank}{prefix}{self.language.key(key)}{separator}{written}{self.line_end}")

    def _section(self, path: tuple[str, ...], value: dict[str, Any], *, element: bool = False) -> str:
        """A header with its pairs, then its inner sections, separated by blank lines."""
        header = self.language.header(path)
        lines = [self.room.take(f"[[{header}]]" if element else f"[{header}]")]
        inner = []
        for key, member in value.items():
            if isinstance(member, dict):
                inner.append(self._section((*path, key), member))
            elif _tables(member):
                inner += [self._section((*path, key), one, element=True) for one in member]
            else:
                lines.append(self.room.take(f"{self.language.key(key)} = {self.language.value(member)}"))
        section = self.line_end.join(lines) + self.line_end
        return self.line_end.join([section, *inner])

    def text(self) -> str:
        out = _Output(self.line_end)
        at = 0
        first_header = next((i for i, line in enumerate(self.lines) if line.kind != "pair"), len(self.lines))
        for i, line in enumerate(self.lines):
            own, leading = self._gap(i, self.source[at : line.start])
            out.add_gap(own)
            if i == first_header:
                out.add_block(["".join(self.pairs[-1])])
            out.add_block([*self.sections[i - 1], *self.headers[i]])
            out.add(leading)
            self._statement(i, out)
            at = line.end
        out.add_gap(self.source[at:])
        if first_header == len(self.lines):
            out.add_line("".join(self.pairs[-1]))
        out.add_block(self.sections[len(self.lines) - 1], more=False)
        text = "".join(out.pieces)
        if self.source and not self.source.endswith("\n"):
            text = text.removesuffix(self.line_end)
        return text

    def _gap(self, i: int, gap: str) -> tuple[str, str]:
        """The remaining blank and comment lines before a statement: those of the section above, and those directly above a
        header."""
        if i in self.interior or (i in self.removed and not gap.strip()):
            return "", ""
        return (gap, "") if self.lines[i].kind == "pair" else _split(gap)

    def _statement(self, i: int, out: "_Output") -> None:
        if i not in self.removed:
            out.add(self._line(i))
        elif self.lines[i].kind != "pair":
            out.removed = True
        out.add_line("".join(self.pairs[i]))

    def _line(self, i: int) -> str:
        line = self.lines[i]
        if i not in self.replaced:
            return self.source[line.start : line.end]
        before = self.source[line.start : line.value.start]
        return before + self.replaced[i] + self.source[line.value.end : line.end]


class _Output:
    """The resulting text while it is put together."""

    def __init__(self, line_end: str) -> None:
        self.pieces: list[str] = []
        self.line_end = line_end
        self.tail = ""
        self.removed = False
        """Whether a section was omitted since the last piece."""

    def add(self, piece: str) -> None:
        if piece:
            self.pieces.append(piece)
            self.tail = (self.tail + piece)[-4:]
            self.removed = False

    def add_gap(self, gap: str) -> None:
        """Adds blank lines and comments; one blank line less if a removed section had one on both sides."""
        blank, line_break, rest = gap.partition("\n")
        if self.removed and line_break and not blank.strip() and self._blank():
            gap = rest
        self.add(gap)

    def add_line(self, line: str) -> None:
        if line and self.tail and not self.tail.endswith("\n"):
            self.add(self.line_end)
        self.add(line)

    def add_block(self, blocks: Iterable[str], *, more: bool = True) -> None:
        """Adds lines with a blank line before them, and after them if `more` follows."""
        for block in filter(None, blocks):
            self.add_line(block if self._blank() else self.line_end + block)
            if more:
                self.add(self.line_end)

    def _blank(self) -> bool:
        """Whether the text is empty or ends with a blank line."""
        return not self.tail or self.tail.replace("\r", "").endswith("\n\n")


def _split(gap: str) -> tuple[str, str]:
    """Splits the lines before a header: those of the section above, and the comment lines directly above the header."""
    lines = gap.splitlines(keepends=True)
    at = len(lines)
    while at and lines[at - 1].lstrip(" \t").startswith("#"):
        at -= 1
    return "".join(lines[:at]), "".join(lines[at:])


def _tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(member, dict) for member in value)


def _sections(value: Any) -> bool:
    return isinstance(value, dict) or _tables(value)
