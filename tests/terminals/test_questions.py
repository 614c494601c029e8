"""What counts as the last words of a program, and as a question."""

import pytest

from terminals.questions import LENGTH, LastWords, last_words


@pytest.mark.parametrize(
    "printed, words",
    [
        (b"", LastWords("", False, False, False)),
        (b"loading\r\n", LastWords("loading", False, False, False)),
        (b"Loading 3 of 7...", LastWords("Loading 3 of 7...", True, False, False)),
        (b"one\r\n\x1b[1mContinue? [y/N] \x1b[0m", LastWords("Continue? [y/N]", True, True, False)),
        (
            "确认继续升级并启动吗？请输入 y\r\n".encode(),
            LastWords("确认继续升级并启动吗？请输入 y", False, True, False),
        ),
        (b"Type confirmed to go on.\r\n> ", LastWords("Type confirmed to go on.", True, True, True)),
        (b"all done\r\n> ", LastWords("all done", True, True, True)),
        (b"10%\r100%\x1b[K\r\n\x1b[0m", LastWords("100%", False, False, False)),
        (b"Your\x07 name\xe2\x80\xae:", LastWords("Your name:", True, True, False)),
    ],
)
def test_the_last_words_are_the_last_line_with_a_word_in_it(printed: bytes, words: LastWords) -> None:
    assert last_words(printed) == words


def test_a_long_line_is_cut() -> None:
    assert len(last_words(b"word " * 4000).line) == LENGTH
