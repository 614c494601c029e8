"""What cannot be read as a request at all is answered in the shape of all failures too."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from mailauncher.errors import Code
from rest.malformed import Protocol
from tests.support.context import free_port
from tests.support.http import told


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of an application that says yes to whatever reaches it."""
    port = free_port()
    config = uvicorn.Config(
        PlainTextResponse("yes"), port=port, http=Protocol, lifespan="off", log_config=None, loop="none"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    await serving


async def answer(port: int, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body of the answer, after which the connection must be closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


@pytest.mark.slow
@pytest.mark.parametrize(
    "request_line",
    [
        "GET /api/v1/instance/中文/start HTTP/1.1",
        "BREW / HTTP/1.1",
        "GET / HTTP/9.9",
        "GET  / x HTTP/1.1",
        "nonsense",
        "\x16\x03\x01\x02",
    ],
)
async def test_a_request_that_cannot_be_read_is_an_invalid_parameter(port: int, request_line: str) -> None:
    status, headers, body = await answer(port, f"{request_line}\r\nHost: localhost\r\n\r\n".encode())
    assert status == "HTTP/1.1 400 Bad Request"
    found = json.loads(body)
    assert found["error"]["code"] == Code.INVALID_PARAMETER
    told(found, None, headers)
    assert headers["connection"] == "close"


@pytest.mark.slow
async def test_a_request_that_can_be_read_reaches_the_application(port: int) -> None:
    status, _, body = await answer(port, b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert (status, body) == ("HTTP/1.1 200 OK", b"yes")
