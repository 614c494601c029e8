"""Editing TOML texts: only the named values change."""

import json
import math
import re
import tomllib
from typing import Any

import msgspec
import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.documents import toml, values
from bots.documents.errors import DocumentSyntaxError
from mailauncher.errors import Code, InvalidParameter
from tests.support.documents import CORPUS, corpus, merged, named, patches
from tests.support.stress import sized

TEXTS = corpus(".toml")
SOME = settings(max_examples=sized(50, 150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
any_text = st.sampled_from(sorted(TEXTS)).map(TEXTS.__getitem__)
any_text_with_sections = any_text.filter(toml.read)


def lines_with_owners(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Each line with the path of its value; comments and headers have the path of their section. Supports just enough of
    TOML for the corpus."""
    section: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    owned = []
    rest = text.splitlines(keepends=True)
    while rest:
        line = rest.pop(0)
        statement = [line]
        if header := re.match(r"\s*\[\[?(.+?)\]\]?\s*(#.*)?$", line):
            section = owner = path_of(header[1])
        elif line.strip() and not line.lstrip().startswith("#"):
            while not complete("".join(statement)):
                statement.append(rest.pop(0))
            owner = section + path_of("".join(statement).partition("=")[0])
        else:
            owner = section
        owned += [(each.rstrip("\r\n"), owner) for each in statement]
    return owned


def path_of(key: str) -> tuple[str, ...]:
    table: Any = tomllib.loads(f"{key.strip()} = 0")
    path = []
    while isinstance(table, dict):
        ((name, table),) = table.items()
        path.append(name)
    return tuple(path)


def complete(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except ValueError:
        return False
    return True


def touched(owner: tuple[str, ...], paths: list[tuple[str, ...]]) -> bool:
    return any(owner[: len(path)] == path[: len(owner)] for path in paths)


def is_comment_or_header(line: str) -> bool:
    return line.lstrip().startswith(("#", "[")) or not line.strip()


def survives(line: str, owner: tuple[str, ...], paths: list[tuple[str, ...]]) -> bool:
    """Whether a patch that names `paths` must keep a line: headers and comments unless the section itself is named."""
    if is_comment_or_header(line):
        return not any(owner[: len(path)] == path for path in paths)
    return not touched(owner, paths)


# Properties


@pytest.mark.slow
@pytest.mark.stress
@SOME
@given(st.data(), any_text)
def test_a_patch_sets_the_named_values(data: st.DataObject, text: str) -> None:
    document = toml.read(text)
    patch = data.draw(patches(values.plain(document)))

    result = toml.merge(text, patch)

    wanted = merged(values.plain(document), patch)
    assert values.plain(toml.read(result)) == wanted
    as_bots_open_it = result.replace("\r\n", "\n")
    assert values.plain(tomlkit.parse(as_bots_open_it).unwrap()) == wanted


@pytest.mark.slow
@pytest.mark.stress
@SOME
@given(st.data(), any_text)
def test_lines_that_a_patch_does_not_name_stay(data: st.DataObject, text: str) -> None:
    patch = data.draw(patches(values.plain(toml.read(text))))

    left = iter([line.rstrip("\r\n") for line in toml.merge(text, patch).splitlines(keepends=True)])

    paths = named(patch, toml.read(text))
    for line, owner in lines_with_owners(text):
        if line.strip() and survives(line, owner, paths):
            assert any(line == other for other in left), f"{line!r} is gone or has moved"


@pytest.mark.slow
@pytest.mark.stress
@SOME
@given(st.data(), any_text)
def test_line_breaks_and_the_end_of_the_file_stay(data: st.DataObject, text: str) -> None:
    patch = data.draw(patches(values.plain(toml.read(text))))

    result = toml.merge(text, patch)

    if "\r\n" in text:
        assert "\n" not in result.replace("\r\n", "")
    else:
        assert "\r" not in result
    last = text.rpartition("\n")[2]
    if last and last in result.splitlines():  # unless its table or key was removed, or changed
        assert not result.endswith("\n")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_merging_the_same_values_changes_no_byte(text: str) -> None:
    seen = values.plain(toml.read(text))

    assert toml.merge(text, msgspec.json.decode(msgspec.json.encode(seen))) is text
    script = json.dumps(seen).replace("1.0", "1").replace("3.0", "3")  # as JavaScript writes whole numbers
    assert toml.merge(text, json.loads(script)) is text


@pytest.mark.slow
@pytest.mark.stress
@SOME
@given(any_text_with_sections, st.data())
def test_adding_and_removing_a_key_restores_the_text(text: str, data: st.DataObject) -> None:
    sections = [
        key for key, value in toml.read(text).items() if isinstance(value, dict) and f"[{key}]" in text
    ]
    path = (data.draw(st.sampled_from(sections)), "entirely new")

    assert toml.unset(toml.set_value(text, path, 1), path).rstrip() == text.rstrip()


@pytest.mark.slow
@pytest.mark.stress
@SOME
@given(st.data(), any_text)
def test_a_value_that_was_set_is_read_back(data: st.DataObject, text: str) -> None:
    place: Any = toml.read(text)
    path: list[str | int] = []
    while isinstance(place, dict | list) and place and data.draw(st.booleans()):
        steps: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
        step = data.draw(st.sampled_from(steps))
        path.append(step)
        place = place[step]
    if isinstance(place, list):
        path.append(len(place))
    elif isinstance(place, dict) or not path:
        path.append("new")
    value = data.draw(
        st.booleans() | st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.text("ab"))
    )

    result = toml.set_value(text, path, value)

    assert values.plain(values.value_at(toml.read(result), path)) == value


# Single edits, as they look


def edited(before: str, patch: dict[str, Any]) -> str:
    return toml.merge(before, patch)


def test_a_new_key_follows_the_last_key_of_its_table() -> None:
    text = "[a]\nx = 1 # x\n\n# about b\n[b]\ny=2\n"

    assert edited(text, {"a": {"n": 1}, "b": {"z": "w"}}) == (
        '[a]\nx = 1 # x\nn = 1\n\n# about b\n[b]\ny=2\nz="w"\n'
    )


def test_a_new_root_key_precedes_the_first_header() -> None:
    assert (
        edited("# head\n\n# about a\n[a]\nx = 1\n", {"n": 1}) == "# head\n\nn = 1\n\n# about a\n[a]\nx = 1\n"
    )
    assert edited("k = 1\n[a]\n", {"n": 1}) == "k = 1\nn = 1\n[a]\n"
    assert edited("", {"n": 1}) == "n = 1\n"


def test_a_new_element_has_the_style_of_its_array() -> None:
    text = (
        'a = [\n    "x", # first\n    "y"  # last\n]\nb = [1,2]\nc = [\n    # "only a comment",\n]\nd = []\n'
    )

    assert edited(text, {"a": ["x", "y", "z"], "b": [1, 2, 3], "c": ["q"], "d": [1]}) == (
        'a = [\n    "x", # first\n    "y",  # last\n    "z"\n]\nb = [1,2,3]\n'
        'c = [\n    # "only a comment",\n    "q"\n]\nd = [1]\n'
    )


def test_removing_an_element_removes_only_its_own_comment() -> None:
    text = "a = [\n  # numbers\n  1, # one\n  # more\n  2, # two\n  3,\n]\n"

    assert edited(text, {"a": [1, 3]}) == "a = [\n  # numbers\n  1, # one\n  # more\n  3,\n]\n"
    assert edited(text, {"a": [2, 3]}) == "a = [\n  # numbers\n  # more\n  2, # two\n  3,\n]\n"


def test_only_the_named_table_of_an_array_changes() -> None:
    text = (CORPUS / "model.toml").read_text("utf-8")
    models = toml.read(text)["models"]
    models[1]["price_in"] = 0.75

    assert edited(text, {"models": models}) == text.replace("price_in = 0.5", "price_in = 0.75")


def test_removing_a_table_of_an_array_keeps_the_comments_of_its_neighbours() -> None:
    text = "[[m]] # one\nx = 1\n# inside\n[m.sub]\ny = 1\n\n# the second\n[[m]]\nx = 2 # two\n"

    assert edited(text, {"m": [{"x": 2}]}) == "# the second\n[[m]]\nx = 2 # two\n"
    assert (
        edited(text, {"m": [{"x": 1, "sub": {"y": 1}}]})
        == "[[m]] # one\nx = 1\n# inside\n[m.sub]\ny = 1\n\n# the second\n"
    )


def test_a_new_table_is_a_section_after_the_last_of_its_parent() -> None:
    text = "[a]\nx = 1\n\n[a.b]\ny = 1\n\n# about c\n[c]\n"

    assert edited(text, {"a": {"d": {"e": {"f": 1}}}, "t": [{"k": 1}, {"k": 2}]}) == (
        "[a]\nx = 1\n\n[a.b]\ny = 1\n\n[a.d]\n\n[a.d.e]\nf = 1\n\n# about c\n[c]\n\n[[t]]\nk = 1\n\n[[t]]\nk = 2\n"
    )


def test_dotted_keys_stay_dotted() -> None:
    assert (
        edited("a.b.c = 1\na.b.d = 2\n", {"a": {"b": {"c": 3, "e": 4}}})
        == "a.b.c = 3\na.b.d = 2\na.b.e = 4\n"
    )
    assert edited("a.b.c = 1\n", {"a": {"b": {"c": None}}}) == "a.b = {}\n"


def test_strings_keep_their_kind_of_quotes() -> None:
    text = "a = 'C:\\x'\nb = '''\nl\nm'''\nc = \"\"\"\nl\"\"\"\n"

    assert edited(text, {"a": "D:\\y", "b": "n\\\no", "c": "n\no"}) == (
        "a = 'D:\\y'\nb = '''\nn\\\no'''\nc = \"\"\"\nn\no\"\"\"\n"
    )
    assert edited("a = 'x'\n", {"a": "it's"}) == 'a = "it\'s"\n'


def test_a_float_stays_a_float_for_an_integer_from_json() -> None:
    assert edited("smooth = 0.5\n", {"smooth": 1}) == "smooth = 1.0\n"
    assert edited("smooth = 5\n", {"smooth": 1.5}) == "smooth = 1.5\n"


def test_an_integer_rounded_by_javascript_is_not_changed() -> None:
    text = "big = 9223372036854775807\n"

    assert edited(text, {"big": 9223372036854776000}) is text
    assert edited(text, {"big": 9223372036854775806}) == "big = 9223372036854775806\n"
    assert edited(text, {"big": 5}) == "big = 5\n"


def test_a_date_stays_a_date_for_a_text_from_json() -> None:
    text = "day = 1979-05-27 # d\nat = 07:32:00\n"

    assert edited(text, {"day": "1980-01-02", "at": "later"}) == 'day = 1980-01-02 # d\nat = "later"\n'


def test_syntax_of_toml_1_1_is_kept() -> None:
    text = 'a = {\n  x = 1, # one\n  y = "\\e",\n}\nb = 07:32\n'

    assert edited(text, {"a": {"x": 2}}) == text.replace("x = 1", "x = 2")


def test_a_table_without_members_stays() -> None:
    assert toml.read(edited("[a.b]\nx = 1\n", {"a": {"b": None}})) == {"a": {}}
    assert toml.read(edited("[[a]]\nx = 1\n", {"a": []})) == {"a": []}


def test_special_and_huge_numbers_survive_other_changes() -> None:
    text = "big = 123456789012345678901234567890\nn = nan\nx = 1\n"

    assert edited(text, {"x": 2}).startswith("big = 123456789012345678901234567890\nn = nan\n")
    assert math.isnan(toml.read(edited(text, {"x": 2}))["n"])


# What is refused


def test_a_syntax_error_has_line_and_column() -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        toml.read("[a]\nx = 1\ny = = 2\n")
    assert (caught.value.line, caught.value.column) == (3, 5)
    assert caught.value.code is Code.INVALID_PARAMETER
    with pytest.raises(DocumentSyntaxError) as caught:
        toml.merge('x = "', {"y": 1})
    assert caught.value.line == 1


@pytest.mark.parametrize(
    "patch, field",
    [
        ({"a": {"b": [1, None]}}, "a.b.1"),
        ({"a": [{"b": None}]}, "a.0.b"),
        ({"a": {"b": "\ud800"}}, "a.b"),
        ({"\udfff": 1}, None),
        ({"a": {"\udfff": 1}}, "a"),
        ({"a": 1 << 63}, "a"),
        ({"a": b"x"}, "a"),
    ],
)
def test_values_outside_toml_are_refused_with_their_path(patch: dict[str, Any], field: str | None) -> None:
    with pytest.raises(InvalidParameter) as caught:
        toml.merge("x = 1\n", patch)
    assert caught.value.field == field


def test_nesting_is_bounded() -> None:
    deep: Any = 1
    for _ in range(3000):
        deep = {"a": deep}
    with pytest.raises(InvalidParameter):
        toml.merge("", deep)
    with pytest.raises(InvalidParameter):
        toml.read("a = " + "[" * 5000 + "]" * 5000)
    for endless in (
        "a." * 100_000 + "b = 1",
        "[" + "'a' . " * 100_000 + "b]",
        "x = {" + "a." * 100_000 + "b = 1}",
    ):
        with pytest.raises(InvalidParameter):
            toml.read(endless)
    with pytest.raises(InvalidParameter):
        toml.set_value("", ["a"] * 3000, 1)


@pytest.mark.parametrize(
    "path", [[], ["x", "y"], ["list", 5], ["list", "first"], ["list", -1], [0], ["list", "9" * 5000]]
)
def test_an_invalid_path_is_refused(path: list[str | int]) -> None:
    """An index of thousands of digits, which Python does not convert, was an internal error."""
    with pytest.raises(InvalidParameter):
        toml.set_value("x = 1\nlist = [1]\n", path, 1)


def test_unsetting_a_missing_value_changes_nothing() -> None:
    text = "x = 1\nlist = [1]\n"

    absent: list[list[str | int]] = [["y"], ["x", "y"], ["list", 4], ["y", "z", 0]]
    for path in absent:
        assert toml.unset(text, path) is text
    assert toml.unset(text, ["list", 0]) == "x = 1\nlist = []\n"
