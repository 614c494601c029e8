"""Differences between two contents of a file, for people: secrets are hidden, and the length is bounded."""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from bots.documents import values
from bots.documents.secrets import Kind, masked

LINES = 2000
COMPARED_LINES = 2000
"""Lines that are compared one by one, in a time that grows with their square; more are shown as replaced."""
EQUAL_PAIRS = 100_000
"""The same for pairs of equal lines, one old and one new: the time grows with their number for each line."""
_CONTEXT = 3
_NAME_CHARACTERS = 120


def unified(kind: Kind, old: bytes, new: bytes, old_name: str, new_name: str) -> str:
    """A unified diff, as by `diff -u`, of at most `LINES` lines; empty for equal contents. A changed secret is a changed
    line with `***` on both sides. Blocks."""
    raw, shown = _lines(old, kind), _lines(new, kind)
    groups = [group for group in _groups(raw[0], shown[0]) if group]
    lines = [f"--- {old_name}", f"+++ {new_name}"] if groups else []
    for group in groups:
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [f" {line}" for line in raw[1][i1:i2]]
                continue
            lines += [f"-{line}" for line in raw[1][i1:i2]]
            lines += [f"+{line}" for line in shown[1][j1:j2]]
        if len(lines) > LINES:
            lines = [*lines[:LINES], "\\ ..."]
            break
    return "".join(f"{line}\n" for line in lines)


_Opcode = tuple[str, int, int, int, int]


def _groups(old: list[str], new: list[str]) -> Iterator[list[_Opcode]]:
    """Changes with lines of context, as difflib groups them."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    begin = max(0, head - _CONTEXT)
    old_end, new_end = (len(lines) - max(0, tail - _CONTEXT) for lines in (old, new))
    if head == len(old) == len(new):
        return
    if not _comparable(old[head : len(old) - tail], new[head : len(new) - tail]):
        yield [("replace", head, len(old) - tail, head, len(new) - tail)]
        return
    matcher = difflib.SequenceMatcher(None, old[begin:old_end], new[begin:new_end], autojunk=False)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        yield [(tag, i1 + begin, i2 + begin, j1 + begin, j2 + begin) for tag, i1, i2, j1, j2 in group]


def opcodes(old: list[str], new: list[str]) -> Iterator[_Opcode]:
    """All changes, as difflib tells them, without lines of context."""
    for group in _groups(old, new):
        yield from group


def _comparable(old: list[str], new: list[str]) -> bool:
    counts = Counter(new)
    return max(len(old), len(new)) <= COMPARED_LINES and sum(counts[line] for line in old) <= EQUAL_PAIRS


def _lines(content: bytes, kind: Kind) -> tuple[list[str], list[str]]:
    """(lines of a content, the same lines with secrets hidden)."""
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    raw, shown = text.split("\n"), masked(text, kind).split("\n")
    if raw[-1] == "":
        raw, shown = raw[:-1], shown[:-1]
    return raw, [line.removesuffix("\r") for line in shown]


def _range(start: int, stop: int) -> str:
    length = stop - start
    return f"{start + 1 if length else start},{length}"


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """The dotted names of values that differ, in the order of `new`, then removed ones. An array counts as one value."""
    return tuple(_changed(old, new, ()))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[str]:
    for key in dict.fromkeys((*new, *old)):
        place = (*at, key)
        before, now = old.get(key), new.get(key)
        if key in old and key in new and values.is_same(before, now):
            continue
        inner = [value for value in (before, now) if value is not None]
        if inner and all(isinstance(value, dict) for value in inner):
            below = list(_changed(before or {}, now or {}, place))
            yield from below or [_short(place)]
        else:
            yield _short(place)


def _short(place: tuple[str, ...]) -> str:
    return values.dotted(place)[:_NAME_CHARACTERS]
