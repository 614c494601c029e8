"""Finding lines by text, regular expression, word, case and level."""

import pytest

from mailauncher.errors import InvalidParameter
from terminals.line_search import LineQuery, LineSearch, LogLevel

OUTPUT = (
    b"12-01 10:00:00 [\x1b[32mINFO   \x1b[0m] [chat] Hello World\r\n"
    b"a line of prose with an error in it\r\n"
    b"12-01 10:00:01 | ERROR | \xe5\x90\x83\xe8\x8b\xb9\xe6\x9e\x9c\xef\xbc\x8cworld_map   \r\n"
    b"Traceback (most recent call last):\r\n"
    b"  10%\r 50%\rValueError: world\r\n"
    b"12-01 [warn] other worlds\r\n"
    b"\r\n"
)
LINES = [
    "12-01 10:00:00 [INFO   ] [chat] Hello World",
    "a line of prose with an error in it",
    "12-01 10:00:01 | ERROR | 吃苹果，world_map",
    "Traceback (most recent call last):",
    "ValueError: world",
    "12-01 [warn] other worlds",
    "",
]


def found(query: LineQuery, output: bytes = OUTPUT, most: int = 100) -> list[int]:
    piece = LineSearch(query).examine(output, most)
    starts = [0, *(at + 1 for at, byte in enumerate(output) if byte == 0x0A)]
    assert [starts[number] for number, _ in piece.found] == [offset for _, offset in piece.found]
    return [number for number, _ in piece.found]


def test_lines_are_those_that_are_shown() -> None:
    assert LineSearch(LineQuery("x")).examine(OUTPUT, 1).lines == LINES
    assert LineSearch(LineQuery("x*", regex=True)).examine(b"\x1b[m", 1).found == []


@pytest.mark.parametrize(
    "query, wanted",
    [
        (LineQuery("WORLD"), [0, 2, 4, 5]),
        (LineQuery("World", case_sensitive=True), [0]),
        (LineQuery("world", whole_word=True), [0, 4]),
        (LineQuery("苹果", whole_word=True), []),
        (LineQuery("吃苹果", whole_word=True), [2]),
        (LineQuery("(most"), [3]),
        (LineQuery("[chat] hello"), [0]),
        (LineQuery("(most", whole_word=True), [3]),
        (LineQuery(r"^value\w+: wor.d$", regex=True), [4]),
        (LineQuery("world_map$", regex=True), [2]),
        (LineQuery("wor|oth", regex=True, whole_word=True), []),
        (LineQuery(r"[^x]*", regex=True), [0, 1, 2, 3, 4, 5, 6]),
        (LineQuery(r"^$", regex=True), [6]),
        (LineQuery(r"prose.*\n.*ERROR", regex=True), []),
        (LineQuery(r"(?s)prose.*10:00:01", regex=True), []),
        (LineQuery("10%"), []),
        (LineQuery("o", level=LogLevel.ERROR), [2, 3, 4]),
        (LineQuery("o", level=LogLevel.WARNING), [2, 3, 4, 5]),
        (LineQuery(".", regex=True, level=LogLevel.CRITICAL), []),
        (LineQuery("an error", level=LogLevel.INFO), [1]),
        (LineQuery("an error", level=LogLevel.WARNING), []),
    ],
)
def test_a_query_finds_its_lines(query: LineQuery, wanted: list[int]) -> None:
    assert found(query) == wanted
    assert found(query, most=2) == wanted[:2]


def test_a_level_holds_on_in_the_next_piece() -> None:
    search = LineSearch(LineQuery("o", level=LogLevel.ERROR))
    assert search.examine(b"[ERROR] no\n", 9).found == [(0, 0)]
    assert search.examine(b"more\n[INFO] no\n", 9).found == [(0, 0)]


@pytest.mark.parametrize(
    "text", ["(", "a)(b", r"(a)\1", "(?=a)b", "", "x" * 257, "(?:" * 60 + "a", "a{1001}", "[[:nothing:]]"]
)
@pytest.mark.parametrize("whole_word", [False, True])
def test_an_invalid_expression_is_refused(text: str, whole_word: bool) -> None:
    with pytest.raises(InvalidParameter) as refused:
        LineSearch(LineQuery(text, regex=True, whole_word=whole_word))
    assert refused.value.field == "text"


@pytest.mark.parametrize("text", ["(x+x+)+y", "(x|xx)*y", "(.*.*.*)*y", r"((x{1,9})\s?){1,30}y"])
def test_no_expression_takes_for_ever(text: str) -> None:
    """Python's `re` takes longer than anybody waits for the first of them on forty letters."""
    assert found(LineQuery(text, regex=True), b"x" * (64 << 10) + b"\n") == []


def test_a_short_expression_that_stands_for_a_large_one_is_refused() -> None:
    """RE2 keeps the whole process for a third of a second while it compiles it, and searches may be many."""
    with pytest.raises(InvalidParameter, match="too large"):
        LineSearch(LineQuery(r"\pL{446}", regex=True))
    LineSearch(LineQuery(r"\b\pL{1,20}\b.{0,200}(error|失败)", regex=True, whole_word=True))
