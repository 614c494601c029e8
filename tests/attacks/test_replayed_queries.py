"""Terminal queries written in unusual ways passed the filter, and a viewer's terminal answered the replayed ones into
the bot: controls within a sequence, C1 introducers in UTF-8, numbers with zeros, questions after an answer."""

import pytest

from terminals import text

QUERIES = [
    b"\x1b[6\x00n",
    b"\x1b[\n6n",
    b"\xc2\x9b6n",
    b"\xc2\x9b21t",
    b"\x1b[014t",
    b"\x1b[18;t",
    b"\x1b[1\x7f8t",
    b"\x1b[1$w",
    b"\x1b[?1;1;0S",
    b"\x1b[?4m",
    b"\x1b[1;1;1;1;2;2*y",
    b"\x1b]4;1;rgb:ff/ff/ff;2;?\x07",
    b"\x1b]10;red;?\x07",
    b"\x1b]21;foreground=?\x1b\\",
    b"\x1b]52;cccc;?\xc2\x9c",
    b"\xc2\x9d11;?\xc2\x9c",
    b"\xc2\x90$qm\xc2\x9c",
]
HARMLESS = [
    b"\x1b[>4;2m",
    b"\x1b[2S",
    b"\x1b[1 q",
    b"\x1b]4;1;rgb:ff/ff/ff\x07",
    b"\x1b[1;2$r",
    "é→".encode(),
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_in_an_unusual_form_is_not_replayed(query: bytes) -> None:
    assert text.without_queries(b"before" + query + b"after") == b"beforeafter"


@pytest.mark.parametrize("query", QUERIES)
def test_a_piece_does_not_end_within_a_query_in_an_unusual_form(query: bytes) -> None:
    for cut in range(1, len(query)):
        assert text.finished(b"text" + query[:cut]) == 4


@pytest.mark.parametrize("sequence", HARMLESS)
def test_a_sequence_that_only_looks_like_one_stays(sequence: bytes) -> None:
    assert text.without_queries(b"before" + sequence + b"after") == b"before" + sequence + b"after"
