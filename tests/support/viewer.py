"""A client of a terminal's WebSocket, and bots of a few lines to watch with it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from resolvers import instances
from rest.terminal_output import OFFSET_BYTES
from tests.support.context import add_bot
from tests.support.server import Launcher

PATIENCE_S = 30  # ends a test that would otherwise hang

Message = dict[str, Any]


class Viewer:
    """One socket. `shown` is all output so far, `offset` where a resumed one goes on, `messages` everything."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: list[Message] = []
        self.shown = ""
        self.offset = 0

    async def next(self) -> Message:
        """The next message. Raises ConnectionClosed."""
        async with asyncio.timeout(PATIENCE_S):
            received = await self.socket.recv()
        message: Message = json.loads(received) if isinstance(received, str) else _binary_output(received)
        self.messages.append(message)
        if message["type"] == "output":
            self.shown += message["data"]
            self.offset = message["offset"] + len(message["data"].encode(errors="surrogateescape"))
        return message

    async def until(self, wanted: Callable[[Message], bool]) -> Message:
        while not wanted(message := await self.next()):
            pass
        return message

    async def until_type(self, kind: str) -> Message:
        return await self.until(lambda message: message["type"] == kind)

    async def until_shown(self, text: str) -> str:
        """Reads until the output holds the text; all output so far."""
        while text not in self.shown:
            await self.next()
        return self.shown

    async def send(self, type: str, **fields: object) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def type(self, text: str) -> None:
        await self.send("input", data=text)

    async def until_closed(self) -> int:
        """The close code."""
        try:
            while True:
                await self.next()
        except ConnectionClosed:
            code = self.socket.close_code
            assert code is not None
            return code


def _binary_output(received: bytes) -> Message:
    """Invalid bytes are kept, as Python does in file names."""
    text = received[OFFSET_BYTES:].decode(errors="surrogateescape")
    return {"type": "output", "data": text, "offset": int.from_bytes(received[:OFFSET_BYTES])}


@asynccontextmanager
async def viewing(
    launcher: Launcher,
    session_id: str,
    *,
    after: object = None,
    language: str = "zh-CN",
    path: str = "/ws/",
    subprotocols: Sequence[str] = (),
    **options: Any,
) -> AsyncIterator[Viewer]:
    """A viewer for the block."""
    query = "" if after is None else f"?after={after}"
    async with connect(
        f"{launcher.ws}{path}{session_id}{query}",
        additional_headers={"Accept-Language": language},
        subprotocols=[*map(Subprotocol, subprotocols)] or None,
        max_size=None,
        max_queue=None,  # a full queue stops reading, and then closing waits for its timeout
        proxy=None,
        **options,
    ) as connection:
        yield Viewer(connection)


@asynccontextmanager
async def stalled(launcher: Launcher, session_id: str) -> AsyncIterator[socket.socket]:
    """A viewer that reads its handshake and nothing more."""
    loop = asyncio.get_running_loop()
    with socket.socket() as raw:
        raw.setblocking(False)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(raw, ("127.0.0.1", launcher.port))
        await loop.sock_sendall(
            raw,
            f"GET /ws/{session_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode(),
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await loop.sock_recv(raw, 1)
        assert answer.startswith(b"HTTP/1.1 101 ")
        yield raw


async def start_bot(launcher: Launcher, folder: Path, script: str) -> str:
    """Adds an instance whose bot.py is the script, and starts it; its id."""
    instance = await add_bot(launcher.ctx, folder, script)
    await instances.start(launcher.ctx, instance.id)
    return instance.id
