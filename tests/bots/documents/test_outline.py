"""The values of a text with their places and comments."""

from typing import Any

import pytest

from bots.documents import env, json, secrets, toml, values
from bots.documents.outline import Entry, hidden, outline
from mailauncher.errors import InvalidParameter
from tests.support.documents import corpus

TOML = """# about the file

a = 1 # one
# about bot

# of the bot
[bot] # my own
tags = ["a", # first
 "b"]
p = { token = "abc", n = 1.0 }
"quoted key".k = 2020-01-01
[[models]] # m
# its name
name = "m1"
[[models.sub]]
x = 1
[[models]]
arr = [{ a = 1 }, { a = 2 }]
"""


def by_path(text: str, kind: secrets.Kind = "toml") -> dict[str, Entry]:
    return {values.dotted(entry.path): entry for entry in outline(text, kind)}


def test_toml_has_sections_arrays_and_values_in_the_order_of_the_text() -> None:
    found = by_path(TOML)

    assert {path: entry.shape for path, entry in found.items()} == {
        "a": "integer", "bot": "table", "bot.tags": "list", "bot.p": "table", "bot.p.token": "string", "bot.p.n": "float",
        "bot.quoted key.k": "time", "models": "array", "models.0": "table", "models.0.name": "string",
        "models.0.sub": "array", "models.0.sub.0": "table", "models.0.sub.0.x": "integer", "models.1": "table",
        "models.1.arr": "array", "models.1.arr.0": "table", "models.1.arr.0.a": "integer", "models.1.arr.1": "table",
        "models.1.arr.1.a": "integer",
    }  # fmt: skip
    assert list(found) == sorted(found, key=lambda path: (found[path].start, len(path)))
    assert found["bot.tags"].value == ["a", "b"]
    assert found["models.1.arr.1.a"].value == 2
    assert [path for path, entry in found.items() if entry.secret] == ["bot.p.token"]
    assert (found["a"].line, found["bot"].line, found["models.1.arr"].line) == (3, 7, 18)


def test_comments_are_those_directly_above_and_behind() -> None:
    found = by_path(TOML)

    assert found["a"].comment == "one"
    assert found["bot"].comment == "of the bot\nmy own"
    assert found["models.0.name"].comment == "its name"
    assert found["models.0"].comment == "m"
    assert by_path("# no\n" * 5 + "# yes\n" * 20 + "x = 1\n")["x"].comment == "\n".join(["yes"] * 20)
    assert by_path("# api_key = 's3cret'\nx = 1\n")["x"].comment == "api_key = '***'"


def test_of_a_duplicate_name_the_last_one_counts() -> None:
    found = by_path('{"a": {"b": [1]}, "a": {"d": [null, {"e": "x"}]}}', "json")

    assert list(found) == ["a", "a.d", "a.d.0", "a.d.1", "a.d.1.e"]
    assert found["a.d.0"].shape == "null"


def test_variables_have_their_comments() -> None:
    text = '# where\nHOST=1 # in\n\n# k\nexport API_KEY="a\nb"\nHOST=2\nX\n'
    found = by_path(text, "env")

    assert {name: (entry.value, entry.comment, entry.line) for name, entry in found.items()} == {
        "API_KEY": ("a\nb", "k", 5),
        "HOST": ("2", "", 7),
        "X": ("", "", 8),
    }
    assert found["API_KEY"].secret


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict):
        return [leaf for key, member in value.items() for leaf in leaves(member, (*path, key))]
    if isinstance(value, list) and any(isinstance(member, dict | list) for member in value):
        return [leaf for i, member in enumerate(value) for leaf in leaves(member, (*path, str(i)))]
    return [path]


READERS: dict[secrets.Kind, Any] = {"toml": toml, "json": json, "env": env}


@pytest.mark.parametrize("kind", READERS)
def test_every_value_of_real_files_is_found_where_it_stands(kind: secrets.Kind) -> None:
    for name, text in corpus(f".{kind}").items():
        document = READERS[kind].read(text)
        found = outline(text, kind)
        plain = [entry for entry in found if entry.shape not in ("table", "array")]
        assert sorted(entry.path for entry in plain) == sorted(leaves(document)), name
        for entry in plain:
            value = values.value_at(document, entry.path)
            written = text[entry.start : entry.end]
            if kind == "toml":
                assert values.is_same(toml.read(f"x = {written}")["x"], value), name
            elif kind == "json":
                assert values.is_same(json.read(f'{{"x": {written}}}')["x"], value), name
            else:
                assert env.read(f"X={written}")["X"] == value, name


@pytest.mark.parametrize("kind", READERS)
def test_what_is_hidden_is_what_is_masked(kind: secrets.Kind) -> None:
    for text in corpus(f".{kind}").values():
        shown = secrets.masked(text, kind).splitlines()
        lines = set()
        for start, end in hidden(text, outline(text, kind)):
            lines |= set(range(text.count("\n", 0, start), text.count("\n", 0, end) + 1))
        masked = {at for at, line in enumerate(text.splitlines()) if line != shown[at]}
        assert masked <= lines


def test_a_broken_text_hides_its_secrets_too() -> None:
    text = 'broken = = 1\napi_key = "s3cret"\nurl = "https://me:s3cret@host/open"\n'

    assert [text[start:end] for start, end in hidden(text, None)] == ["s3cret", "me:s3cret"]


def test_toml_that_only_the_bot_reads_is_said_to_be_edited_as_a_whole() -> None:
    assert by_path("a = { x = 1,\n y = 2, }\n")["a.y"].value == 2
    with pytest.raises(InvalidParameter, match="only be edited as a whole"):
        outline('"\\e" = 1\n', "toml")
