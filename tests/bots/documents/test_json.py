"""Editing JSON texts: only the named values change."""

import json as standard
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bots.documents import json
from bots.documents.errors import DocumentSyntaxError
from mailauncher.errors import InvalidParameter
from tests.support.documents import CORPUS, corpus, has_null_in_a_list, merged, patches
from tests.support.stress import sized

TEXTS = corpus(".json")
SOME = settings(max_examples=sized(100, 300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
any_text = st.sampled_from(sorted(TEXTS)).map(TEXTS.__getitem__)


@pytest.mark.slow
@pytest.mark.stress
@SOME
@given(st.data(), any_text)
def test_a_patch_sets_values_and_keeps_the_order_of_keys(data: st.DataObject, text: str) -> None:
    document = json.read(text)
    patch = data.draw(patches(document))
    assume(not has_null_in_a_list(patch))

    result = json.merge(text, patch)

    read = standard.loads(result)
    assert read == merged(document, patch)
    kept = [key for key in document if key in read]
    assert list(read)[: len(kept)] == kept


@pytest.mark.slow
@pytest.mark.stress
@SOME
@given(st.data(), any_text)
def test_members_that_are_not_named_keep_their_text(data: st.DataObject, text: str) -> None:
    """The text of a member is what remains when all others are removed."""
    document = json.read(text)
    patch = data.draw(patches(document))
    assume(not has_null_in_a_list(patch))

    result = json.merge(text, patch)

    for key in document.keys() - patch.keys():
        alone = {other: None for other in document if other != key}
        alone_after = {other: None for other in json.read(result) if other != key}
        assert json.merge(text, alone).split() == json.merge(result, alone_after).split()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_merging_the_same_values_changes_no_byte(text: str) -> None:
    document = json.read(text)

    assert json.merge(text, document) is text


def test_only_the_named_nested_value_changes() -> None:
    text = (CORPUS / "napcat.json").read_text("utf-8")
    path: list[str | int] = ["network", "websocketClients", 0, "url"]

    assert json.set_value(text, path, "ws://127.0.0.1:9000") == text.replace(":8095", ":9000")
    assert json.set_value(text, ["network", "websocketClients", "1", "debug"], None) is text


def test_new_members_are_indented_like_the_rest() -> None:
    text = '{\n    "a": [],\n    "b": {"c": 1}\n}\n'

    assert json.merge(text, {"a": [1, {"x": []}], "b": {"d": [2]}, "e": {}}) == (
        '{\n    "a": [\n        1,\n        {\n            "x": []\n        }\n    ],\n'
        '    "b": {"c": 1, "d": [2]},\n    "e": {}\n}\n'
    )
    assert json.merge('{"a":1}', {"b": [1, {"c": 2}]}) == '{"a":1,"b":[1,{"c":2}]}'
    assert json.merge("", {"a": {"b": 1}}) == '{\n  "a": {\n    "b": 1\n  }\n}\n'


def test_the_last_of_duplicate_names_counts() -> None:
    assert json.merge('{"a": 1, "b": 2, "a": 3}', {"a": 4}) == '{"a": 1, "b": 2, "a": 4}'
    assert json.merge('{"a": 1, "b": 2, "a": 3}', {"a": None}) == '{"b": 2}'


@pytest.mark.parametrize(
    "text, line, column",
    [
        ('{\n  "a": 1\n  "b": 2\n}', 3, 3),
        ("{", 1, 2),
        ('{"a": NaN}', 1, 1),
        ('{"a": ' + "9" * 5000 + "}", 1, 1),
        ("// x\n{}", 1, 1),
    ],
)
def test_a_syntax_error_has_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        json.read(text)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "null", '{"a": "\\ud800"}', "[" * 100_000])
def test_a_text_that_is_not_an_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        json.read(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", "\ud800"])
def test_values_outside_json_are_refused(value: Any) -> None:
    with pytest.raises(InvalidParameter):
        json.set_value('{"a": 1}', ["a"], value)


def test_a_null_inside_an_array_is_refused_in_a_patch() -> None:
    with pytest.raises(InvalidParameter) as caught:
        json.merge("{}", {"a": {"b": [1, None]}})
    assert caught.value.field == "a.b.1"
