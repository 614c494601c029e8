"""gql, the GraphQL client of Python: each of its transports does what `../npm/scenario.mjs` asks of those of JavaScript.

Started with the server's address, an instance's id, and a number that no other client was given.
"""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import AsyncGenerator
from typing import Any

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport, HTTPXTransport
from gql.transport.requests import RequestsHTTPTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError

URL, INSTANCE, NUMBER = sys.argv[1:]
SOCKET = URL.replace("http", "ws", 1)
FIND = "query Find($search: String!) { instances(search: $search) { id name } }"
CREATE = "mutation Create($input: CreatePersonInput!) { createPerson(input: $input) { person { nickname } } }"
FAIL = 'mutation Fail { startInstance(input: { id: "x" }) { message } }'
INVALID = "query Invalid { nope }"
WATCH = "subscription Watch { systemMetrics(intervalMs: 100) { cpu { cores } } }"
WATCH_NONE = 'subscription WatchNone { deploymentProgress(instanceId: "x") { cursor } }'
numbers = itertools.count()


def code_of(error: TransportQueryError) -> Any:
    assert error.errors is not None
    return error.errors[0]["extensions"]["code"]


def operations() -> list[tuple[str, dict[str, Any], Any]]:
    """(document, variables, expected): the data, or the code of an error."""
    person = {"instanceId": INSTANCE, "userId": f"{NUMBER}-{next(numbers)}", "nickname": '🤖 "树"'}
    return [
        (FIND, {"search": "树苗"}, {"instances": [{"id": INSTANCE, "name": "树苗 1"}]}),
        (CREATE, {"input": person}, {"createPerson": {"person": {"nickname": '🤖 "树"'}}}),
        (CREATE, {"input": person | {"nickname": "🤖\n树"}}, "INVALID_PARAMETER"),
        (FAIL, {}, "INSTANCE_NOT_FOUND"),
        (INVALID, {}, "INVALID_PARAMETER"),
    ]


def try_blocking(transport: Any) -> None:
    with Client(transport=transport) as session:
        for document, variables, expected in operations():
            try:
                found: Any = session.execute(gql(document), variable_values=variables)
            except TransportQueryError as error:
                found = code_of(error)
            assert found == expected, (transport, document, found)


async def try_async(transport: Any) -> None:
    async with Client(transport=transport) as session:
        for document, variables, expected in operations():
            try:
                found: Any = await session.execute(gql(document), variable_values=variables)
            except TransportQueryError as error:
                found = code_of(error)
            assert found == expected, (transport, document, found)


async def try_subscriptions(transport: Any) -> None:
    async with Client(transport=transport) as session:
        events: AsyncGenerator[Any, None] = session.subscribe(gql(WATCH))
        async with contextlib.aclosing(events):
            seen = [await anext(events) for _ in range(2)]
        assert all(event["systemMetrics"]["cpu"]["cores"] >= 1 for event in seen), seen
        try:
            found: Any = await anext(session.subscribe(gql(WATCH_NONE)))
        except TransportQueryError as error:
            found = code_of(error)
        assert found == "INSTANCE_NOT_FOUND", found


async def try_introspection() -> None:
    """The schema that it builds by introspection refuses a wrong document before it is sent."""
    async with Client(transport=AIOHTTPTransport(URL), fetch_schema_from_transport=True) as session:
        assert session.client.schema is not None
        assert "instances" in session.client.schema.query_type.fields
        problem = ""
        try:
            await session.execute(gql(INVALID))
        except GraphQLError as error:
            problem = error.message
        assert "nope" in problem


async def main() -> None:
    for transport in (AIOHTTPTransport(URL), HTTPXAsyncTransport(URL), WebsocketsTransport(SOCKET)):
        await try_async(transport)
    await try_async(AIOHTTPWebsocketsTransport(SOCKET))
    for socket in (WebsocketsTransport(SOCKET), AIOHTTPWebsocketsTransport(SOCKET)):
        await try_subscriptions(socket)
    await try_introspection()


try_blocking(HTTPXTransport(URL))
try_blocking(RequestsHTTPTransport(URL))
asyncio.run(main())
