"""Content negotiation, by `Accept` and the kind of the operation."""

import json
import sys

import pytest

from mailauncher.errors import InvalidParameter
from schema.negotiation import PARTS_MAX, MediaType, choose
from tests.support.graphql import client
from tests.support.server import Launcher

URQL = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
QUERY = "{ systemHealth { status } }"
HEALTHY = {"data": {"systemHealth": {"status": "healthy"}}}
SUBSCRIPTION = "subscription { systemMetrics { cpu { cores } } }"


@pytest.mark.parametrize(
    "accept,media_type",
    [
        ("", MediaType.JSON),
        ("*/*", MediaType.JSON),
        ("application/*", MediaType.JSON),
        ("application/json", MediaType.JSON),
        ("application/json, text/event-stream", MediaType.JSON),
        ("text/event-stream, application/json", MediaType.JSON),
        ("text/event-stream, */*", MediaType.JSON),
        ("text/event-stream", MediaType.EVENT_STREAM),
        ("TEXT/Event-Stream;q=0.5", MediaType.EVENT_STREAM),
        ("application/json;q=0.5, text/event-stream", MediaType.EVENT_STREAM),
        ("text/event-stream;q=0, application/json", MediaType.JSON),
        (URQL, MediaType.GRAPHQL_RESPONSE),
        ("application/graphql-response+json", MediaType.GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0.5, application/json", MediaType.JSON),
        # Nothing that is supported: JSON.
        ("text/html", MediaType.JSON),
        ("application/json;q=0", MediaType.JSON),
        # Invalid headers do not fail.
        (";;;,,", MediaType.JSON),
        ("text/event-stream;q=x", MediaType.EVENT_STREAM),
        ("application/json;q=nan, text/event-stream;q=2", MediaType.JSON),
    ],
)
def test_a_query_gets_json_unless_a_stream_is_preferred(accept: str, media_type: MediaType) -> None:
    assert choose(accept, subscription=False) is media_type


@pytest.mark.parametrize("sign", [",", ";"])
def test_a_header_of_nothing_but_signs_is_read_in_part(sign: str) -> None:
    """60 KB of commas kept the loop for 0.16 seconds with each request: every part was read for every media type."""

    def calls(count: int) -> int:
        made = 0

        def count_one(*_: object) -> None:
            nonlocal made
            made += 1

        sys.setprofile(count_one)
        try:
            choose(sign * count, subscription=False)
        finally:
            sys.setprofile(None)
        return made

    assert calls(20_000) == calls(10_000)
    last = "," * (PARTS_MAX - 1) + "text/event-stream"
    assert choose(last, subscription=False) is MediaType.EVENT_STREAM
    assert choose(f",{last}", subscription=False) is MediaType.JSON


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/*", "text/event-stream", "application/json, text/event-stream;q=0.1"]
)
def test_a_subscription_gets_a_stream_if_one_is_accepted(accept: str) -> None:
    assert choose(accept, subscription=True) is MediaType.EVENT_STREAM


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream;q=0, */*", "application/*"])
def test_a_subscription_without_a_stream_is_refused_with_the_alternatives(accept: str) -> None:
    with pytest.raises(InvalidParameter, match=r"WebSocket.*text/event-stream"):
        choose(accept, subscription=True)


@pytest.mark.slow
async def test_a_client_that_accepts_json_and_streams_gets_json_for_queries(launcher: Launcher) -> None:
    """Every query of urql failed with "No Content": a stream was sent as soon as `Accept` named one."""
    async with client(launcher, {"Accept": URQL}) as http:
        answers = [
            await http.post("/graphql", json={"query": QUERY}),
            await http.get("/graphql", params={"query": QUERY}),
        ]
        mutation = await http.post(
            "/graphql", json={"query": 'mutation { startInstance(input: { id: "x" }) { message } }'}
        )
    for answer in answers:
        assert (answer.status_code, answer.json()) == (200, HEALTHY)
        assert answer.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert (mutation.status_code, mutation.json()["data"]) == (200, {"startInstance": None})


@pytest.mark.slow
@pytest.mark.parametrize(
    "document", ["{", "{ nope }", "query A { instances { id } } query A { instances { id } }"]
)
async def test_a_document_that_was_not_executed_is_400_in_the_media_type_of_graphql(
    launcher: Launcher, document: str
) -> None:
    async with client(launcher) as http:
        modern = await http.post(
            "/graphql", json={"query": document}, headers={"Accept": MediaType.GRAPHQL_RESPONSE}
        )
        plain = await http.post("/graphql", json={"query": document}, headers={"Accept": "application/json"})
    assert (modern.status_code, "data" in modern.json()) == (400, False)
    assert (plain.status_code, plain.json()["data"]) == (200, None)
    assert modern.json()["errors"] == plain.json()["errors"]
    assert modern.json()["errors"][0]["extensions"]["code"] == "INVALID_PARAMETER"


@pytest.mark.slow
async def test_a_subscription_by_plain_post_is_refused_with_the_alternatives(launcher: Launcher) -> None:
    async with client(launcher) as http:
        answer = await http.post(
            "/graphql", json={"query": SUBSCRIPTION}, headers={"Accept": "application/json"}
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_PARAMETER")
    assert "text/event-stream" in answer.json()["message"]


@pytest.mark.slow
async def test_lines_of_a_stream_end_in_lf(launcher: Launcher) -> None:
    """urql looks for an empty line of plain LF between two events."""
    async with (
        client(launcher, {"Accept": URQL}) as http,
        http.stream("POST", "/graphql", json={"query": SUBSCRIPTION}) as response,
    ):
        text = ""
        async for piece in response.aiter_text():
            text += piece
            if "\n\n" in text:
                break
    assert response.headers["content-type"].startswith("text/event-stream")
    event, data = text.partition("\n\n")[0].split("\n")
    assert event == "event: next"
    assert json.loads(data.removeprefix("data: "))["data"]["systemMetrics"]["cpu"]["cores"] >= 1
    assert "\r" not in text


@pytest.mark.slow
async def test_a_byte_order_mark_before_a_body_is_skipped(launcher: Launcher) -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"query": QUERY}).encode()
    async with client(launcher) as http:
        answer = await http.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert answer.json() == HEALTHY
