"""The look-up of a path in the table."""

import dataclasses
import re

import pytest

from mailauncher.errors import Text
from resolvers.context import Context
from rest.answers import Answer, matches
from rest.api import PATHS, TABLE
from rest.operation import Call, Method, Operation
from rest.table import Paths


async def nothing(_ctx: Context, _call: Call) -> Answer:
    return Answer(b"", ())


def row(method: Method, path: str, *, changes: bool = False) -> Operation:
    return Operation(method=method, path=path, group="g", text=Text("", ""), handler=nothing, changes=changes)


def test_every_row_is_found_by_its_own_path() -> None:
    for operation in TABLE:
        names = re.findall(r"{(\w+)}", operation.path)
        found = PATHS.find(re.sub(r"{\w+}", "some-id", operation.path))
        assert found is not None
        assert found.place.operations[operation.method] is operation
        assert found.parameters == dict.fromkeys(names, "some-id")


def test_every_operation_has_a_name_of_its_own() -> None:
    assert len({operation.name for operation in TABLE}) == len(TABLE)


def test_what_changes_something_takes_no_head() -> None:
    for operation in TABLE:
        found = PATHS.find(operation.path.replace("{id}", "x"))
        assert found is not None
        if operation.method == "GET":
            assert ("HEAD" in found.place.methods) is not operation.changes


def test_a_parameter_is_one_part_and_not_empty() -> None:
    paths = Paths([row("GET", "/a/{one}/b/{two}"), row("GET", "/a/{one}")])
    assert paths.find("/a/x/b/y") == (paths.places["/a/*/b/*"], {"one": "x", "two": "y"})
    assert paths.find("/a/*") == (paths.places["/a/*"], {"one": "*"})
    for path in ("/a//b/y", "/a/x/b/", "/a/", "/a/x/y/b", "/a/x/b/y/", "a/x", "", "//"):
        assert paths.find(path) is None, path


def test_a_path_with_a_star_is_no_pattern() -> None:
    paths = Paths([row("GET", "/a/{one}/b")])
    assert paths.find("/*/x/b") is None
    found = paths.find("/a/*/b")
    assert found is not None
    assert found.parameters == {"one": "*"}


def test_a_literal_path_is_preferred_to_a_parameter() -> None:
    paths = Paths([row("GET", "/a/{one}"), row("POST", "/a/search")])
    found = paths.find("/a/search")
    assert found is not None
    assert found.place.path == "/a/search"


def test_one_place_may_have_several_methods() -> None:
    paths = Paths([row("GET", "/a/{one}"), row("PUT", "/a/{one}", changes=True)])
    assert paths.places["/a/*"].methods == ("GET", "PUT", "HEAD", "OPTIONS")


@pytest.mark.parametrize("second", ["/a/{one}", "/a/{other}"])
def test_a_row_that_is_there_already_is_refused(second: str) -> None:
    with pytest.raises(ValueError, match="already"):
        Paths([row("GET", "/a/{one}"), row("GET", second)])


def test_an_operation_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TABLE[0].path = "/"  # type: ignore[misc]  # what is tested


@pytest.mark.parametrize(
    "if_none_match, expected",
    [
        (b'"a"', True),
        (b'W/"a"', True),
        (b'"b", "a"', True),
        (b'"b",W/"a" , "c"', True),
        (b"*", True),
        (b" * ", True),
        (b'"b"', False),
        (b"a", False),
        (b'"a', False),
        (b'"aa"', False),
        (b'"A"', False),
        (b"", False),
        (b'"b, "a""', False),
    ],
)
def test_if_none_match_is_read_as_the_standard_says(if_none_match: bytes, expected: bool) -> None:
    assert matches(if_none_match, b'"a"') is expected
