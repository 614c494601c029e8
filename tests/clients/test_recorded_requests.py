"""What the clients of npm and PyPI send, as it was recorded of them, gets answers that they understand. That the record is
true is checked by the long form, which runs the clients themselves."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from schema.negotiation import MediaType
from tests.support.graphql import client
from tests.support.graphql_clients import INSTANCE, NAME, ClientTrial, recorded, trial
from tests.support.recorder import Recorded
from tests.support.server import Launcher

Answer = dict[str, Any]


def code_of(answer: Answer) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


def created(answer: Answer) -> bool:
    """The scenario has one nickname with a line break, which is refused, and valid ones."""
    if answer.get("errors"):
        return code_of(answer) == "INVALID_PARAMETER"
    return bool(answer["data"]["createPerson"]["person"]["nickname"] == '🤖 "树"')


EXPECTED: dict[str, Callable[[Answer], bool]] = {
    "Find": lambda answer: answer["data"]["instances"][0]["name"] == NAME,
    "Create": created,
    "Fail": lambda answer: code_of(answer) == "INSTANCE_NOT_FOUND",
    "Invalid": lambda answer: code_of(answer) == "INVALID_PARAMETER",
    "Watch": lambda answer: answer["data"]["systemMetrics"]["cpu"]["cores"] >= 1,
    "WatchNone": lambda answer: code_of(answer) == "INSTANCE_NOT_FOUND",
    "IntrospectionQuery": lambda answer: answer["data"]["__schema"]["queryType"]["name"] == "Query",
}
"""By the name of the operation."""


def operation(request: Recorded) -> str:
    if request.body:
        asked = json.loads(request.body)
    else:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
    named = re.match(r"\s*(?:query|mutation|subscription)\s+(\w+)", asked["query"])
    assert named is not None, asked
    return named[1]


def accepted(response: httpx.Response, request: Recorded) -> bool:
    """Whether the client names the media type of the response among those that it takes."""
    accept = dict(request.headers)["accept"]
    return accept == "*/*" or response.headers["content-type"].partition(";")[0] in accept


@pytest.mark.slow
async def test_every_recorded_request_gets_the_answer_that_its_client_reads(
    launcher: Launcher, tmp_path: Path
) -> None:
    names = set()
    async with trial(launcher, tmp_path) as server, client(launcher) as http:
        for requests in recorded().values():
            for request in requests:
                await check(http, server, request)
                names.add(operation(request))
    assert names == EXPECTED.keys()


async def check(http: httpx.AsyncClient, server: ClientTrial, request: Recorded) -> None:
    filled = [text.replace(INSTANCE, server.instance_id) for text in (request.target, request.body)]
    sent = httpx.Request(
        request.method,
        http.base_url.join(filled[0]),
        headers=dict(request.headers),
        content=filled[1].encode(),
    )
    response = await http.send(sent, stream=True)
    try:
        name = operation(request)
        if "subscriptionSpec" in dict(request.headers)["accept"]:
            # Apollo's own way of subscribing over HTTP, which is not offered.
            await response.aread()
            assert response.status_code == 400
            assert "text/event-stream" in response.json()["message"]
            return
        assert accepted(response, request), (request, response.headers)
        kind = response.headers["content-type"].partition(";")[0]
        not_executed = name == "Invalid" and kind == MediaType.GRAPHQL_RESPONSE
        assert response.status_code == (400 if not_executed else 200), request
        answer = await (first_event(response) if kind == MediaType.EVENT_STREAM else document(response))
        assert EXPECTED[name](answer), (request, answer)
    finally:
        await response.aclose()


async def document(response: httpx.Response) -> Answer:
    answer: Answer = json.loads(await response.aread())
    return answer


async def first_event(response: httpx.Response) -> Answer:
    text = ""
    async for piece in response.aiter_text():
        text += piece
        if "\n\n" in text:
            break
    kind, data = text.partition("\n\n")[0].split("\n")
    assert kind == "event: next"
    answer: Answer = json.loads(data.removeprefix("data: "))
    return answer
