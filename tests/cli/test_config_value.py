"""Values and paths as they are typed for `config set`."""

import re

import pytest

from cli.config_value import is_new, nearest, present_at, typed
from mailauncher.errors import InvalidParameter

CONFIG = {
    "bot": {"nickname": "麦麦", "qq_account": "1", "talk": 1, "on": True, "groups": ["5"]},
    "WEBUI_PORT": "1",
}


@pytest.mark.parametrize(
    "text, present, value",
    [
        ("10001", "1145141919810", "10001"),
        ('["a"]', "text", '["a"]'),
        ('"quoted"', "text", "quoted"),
        ("true", "text", "true"),
        ("10001", None, 10001),
        ("some words", None, "some words"),
        ("0.5", 1, 0.5),
        ("2", 0.5, 2),
        ("false", True, False),
        ("[1]", [], [1]),
        ("null", 1, None),
    ],
)
def test_a_value_keeps_the_type_that_is_there(text: str, present: object, value: object) -> None:
    """A number was written in place of a text, such as that of an account: the bot then refused its whole file."""
    found = typed(text, "bot.x", present)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text, present, words",
    [
        ("yes", True, "true or false"),
        ("1", True, "true or false"),
        ("true", 1, "a number"),
        ("a", [], "a list"),
        ("1", {}, "a table"),
    ],
)
def test_a_value_of_another_type_is_refused(text: str, present: object, words: str) -> None:
    with pytest.raises(InvalidParameter, match=f"bot.x is {re.escape(words)}.* remove it with unset first"):
        typed(text, "bot.x", present)


@pytest.mark.parametrize(
    "path, near, new",
    [
        ("bot.nick", "bot.nickname", True),
        ("bot.qq_acount", "bot.qq_account", True),
        ("Bot.nickname", "bot.nickname", True),
        ("bot.nosuch.deep", None, True),
        ("bot.nickname", None, False),
        ("bot.groups.1", None, False),
        ("bot.nickname.x", None, False),
        ("personality", None, True),
    ],
)
def test_the_nearest_key_of_an_unknown_one_is_named(path: str, near: str | None, new: bool) -> None:
    """A mistyped key was added with the words for any change."""
    assert (nearest(CONFIG, path.split(".")), is_new(CONFIG, path.split("."))) == (near, new)


def test_a_new_entry_of_a_list_is_like_those_before() -> None:
    assert present_at(CONFIG, ["bot", "groups", "1"]) == "5"
    assert [present_at(CONFIG, path.split(".")) for path in ("bot.groups.2", "bot.x.y", "bot.talk.0")] == [
        None
    ] * 3
