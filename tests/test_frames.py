"""Ready frames over uvicorn, on both event loops. What breaks here when uvicorn changes is what frames.py relies on."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.utils import ClientDisconnected
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

from mailauncher import frames
from mailauncher.frames import EXTENSION, text_frame
from tests.support.asgi import served

Run = Callable[[Coroutine[Any, Any, None]], None]
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=list(LOOPS))
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs a scenario on either loop; it has half a minute."""

    async def limited(scenario: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(30):
            await scenario

    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        yield lambda scenario: runner.run(limited(scenario))


class App:
    """Accepts, then does as it is told. `scope` and `protocol` are those of the newest connection."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.disconnected = asyncio.Event()
        self.accepted = asyncio.Event()
        self.send: Callable[[dict[str, Any]], Coroutine[Any, Any, None]] = self._unready

    async def _unready(self, _message: dict[str, Any]) -> None:
        raise AssertionError("nobody has connected")

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scope, self.send = scope, send
        await receive()
        await send({"type": "websocket.accept"})
        self.accepted.set()
        while (message := await receive())["type"] != "websocket.disconnect":
            self.received.put_nowait(message)
        self.disconnected.set()

    async def frame(self, *payload: bytes) -> None:
        await self.send({"type": "websocket.send", EXTENSION: text_frame(*payload)})


class Observed(frames.Protocol):
    """`full` is set once the transport has had to wait for the client."""

    made: list["Observed"]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.full = asyncio.Event()
        self.made.append(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.full.set()


@asynccontextmanager
async def serving(app: App, **options: Any) -> AsyncIterator[tuple[int, list[Observed]]]:
    """The port, and the protocols of all connections so far."""
    made: list[Observed] = []
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws=type("_Observed", (Observed,), {"made": made}),
        log_config=None,
        timeout_graceful_shutdown=3,
        **({"ws_per_message_deflate": False} | options),
    )
    async with served(config) as port:
        yield port, made


@asynccontextmanager
async def connected(app: App, port: int, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{port}/", proxy=None, max_queue=None, **options) as client:
        await app.accepted.wait()
        yield client


@asynccontextmanager
async def silent(app: App, port: int) -> AsyncIterator[socket.socket]:
    """A client that never reads."""
    loop = asyncio.get_running_loop()
    with socket.socket() as raw:
        raw.setblocking(False)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(raw, ("127.0.0.1", port))
        await loop.sock_sendall(
            raw,
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        await app.accepted.wait()
        yield raw


@given(st.lists(st.binary(max_size=70_000), max_size=3))
def test_a_text_frame_is_what_websockets_itself_would_send(parts: list[bytes]) -> None:
    whole = Frame(Opcode.TEXT, b"".join(parts)).serialize(mask=False)
    assert text_frame(*parts) == whole


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536, 1 << 20])
def test_each_length_has_its_form_of_header(length: int) -> None:
    payload = b"x" * length
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_a_ready_frame_arrives_as_a_text_message_between_others(run: Run) -> None:
    async def scenario() -> None:
        app = App()
        async with serving(app) as (port, _), connected(app, port) as client:
            assert app.scope["extensions"][EXTENSION] == {}
            await app.send({"type": "websocket.send", "text": "one"})
            await app.frame("zwei €".encode())
            await app.send({"type": "websocket.send", "bytes": b"three"})
            await app.frame(b"x" * 100_000, b"y")
            assert [await client.recv() for _ in range(4)] == ["one", "zwei €", b"three", "x" * 100_000 + "y"]
            await client.send("back")
            assert (await app.received.get())["text"] == "back"

    run(scenario())


def test_the_very_same_bytes_go_to_every_transport(run: Run) -> None:
    async def scenario() -> None:
        app = App()
        frame = text_frame(b"x" * 1000)
        written: list[bytes] = []
        async with serving(app) as (port, made), connected(app, port):
            transport = made[0].transport
            made[0].transport = type(
                "Spy",
                (),
                {"write": lambda _self, data: written.append(data), "is_closing": lambda _self: False},
            )()
            await app.send({"type": "websocket.send", EXTENSION: frame})
            made[0].transport = transport
        assert len(written) == 1
        assert written[0] is frame

    run(scenario())


def test_frames_are_not_offered_where_messages_are_compressed(run: Run) -> None:
    async def scenario() -> None:
        app = App()
        async with serving(app, ws_per_message_deflate=True) as (port, _):
            async with connected(app, port, compression="deflate") as client:
                assert EXTENSION not in app.scope["extensions"]
                await app.send({"type": "websocket.send", "text": "x" * 1000})
                assert await client.recv() == "x" * 1000
            app.accepted.clear()
            async with connected(app, port, compression=None):
                assert EXTENSION in app.scope["extensions"]

    run(scenario())


def test_the_kernel_holds_little_that_is_unsent(run: Run) -> None:
    async def scenario() -> None:
        app = App()
        async with serving(app) as (port, made), connected(app, port):
            plain = made[0].transport.get_extra_info("socket")
            option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
            assert option is None or plain.getsockopt(socket.IPPROTO_TCP, option) == frames.UNSENT_BYTES

    run(scenario())


async def flood(app: App, protocol: Observed, count: int) -> int:
    """Sends frames of 64 KiB; the most that waited in the transport. Raises ClientDisconnected."""
    most = 0
    for number in range(count):
        await app.frame(b"%08d" % number, b"x" * 65536)
        most = max(most, protocol.transport.get_write_buffer_size())
    return most


def test_sending_waits_for_one_who_does_not_read_and_holds_one_frame(run: Run) -> None:
    async def scenario() -> None:
        app = App()
        async with serving(app) as (port, made), connected(app, port) as client:
            client.transport.pause_reading()
            sending = asyncio.ensure_future(flood(app, made[0], 500))
            await made[0].full.wait()
            client.transport.resume_reading()
            for number in range(500):
                assert (await client.recv())[:8] == f"{number:08d}"
            assert await sending < 65536 + 66_000

    run(scenario())


@pytest.mark.slow
def test_one_who_never_reads_is_let_go(run: Run) -> None:
    """uvicorn closed the transport, which waits for its buffer to empty, so that connection and sender stayed."""

    async def scenario() -> None:
        app = App()
        options = {"ws_ping_interval": 0.05, "ws_ping_timeout": 0.05}
        async with serving(app, **options) as (port, made), silent(app, port):
            with pytest.raises(ClientDisconnected):
                await flood(app, made[0], 10_000)
            await app.disconnected.wait()

    run(scenario())


def test_one_who_reads_slowly_is_not_taken_for_gone(run: Run) -> None:
    """Its pong comes late, because the ping waits behind output; that it reads is seen from its reading."""

    async def scenario() -> None:
        app = App()
        async with serving(app) as (port, made), connected(app, port):
            protocol = made[0]
            protocol.send_keepalive_ping()
            protocol.pause_writing()
            protocol.resume_writing()
            protocol.keepalive_timeout()
            assert not protocol.transport.is_closing()
            assert protocol.pong_timer is not None
            protocol.keepalive_timeout()
            assert protocol.transport.is_closing()

    run(scenario())


@pytest.mark.slow
def test_a_server_that_ends_does_not_wait_for_one_who_never_reads(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        app = App()
        async with serving(app) as (port, made), silent(app, port):
            sending = asyncio.ensure_future(flood(app, made[0], 10_000))
            await made[0].full.wait()
        with pytest.raises(ClientDisconnected):
            await sending
        assert app.disconnected.is_set()

    run(scenario())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_sending_to_a_socket_that_is_being_closed_is_no_failure_of_the_application(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """uvicorn raised RuntimeError for what was on its way when a message was too long, and logged a traceback."""

    async def scenario() -> None:
        app = App()
        async with serving(app, ws_max_size=100) as (port, _), connected(app, port) as client:
            await client.send("x" * 101)
            await app.disconnected.wait()
            for message in ({EXTENSION: text_frame(b"x")}, {"text": "x"}):
                with pytest.raises(ClientDisconnected):
                    await app.send({"type": "websocket.send", **message})
            await client.wait_closed()
            assert client.close_code == 1009

    run(scenario())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_sending_after_the_client_has_closed_is_no_failure_either(run: Run) -> None:
    async def scenario() -> None:
        app = App()
        async with serving(app) as (port, _):
            async with connected(app, port) as client:
                await client.close()
            await app.disconnected.wait()
            with pytest.raises(ClientDisconnected):
                await app.frame(b"x")

    run(scenario())
