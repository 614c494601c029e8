"""GraphQL over HTTP: bodies, query parameters, the explorer."""

import json
from pathlib import Path

import httpx
import pytest
from graphql import OperationDefinitionNode, parse, validate

from mailauncher.json_size import VALUES_MAX
from mailauncher.settings import Settings
from schema import examples, root
from tests.support.context import add_bot
from tests.support.graphql import ask, client
from tests.support.server import Launcher

pytestmark = pytest.mark.slow

HEALTH = "{ systemHealth { status } }"
HEALTHY = {"systemHealth": {"status": "healthy"}}


def refused(response: httpx.Response, status: int = 400) -> str:
    """The message of a request that was refused before GraphQL, in the common error body."""
    body = response.json()
    assert (response.status_code, body["success"]) == (status, False)
    assert body["error"]["code"] == "INVALID_PARAMETER"
    assert body["message"] == body["detail"] == body["error"]["message"]
    return str(body["message"])


NO_OPERATIONS = [
    b"",
    b"{",
    b'"x"',
    b"5",
    b"null",
    b"true",
    b"\xff\xfe",
    b"[" * 200_000,
    b"[]",
    b'[{"query": "{ systemHealth { status } }"}]',
    b'["x"]',
    b"{}",
    b'{"query": null}',
    b'{"query": ""}',
    b'{"query": 5}',
    b'{"query": "{ systemHealth { status } }", "variables": "x"}',
    b'{"query": "{ systemHealth { status } }", "variables": []}',
    b'{"query": "{ systemHealth { status } }", "extensions": 5}',
    b'{"query": "{ systemHealth { status } }", "operationName": "Nope"}',
    b'{"query": "{ systemHealth { status } }", "operationName": 5}',
    b'{"query": "fragment F on Query { systemHealth { status } }"}',
    b'{"query": "' + b" " * 100_001 + b'"}',
    b'{"query": "\\ud800"}',
    b'{"query": "{ systemHealth { status } }", "variables": {"x": [' + b"1," * VALUES_MAX + b"1]}}",
]


async def test_a_body_without_an_operation_is_400(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for body in NO_OPERATIONS:
            response = await http.post("/graphql", content=body, headers={"Content-Type": "application/json"})
            assert refused(response), body[:80]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_a_form_or_plain_text_is_refused(launcher: Launcher, kind: str) -> None:
    """A page of any site can make a browser send these."""
    async with client(launcher) as http:
        body = json.dumps({"query": HEALTH})
        response = await http.post("/graphql", content=body, headers={"Content-Type": kind})
    refused(response)


async def test_a_query_may_be_in_the_url(launcher: Launcher) -> None:
    document = "query ($status: Status) { instances(status: $status) { id } }"
    async with client(launcher) as http:
        plain = await http.get("/graphql", params={"query": HEALTH})
        varied = await http.get(
            "/graphql", params={"query": document, "variables": json.dumps({"status": "RUNNING"})}
        )
        broken = await http.get("/graphql", params={"query": document, "variables": "{"})
    assert plain.json() == {"data": HEALTHY}
    assert varied.json() == {"data": {"instances": []}}
    refused(broken)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_mutation_by_get_is_refused(launcher: Launcher, tmp_path: Path, accept: str) -> None:
    """A link or an image would be enough to send it."""
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    document = f'mutation {{ deleteInstance(input: {{id: "{view.id}"}}) {{ id }} }}'
    async with client(launcher) as http:
        response = await http.get("/graphql", params={"query": document}, headers={"Accept": accept})
    assert "mutations are not allowed" in response.text
    assert "INVALID_PARAMETER" in response.text
    assert len(launcher.ctx.live.views) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_allowed(launcher: Launcher, method: str) -> None:
    async with client(launcher) as http:
        response = await http.request(method, "/graphql", json={"query": HEALTH})
    refused(response, 405)


async def test_a_response_is_json_in_utf_8(launcher: Launcher, tmp_path: Path) -> None:
    await add_bot(launcher.ctx, tmp_path / "🤖" / "机器人")
    async with client(launcher) as http:
        response = await http.post("/graphql", json={"query": "{ instances { path } }"})
    assert response.headers["content-type"] == "application/json"
    assert "🤖/机器人".encode() in response.content


async def test_a_path_that_is_not_unicode_is_refused(launcher: Launcher, tmp_path: Path) -> None:
    """It was an INTERNAL_ERROR: file names are bytes, but the database stores text."""
    odd = tmp_path / "odd-\udcff"
    odd.mkdir()
    (tmp_path / "link").symlink_to(odd)
    document = "mutation ($input: AddInstanceInput!) { addInstance(input: $input) { instance { path } } }"
    answer = await ask(
        launcher, document, input={"name": "odd", "path": str(tmp_path / "link"), "port": 1234}
    )
    assert answer.code == "INVALID_PATH"


async def test_offsets_over_32_bit_are_numbers(launcher: Launcher) -> None:
    answer = await ask(launcher, "{ systemMetrics { disk { total } memory { total } } }")
    assert isinstance(answer.result["disk"]["total"], int)
    assert answer.result["disk"]["total"] == launcher.ctx.samplers.machine.latest.disk_total


# The explorer


@pytest.mark.parametrize("accept", ["text/html,application/xhtml+xml,*/*;q=0.8", "*/*"])
async def test_a_browser_gets_the_explorer(launcher: Launcher, accept: str) -> None:
    async with client(launcher) as http:
        response = await http.get("/graphql", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in response.headers["content-security-policy"]


async def test_the_initial_query_of_the_explorer_works(launcher: Launcher, tmp_path: Path) -> None:
    await add_bot(launcher.ctx, tmp_path / "bot", napcat="")
    document = parse(examples.QUERY)
    assert validate(root.create(Settings())._schema, document) == []
    names = [
        node.name.value
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode) and node.name
    ]
    assert names == ["Overview", "Failures", "LatestEvents", "Machine", "Changes", "Events"]
    async with client(launcher) as http:
        response = await http.post("/graphql", json={"query": examples.QUERY, "operationName": "Overview"})
    data = response.json()["data"]
    assert data["instances"][0]["name"] == "bot"
    assert data["instances"][0]["services"][0]["name"] == "napcat"
    assert data["systemHealth"]["status"] == "healthy"


async def test_a_get_without_query_and_without_html_is_refused(launcher: Launcher) -> None:
    async with client(launcher) as http:
        response = await http.get("/graphql", headers={"Accept": "application/json"})
    refused(response)
