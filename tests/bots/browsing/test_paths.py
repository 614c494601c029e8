"""Paths as clients write them: every name of the system has one, and nothing else does."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.browsing import paths
from mailauncher.errors import InvalidPath

NAMES = st.binary(min_size=1, max_size=60).filter(
    lambda name: name not in (b".", b"..") and not {0, 47} & {*name}
)


@given(st.lists(NAMES, min_size=1, max_size=4).map(b"/".join))
def test_every_path_of_the_system_can_be_written_and_read_back(path: bytes) -> None:
    text = paths.encoded(os.fsdecode(path))
    text.encode()  # JSON takes it
    assert os.fsencode(paths.decoded(text)) == path


def test_what_is_utf8_stands_as_it_is() -> None:
    assert paths.encoded("config/配置 (1).toml") == "config/配置 (1).toml"
    assert paths.encoded(os.fsdecode(b"caf\xe9\\x")) == "caf\\xe9\\\\x"
    assert [paths.decoded(text) for text in ("", ".", "./", "a//b/")] == [".", ".", ".", "a/b"]


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "..",
        "a/../b",
        "a\0b",
        "\\",
        "a\\x2fb",
        "a\\xE9",
        "\ud800",
        "x" * 256,
        "字" * 86,
        "a/" * 3000,
    ],
)
def test_what_no_file_is_called_is_refused(text: str) -> None:
    with pytest.raises(InvalidPath) as caught:
        paths.decoded(text)
    assert caught.value.field == "path"
