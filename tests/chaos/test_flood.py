"""A program that prints without end, ten who watch it and one who does not read."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
import websockets

from tests.support.context import free_port, processes_in
from tests.support.stress import sized

SECONDS = sized(3, 30)
READERS = 10
GROWTH_BYTES = 64 << 20


class Output(msgspec.Struct):
    type: str
    data: str = ""
    offset: int = 0
    message: str = ""


async def read(url: str, seen: list[int], said: list[str]) -> None:
    """Follows the output and makes sure that each piece begins where the one before ended."""
    decode = msgspec.json.Decoder(Output).decode
    end = 0
    async with websockets.connect(url, max_size=None, compression=None) as connection:
        async for message in connection:
            got = decode(message)
            if got.type == "output":
                assert not end or got.offset == end, (got.offset, end)
                end = got.offset + len(got.data)
                seen[0] += len(got.data)
            else:
                said.append(got.message)


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.alone
async def test_endless_output_costs_bounded_memory_and_no_viewer_misses_any(tmp_path: Path) -> None:
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAILAUNCHER_")}
    environment |= {
        "MAILAUNCHER_DATA": str(tmp_path / "data"),
        "MAILAUNCHER_PORT": str(port),
        "MAILAUNCHER_HOST": "127.0.0.1",
        # On a busy machine one of ten readers may be far behind the one that leads.
        "MAILAUNCHER_TERMINAL_LOG_SEGMENT_BYTES": str(128 << 20),
    }
    environment |= {"MAILAUNCHER_WORKSPACE": str(tmp_path), "MAILAUNCHER_STOP_BOTS_AT_EXIT": "true"}
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailauncher", "serve", env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    await server.stdout.readline()
    try:
        await _flood(port, tmp_path, psutil.Process(server.pid))
    finally:
        server.send_signal(signal.SIGINT)
        await server.communicate()
    assert server.returncode == 0
    while processes_in(tmp_path):
        await asyncio.sleep(0.01)


async def _flood(port: int, folder: Path, process: psutil.Process) -> None:
    bot = folder / "bot"
    bot.mkdir()
    (bot / "bot.py").write_text("import os; os.execvp('yes', ['yes'])")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=20) as client:
        new = {"name": "yes", "path": str(bot), "port": free_port()}
        added = (await client.post("/instances/add", json=new)).json()
        session = f"127.0.0.1:{port}/ws/{added['instance_id']}_main"
        before = process.memory_info().rss
        await client.get(f"/instance/{added['instance_id']}/start")
        with socket.create_connection(("127.0.0.1", port)) as stalled:
            stalled.sendall(
                f"GET /ws/{added['instance_id']}_main HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
            )
            seen = [[0] for _ in range(READERS)]
            said: list[str] = []
            readers = [asyncio.create_task(read(f"ws://{session}", each, said)) for each in seen]
            most = 0
            async with asyncio.timeout(SECONDS + 60):
                for _ in range(SECONDS):
                    await asyncio.sleep(1)
                    assert (await client.get("/system/health")).json()["status"] == "healthy"
                    most = max(most, process.memory_info().rss)
                    for reader in readers:
                        assert not reader.done(), reader.exception()
            for reader in readers:
                reader.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reader
        assert most - before < GROWTH_BYTES
        assert all(each[0] > 1 << 20 for each in seen)
        assert not [text for text in said if "不再保留" in text]
