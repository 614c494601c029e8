"""What clients of a killable server have seen, through as many connections as it took: all of it, once, in order."""

import asyncio
import contextlib
import json
from typing import Any

import httpx
import websockets
from websockets.typing import Subprotocol

from tests.support.http import NO_TLS
from tests.support.killable import PATIENCE_S, Server

LOST = (OSError, EOFError, websockets.WebSocketException, httpx.TransportError)


class Follower:
    """One client."""

    connections = 0

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            with contextlib.suppress(*LOST):
                await self.read()
            await asyncio.sleep(0.02)

    async def read(self) -> None:
        """Through one connection, until it is lost."""
        raise NotImplementedError


class Transcript(Follower):
    """What one client has seen of one terminal, on its WebSocket."""

    def __init__(self, server: Server, session_id: str) -> None:
        self.url = f"ws://127.0.0.1:{server.port}/ws/{session_id}?after="
        self.seen = b""

    async def read(self) -> None:
        async with websockets.connect(self.url + str(len(self.seen)), open_timeout=5) as socket:
            self.connections += 1
            async for message in socket:
                self.take(json.loads(message))

    def take(self, message: dict[str, object]) -> None:
        if message["type"] == "output":
            assert message["offset"] == len(self.seen), message
            self.seen += str(message["data"]).encode()

    @property
    def numbers(self) -> list[int]:
        return [
            int(line.split()[1]) for line in self.seen.decode().splitlines()[:-1] if line.startswith("line")
        ]


class StreamTranscript(Transcript):
    """The same over server-sent events, as one of several equal subscriptions. It resumes as browsers do."""

    DOCUMENT = "subscription ($id: ID!) { terminalOutput(sessionId: $id, after: 0) { data offset } }"

    def __init__(self, server: Server, session_id: str) -> None:
        super().__init__(server, session_id)
        self.url = f"{server.url}/graphql"
        self._body = {"query": self.DOCUMENT, "variables": {"id": session_id}}
        self._headers = {"Accept": "text/event-stream"}

    async def read(self) -> None:
        async with (
            httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=PATIENCE_S) as client,
            client.stream("POST", self.url, json=self._body, headers=self._headers) as response,
        ):
            self.connections += 1
            await self._read(response)

    async def _read(self, response: httpx.Response) -> None:
        """An event counts once its last line is there, and its `id` with it."""
        identifier, output = "", None
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                identifier = line.removeprefix("id: ")
            elif line.startswith("data: "):
                output = json.loads(line.removeprefix("data: "))["data"]["terminalOutput"]
            elif not line and output:
                self.take({"type": "output", **output})
                self._headers["Last-Event-ID"] = identifier
                identifier, output = "", None


class Cursor:
    """Where subscribers who are to be equal begin again: not behind what all of them have seen."""

    def __init__(self) -> None:
        self.position = 0


class SocketTranscript(Transcript):
    """The same over a GraphQL WebSocket. Equal subscribers have one cursor, so that they share their answers; those who have
    seen more see that part again, which must be the same."""

    DOCUMENT = "subscription ($id: ID!, $after: Long) { terminalOutput(sessionId: $id, after: $after) { data offset end } }"

    def __init__(self, server: Server, session_id: str, cursor: Cursor) -> None:
        super().__init__(server, session_id)
        self.cursor = cursor
        self._session_id = session_id
        self._address = f"ws://127.0.0.1:{server.port}/graphql"

    async def read(self) -> None:
        position = self.cursor.position
        async for output in subscription(self._address, self.DOCUMENT, id=self._session_id, after=position):
            if output is None:
                self.connections += 1
                continue
            data = output["data"].encode()
            assert (output["offset"], output["end"]) == (position, position + len(data))
            position = output["end"]
            known = self.seen[output["offset"] : position]
            assert data.startswith(known)
            self.seen += data[len(known) :]


class EventTranscript(Follower):
    """What one client has seen of the journal, over a GraphQL WebSocket, as one of several equal subscribers."""

    DOCUMENT = "subscription ($after: ID) { events(after: $after) { id kind message } }"

    def __init__(self, server: Server, cursor: Cursor) -> None:
        self.cursor = cursor
        self.seen: dict[int, dict[str, Any]] = {}
        self._address = f"ws://127.0.0.1:{server.port}/graphql"

    @property
    def last(self) -> int:
        return max(self.seen, default=0)

    async def read(self) -> None:
        position = self.cursor.position
        async for event in subscription(self._address, self.DOCUMENT, after=str(position)):
            if event is None:
                self.connections += 1
                continue
            assert int(event["id"]) > position
            position = int(event["id"])
            assert self.seen.setdefault(position, event) == event


async def subscription(address: str, document: str, **variables: object) -> Any:
    """None once it is asked for, then the value of each event's only field."""
    protocol = Subprotocol("graphql-transport-ws")
    async with websockets.connect(
        address, subprotocols=[protocol], open_timeout=5, close_timeout=1
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        payload = {"query": document, "variables": variables}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        yield None
        async for message in socket:
            received = json.loads(message)
            if received["type"] == "complete":  # a server that ends
                return
            assert received["type"] == "next", received
            assert "errors" not in received["payload"], received
            (value,) = received["payload"]["data"].values()
            yield value
