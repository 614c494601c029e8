"""Documents that are sent by their id, through every door."""

import json

import pytest
from graphql import parse, validate

from mailauncher.errors import Code
from mailauncher.settings import Settings
from rest import dashboard
from schema import root
from tests.support.graphql import conversing
from tests.support.http import client, failure
from tests.support.layers import ROOT
from tests.support.server import Launcher

MANIFEST = json.loads((ROOT / "dashboard/src/gql/persisted-documents.json").read_text("utf-8"))
RELEASED = json.loads((ROOT / "dashboard/released-documents.json").read_text("utf-8"))
"""What pages of the last release send."""
HEALTH = next(name for name, text in MANIFEST.items() if text.startswith("query Health"))
CHANGES = next(name for name, text in MANIFEST.items() if "subscription InstanceChanged" in text)

built = pytest.mark.skipif(not dashboard.FOLDER.is_dir(), reason="the pages were not built")


@pytest.mark.parametrize("name", RELEASED | MANIFEST, ids=lambda name: str(name)[7:15])
def test_every_document_of_the_pages_is_valid(name: str) -> None:
    document = (RELEASED | MANIFEST)[name]
    assert validate(root.create(Settings())._schema, parse(document)) == []


@built
def test_the_server_knows_the_documents_of_these_pages_and_of_the_last_release() -> None:
    assert dashboard.documents() == RELEASED | MANIFEST


@built
async def test_a_document_is_executed_by_its_id_over_http(launcher: Launcher) -> None:
    async with client(launcher) as http:
        posted = await http.post("/graphql", json={"documentId": HEALTH})
        got = await http.get(
            "/graphql", params={"documentId": HEALTH}, headers={"accept": "application/json"}
        )
        for answer in (posted, got):
            assert answer.json()["data"]["systemHealth"]["version"]


@built
async def test_a_document_is_executed_by_its_id_on_a_socket(launcher: Launcher) -> None:
    async with conversing(launcher) as socket:
        await socket.send("subscribe", id="1", payload={"query": "", "documentId": HEALTH})
        answer = await socket.receive()
        assert answer["payload"]["data"]["systemHealth"]["version"]


async def test_an_id_in_the_address_is_no_question_for_the_explorer(launcher: Launcher) -> None:
    """With `Accept: */*`, which curl and fetch() send, the answer was the explorer's page."""
    for accept in ("*/*", "text/html"):
        async with client(launcher, accept=accept) as http:
            failure(
                await http.get("/graphql", params={"documentId": "sha256:0"}),
                Code.UNKNOWN_DOCUMENT,
                "documentId",
            )


@built
async def test_a_document_is_executed_by_an_id_in_the_address_for_any_accept(launcher: Launcher) -> None:
    async with client(launcher, accept="*/*") as http:
        answer = await http.get("/graphql", params={"documentId": HEALTH})
        assert answer.json()["data"]["systemHealth"]["version"]


@built
async def test_an_event_stream_takes_an_id_too(launcher: Launcher) -> None:
    async with (
        client(launcher, accept="text/event-stream") as http,
        http.stream("POST", "/graphql", json={"documentId": CHANGES}) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")


async def test_an_unknown_id_has_a_code_of_its_own(launcher: Launcher) -> None:
    async with client(launcher) as http:
        failure(
            await http.post("/graphql", json={"documentId": "sha256:0"}), Code.UNKNOWN_DOCUMENT, "documentId"
        )
    async with conversing(launcher) as socket:
        await socket.send("subscribe", id="1", payload={"documentId": "sha256:0"})
        answer = await socket.receive()
        assert answer["type"] == "error"
        assert answer["payload"][0]["extensions"]["code"] == Code.UNKNOWN_DOCUMENT


@pytest.mark.parametrize("given", [1, ["a"], {"a": 1}, "x" * 1000, True])
async def test_an_id_that_is_no_short_text_is_refused(launcher: Launcher, given: object) -> None:
    async with client(launcher) as http:
        failure(await http.post("/graphql", json={"documentId": given}), Code.INVALID_PARAMETER, "documentId")


async def test_an_id_excludes_a_document(launcher: Launcher) -> None:
    both = {"documentId": "sha256:0", "query": "{ __typename }"}
    async with client(launcher) as http:
        failure(await http.post("/graphql", json=both), Code.INVALID_PARAMETER, "documentId")
