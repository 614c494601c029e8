"""A proxy that notes what a client sends to a server over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httptools

PIECE = 64 << 10
KEPT = ("accept", "content-type")
"""The headers that decide how a request is read, and what form its answer has."""


class Recorded(NamedTuple):
    """A request. `headers` are those of KEPT, in the order of their names."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: str


class _Parser:
    """Collects the requests of one connection; httptools calls the methods by their names."""

    def __init__(self, found: set[Recorded]) -> None:
        self._found = found
        self._parser: Any = httptools.HttpRequestParser(self)
        self._upgraded = False

    def feed(self, data: bytes) -> None:
        """What follows a handshake is no HTTP, and not noted; nor is the handshake."""
        if not self._upgraded:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade:
                self._upgraded = True

    def on_message_begin(self) -> None:
        self._target = self._body = b""
        self._headers: dict[str, str] = {}

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        if "upgrade" not in self._headers:
            kept = tuple((name, self._headers[name]) for name in KEPT if name in self._headers)
            method = self._parser.get_method().decode()
            self._found.add(Recorded(method, self._target.decode(), kept, self._body.decode()))


@asynccontextmanager
async def recording(port: int) -> AsyncIterator[tuple[int, set[Recorded]]]:
    """(port, requests): a proxy of the server at `port`, and what was sent through it so far."""
    found: set[Recorded] = set()
    connections: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        parser = _Parser(found)
        behind, before = await asyncio.open_connection("127.0.0.1", port)
        pumps = [
            asyncio.create_task(_pump(reader, before, parser)),
            asyncio.create_task(_pump(behind, writer, None)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            writer.close()
            before.close()
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], found
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parser: _Parser | None) -> None:
    while data := await reader.read(PIECE):
        if parser is not None:
            parser.feed(data)
        writer.write(data)
        await writer.drain()
