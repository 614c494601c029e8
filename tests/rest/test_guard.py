"""Access control: pages of other sites and requests with other host names cannot cause side effects."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from mailauncher.errors import Code
from mailauncher.log import mask
from rest.api import TABLE
from rest.operation import Operation
from tests.support.context import settings_for
from tests.support.git import Repository
from tests.support.http import API, client, failure, raw, told
from tests.support.server import Launcher, running

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

TOKEN = "correct-horse-battery-staple"
UNKNOWN = "a2fe529b51999fc2d45df5196c6c50a46a608fa1"
QUERY = {"query": "{ __typename }"}
FOREIGN_ORIGINS = [
    "https://evil.example",
    "http://evil.example:23456",
    "null",
    "",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "https://evil.example/http://localhost",
    "http://localhost@evil.example",
    "ftp://localhost",
    "tauri://evil.example",
    "http://128.0.0.1",
    "file://",
]
OWN_ORIGINS = [
    "http://localhost",
    "http://localhost:5173",
    "https://localhost:8443",
    "http://127.0.0.1:3000",
    "http://127.8.9.10",
    "http://[::1]:5173",
    "http://app.localhost:5173",
    "tauri://localhost",
    "http://tauri.localhost",
    "https://tauri.localhost",
    "https://panel.example",
    "https://panel.example:443",
]
FOREIGN = [
    *({"origin": origin} for origin in FOREIGN_ORIGINS),
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
]
CHANGING = [row for row in TABLE if row.changes]
READING = [row for row in TABLE if row.method == "GET" and not row.changes]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, releases: Repository) -> AsyncIterator[Launcher]:
    """A server with an allowed host and an allowed origin."""
    settings = settings_for(
        tmp_path_factory.mktemp("guarded"),
        allowed_origins=["https://Panel.example/"],
        allowed_hosts=["bots.example", "*.bad"],
        sources_maibot=[releases.url],
    )
    async with running(settings) as launcher:
        yield launcher


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(tmp_path_factory: pytest.TempPathFactory, releases: Repository) -> AsyncIterator[Launcher]:
    """A server with a token."""
    folder = tmp_path_factory.mktemp("locked")
    async with running(settings_for(folder, token=TOKEN, sources_maibot=[releases.url])) as launcher:
        yield launcher


def address(row: Operation) -> str:
    path = row.path.replace("{id}", UNKNOWN).replace("{instance_id}", UNKNOWN)
    return path.replace("{session_id}", f"{UNKNOWN}_main")


async def ask(launcher: Launcher, row: Operation, headers: dict[str, str]) -> httpx.Response:
    async with client(launcher) as http:
        body = b"{}" if row.request else None
        return await http.request(row.method, address(row), headers=headers, content=body)


async def handshake(launcher: Launcher, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """The status of a WebSocket handshake, and the body of a refusal."""
    subprotocols: Any = ["graphql-transport-ws"] if path == "/graphql" else None
    try:
        async with connect(
            launcher.ws + path, additional_headers=headers, subprotocols=subprotocols, proxy=None
        ):
            return 101, {}
    except InvalidStatus as refused:
        answer = refused.response
    body = json.loads(answer.body or b"")
    told(body, None, answer.headers)
    return answer.status_code, body


SOCKETS = [f"/ws/{UNKNOWN}_main", f"{API}/ws/{UNKNOWN}_main", "/graphql"]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_page_of_another_site_changes_nothing(server: Launcher, headers: dict[str, str]) -> None:
    for row in CHANGING:
        failure(await ask(server, row, headers), Code.PERMISSION_DENIED)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_page_of_another_site_does_not_reach_graphql(
    server: Launcher, headers: dict[str, str]
) -> None:
    async with client(server) as http:
        for answer in (
            await http.post("/graphql", json=QUERY, headers=headers),
            await http.post(
                "/graphql", content=json.dumps(QUERY), headers=headers | {"content-type": "text/plain"}
            ),
            await http.get("/graphql", params=QUERY, headers=headers),
            await http.get("/graphql", params=QUERY, headers=headers | {"accept": "text/html"}),
            await http.get("/graphql", params=QUERY, headers=headers | {"accept": "text/event-stream"}),
            await http.head("/graphql", params=QUERY, headers=headers),
        ):
            if answer.request.method == "HEAD":
                assert answer.status_code == 403
            else:
                failure(answer, Code.PERMISSION_DENIED)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_page_of_another_site_opens_no_socket(server: Launcher, headers: dict[str, str]) -> None:
    for path in SOCKETS:
        status, body = await handshake(server, path, headers)
        assert status == 403
        assert body["error"]["code"] == Code.PERMISSION_DENIED


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_pages_of_other_sites_cannot_probe_routes(server: Launcher, headers: dict[str, str]) -> None:
    async with client(server) as http:
        failure(await http.get("/unknown", headers=headers), Code.PERMISSION_DENIED)
        failure(await http.get(f"{API}/instance/x/start/", headers=headers), Code.PERMISSION_DENIED)
        failure(await http.options(f"{API}/instances", headers=headers), Code.PERMISSION_DENIED)


async def test_read_only_responses_are_hidden_from_other_sites(server: Launcher) -> None:
    for row in READING:
        answer = await ask(server, row, {"origin": "https://evil.example"})
        assert answer.status_code == (404 if "{" in row.path else 200), row.path
        assert "access-control-allow-origin" not in answer.headers


async def test_another_site_may_link_to_a_page(server: Launcher) -> None:
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "accept": "text/html"}
    async with client(server) as http:
        for path in ("/", f"{API}/docs", "/graphql"):
            answer = await http.get(path, headers=followed)
            assert answer.status_code == 200, path
            assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("origin", OWN_ORIGINS)
async def test_an_allowed_page_may_do_everything(server: Launcher, origin: str) -> None:
    for site in ("cross-site", "same-site", "same-origin"):
        headers = {"origin": origin, "sec-fetch-site": site}
        for row in CHANGING:
            answer = await ask(server, row, headers)
            assert answer.status_code in (400, 404), row.path
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["access-control-expose-headers"] == "ETag, Retry-After, X-Request-ID"
    async with client(server, origin=origin) as http:
        assert (await http.post("/graphql", json=QUERY)).json()["data"] == {"__typename": "Query"}
    for path in SOCKETS:
        assert await handshake(server, path, {"origin": origin}) == (101, {})


async def test_clients_other_than_browsers_need_no_headers(server: Launcher) -> None:
    for row in TABLE:
        answer = await ask(server, row, {})
        assert answer.status_code in (200, 400, 404), row.path
        assert "access-control-allow-origin" not in answer.headers
    for path in SOCKETS:
        assert await handshake(server, path, {}) == (101, {})
    async with client(server) as http:
        typed = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
        failure(await http.get(f"{API}/instance/{UNKNOWN}/start", headers=typed), Code.INSTANCE_NOT_FOUND)


async def test_a_page_on_an_allowed_host_may_call_that_host(server: Launcher) -> None:
    """The dashboard behind a proxy sends its public origin."""
    row = CHANGING[0]
    for origin in ("https://bots.example", "http://bots.example", "https://bots.example:443"):
        headers = {"host": "bots.example", "origin": origin, "sec-fetch-site": "same-origin"}
        assert (await ask(server, row, headers)).status_code == 404
    for origin in ("https://evil.bots.example", "https://bots.example:8443", "https://bots.example.evil"):
        headers = {"host": "bots.example", "origin": origin}
        failure(await ask(server, row, headers), Code.PERMISSION_DENIED)
    # A request without `Origin` from another host of the same domain.
    neighbour = {"host": "bots.example", "sec-fetch-site": "same-site"}
    failure(await ask(server, row, neighbour), Code.PERMISSION_DENIED)
    assert (await ask(server, row, {"sec-fetch-site": "same-site"})).status_code == 404


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:23456",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "128.0.0.1",
        "0.0.0.0",
        "192.168.1.10",
        "[::2]",
        "[::ffff:10.0.0.1]",
        "localhost:port",
        "localhost:1:2",
        "localhost, evil.example",
        "user@localhost",
        "x.bad",
        "sub.bots.example",
        "..",
        "",
        "xn--localhost-",
    ],
)
async def test_a_host_that_is_not_allowed_reaches_nothing(server: Launcher, host: str) -> None:
    for row in TABLE:
        failure(await ask(server, row, {"host": host}), Code.PERMISSION_DENIED)
    async with client(server, host=host) as http:
        failure(await http.get("/unknown"), Code.PERMISSION_DENIED)
        failure(await http.post("/graphql", json=QUERY), Code.PERMISSION_DENIED)
        rebound = {"origin": f"http://{host}", "access-control-request-method": "POST"}
        answer = await http.options("/graphql", headers=rebound)
        failure(answer, Code.PERMISSION_DENIED)
        assert "access-control-allow-origin" not in answer.headers


async def test_a_host_that_is_not_allowed_opens_no_socket(server: Launcher) -> None:
    for path in SOCKETS:
        # The client adds its own Host header first; two of them are refused too.
        status, body = await handshake(server, path, {"Host": "evil.example"})
        assert (status, body["error"]["code"]) == (403, Code.PERMISSION_DENIED)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "localhost.",
        "app.localhost",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]",
        "[::1]:23456",
        "bots.example",
        "Bots.Example:443",
    ],
)
async def test_loopback_and_configured_host_names_are_allowed(server: Launcher, host: str) -> None:
    async with client(server, host=host) as http:
        assert (await http.get(f"{API}/instances")).status_code == 200


async def test_a_preflight_is_answered_for_any_header(server: Launcher) -> None:
    asked = {
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "content-type,x-request-time,x-client-name",
        "access-control-request-private-network": "true",
    }
    async with client(server, origin="http://localhost:5173") as http:
        for path in (*(address(row) for row in TABLE), "/graphql", "/unknown"):
            answer = await http.options(path, headers=asked)
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
            assert answer.headers["access-control-allow-methods"] == "GET, POST, PUT, DELETE"
            assert answer.headers["access-control-allow-headers"] == asked["access-control-request-headers"]
            assert answer.headers["access-control-allow-private-network"] == "true"
            assert "Origin" in answer.headers["vary"]


async def test_a_preflight_from_another_site_gets_the_common_error_body(server: Launcher) -> None:
    asked = {"access-control-request-method": "GET"}
    async with client(server, origin="https://evil.example") as http:
        for row in TABLE:
            answer = await http.options(address(row), headers=asked)
            failure(answer, Code.PERMISSION_DENIED)
            assert "access-control-allow-origin" not in answer.headers


async def test_an_allowed_page_can_read_errors(server: Launcher) -> None:
    async with client(server, origin="http://localhost:5173") as http:
        answer = await http.get("/unknown")
        failure(answer, Code.RESOURCE_NOT_FOUND)
        assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"


# The token


async def test_without_the_token_only_health_and_pages_are_allowed(locked: Launcher) -> None:
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": ""},
    ):
        for row in TABLE:
            answer = await ask(locked, row, {**headers, "accept-language": "en"})
            if row.public and not headers:
                assert answer.status_code == 200, row.path
            else:
                message = failure(answer, Code.PERMISSION_DENIED)
                assert TOKEN not in message
                assert (
                    mask(message) == message
                )  # the log showed "token: *** is that of", as if it had been one
    assert {row.path for row in TABLE if row.public} == {
        f"{API}/system/health",
        f"{API}/docs",
        f"{API}/openapi.json",
    }
    async with client(locked) as http:
        assert (await http.get("/")).status_code == 200
        failure(await http.get("/unknown"), Code.PERMISSION_DENIED)
        failure(await http.post("/graphql", json=QUERY), Code.PERMISSION_DENIED)
        failure(await http.get("/graphql", params=QUERY), Code.PERMISSION_DENIED)
        assert (await http.get("/graphql", headers={"accept": "text/html"})).status_code == 200
    for path in SOCKETS[:2]:
        assert (await handshake(locked, path, {}))[0] == 403
        assert (await handshake(locked, path, {"authorization": "Bearer wrong"}))[0] == 403


async def test_with_the_token_everything_is_allowed(locked: Launcher) -> None:
    headers = {"authorization": f"bearer {TOKEN}"}
    for row in TABLE:
        assert (await ask(locked, row, headers)).status_code in (200, 400, 404), row.path
    async with client(locked, **headers) as http:
        assert (await http.post("/graphql", json=QUERY)).json()["data"] == {"__typename": "Query"}
    for path in SOCKETS:
        assert await handshake(locked, path, headers) == (101, {})


async def test_the_token_does_not_help_pages_of_other_sites(locked: Launcher) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "origin": "https://evil.example"}
    for row in CHANGING:
        failure(await ask(locked, row, headers), Code.PERMISSION_DENIED)


async def test_graphql_sockets_may_send_the_token_later(locked: Launcher) -> None:
    assert await handshake(locked, "/graphql", {}) == (101, {})
    assert (await handshake(locked, "/graphql", {"authorization": "Bearer wrong"}))[0] == 403


async def test_a_preflight_needs_no_token(locked: Launcher) -> None:
    asked = {"origin": "http://localhost:1", "access-control-request-method": "GET"}
    async with client(locked) as http:
        assert (await http.options(f"{API}/instances", headers=asked)).status_code == 204


async def test_a_socket_on_an_unknown_route_is_refused(server: Launcher) -> None:
    status, body = await handshake(server, "/nowhere", {})
    assert (status, body["error"]["code"]) == (404, Code.RESOURCE_NOT_FOUND)


async def test_a_request_without_a_host_is_refused(server: Launcher) -> None:
    head, body = await raw(server, b"GET /api/v1/instances HTTP/1.0\r\n\r\n")
    assert b" 403 " in head.splitlines()[0]
    assert json.loads(body)["error"]["code"] == Code.PERMISSION_DENIED
