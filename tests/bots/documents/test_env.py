"""Editing `.env` texts: only the named values change."""

import io
import re
from typing import Any

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.documents import env
from bots.documents.errors import DocumentSyntaxError
from mailauncher.errors import InvalidParameter
from tests.support.documents import CORPUS, corpus, words
from tests.support.stress import sized

TEXTS = corpus(".env")
SOME = settings(max_examples=sized(100, 300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
any_text = st.sampled_from(sorted(TEXTS)).map(TEXTS.__getitem__)
new_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)


def patches(text: str) -> st.SearchStrategy[dict[str, str | None]]:
    names = st.sampled_from(sorted(env.read(text))) | new_names
    return st.dictionaries(names, st.none() | words, max_size=4)


def as_bots_read_it(text: str) -> dict[str, str]:
    """The values by python-dotenv from a file opened as text, without expansion."""
    opened = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    return {name: value or "" for name, value in dotenv_values(stream=opened, interpolate=False).items()}


@pytest.mark.slow
@pytest.mark.stress
@SOME
@given(st.data(), any_text)
def test_bots_read_the_written_values(data: st.DataObject, text: str) -> None:
    patch = data.draw(patches(text))

    result = env.merge(text, patch)

    wanted = {name: value for name, value in (env.read(text) | patch).items() if value is not None}
    assert env.read(result) == as_bots_read_it(result) == wanted


@pytest.mark.slow
@pytest.mark.stress
@SOME
@given(st.data(), any_text)
def test_lines_of_other_names_and_comments_stay(data: st.DataObject, text: str) -> None:
    patch = data.draw(patches(text))
    result = env.merge(text, patch)

    others = [
        line
        for line in text.splitlines()
        if "行" not in line and not any(re.match(rf"\s*(export\s+)?'?{name}\b", line) for name in patch)
    ]
    left = iter(result.splitlines())
    for line in others:
        assert any(line == other for other in left), f"{line!r} is gone or has moved"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_merging_the_same_values_changes_no_byte(text: str) -> None:
    assert env.merge(text, env.read(text)) is text


def test_the_style_of_each_variable_stays() -> None:
    text = (CORPUS / "quoted.env").read_text("utf-8")
    changed = env.merge(
        text,
        {
            "SHELL_STYLE": "2",
            "INDENTED": "x y",
            "QUOTED_NAME": "it's",
            "TWICE": "3",
            "NOTHING": "n",
            "LAST": "end",
        },
    )

    assert changed == (
        text.replace("export SHELL_STYLE=1", "export SHELL_STYLE=2")
        .replace('"带 空格" #', '"x y" #')
        .replace("fine'", "'")
        .replace("s \\\\ '", "s'")
        .replace("TWICE='2'", "TWICE='3'")
        .replace("NOTHING\n", "NOTHING=n\n")
        .replace("LAST=末尾", "LAST=end")
    )


def test_an_empty_value_before_a_comment_can_be_set() -> None:
    assert env.merge("KEY= # not yet\n", {"KEY": "k"}) == "KEY=k # not yet\n"
    assert env.merge("KEY=k # now\n", {"KEY": ""}) == "KEY= # now\n"


@pytest.mark.parametrize(
    "value, written",
    [
        ("plain", "plain"),
        ("a=b&c=d", "a=b&c=d"),
        ("two words", "'two words'"),
        ("a#b", "'a#b'"),
        ("it's", '"it\'s"'),
        ("C:\\dir\\", "'C:\\\\dir\\\\'"),
        ("two\nlines", '"two\\nlines"'),
        ("${HOME}", "'${HOME}'"),
        ("", ""),
    ],
)
def test_new_values_are_quoted_where_they_need_it(value: str, written: str) -> None:
    assert env.merge("", {"NEW": value}) == f"NEW={written}\n"


def test_new_names_are_appended_with_the_line_breaks_of_the_file() -> None:
    assert env.merge("A=1\r\nB=2\r\n", {"C": "3"}) == "A=1\r\nB=2\r\nC=3\r\n"
    assert env.merge("A=1\nB=2", {"C": "3"}) == "A=1\nB=2\nC=3"


def test_a_removed_name_is_removed_everywhere_and_its_neighbours_stay() -> None:
    assert env.merge("# a\nA=1\n\n  A=2 # x\nB=1\n", {"A": None}) == "# a\n\nB=1\n"


def test_a_syntax_error_has_line_and_column() -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        env.read("A=1\n\n  two words=1\nB=2\n")
    assert (caught.value.line, caught.value.column) == (3, 3)
    with pytest.raises(DocumentSyntaxError):
        env.merge("A='never closed\nB=2\n", {"B": "3"})


@pytest.mark.parametrize("name", ["", "1A", "A B", "A=B", "a.b", "名", "A\n", "A#"])
def test_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        env.merge("A=1\n", {name: "x"})
    assert caught.value.field == (name or None)


@pytest.mark.parametrize("value", [1, 1.5, True, ["x"], {"x": "y"}, "a\0b", "\ud800"])
def test_a_value_that_is_not_a_string_is_refused_with_its_name(value: Any) -> None:
    with pytest.raises(InvalidParameter) as caught:
        env.merge("A=1\n", {"A": value})
    assert caught.value.field == "A"


def test_variables_cannot_be_nested() -> None:
    assert env.set_value("A=1\n", ["A"], "2") == "A=2\n"
    assert env.unset("A=1\nB=2\n", ["A"]) == "B=2\n"
    for path in ([], ["A", "B"], [0]):
        with pytest.raises(InvalidParameter):
            env.set_value("A=1\n", path, "2")
    with pytest.raises(InvalidParameter):
        env.set_value("A=1\n", ["A"], None)


@SOME
@given(st.text(alphabet="A='\"# \n\\exportB$\r\t", max_size=40))
def test_reading_leniently_equals_python_dotenv(text: str) -> None:
    assert env.read_leniently(text) == as_bots_read_it(text)
