"""Terminal queries written in unusual ways passed the filter, and a viewer's terminal answered the replayed ones into
the bot: controls within a sequence, C1 introducers in UTF-8, numbers with zeros, questions after an answer."""

import time

import pytest

from terminals import text
from tests.support.growth import require_linear

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
        assert text.complete_length(b"text" + query[:cut]) == 4


@pytest.mark.parametrize("sequence", HARMLESS)
def test_a_sequence_that_only_resembles_a_query_stays(sequence: bytes) -> None:
    assert text.without_queries(b"before" + sequence + b"after") == b"before" + sequence + b"after"


def test_without_a_query_within_it_an_outer_one_is_not_completed() -> None:
    assert text.without_queries(b"\xc2\x9d11;?\xc2\x9d10;?\x07\x07") == b"\xc2\x9d11;?\x18\x07"


@pytest.mark.parametrize("begin", [b"\xc2\x9d?", b"\xc2\x9d4;?", b"\xc2\x90$q"])
def test_beginnings_of_queries_within_each_other_take_linear_time(begin: bytes) -> None:
    """Each looked on through the 256 bytes behind it: a screen of them took the event loop 0.2 s, for each viewer that came."""

    def cost(times: int) -> float:
        output = (begin * (64 // len(begin)) * times + b"\x18") * 200
        before = time.process_time()
        text.without_queries(output)
        return time.process_time() - before

    require_linear(cost)
