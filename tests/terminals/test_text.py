"""From a terminal's bytes to text: whole characters, whole sequences, no queries."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from terminals import text

QUERIES = [
    b"\x05",
    b"\x1b[c",
    b"\x1b[0c",
    b"\x1b[>c",
    b"\x1b[>0c",
    b"\x1b[=c",
    b"\x1b[5n",
    b"\x1b[6n",
    b"\x1b[?6n",
    b"\x1b[?996n",
    b"\x1b[4$p",
    b"\x1b[?2026$p",
    b"\x1b[>q",
    b"\x1b[>0q",
    b"\x1b[14t",
    b"\x1b[14;2t",
    b"\x1b[18t",
    b"\x1b[21t",
    b"\x1b[x",
    b"\x1b[1x",
    b"\x1b[?u",
    b"\x1bZ",
    b"\x1b]4;1;?\x07",
    b"\x1b]4;1;?;2;?\x1b\\",
    b"\x1b]10;?\x07",
    b"\x1b]11;?\x1b\\",
    b"\x1b]52;c;?\x07",
    b"\x1bP$qm\x1b\\",
    b"\x1bP+q544e\x1b\\",
]
HARMLESS = [
    b"\x1b[0m",
    b"\x1b[1;38;5;208m",
    b"\x1b[2J",
    b"\x1b[H",
    b"\x1b[10;20H",
    b"\x1b[?25l",
    b"\x1b[?1049h",
    b"\x1b[22;0t",
    b"\x1b[8;24;80t",
    b"\x1b[2 q",
    b"\x1b[!p",
    b"\x1b]0;title?\x07",
    b"\x1b]8;;http://example.org/?q=1\x1b\\",
    b"\x1b(B",
    b"\x1b7",
    b"\x1bPq#0;2;0;0;0#0~~\x1b\\",
]
words = st.one_of(
    st.text(alphabet="abc\r\n\t€😀é", max_size=12).map(str.encode),
    st.sampled_from(QUERIES),
    st.sampled_from(HARMLESS),
)
outputs = st.lists(words, max_size=40).map(b"".join)
# Parts of queries in any order, so that some queries are nested.
debris = st.lists(
    st.sampled_from([b"\x1b", b"[", b"]", b"P", b"c", b"6", b"n", b"1", b"?", b"\x07", b"\\", b"$q"])
)


@given(st.text(), st.integers(0, 100))
def test_a_cut_text_ends_at_its_last_whole_character(shown: str, cut: int) -> None:
    data = shown.encode("utf-8", "replace")[:cut]
    whole = text.whole_characters_length(data)
    data[:whole].decode("utf-8")
    assert len(data) - 4 < whole <= len(data)
    if "\ufffd" not in data.decode("utf-8", "replace"):
        assert whole == len(data)


@given(st.binary(), st.integers(0, 100))
def test_a_cut_between_characters_does_not_change_the_text_even_if_invalid(data: bytes, cut: int) -> None:
    whole = text.whole_characters_length(data[:cut])
    assert text.decode(data[:whole]) + text.decode(data[whole:]) == text.decode(data)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_removed_and_the_text_around_it_stays(query: bytes) -> None:
    assert text.without_queries(b"before" + query + b"after") == b"beforeafter"


@pytest.mark.parametrize("sequence", HARMLESS)
def test_a_sequence_that_is_no_query_stays(sequence: bytes) -> None:
    assert text.without_queries(b"before" + sequence + b"after") == b"before" + sequence + b"after"


@given(st.one_of(outputs, debris.map(b"".join)))
@example(b"\x1b[\x1b[cc")
@example(b"\x1b]10;?\x1b[c\x07")
@example(b"\x1bP$q\x1b[c\x1b\\")
def test_no_query_remains_or_is_formed_by_the_removal(data: bytes) -> None:
    """Removing the inner one of two nested queries completed the outer one."""
    safe = text.without_queries(data)
    assert text.without_queries(safe) == safe


@given(outputs, st.integers(40, 200))
def test_cleaning_piece_by_piece_gives_the_same_as_cleaning_the_whole(data: bytes, size: int) -> None:
    """A colour query that ended in the next piece was not removed."""
    pieces, at = [], 0
    while at < len(data):
        piece = data[at : at + size]
        if at + len(piece) < len(data):
            piece = piece[: text.complete_length(piece) or len(piece)]
        pieces.append(text.without_queries(piece))
        at += len(piece)
    assert b"".join(pieces) == text.without_queries(data)


@pytest.mark.parametrize("sequence", [*QUERIES, *HARMLESS, "€".encode(), "😀".encode()])
def test_a_piece_does_not_end_within_a_sequence_or_character(sequence: bytes) -> None:
    assert text.complete_length(b"text" + sequence) == len(b"text" + sequence)
    for cut in range(1, len(sequence)):
        assert text.complete_length(b"text" + sequence[:cut]) == len(b"text"), sequence[:cut]


@given(st.binary(max_size=2000))
def test_the_complete_length_is_within_the_data(data: bytes) -> None:
    assert 0 <= text.complete_length(data) <= len(data)


def test_a_line_begins_after_a_line_end() -> None:
    assert text.first_line_start(b"rest\nline\n") == 5
    assert text.first_line_start(b"no end") == 0
    assert text.first_line_start(b"") == 0


@pytest.mark.parametrize(
    "printed, lines",
    [
        (b"", ()),
        (b"one\r\ntwo\r\nthree\r\n", ("two", "three")),
        (b"\x1b[31mred\x1b[0m\r\n\r\n   \r\n", ("red",)),
        (b"10%\r50%\r100%\r\ndone", ("100%", "done")),
        (b"\x1b]0;title\x07shown\r\n", ("shown",)),
        (b"bell\x07 and \x08back\r\n", ("bell and back",)),
        ("错误：端口\r\n".encode() + b"\xff\r\n", ("错误：端口", "�")),
        (b"\x1b[?25l\x1b(B\x1b7plain\x1b[K", ("plain",)),
    ],
)
def test_the_last_lines_are_what_a_person_would_read(printed: bytes, lines: tuple[str, ...]) -> None:
    assert text.last_lines(printed, 2) == lines


@given(st.one_of(outputs, st.binary()), st.integers(1, 5))
def test_the_last_lines_contain_no_control_characters(data: bytes, count: int) -> None:
    lines = text.last_lines(data, count)
    assert len(lines) <= count
    assert all(line and "\x1b" not in line and "\n" not in line and "\r" not in line for line in lines)
