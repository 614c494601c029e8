"""Rewrites arrays and tables inside a value member by member, so that unchanged members keep their text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from bots.documents.room import Room
from bots.documents.scanner import Member, Value, line_end
from bots.documents.values import is_same

_LAST_LINE = re.compile(r"(\r?\n)([ \t]*)$")
_COMMENTS = re.compile(r".*#[^\r\n]*", re.DOTALL)
_COMMENT_LINE = re.compile(r"\r?\n([ \t]*)#")


class Language(Protocol):
    """How a language writes new values. `indent`: that of the line on which the value begins; None: the value shares its line
    with others and must not contain line breaks."""

    separator: str
    """The text between a key and its value."""
    spread: bool
    """Whether the first member of an empty array or table gets a line of its own."""
    step: str
    """One level of indentation."""
    gap: str
    """Blanks before a member on the same line as the previous one."""
    margin: str
    """Blanks inside the brackets of a new table."""

    def value(self, value: Any, *, like: str = "", indent: str | None = "") -> str: ...

    def key(self, key: str) -> str: ...

    def name(self, written: str) -> str:
        """The key for its written form."""
        ...


@dataclass(slots=True)
class MemberText:
    """A member's text: white space and comments before it, its key, its value, and the text before and after its comma."""

    lead: str
    head: str
    body: str
    pad: str = ""
    after: str = ""


class Rewriter:
    """Rewrites the values of one text where they differ."""

    def __init__(self, text: str, language: Language, room: Room) -> None:
        self.text = text
        self.room = room
        self.language = language
        self.line_end = line_end(text)

    def value(self, place: Value, old: Any, new: Any, indent: str | None = "") -> str:
        """The text of `new` in place of `old`. Raises FileTooLarge."""
        was = self.text[place.start : place.end]
        if is_same(old, new):
            return was
        if place.kind == "array" and isinstance(new, list):
            return self._array(place, old, new, indent)
        if place.kind == "table" and isinstance(new, dict):
            return self._table(place, old, new, indent)
        return self.room.take(self.language.value(new, like=was, indent=indent))

    def _array(self, place: Value, old: list[Any], new: list[Any], indent: str | None) -> str:
        first, end_old, end_new = differing(old, new)
        parts = [self._part(member) for member in place.members]
        both = min(end_old, end_new)
        for i in range(first, both):
            below = _indent(parts[i].lead)
            parts[i].body = self.value(place.members[i].value, old[i], new[i], below)
        members = _Members(self, parts, self.text[place.tail : place.end - 1], indent)
        members.drop(range(both, end_old))
        members.insert(both, [("", value) for value in new[both:end_new]])
        return "[" + members.text(trailing=place.trailing) + "]"

    def _table(self, place: Value, old: dict[str, Any], new: dict[str, Any], indent: str | None) -> str:
        parts = [self._part(member) for member in place.members]
        names = [tuple(self.name(key.start, key.end) for key in member.keys) for member in place.members]
        last = {name[0]: i for i, name in enumerate(names)}  # of a duplicate name, the last one counts
        gone = set()
        rewritten = set()
        for i, (key, *further) in enumerate(names):
            if key in new and is_same(old[key], new[key]):
                continue
            if key not in new or further:
                gone.add(i)
                rewritten.add(key)
            elif last[key] == i:
                below = _indent(parts[i].lead)
                parts[i].body = self.value(place.members[i].value, old[key], new[key], below)
        gone |= {i for i, name in enumerate(names) if name[0] in rewritten}
        head = next((part.head for part, name in zip(parts, names, strict=True) if len(name) == 1), "")
        members = _Members(self, parts, self.text[place.tail : place.end - 1], indent)
        members.drop(gone)
        added = [key for key in new if key not in old or key in rewritten]
        separator = self._separator(head)
        members.insert(len(members.parts), [(self.language.key(key) + separator, new[key]) for key in added])
        if not members.parts:
            return "{}"
        return "{" + members.text(trailing=place.trailing) + "}"

    def name(self, start: int, end: int) -> str:
        return self.language.name(self.text[start:end])

    def _part(self, member: Member) -> MemberText:
        text = self.text
        return MemberText(
            lead=text[member.start : member.begin],
            head=text[member.begin : member.value.start],
            body=text[member.value.start : member.value.end],
            pad=text[member.value.end : member.close],
            after=text[member.after : member.end],
        )

    def _separator(self, head: str) -> str:
        """The separator of the neighbouring member, if it is on one line."""
        # By hand: a search for blanks before a sign begins anew at each of the blanks in a key.
        sign = head.rstrip(" \t")
        if not sign.endswith(("=", ":")):
            return self.language.separator
        return head[len(sign[:-1].rstrip(" \t")) :]


