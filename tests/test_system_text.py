"""Text that comes from the operating system, from bots and from callers, and is shown to people."""

import json

from hypothesis import given
from hypothesis import strategies as st

from mailauncher.system_text import to_json, visible, visible_line

HOSTILE = "a\x1b[2J\x9b\x07b\x7f\u202ec\u2066d\u200fe\u061cf\u2028g"


def test_what_would_control_a_terminal_or_reorder_text_is_escaped() -> None:
    """Escape sequences were escaped in the log alone, and U+202E and its kind nowhere: a folder could be shown as another."""
    shown = r"a\x1b[2J\u009b\x07b\u007f\u202ec\u2066d\u200fe\u061cf\u2028g"
    assert visible(HOSTILE) == visible_line(HOSTILE) == shown
    assert visible("一\n\ttwo\r\nthree\rfour 😀") == "一\n\ttwo\r\nthree\\rfour 😀"
    assert visible_line("one\n\ttwo\r\n") == r"one\n\ttwo\r\n"


@given(st.text())
def test_json_means_the_same_when_it_is_made_visible(text: str) -> None:
    assert json.loads(visible(to_json({"x": text}).decode())) == {"x": text}
