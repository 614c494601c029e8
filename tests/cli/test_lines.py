"""`mailauncher logs` splits output into lines, also output without line ends."""

import time

import pytest

from cli.lines import LINE_BYTES, Lines, last_lines, last_of
from tests.support.growth import require_linear


def test_lines_are_the_same_however_they_arrive() -> None:
    text = "one\r\ntwo\n\n三\x1b[0m\nrest".encode()
    for size in range(1, len(text) + 1):
        lines = Lines()
        found = [line for at in range(0, len(text), size) for line in lines.add(text[at : at + size])]
        assert [*found, lines.rest()] == text.split(b"\n")


@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_a_long_line_is_cut_to_its_end(size: int) -> None:
    """A progress bar without line ends was held whole, for as long as it went on."""
    text = b"begin" + "三".encode() * LINE_BYTES + b"end"
    lines = Lines()
    for at in range(0, len(text), size):
        assert list(lines.add(text[at : at + size])) == []
        assert len(lines.rest()) <= LINE_BYTES
    (line,) = lines.add(b"!\nnext")
    assert LINE_BYTES - 3 < len(line) <= LINE_BYTES
    assert line.decode().strip("三") == "end!"
    assert lines.rest() == b"next"


def test_time_is_linear_in_output_without_line_ends() -> None:
    """Each piece was joined to all of the line before it: 40,000 updates of a progress bar took 30 s."""

    def cost(times: int) -> float:
        began = time.process_time()
        assert last_of((b"\rdownloading" * 100 for _ in range(5_000 * times)), 5).endswith(b"\rdownloading")
        return time.process_time() - began

    require_linear(cost)


@pytest.mark.parametrize("output", [b"", b"a", b"a\n", b"a\nb", b"a\nb\n", b"a\nb\nc", b"a\n\n\n"])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_last_lines_of_a_stream_are_those_of_the_whole(output: bytes, count: int) -> None:
    streamed = last_of((output[at : at + 1] for at in range(len(output))), count)
    assert last_lines(streamed, count) == last_lines(output, count)
