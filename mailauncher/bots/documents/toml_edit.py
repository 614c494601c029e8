"""Turning a TOML text into one that says something else, statement by statement."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from mailauncher.bots.documents.container import Rewriter, differing
from mailauncher.bots.documents.scanner import line_end
from mailauncher.bots.documents.toml_language import Toml
from mailauncher.bots.documents.toml_tables import Elements, Pair, Table, statements, tree
from mailauncher.bots.documents.values import same


def rewrite(text: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    """The text, saying `new` where it says `old` now."""
    if same(old, new):
        return text
    edit = _Edit(text)
    edit.table(edit.root, old, new, ())
    return edit.text()


class _Edit:
    """What will change, by statement; `text` puts it all together."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.line_end = line_end(text)
        self.language = Toml(self.line_end)
        self.lines = list(statements(text, self.language))
        self.root = tree(self.lines)
        self.values = Rewriter(text, self.language)
        self.replaced: dict[int, str] = {}
        self.removed: set[int] = set()
        self.interior: set[int] = set()
        """Removed statements, with the comments before them."""
        self.pairs: dict[int, list[str]] = defaultdict(list)
        """New lines behind a statement; -1: before the first header."""
        self.sections: dict[int, list[str]] = defaultdict(list)
        """New sections behind the section that a statement ends."""
        self.headers: dict[int, list[str]] = defaultdict(list)
        """New sections before a header, and before the comments that lead it."""

    def table(self, table: Table, old: dict[str, Any], new: dict[str, Any], path: tuple[str, ...]) -> None:
        """Makes `table`, which says `old` and lies at `path` (without indices), say `new`."""
        added = {key: value for key, value in new.items() if key not in old}
        for key, value in old.items():
            member = table.members[key]
            if key not in new:
                self._remove(member)
            elif not same(value, new[key]) and not self._changed(member, value, new[key], (*path, key)):
                self._remove(member)
                added[key] = new[key]
        self._add(table, added, path)
        self._keep_empty(table, old, new, path)

    def _changed(self, member: Pair | Table | Elements, old: Any, new: Any, path: tuple[str, ...]) -> bool:
        """Whether it could be changed where it stands."""
        if isinstance(member, Pair):
            place = self.lines[member.at].value
            self.replaced[member.at] = self.values.value(place, old, new)
            return True
        if isinstance(member, Table):
            if not isinstance(new, dict) or (member.style == "dotted" and not new):
                return False
            self.table(member, old, new, path)
            return True
        if not _tables(new):
            return False
        self._elements(member, old, new, path)
        return True

    def _elements(self, elements: Elements, old: list[Any], new: list[Any], path: tuple[str, ...]) -> None:
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

    def _remove(self, member: Pair | Table | Elements) -> None:
        """Comments inside a section go with it."""
        gone = [member.at] if isinstance(member, Pair) else member.statements
        self.removed.update(gone)
        inside, before = False, -2
        for at in sorted(gone):
            inside = at == before + 1 and (inside or self.lines[before].kind != "pair")
            if inside:
                self.interior.add(at)
            before = at

    def _add(self, table: Table, added: dict[str, Any], path: tuple[str, ...]) -> None:
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
        self, table: Table, old: dict[str, Any], new: dict[str, Any], path: tuple[str, ...]
    ) -> None:
        """A table that only its members implied needs a header once they are gone."""
        if old and not new and table.style == "implied":
            self.headers[table.statements[0]].append(self._section(path, {}))

    def _pair(self, key: str, value: Any, beside: int, prefix: str = "") -> str:
        """A line, indented and spaced like the pair beside it."""
        blank, separator = "", self.language.separator
        if beside >= 0 and self.lines[beside].kind == "pair":
            line = self.lines[beside]
            first = self.source[line.start : line.name_end]
            blank = first[: len(first) - len(first.lstrip(" \t"))]
            separator = self.source[line.name_end : line.value.start]
        written = self.language.value(value)
        return f"{blank}{prefix}{self.language.key(key)}{separator}{written}{self.line_end}"

    def _section(self, path: tuple[str, ...], value: dict[str, Any], *, element: bool = False) -> str:
        """A header with its pairs, then the sections inside it, a blank line between them."""
        header = self.language.header(path)
        lines = [f"[[{header}]]" if element else f"[{header}]"]
        inner = []
        for key, member in value.items():
            if isinstance(member, dict):
                inner.append(self._section((*path, key), member))
            elif _tables(member):
                inner += [self._section((*path, key), one, element=True) for one in member]
            else:
                lines.append(f"{self.language.key(key)} = {self.language.value(member)}")
        section = self.line_end.join(lines) + self.line_end
        return self.line_end.join([section, *inner])

    def text(self) -> str:
        out = _Out(self.line_end)
        at = 0
        first_header = next((i for i, line in enumerate(self.lines) if line.kind != "pair"), len(self.lines))
        for i, line in enumerate(self.lines):
            own, leading = self._gap(i, self.source[at : line.start])
            out.gap(own)
            if i == first_header:
                out.block(["".join(self.pairs[-1])])
            out.block([*self.sections[i - 1], *self.headers[i]])
            out.add(leading)
            self._statement(i, out)
            at = line.end
        out.gap(self.source[at:])
        if first_header == len(self.lines):
            out.line("".join(self.pairs[-1]))
        out.block(self.sections[len(self.lines) - 1], more=False)
        text = "".join(out.pieces)
        if self.source and not self.source.endswith("\n"):
            text = text.removesuffix(self.line_end)
        return text

    def _gap(self, i: int, gap: str) -> tuple[str, str]:
        """What is left of the blank and comment lines before a statement: those of the section above, and those that
        lead a header."""
        if i in self.interior or (i in self.removed and not gap.strip()):
            return "", ""
        return (gap, "") if self.lines[i].kind == "pair" else _split(gap)

    def _statement(self, i: int, out: "_Out") -> None:
        if i not in self.removed:
            out.add(self._line(i))
        elif self.lines[i].kind != "pair":
            out.removed = True
        out.line("".join(self.pairs[i]))

    def _line(self, i: int) -> str:
        line = self.lines[i]
        if i not in self.replaced:
            return self.source[line.start : line.end]
        before = self.source[line.start : line.value.start]
        return before + self.replaced[i] + self.source[line.value.end : line.end]


