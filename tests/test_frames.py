"""Prepared frames over uvicorn, on both event loops. A change in uvicorn that affects frames.py fails here."""

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
from mailauncher.frames import EXTENSION, binary_frame, text_frame
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
    """Accepts connections and does what the test asks. `scope` and `protocol` are those of the newest connection."""

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


class Observed(frames.WebSocketProtocol):
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
def test_frames_equal_those_of_websockets(parts: list[bytes]) -> None:
    payload = b"".join(parts)
    assert text_frame(*parts) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert binary_frame(*parts) == Frame(Opcode.BINARY, payload).serialize(mask=False)


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536, 1 << 20])
def test_the_header_depends_on_the_length(length: int) -> None:
    payload = b"x" * length
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_a_prepared_frame_arrives_as_a_text_message_in_order(run: Run) -> None:
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


def test_the_same_bytes_object_goes_to_every_transport(run: Run) -> None:
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


def test_the_extension_is_not_offered_with_compression(run: Run) -> None:
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


def test_the_kernel_buffers_little_unsent_output(run: Run) -> None:
    async def scenario() -> None:
        app = App()
        async with serving(app) as (port, made), connected(app, port):
            plain = made[0].transport.get_extra_info("socket")
            option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
            assert option is None or plain.getsockopt(socket.IPPROTO_TCP, option) == frames.UNSENT_BYTES

    run(scenario())


async def flood(app: App, protocol: Observed, count: int) -> int:
    """Sends frames of 64 KiB and returns the maximum buffered in the transport. Raises ClientDisconnected."""
    most = 0
    for number in range(count):
        await app.frame(b"%08d" % number, b"x" * 65536)
        most = max(most, protocol.transport.get_write_buffer_size())
    return most


def test_sending_to_a_stalled_reader_waits_with_one_frame_in_memory(run: Run) -> None:
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
def test_a_reader_that_never_reads_is_disconnected(run: Run) -> None:
    """uvicorn closed the transport, which waited for its buffer to empty: connection and sender stayed for ever."""

    async def scenario() -> None:
        app = App()
        options = {"ws_ping_interval": 0.05, "ws_ping_timeout": 0.05}
        async with serving(app, **options) as (port, made), silent(app, port):
            with pytest.raises(ClientDisconnected):
                await flood(app, made[0], 10_000)
            await app.disconnected.wait()

    run(scenario())


def test_a_slow_reader_stays_connected(run: Run) -> None:
    """Its pong comes late, because the ping waits behind output; but the transport notices that it reads."""

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
def test_shutdown_does_not_wait_for_a_stalled_reader(run: Run, caplog: pytest.LogCaptureFixture) -> None:
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


def test_sending_while_the_connection_closes_raises_client_disconnected(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """When a message was too long, uvicorn raised RuntimeError for messages sent meanwhile and logged a traceback."""

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


def test_sending_after_the_client_has_closed_raises_client_disconnected(run: Run) -> None:
    async def scenario() -> None:
        app = App()
        async with serving(app) as (port, _):
            async with connected(app, port) as client:
                await client.close()
            await app.disconnected.wait()
            with pytest.raises(ClientDisconnected):
                await app.frame(b"x")

    run(scenario())


def test_text_that_is_not_utf_8_closes_the_connection_and_is_not_logged(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """Each such message of a client was logged with a traceback, as an error."""

    async def scenario() -> None:
        app = App()
        async with serving(app) as (port, _), connected(app, port) as client:
            await client.send(b"\xff", text=True)
            await app.disconnected.wait()
            await client.wait_closed()
            assert client.close_code == 1007

    run(scenario())
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
