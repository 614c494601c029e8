"""Finding the operation of a path."""

import dataclasses
import re

import pytest

from mailauncher.errors import Text
from mailauncher.etags import matches
from resolvers.context import Context
from rest.api import ROUTER, TABLE
from rest.operation import Call, Method, Operation
from rest.responses import Response
from rest.routing import Router


async def nothing(_ctx: Context, _call: Call) -> Response:
    return Response(b"", ())


def row(method: Method, path: str, *, changes: bool = False) -> Operation:
    return Operation(method=method, path=path, group="g", text=Text("", ""), handler=nothing, changes=changes)


def test_every_operation_is_found_by_its_path() -> None:
    for operation in TABLE:
        names = re.findall(r"{(\w+)}", operation.path)
        found = ROUTER.find(re.sub(r"{\w+}", "some-id", operation.path))
        assert found is not None
        assert found.item.operations[operation.method] is operation
        assert found.parameters == dict.fromkeys(names, "some-id")


def test_every_operation_has_a_unique_name() -> None:
    assert len({operation.name for operation in TABLE}) == len(TABLE)


def test_operations_with_side_effects_refuse_head() -> None:
    for operation in TABLE:
        found = ROUTER.find(operation.path.replace("{id}", "x"))
        assert found is not None
        if operation.method == "GET":
            assert ("HEAD" in found.item.methods) is not operation.changes


def test_a_path_parameter_is_one_nonempty_segment() -> None:
    router = Router([row("GET", "/a/{one}/b/{two}"), row("GET", "/a/{one}")])
    assert router.find("/a/x/b/y") == (router.items["/a/*/b/*"], {"one": "x", "two": "y"})
    assert router.find("/a/*") == (router.items["/a/*"], {"one": "*"})
    for path in ("/a//b/y", "/a/x/b/", "/a/", "/a/x/y/b", "/a/x/b/y/", "a/x", "", "//"):
        assert router.find(path) is None, path


def test_a_star_in_a_path_is_literal() -> None:
    router = Router([row("GET", "/a/{one}/b")])
    assert router.find("/*/x/b") is None
    found = router.find("/a/*/b")
    assert found is not None
    assert found.parameters == {"one": "*"}


def test_a_literal_path_is_preferred_to_a_parameter() -> None:
    router = Router([row("GET", "/a/{one}"), row("POST", "/a/search")])
    found = router.find("/a/search")
    assert found is not None
    assert found.item.path == "/a/search"


def test_one_path_may_have_several_methods() -> None:
    router = Router([row("GET", "/a/{one}"), row("PUT", "/a/{one}", changes=True)])
    assert router.items["/a/*"].methods == ("GET", "PUT", "HEAD", "OPTIONS")


@pytest.mark.parametrize("second", ["/a/{one}", "/a/{other}"])
def test_a_duplicate_route_is_refused(second: str) -> None:
    with pytest.raises(ValueError, match="already"):
        Router([row("GET", "/a/{one}"), row("GET", second)])


def test_an_operation_is_immutable() -> None:
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
def test_if_none_match_follows_the_standard(if_none_match: bytes, expected: bool) -> None:
    assert matches(if_none_match, b'"a"') is expected
