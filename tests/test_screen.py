"""What output leaves switched on in the terminal of who watches it."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mailauncher.screen import NORMAL, ScreenModes

FRAGMENTS = (
    b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?47h", b"\x1b[?1047l", b"\x1b[?25;1049h", b"\x1b[?1049;2004l",
    b"\x1b[?25h", b"\x1b[?10490h", b"\x1b[1049h", b"\x1b", b"\x1b[", b"\x1b[?", b"1049h", b"text", b"\xe9\xba\xa6",
)  # fmt: skip
OUTPUT = some.lists(some.sampled_from(FRAGMENTS), max_size=12).map(b"".join)


def leaves_alternate(*pieces: bytes) -> bool:
    modes = ScreenModes()
    for piece in pieces:
        modes.show(piece)
    return modes.undo().startswith(NORMAL)


@pytest.mark.parametrize(
    "output, alternate",
    [
        (b"", False),
        (b"\x1b[?1049h", True),
        (b"\x1b[?1049hfull screen\x1b[?1049l", False),
        (b"\x1b[?1049l\x1b[?25;1049h", True),
        (b"\x1b[?47h", True),
        (b"\x1b[?10490h", False),
    ],
)
def test_the_last_switch_of_the_screen_counts(output: bytes, alternate: bool) -> None:
    assert leaves_alternate(output) is alternate


@given(OUTPUT)
def test_it_is_the_same_wherever_output_is_split(output: bytes) -> None:
    """A sequence that one piece began and the next ended was not seen: the terminal stayed on the other screen."""
    whole = leaves_alternate(output)
    for place in range(len(output) + 1):
        assert leaves_alternate(output[:place], output[place:]) is whole
    assert leaves_alternate(*(output[place : place + 1] for place in range(len(output)))) is whole


def test_a_sequence_without_an_end_is_not_kept() -> None:
    modes = ScreenModes()
    modes.show(b"\x1b[?")
    for _ in range(1000):
        modes.show(b"1" * 1000)
    assert len(modes._begun) <= 64
