"""A request whose line, headers or trailers had no end, or thousands of requests sent ahead, were kept in memory whole."""

import asyncio
import contextlib

import pytest

from rest.http_protocol import HttpProtocol
from tests.support.server import Launcher
from tests.support.waiting import until

CHUNK = b"x: " + b"b" * 1000 + b"\r\n"
LIMIT = 64 << 20
BEGINNINGS = [
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n", CHUNK),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nx: ", b"b" * 1000),
    (b"GET /", b"b" * 1000),
    (b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", CHUNK),
    (b"", b"GET /api/v1/system/health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100),
]


@pytest.mark.parametrize("beginning, more", BEGINNINGS)
async def test_a_connection_that_only_ever_begins_is_cut(
    launcher: Launcher, beginning: bytes, more: bytes
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", launcher.port)
    writer.write(beginning)
    sent = 0
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionError):
            while sent < LIMIT:
                writer.write(more * 64)
                await writer.drain()
                sent += len(more) * 64
    assert sent < LIMIT
    writer.transport.abort()


async def test_a_large_body_in_many_chunks_is_no_head(launcher: Launcher) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", launcher.port)
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    body = b'{"query": "{ __typename }"' + b" " * 300_000 + b"}"
    for at in range(0, len(body), 1000):
        part = body[at : at + 1000]
        writer.write(b"%x\r\n%b\r\n" % (len(part), part))
    writer.write(b"0\r\n\r\n")
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200")
    writer.close()


COMPLETE = b"GET /api/v1/system/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[HttpProtocol]:
    """The connections that are made. The test looks after them itself, and not when time has passed."""
    made: list[HttpProtocol] = []

    def watch(connection: HttpProtocol) -> None:
        connection._watching = connection.loop.call_later(3600, lambda: None)
        if connection not in made:
            made.append(connection)

    monkeypatch.setattr(HttpProtocol, "_watch", watch)
    return made


@pytest.mark.parametrize(
    "beginning", [b"", b"\r\n", HEAD, HEAD + b"Content-Length: 9\r\n\r\n{", COMPLETE + b"GET /"]
)
async def test_a_connection_that_sends_no_more_of_its_request_is_cut(
    launcher: Launcher, connections: list[HttpProtocol], beginning: bytes
) -> None:
    """It was kept for ever: as many as a process may have open files kept everybody else out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", launcher.port)
    writer.write(beginning)
    await until(lambda: bool(connections) and connections[0]._progressed == bool(beginning))
    if beginning.startswith(COMPLETE):
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
    [connection] = connections
    connection._cut_if_idle()
    assert connection.transport.is_closing() == (beginning == b"")
    connection._cut_if_idle()
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()


async def test_a_request_that_is_complete_may_take_its_time(
    launcher: Launcher, connections: list[HttpProtocol]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", launcher.port)
    writer.write(b"GET /graphql?query=subscription{instanceChanged{id}} HTTP/1.1\r\nHost: localhost\r\n")
    writer.write(b"Accept: text/event-stream\r\n\r\n")
    async with asyncio.timeout(20):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    [connection] = connections
    for _ in range(3):
        connection._cut_if_idle()
    assert not connection.transport.is_closing()
    writer.close()
