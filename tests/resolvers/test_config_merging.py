"""Two changes of one text are joined."""

from hypothesis import given
from hypothesis import strategies as some

from resolvers.configuring.merging import merged

BASE = list("abcdef")


def origins(mine: str, theirs: str) -> list[tuple[str, str]]:
    """Whose each part is, and what the file then has: mine where it is a conflict."""
    own, other = list(mine), list(theirs)
    return [
        (
            part.origin,
            "".join(other[slice(*part.theirs)] if part.origin == "theirs" else own[slice(*part.mine)]),
        )
        for part in merged(BASE, own, other)
    ]


def test_changes_of_different_lines_are_both_kept() -> None:
    assert origins("aXcdef", "abcdYf") == [
        ("same", "a"), ("mine", "X"), ("same", "cd"), ("theirs", "Y"), ("same", "f"),
    ]  # fmt: skip
    # The keys of a configuration stand below each other.
    assert origins("aXcdef", "abYdef") == [("same", "a"), ("mine", "X"), ("theirs", "Y"), ("same", "def")]
    assert origins("acdef", "abcdefg") == [("same", "a"), ("mine", ""), ("same", "cdef"), ("theirs", "g")]


def test_the_same_change_is_no_conflict_and_different_ones_are() -> None:
    assert origins("aXcdef", "aXcdef") == [("same", "a"), ("both", "X"), ("same", "cdef")]
    assert origins("aXcdef", "aYcdef") == [("same", "a"), ("conflict", "X"), ("same", "cdef")]
    assert origins("aXYdef", "abZdef") == [("same", "a"), ("conflict", "XY"), ("same", "def")]
    assert origins("aXbcdef", "aYbcdef")[1] == ("conflict", "X")  # which comes first, nobody knows
    assert origins("", "abcdeY") == [("conflict", "")]


LINES = some.lists(some.sampled_from("abcd"), max_size=12)


@given(LINES, LINES, LINES)
def test_the_parts_are_the_whole_texts(base: list[str], mine: list[str], theirs: list[str]) -> None:
    parts = merged(base, mine, theirs)

    for text, places in ((base, "base"), (mine, "mine"), (theirs, "theirs")):
        assert [line for part in parts for line in text[slice(*getattr(part, places))]] == text
    for part in parts:
        before, own, other = base[slice(*part.base)], mine[slice(*part.mine)], theirs[slice(*part.theirs)]
        assert (own != before) == (part.origin in ("mine", "both", "conflict")) or part.origin == "conflict"
        if part.origin in ("same", "theirs"):
            assert own == before
        if part.origin in ("same", "mine"):
            assert other == before
