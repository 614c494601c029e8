"""Invalid requests: each response says what is wrong, none is a 500."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from mailauncher.errors import Code
from rest.api import TABLE
from tests.support.context import settings_for
from tests.support.git import Repository
from tests.support.http import API, client, failure, raw
from tests.support.server import Launcher, running

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

DEEP = 100_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, releases: Repository) -> AsyncIterator[Launcher]:
    """A server with a small maximum body size, large enough for deep nesting."""
    folder = tmp_path_factory.mktemp("server")
    settings = settings_for(folder, max_body_bytes=1 << 20, sources_maibot=[releases.url])
    async with running(settings) as launcher:
        yield launcher


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(server: Launcher) -> AsyncIterator[httpx.AsyncClient]:
    async with client(server) as http:
        yield http


FIELDS = '{"name": "a", "path": "/", "port": 8080'
NO_OBJECTS: dict[str, bytes] = {
    "nothing": b"",
    "space": b" \n\t",
    "an open brace": b"{",
    "a comma too many": FIELDS.encode() + b",}",
    "a word": b"nonsense",
    "a string": b'"a string"',
    "an empty list": b"[]",
    "a list": b"[1, 2]",
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "more after the end": FIELDS.encode() + b"} x",
    "bytes that are no UTF-8": b'{"name": "\xff", "path": "/", "port": 8080}',
    "UTF-16": (FIELDS + "}").encode("utf-16"),
    "GB 18030": (FIELDS + ', "more": "中文"}').encode("gb18030"),
    "half a surrogate pair": b'{"name": "\\ud800", "path": "/", "port": 8080}',
    "the other half": b'{"name": "a", "path": "/\\udfff", "port": 8080}',
    "a number of many digits": b'{"name": "a", "path": "/", "port": ' + b"9" * 5000 + b"}",
    "lists without end": b"[" * DEEP,
    "objects without end": b'{"a":' * DEEP,
    "lists within lists": b"[" * DEEP + b"]" * DEEP,
    "NaN": b'{"name": "a", "path": "/", "port": NaN}',
    "infinity": b'{"name": "a", "path": "/", "port": -Infinity}',
    "a zero byte": b"\x00",
    "gzip": b"\x1f\x8b\x08\x00",
    "a form": b"name=a&path=/&port=8080",
    "nothing but digits": b"9" * 400_000,
}


@pytest.mark.parametrize("body", NO_OBJECTS.values(), ids=NO_OBJECTS)
async def test_a_body_other_than_a_json_object_is_an_invalid_parameter(
    http: httpx.AsyncClient, body: bytes
) -> None:
    failure(await http.post(f"{API}/instances/add", content=body), Code.INVALID_PARAMETER)


GOOD: dict[str, Any] = {"name": "a", "path": "/no/such/folder", "port": 8080}


NO_TEXT: list[Any] = [None, 1, 1.5, True, [], {}, ["a"]]
NO_INTEGER: list[Any] = [None, "8080", 8080.0, 8080.5, True, [], {}, 1e300]
WRONG = [(field, value) for field in ("name", "path") for value in NO_TEXT] + [
    ("port", v) for v in NO_INTEGER
]


@pytest.mark.parametrize("field, value", WRONG, ids=str)
async def test_a_value_of_the_wrong_type_names_its_field(
    http: httpx.AsyncClient, field: str, value: Any
) -> None:
    answer = await http.post(f"{API}/instances/add", json=GOOD | {field: value})
    assert field in failure(answer, Code.INVALID_PARAMETER, field)


async def test_a_missing_key_is_named(http: httpx.AsyncClient) -> None:
    for name in GOOD:
        body = {key: value for key, value in GOOD.items() if key != name}
        answer = await http.post(f"{API}/instances/add", json=body)
        assert failure(answer, Code.INVALID_PARAMETER, name) == f"缺少字段 {name}"
    failure(await http.post(f"{API}/instances/add", json={}), Code.INVALID_PARAMETER, "name")


async def test_a_duplicate_key_is_named(http: httpx.AsyncClient) -> None:
    """msgspec, like most parsers, silently takes the last one."""
    body = b'{"name": "a", "path": "/", "port": 1, "path": "/etc"}'
    failure(await http.post(f"{API}/instances/add", content=body), Code.INVALID_PARAMETER, "path")
    inner = b'{"name": "a", "path": "/", "port": 1, "more": [{"x": 1, "x": 2}]}'
    failure(await http.post(f"{API}/instances/add", content=inner), Code.INVALID_PARAMETER, "x")


async def test_a_nested_field_is_named_with_its_path(http: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"instance_name": "a", "install_path": "/", "port": 1}
    for services, field in [
        ([{"name": "napcat"}, {"name": 1}], "install_services[1].name"),
        ([{"path": "/"}], "install_services[0].name"),
        ([1], "install_services[0]"),
        ({}, "install_services"),
    ]:
        answer = await http.post(f"{API}/instances/add", json=body | {"install_services": services})
        failure(answer, Code.INVALID_PARAMETER, field)
    nowhere = {"instance_name": "a", "port": 1}
    failure(await http.post(f"{API}/instances/add", json=nowhere), Code.INVALID_PARAMETER, "maibot_path")


async def test_unknown_keys_a_byte_order_mark_and_any_content_type_are_accepted(
    http: httpx.AsyncClient,
) -> None:
    for content, media in [
        (json.dumps(GOOD | {"more": 1}).encode(), "application/json"),
        (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "application/json; charset=utf-8"),
        (json.dumps(GOOD).encode(), "application/x-www-form-urlencoded"),
        (json.dumps(GOOD).encode(), "text/plain"),
    ]:
        answer = await http.post(f"{API}/instances/add", content=content, headers={"content-type": media})
        failure(answer, Code.INVALID_PATH, "path")


async def test_errors_are_english_on_request(http: httpx.AsyncClient) -> None:
    english = {"accept-language": "en"}
    answer = await http.post(f"{API}/instances/add", json=GOOD | {"port": "x"}, headers=english)
    assert failure(answer, Code.INVALID_PARAMETER, "port") == "Field port must be int, not str"
    assert failure(await http.get("/x", headers=english), Code.RESOURCE_NOT_FOUND) == "Unknown route"


async def test_too_many_query_parameters_are_refused(http: httpx.AsyncClient) -> None:
    url = f"{API}/instance/x/delete"
    failure(await http.delete(f"{url}?{'&'.join(['files=delete'] * 100)}"), Code.INVALID_PARAMETER)
    failure(await http.delete(f"{url}?files=%ff%fe"), Code.INVALID_PARAMETER, "files")
    failure(await http.delete(f"{url}?other=%&=&&;files=x"), Code.INSTANCE_NOT_FOUND)


# Size


async def chunks(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


@pytest.mark.parametrize("path", [f"{API}/instances/add", "/graphql"])
async def test_a_body_over_the_limit_is_too_large(http: httpx.AsyncClient, path: str) -> None:
    media = {"content-type": "application/json"}
    announced = await http.post(path, content=b"x" * (1 << 20) + b"x", headers=media)
    failure(announced, Code.FILE_TOO_LARGE)
    streamed = await http.post(path, content=chunks(40, 1 << 16), headers=media)
    failure(streamed, Code.FILE_TOO_LARGE)


async def test_a_body_at_the_limit_is_read(http: httpx.AsyncClient) -> None:
    body = json.dumps(GOOD).encode()
    body += b" " * ((1 << 20) - len(body))
    failure(await http.post(f"{API}/instances/add", content=body), Code.INVALID_PATH, "path")
    failure(await http.post(f"{API}/instances/add", content=chunks(16, 1 << 16)), Code.INVALID_PARAMETER)


async def test_a_body_that_was_refused_leaves_the_connection_usable(http: httpx.AsyncClient) -> None:
    failure(await http.post(f"{API}/instances/add", content=b"x" * (2 << 20)), Code.FILE_TOO_LARGE)
    assert (await http.get(f"{API}/system/health")).status_code == 200


async def test_a_client_that_disconnects_midway_does_no_harm(
    server: Launcher, http: httpx.AsyncClient
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /api/v1/instances/add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await http.get(f"{API}/system/health")).status_code == 200


# Methods and paths


async def test_an_unknown_route_is_not_found(http: httpx.AsyncClient) -> None:
    for path in (
        "/api",
        "/api/v1",
        "/api/v1/instance",
        "/api/v1/instance/a/b/start",
        "/api/v1/instance//start",
        "/%00",
    ):
        for method in ("GET", "POST", "DELETE", "PATCH"):
            failure(await http.request(method, path), Code.RESOURCE_NOT_FOUND)


async def test_every_route_lists_its_allowed_methods(http: httpx.AsyncClient) -> None:
    by_path: dict[str, set[str]] = {}
    for row in TABLE:
        by_path.setdefault(row.path, {"OPTIONS"}).update(
            {row.method, "HEAD"} if row.method == "GET" and not row.changes else {row.method}
        )
    for path, methods in by_path.items():
        asked = await http.options(path)
        assert (asked.status_code, asked.content) == (204, b"")
        assert set(asked.headers["allow"].split(", ")) == methods
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = await http.request(method, path)
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["allow"].split(", ")) == methods
            if method != "HEAD":
                failure(answer, Code.INVALID_PARAMETER, status=405)


async def test_head_is_get_without_the_body(http: httpx.AsyncClient) -> None:
    for row in TABLE:
        if row.method == "GET" and not row.changes and "{" not in row.path:
            get, head = await http.get(row.path), await http.head(row.path)
            assert (head.status_code, head.content) == (200, b"")
            for name in ("content-type", "cache-control"):
                assert head.headers[name] == get.headers[name]


async def test_a_get_with_side_effects_is_never_cached(http: httpx.AsyncClient) -> None:
    for row in TABLE:
        if row.changes:
            answer = await http.request(row.method, row.path, content=b"{}")
            assert answer.headers["cache-control"] == "no-store"


# GraphQL's transport


GRAPHQL: dict[str, tuple[bytes, str]] = {
    "malformed": (b"{", "application/json"),
    "nothing": (b"", "application/json"),
    "no query": (b"{}", "application/json"),
    "a string": (b'"x"', "application/json"),
    "an empty batch": (b"[]", "application/json"),
    "a batch": (b'[{"query": "{ __typename }"}]', "application/json"),
    "a number": (b"1", "application/json"),
    "null": (b"null", "application/json"),
    "a query that is a number": (b'{"query": 1}', "application/json"),
    "a query that is null": (b'{"query": null}', "application/json"),
    "variables that are a number": (b'{"query": "{ __typename }", "variables": 1}', "application/json"),
    "bytes that are no UTF-8": (b"\xff", "application/json"),
    "lists without end": (b"[" * DEEP, "application/json"),
    "plain text": (b'{"query": "{ __typename }"}', "text/plain"),
    "a form": (b'{"query": "{ __typename }"}', "multipart/form-data; boundary=x"),
}


@pytest.mark.parametrize("body, media", GRAPHQL.values(), ids=GRAPHQL)
async def test_a_malformed_graphql_request_is_an_invalid_parameter(
    http: httpx.AsyncClient, body: bytes, media: str
) -> None:
    answer = await http.post("/graphql", content=body, headers={"content-type": media})
    failure(answer, Code.INVALID_PARAMETER)


async def test_graphql_allows_no_other_methods(http: httpx.AsyncClient) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        failure(await http.request(method, "/graphql"), Code.INVALID_PARAMETER, status=405)


async def test_a_mutation_by_get_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.get("/graphql", params={"query": "mutation { __typename }"})
    failure(answer, Code.INVALID_PARAMETER)


# Bytes


async def test_a_path_of_arbitrary_bytes_is_an_unknown_route(server: Launcher) -> None:
    for path in (b"/%ff%fe", b"/%ed%a0%80", b"/a%0d%0aX:%20y", b"/%2e%2e/%2e%2e/etc/passwd"):
        head, body = await raw(server, b"GET " + path + b" HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert b" 404 " in head.splitlines()[0], head
        assert json.loads(body)["error"]["code"] == Code.RESOURCE_NOT_FOUND
