"""Two changes of one text joined, line by line, as far as they do not touch the same lines."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from resolvers.configuring.diff import opcodes

Origin = Literal["same", "mine", "theirs", "both", "conflict"]
"""Who has changed a part: nobody, one of the two, both in the same way, or each in another way."""

Lines = tuple[int, int]
"""The first line, from 0, and the line after the last."""


class Part(NamedTuple):
    origin: Origin
    base: Lines
    mine: Lines
    theirs: Lines


class _Change(NamedTuple):
    """Lines of the base, and those in their place."""

    base: Lines
    now: Lines


def merged(base: list[str], mine: list[str], theirs: list[str]) -> list[Part]:
    """The parts in order; together they are each of the three texts. Blocks."""
    parts = list(_parts(base, mine, theirs))
    return [part for part in parts if any(first < last for first, last in part[1:])]


def _parts(base: list[str], mine: list[str], theirs: list[str]) -> Iterator[Part]:
    ours, others = _changes(base, mine), _changes(base, theirs)
    at, mine_at, theirs_at = 0, 0, 0
    while ours or others:
        begin = end = min(changes[0].base[0] for changes in (ours, others) if changes)
        taken: tuple[list[_Change], list[_Change]] = ([], [])
        grown = True
        while grown:  # changes that overlap are one part
            grown = False
            for changes, own in zip((ours, others), taken, strict=True):
                while changes and _overlaps(changes[0].base, begin, end):
                    end = max(end, changes[0].base[1])
                    own.append(changes.pop(0))
                    grown = True
        equal = begin - at
        yield Part("same", (at, begin), (mine_at, mine_at + equal), (theirs_at, theirs_at + equal))
        mine_at, theirs_at = mine_at + equal, theirs_at + equal
        mine_end, theirs_end = (
            start + (end - begin) + sum(_growth(change) for change in own)
            for start, own in zip((mine_at, theirs_at), taken, strict=True)
        )
        origin: Origin
        if not taken[1]:
            origin = "mine"
        elif not taken[0]:
            origin = "theirs"
        else:
            origin = "both" if mine[mine_at:mine_end] == theirs[theirs_at:theirs_end] else "conflict"
        yield Part(origin, (begin, end), (mine_at, mine_end), (theirs_at, theirs_end))
        at, mine_at, theirs_at = end, mine_end, theirs_end
    yield Part("same", (at, len(base)), (mine_at, len(mine)), (theirs_at, len(theirs)))


def _overlaps(lines: Lines, begin: int, end: int) -> bool:
    """Two changed lines may stand below each other. What is inserted at an edge of a change may belong before it or after it."""
    first, last = lines
    return first < end or (first == end and (begin == end or first == last))


def _growth(change: _Change) -> int:
    return (change.now[1] - change.now[0]) - (change.base[1] - change.base[0])


def _changes(base: list[str], now: list[str]) -> list[_Change]:
    return [_Change((i1, i2), (j1, j2)) for tag, i1, i2, j1, j2 in opcodes(base, now) if tag != "equal"]
