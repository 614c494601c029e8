"""Connections whose clients take nothing of what is sent to them, on both event loops."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop

from mailauncher import unread
from mailauncher.frames import WebSocketProtocol
from mailauncher.unread import UnreadWatch
from rest.http_protocol import HttpProtocol
from tests.support.asgi import served
from tests.support.waiting import until

pytestmark = pytest.mark.slow

BODY = b"x" * (12 << 20)
"""More than the system's own buffers hold."""
PLAIN = b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"
STREAM = b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    async def limited(scenario: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(60):
            await scenario

    with asyncio.Runner(loop_factory=request.param) as runner:
        yield lambda scenario: runner.run(limited(scenario))


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> list[UnreadWatch]:
    """Those of the connections that are made. The test looks itself, and not when time has passed."""
    made: list[UnreadWatch] = []

    def look_later(watch: UnreadWatch) -> None:
        watch._timer = watch._loop.call_later(3600, lambda: None)
        if watch not in made:
            made.append(watch)

    monkeypatch.setattr(UnreadWatch, "_look_later", look_later)
    return made


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": BODY})  # and the connection is closed
        return
    whole = scope["path"] == "/plain"
    head = [(b"content-length", b"%d" % len(BODY))] if whole else []
    await send({"type": "http.response.start", "status": 200, "headers": head})
    for _ in range(0 if whole else 64):
        await send({"type": "http.response.body", "body": BODY[: 1 << 19], "more_body": True})
    await send({"type": "http.response.body", "body": BODY if whole else b""})


@asynccontextmanager
async def asking(
    request: bytes, watches: list[UnreadWatch]
) -> AsyncIterator[tuple[socket.socket, UnreadWatch]]:
    """A client that has sent a request, once the answer fills all buffers."""
    config = uvicorn.Config(
        app, http=HttpProtocol, ws=WebSocketProtocol, ws_per_message_deflate=False, lifespan="off",
        log_config=None, timeout_graceful_shutdown=1, timeout_keep_alive=0,
    )  # fmt: skip
    async with served(config) as port:
        with socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, request)
            await until(lambda: bool(watches) and _fills_buffers(watches[-1]) == bool(request))
            yield client, watches[-1]


def _fills_buffers(watch: UnreadWatch) -> bool:
    return watch._transport.get_write_buffer_size() > 0


@pytest.fixture(params=[True, False], ids=["tcp_info", "elsewhere"])
def counted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what Linux tells of a connection, and without."""
    if not request.param:
        monkeypatch.setattr(unread, "_TCP_INFO", None)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("request_", [PLAIN, STREAM, HANDSHAKE], ids=["plain", "stream", "socket"])
def test_a_client_that_takes_nothing_is_cut_off(
    run: Run, watches: list[UnreadWatch], request_: bytes
) -> None:
    """Each kept its connection for ever, closed or not: a thousand of them kept everybody out."""

    async def scenario() -> None:
        async with asking(request_, watches) as (_, watch):
            lost = asyncio.Event()
            cancel = watch.cancel
            watch.cancel = lambda: (cancel(), lost.set())  # type: ignore[assignment, func-returns-value, method-assign]
            while not lost.is_set():  # the system may take a little more at first
                watch._look()
                await asyncio.sleep(0.02)

    run(scenario())


def test_a_slow_client_gets_everything(run: Run, watches: list[UnreadWatch]) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with asking(PLAIN, watches) as (client, watch):
            received = 0
            while received < len(BODY):
                watch._look()
                before = watch._taken or 0
                received += len(await loop.sock_recv(client, 1 << 20))
                while _fills_buffers(watch) and unread._taken(watch._transport, 0) <= before:
                    received += len(await loop.sock_recv(client, 1 << 20))

    run(scenario())


def test_a_client_to_which_nothing_is_to_be_sent_is_left_alone(run: Run, watches: list[UnreadWatch]) -> None:
    async def scenario() -> None:
        async with asking(b"", watches) as (_, watch):
            for _ in range(3):
                watch._look()
            assert not watch._transport.is_closing()

    run(scenario())
