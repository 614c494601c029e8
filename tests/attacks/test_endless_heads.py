"""A request whose line, headers or trailers had no end, or thousands of requests sent ahead, were kept in memory whole."""

import asyncio
import contextlib

import pytest

from tests.support.server import Launcher

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
