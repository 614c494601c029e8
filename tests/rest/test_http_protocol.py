"""Malformed HTTP requests and handshakes get the common error body too."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from mailauncher.errors import Code
from rest.http_protocol import HttpProtocol
from tests.support.context import free_port
from tests.support.http import told


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of an application that responds "yes" to every request."""
    port = free_port()
    config = uvicorn.Config(
        PlainTextResponse("yes"), port=port, http=HttpProtocol, lifespan="off", log_config=None, loop="none"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    await serving


async def answer(port: int, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body of the response, after which the connection must be closed."""
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
async def test_a_malformed_request_is_an_invalid_parameter(port: int, request_line: str) -> None:
    status, headers, body = await answer(port, f"{request_line}\r\nHost: localhost\r\n\r\n".encode())
    assert status == "HTTP/1.1 400 Bad Request"
    found = json.loads(body)
    assert found["error"]["code"] == Code.INVALID_PARAMETER
    told(found, None, headers)
    assert headers["connection"] == "close"


@pytest.mark.slow
async def test_a_well_formed_request_reaches_the_application(port: int) -> None:
    status, _, body = await answer(port, b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert (status, body) == ("HTTP/1.1 200 OK", b"yes")


HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def head(request_line: str, headers: dict[str, str]) -> bytes:
    lines = [request_line, *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.slow
async def test_a_handshake_that_the_library_refuses_has_the_common_error_body(port: int) -> None:
    """The answers of the WebSocket library were plain text without a request id; on a long header, on many of them and on
    a body there was no answer at all."""
    english = HANDSHAKE | {"Accept-Language": "en"}
    for method, changed, reason in [
        ("GET", {"Sec-WebSocket-Key": "x"}, "Invalid base64"),
        ("GET", {"Sec-WebSocket-Version": "9"}, "invalid Sec-WebSocket-Version header: 9"),
        ("GET", {"Sec-WebSocket-Protocol": "a b"}, "Sec-WebSocket-Protocol"),
        ("GET", {"X-Long": "x" * 9000}, "8192 bytes"),
        ("GET", {f"X-{n}": "x" for n in range(130)}, "128 headers"),
        ("POST", {}, "unsupported HTTP method: POST"),
        ("POST", {"Content-Length": "2"}, "unsupported"),
    ]:
        status, headers, body = await answer(port, head(f"{method} / HTTP/1.1", english | changed))
        assert status == "HTTP/1.1 400 Bad Request"
        message = told(json.loads(body), None, headers)
        assert message.startswith("Invalid WebSocket handshake: "), message
        assert reason in message


@pytest.mark.slow
async def test_an_upgrade_to_another_protocol_is_ignored_unless_the_body_would_be_lost(port: int) -> None:
    """Java's HttpClient asks for HTTP/2 this way; of its POST, the body was taken for a second, malformed request."""
    wanted = {"Host": "localhost", "Upgrade": "h2c", "Connection": "Upgrade, close"}
    status, _, body = await answer(port, head("GET / HTTP/1.1", wanted))
    assert (status, body) == ("HTTP/1.1 200 OK", b"yes")
    status, headers, body = await answer(
        port, head("POST / HTTP/1.1", wanted | {"Content-Length": "2"}) + b"{}"
    )
    assert status == "HTTP/1.1 400 Bad Request"
    assert "HTTP_1_1" in told(json.loads(body), None, headers)
