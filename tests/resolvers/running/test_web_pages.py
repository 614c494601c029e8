"""A page that answered a byte at a time was read for ever, in a thread that kept the server from ending."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bots.recipe import WebPage
from resolvers.running import web_pages
from resolvers.views import WebPageView


@asynccontextmanager
async def page(answer: bytes, *, then: bytes = b"") -> AsyncIterator[WebPageView]:
    """A page that sends this to all who ask, and then more and more of something else."""
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /health HTTP/1.1\r\n")
        writer.write(answer)
        while then and not (reader.at_eof() or writer.is_closing()):  # which a reset alone does
            writer.write(then)
            await asyncio.sleep(0.01)
        writer.close()
        with suppress(OSError):  # the other side has left
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        base = f"http://127.0.0.1:{port}"
        yield WebPageView(
            "main", port, base, f"{base}/health", Path(), WebPage(port="main", health="/health")
        )
        await asyncio.gather(*filter(None, serving))


async def problem(answer: bytes, *, then: bytes = b"") -> str | None:
    async with asyncio.timeout(30), page(answer, then=then) as view:
        found = await web_pages.problem_of(view, 0)
        return found.en.partition("/health ")[2] if found else None


@pytest.mark.parametrize(
    "answer, then",
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b"x"),
        (b"", b"x"),
    ],
)
async def test_a_page_has_some_seconds_for_its_whole_answer(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, then: bytes
) -> None:
    monkeypatch.setattr(web_pages, "ASK_S", 0.2)
    assert await problem(answer, then=then) == "does not complete its answer within 0.2 s"


@pytest.mark.parametrize(
    "answer, expected",
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"status": "healthy"}', None),
        (b'HTTP/1.1 200 OK\r\n\r\n{"status": "healthy"}', None),
        (
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n{"status": "healthy"}\r\n0\r\n\r\n',
            None,
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "does not say that it is healthy"),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", "answers with something other than JSON"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "answers with HTTP status 503"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
            "does not complete its answer, or sends more than 64 KiB",
        ),
        (b"", "closes the connection without an answer"),
        (b"SSH-2.0\r\n", "answers with something other than HTTP (BadStatusLine)"),
    ],
)
async def test_what_a_page_answers_is_told(answer: bytes, expected: str | None) -> None:
    assert await problem(answer) == expected
