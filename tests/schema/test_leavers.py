"""Clients that leave in the middle of output."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from resolvers import instances, terminals
from tests.support.context import add_bot, settings_for
from tests.support.graphql import conversing
from tests.support.http import NO_TLS
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

LEAVERS = 20
OUTPUT = "subscription ($id: ID!) { terminalOutput(sessionId: $id) { data } }"
BOT = 'import os; os.execvp("yes", ["yes"])'


@asynccontextmanager
async def over_socket(launcher: Launcher, session_id: str) -> AsyncIterator[asyncio.Transport]:
    async with conversing(launcher) as socket:
        await socket.begin(OUTPUT, id=session_id)
        await socket.receive()
        yield socket.socket.transport


@asynccontextmanager
async def over_event_stream(launcher: Launcher, session_id: str) -> AsyncIterator[asyncio.Transport]:
    body = json.dumps({"query": OUTPUT, "variables": {"id": session_id}}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", launcher.port)
    writer.write(head.encode() + body)
    await reader.readuntil(b"event: next")
    yield writer.transport  # type: ignore[misc]  # a stream's transport can be aborted


@asynccontextmanager
async def over_terminal_socket(launcher: Launcher, session_id: str) -> AsyncIterator[asyncio.Transport]:
    async with connect(f"{launcher.ws}/ws/{session_id}", proxy=None) as socket:
        await socket.recv()
        yield socket.transport


async def test_a_client_that_leaves_while_output_flows_is_no_error(
    launcher: Launcher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A socket that was gone when output was sent to it was logged with a traceback, as a failed operation."""
    view = await add_bot(launcher.ctx, tmp_path / "bot", BOT)
    await instances.start(launcher.ctx, view.id)
    terminal = terminals.find(launcher.ctx, f"{view.id}_main")
    for door in (over_socket, over_event_stream, over_terminal_socket):
        for _ in range(LEAVERS):
            async with door(launcher, f"{view.id}_main") as transport:
                transport.abort()
    async with asyncio.timeout(120):
        while terminal.tail.viewers:
            await asyncio.sleep(0.01)
    # asyncio warns of repeated writes to a socket whose loss it has not reported yet.
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record for record in warnings if record.name != "asyncio"] == []


async def test_a_server_that_stops_ends_event_streams_and_does_not_wait_for_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each held up the stop until all that was left was cancelled, after three seconds."""
    settings = settings_for(tmp_path)
    body = {"query": "subscription { systemMetrics { at } }"}
    async with (
        asyncio.timeout(120),
        httpx.AsyncClient(verify=NO_TLS, trust_env=False) as http,
        AsyncExitStack() as stack,
    ):
        async with running(settings) as launcher:
            stream = http.stream(
                "POST", f"{launcher.url}/graphql", json=body, headers={"Accept": "text/event-stream"}
            )
            lines = (await stack.enter_async_context(stream)).aiter_lines()
            assert (await anext(lines)).startswith("event: next")
        async for _ in lines:  # raises where the response is cut off
            pass
    assert "graceful shutdown exceeded" not in caplog.text