class _Out:
    """The text as it grows."""

    def __init__(self, line_end: str) -> None:
        self.pieces: list[str] = []
        self.line_end = line_end
        self.tail = ""
        self.removed = False
        """Whether a section was left out since the last piece."""

    def add(self, piece: str) -> None:
        if piece:
            self.pieces.append(piece)
            self.tail = (self.tail + piece)[-4:]
            self.removed = False

    def gap(self, gap: str) -> None:
        """Blank lines and comments; one blank line less where a section went that had one on both sides."""
        blank, line_break, rest = gap.partition("\n")
        if self.removed and line_break and not blank.strip() and self._blank():
            gap = rest
        self.add(gap)

    def line(self, line: str) -> None:
        if line and self.tail and not self.tail.endswith("\n"):
            self.add(self.line_end)
        self.add(line)

    def block(self, blocks: Iterable[str], *, more: bool = True) -> None:
        """Lines with a blank one before, and behind them if `more` follows."""
        for block in filter(None, blocks):
            self.line(block if self._blank() else self.line_end + block)
            if more:
                self.add(self.line_end)

    def _blank(self) -> bool:
        """Whether this is the beginning, or behind a blank line."""
        return not self.tail or self.tail.replace("\r", "").endswith("\n\n")


def _split(gap: str) -> tuple[str, str]:
    """What stands before a header: what belongs to the section above, and the comment lines that lead the header."""
    lines = gap.splitlines(keepends=True)
    at = len(lines)
    while at and lines[at - 1].lstrip(" \t").startswith("#"):
        at -= 1
    return "".join(lines[:at]), "".join(lines[at:])


def _tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(member, dict) for member in value)


def _sections(value: Any) -> bool:
    return isinstance(value, dict) or _tables(value)