class _Members:
    """The members of one array or table during an edit, and the white space before its closing bracket."""

    def __init__(self, rewriter: Rewriter, parts: list[MemberText], tail: str, indent: str | None) -> None:
        self.rewriter = rewriter
        self.parts = parts
        self.tail = tail
        self.indent = indent

    def drop(self, gone: Iterable[int]) -> None:
        """Removes members. Comments on lines of their own stay; a comment on the member's own line is removed with it."""
        gone = set(gone)
        if not gone:
            return
        opening = self.parts[0].lead
        kept: list[MemberText] = []
        comments = ""
        for i, part in enumerate(self.parts):
            if i in gone:
                found = _COMMENTS.match(part.lead)
                comments += found[0] if found else ""
                continue
            if comments:
                part.lead = comments + self._on_new_line(part.lead)
                comments = ""
            kept.append(part)
        if comments:
            self.tail = comments + self._on_new_line(self.tail)
        elif not kept and not self.tail.strip():
            self.tail = ""
        if kept and 0 in gone and not _breaks(opening + kept[0].lead):
            kept[0].lead = opening
        self.parts = kept

    def insert(self, index: int, members: list[tuple[str, Any]]) -> None:
        """Inserts new members before the one at `index`, each a key with its separator and a value."""
        for i, (head, value) in enumerate(members, index):
            lead = self._lead(i, keyed=bool(head))
            body = self.rewriter.language.value(value, indent=_indent(lead))
            self.rewriter.room.take(lead + head + body)
            self.parts.insert(i, MemberText(lead, head, body))
        if members and index == 0 and len(self.parts) > len(members):
            following = self.parts[len(members)]
            if not following.lead:
                following.lead = self.rewriter.language.gap

    def text(self, *, trailing: bool) -> str:
        pieces = []
        for i, part in enumerate(self.parts):
            comma = "," if trailing or i < len(self.parts) - 1 else ""
            if i and "#" in self.parts[i - 1].after and not _breaks(part.lead):
                part.lead = self._on_new_line(part.lead)
            pieces += [part.lead, part.head, part.body, part.pad, comma, part.after]
        if self.parts and "#" in self.parts[-1].after and not _breaks(self.tail):
            self.tail = self._on_new_line(self.tail)
        return "".join(pieces) + self.tail

    def _lead(self, index: int, *, keyed: bool) -> str:
        """White space before a new member: the same as before its neighbours."""
        if not self.parts:
            return self._first_lead(keyed=keyed)
        beside = self.parts[1 if index and len(self.parts) > 1 else 0].lead
        found = _LAST_LINE.search(beside)
        if found:
            return found[0]
        return beside if index == 0 or len(self.parts) > 1 else self.rewriter.language.gap

    def _first_lead(self, *, keyed: bool) -> str:
        """The same for an array or table without members: the new member comes after its comments."""
        language, line_end = self.rewriter.language, self.rewriter.line_end
        found = _LAST_LINE.search(self.tail)
        if "#" in self.tail:
            comments = _COMMENTS.match(self.tail)
            above = _COMMENT_LINE.search(self.tail)
            assert comments
            self.tail = found[0] if found else line_end
            return comments[0] + line_end + (above[1] if above else language.step)
        if found or (language.spread and self.indent is not None):
            indent = self.indent or ""
            self.tail = line_end + indent
            return line_end + indent + (language.step or "    ")
        self.tail = language.margin if keyed else ""
        return self.tail

    def _on_new_line(self, blank: str) -> str:
        return blank if blank.lstrip(" \t").startswith(("\r", "\n")) else self.rewriter.line_end + blank


def differing(old: list[Any], new: list[Any]) -> tuple[int, int, int]:
    """The index at which two lists begin to differ, and the index in each at which the equal rest begins."""
    first = 0
    while first < min(len(old), len(new)) and is_same(old[first], new[first]):
        first += 1
    end_old, end_new = len(old), len(new)
    while min(end_old, end_new) > first and is_same(old[end_old - 1], new[end_new - 1]):
        end_old, end_new = end_old - 1, end_new - 1
    return first, end_old, end_new


def _indent(lead: str) -> str | None:
    """The indentation of a member at the start of a line; None if it does not start one."""
    found = _LAST_LINE.search(lead)
    return found[2] if found else None


def _breaks(blank: str) -> bool:
    return "\n" in blank
