"""Clients of `/graphql`: one operation over HTTP, or several over a WebSocket."""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.support.server import Launcher

PATIENCE_S = 30  # ends a test that would otherwise hang

Message = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """A GraphQL response; `data` is None if the operation failed."""

    status: int
    data: Any
    errors: list[Message] = field(default_factory=list)

    @property
    def error(self) -> Message:
        """The only error."""
        assert len(self.errors) == 1, self.errors
        return self.errors[0]

    @property
    def code(self) -> str:
        """The code of the only error."""
        return str(self.error["extensions"]["code"])

    @property
    def result(self) -> Any:
        """The value of the only root field of a response without errors."""
        assert self.errors == []
        (value,) = self.data.values()
        return value


def client(launcher: Launcher, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    unneeded = False  # no TLS is needed, and creating a TLS context takes longer than a request
    return httpx.AsyncClient(
        base_url=launcher.url, headers=headers, verify=unneeded, trust_env=False, timeout=PATIENCE_S
    )


async def ask(
    launcher: Launcher, document: str, headers: Mapping[str, str] | None = None, **variables: object
) -> Answer:
    """Sends one operation by POST."""
    async with client(launcher, headers) as http:
        response = await http.post("/graphql", json={"query": document, "variables": variables})
    body = response.json()
    return Answer(response.status_code, body["data"], body.get("errors", []))


class GraphQLSocket:
    """A `graphql-transport-ws` socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._ids = itertools.count(1)
        self._waiting: deque[Message] = deque()

    async def send(self, type: str, **fields: object) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def receive(self) -> Message:
        """The next message. Raises ConnectionClosed."""
        async with asyncio.timeout(PATIENCE_S):
            text = await self.socket.recv()
        assert isinstance(text, str), "JavaScript clients do not parse binary messages"
        message: Message = json.loads(text)
        return message

    async def init(self, payload: Message | None = None) -> Message:
        """Sends `connection_init` and returns the response."""
        await self.send("connection_init", **({} if payload is None else {"payload": payload}))
        return await self.receive()

    async def begin(self, document: str, **variables: object) -> str:
        """Starts an operation and returns its id."""
        operation_id = str(next(self._ids))
        await self.send("subscribe", id=operation_id, payload={"query": document, "variables": variables})
        return operation_id

    async def next(self, operation_id: str) -> Message:
        """The next message of one operation; messages of others are queued."""
        found = next((message for message in self._waiting if message["id"] == operation_id), None)
        if found is not None:
            self._waiting.remove(found)
            return found
        while (message := await self.receive()).get("id") != operation_id:
            if "id" in message:
                self._waiting.append(message)
        return message

    async def value(self, operation_id: str) -> Any:
        """The value of the only root field of the next result of one operation."""
        message = await self.next(operation_id)
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        (value,) = message["payload"]["data"].values()
        return value

    async def follow(self, document: str, **variables: object) -> str:
        """Starts a subscription and waits until it is active, so that it reports everything from now on."""
        operation_id = await self.begin(document, **variables)
        await self.ask("{ systemHealth { status } }")
        return operation_id

    async def ask(self, document: str, **variables: object) -> Answer:
        """Runs one operation to its end."""
        operation_id = await self.begin(document, **variables)
        message = await self.next(operation_id)
        if message["type"] == "error":
            return Answer(0, None, message["payload"])
        complete = await self.next(operation_id)
        assert complete["type"] == "complete"
        return Answer(0, message["payload"]["data"], message["payload"].get("errors", []))

    def taken(self) -> list[Message]:
        """The messages that nobody has asked for yet; they are queued no longer."""
        found = list(self._waiting)
        self._waiting.clear()
        return found

    async def end(self, operation_id: str) -> None:
        await self.send("complete", id=operation_id)

    async def until_closed(self) -> tuple[int | None, str | None]:
        """The close code and reason."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed:
            return self.socket.close_code, self.socket.close_reason


@asynccontextmanager
async def opening(
    launcher: Launcher,
    *,
    headers: Mapping[str, str] | None = None,
    subprotocol: str = "graphql-transport-ws",
    **options: Any,
) -> AsyncIterator[GraphQLSocket]:
    """A socket for the block, before `connection_init`."""
    async with connect(
        f"{launcher.ws}/graphql",
        subprotocols=[Subprotocol(subprotocol)],
        additional_headers=dict(headers or {}),
        max_size=None,
        proxy=None,
        **options,
    ) as socket:
        yield GraphQLSocket(socket)


@asynccontextmanager
async def conversing(
    launcher: Launcher, headers: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[GraphQLSocket]:
    """A socket for the block, ready for operations."""
    async with opening(launcher, headers=headers, **options) as conversation:
        assert (await conversation.init())["type"] == "connection_ack"
        yield conversation
