"""The server is killed at random moments, again and again: bots do not notice, and viewers miss nothing."""

import asyncio
import contextlib
import json
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio
import websockets

from tests.support.context import free_port, processes_in
from tests.support.http import NO_TLS
from tests.support.killable import PATIENCE_S, Server
from tests.support.stress import sized

KILLS = sized(3, 50)
BOTS = 3
COUNTING_BOT = """
import itertools, random, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
for number in itertools.count():
    print("line", number, flush=True)
    if random.random() < 0.2:
        time.sleep(random.random() * 0.02)
"""


class Transcript:
    """Everything one client saw of one terminal, through as many connections as it took."""

    def __init__(self, server: Server, session_id: str) -> None:
        self.url = f"ws://127.0.0.1:{server.port}/ws/{session_id}?after="
        self.seen = b""
        self.connections = 0

    async def follow(self) -> None:
        while True:
            with contextlib.suppress(OSError, websockets.WebSocketException):
                async with websockets.connect(self.url + str(len(self.seen)), open_timeout=5) as socket:
                    self.connections += 1
                    async for message in socket:
                        self.take(json.loads(message))
            await asyncio.sleep(0.02)

    def take(self, message: dict[str, object]) -> None:
        if message["type"] == "output":
            assert message["offset"] == len(self.seen), message
            self.seen += str(message["data"]).encode()

    @property
    def numbers(self) -> list[int]:
        return [
            int(line.split()[1]) for line in self.seen.decode().splitlines()[:-1] if line.startswith("line")
        ]


class StreamTranscript(Transcript):
    """The same over server-sent events, as one of several equal subscriptions. It resumes as browsers do."""

    DOCUMENT = "subscription ($id: ID!) { terminalOutput(sessionId: $id, after: 0) { data offset } }"

    def __init__(self, server: Server, session_id: str) -> None:
        super().__init__(server, session_id)
        self.url = f"{server.url}/graphql"
        self._body = {"query": self.DOCUMENT, "variables": {"id": session_id}}
        self._headers = {"Accept": "text/event-stream"}

    async def follow(self) -> None:
        while True:
            with contextlib.suppress(httpx.TransportError):
                async with (
                    httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=PATIENCE_S) as client,
                    client.stream("POST", self.url, json=self._body, headers=self._headers) as response,
                ):
                    self.connections += 1
                    await self._read(response)
            await asyncio.sleep(0.02)

    async def _read(self, response: httpx.Response) -> None:
        """An event counts once its last line is there, and its `id` with it."""
        identifier, output = "", None
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                identifier = line.removeprefix("id: ")
            elif line.startswith("data: "):
                output = json.loads(line.removeprefix("data: "))["data"]["terminalOutput"]
            elif not line and output:
                self.take({"type": "output", **output})
                self._headers["Last-Event-ID"] = identifier
                identifier, output = "", None


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    running = Server(tmp_path)
    await running.start()
    yield running
    if running.lives:
        await running.end(signal.SIGKILL)
    for pid in processes_in(tmp_path):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()


@pytest.mark.slow
@pytest.mark.stress
async def test_kills_restart_no_bot_and_lose_no_line(server: Server, tmp_path: Path) -> None:
    for name in range(BOTS):
        folder = tmp_path / "bots" / f"bot{name}"
        folder.mkdir(parents=True)
        (folder / "bot.py").write_text(COUNTING_BOT)
        added = await server.ask(
            "POST", "/instances/add", name=f"bot{name}", path=str(folder), port=free_port()
        )
        await server.ask("GET", f"/instance/{added['instance_id']}/start")
    ids = list(await server.instances())
    pids = sorted(
        pid
        for pid in processes_in(tmp_path / "bots")
        if psutil.Process(pid).cwd().startswith(str(tmp_path / "bots"))
    )
    transcripts = [Transcript(server, f"{instance_id}_main") for instance_id in ids]
    transcripts += [StreamTranscript(server, f"{ids[0]}_main") for _ in range(2)]
    async with asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(transcript.follow()) for transcript in transcripts]
        for _ in range(KILLS):
            await asyncio.sleep(random.random() * 0.5)
            await server.end(signal.SIGKILL)
            await server.start()
            async with asyncio.timeout(PATIENCE_S):
                while set((await server.instances()).values()) != {"running"}:
                    await asyncio.sleep(0.05)
        end = [len(transcript.seen) for transcript in transcripts]
        while any(
            len(transcript.seen) < size + 1000 for transcript, size in zip(transcripts, end, strict=True)
        ):
            await asyncio.sleep(0.05)
        for task in following:
            task.cancel()
    now = sorted(
        pid
        for pid in processes_in(tmp_path / "bots")
        if psutil.Process(pid).cwd().startswith(str(tmp_path / "bots"))
    )
    assert now == pids
    keepers = [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(tmp_path / "data" / "terminals") in " ".join(p.info["cmdline"] or ())
    ]
    assert len(keepers) == BOTS
    for transcript in transcripts:
        assert transcript.connections > KILLS // 4
        assert transcript.numbers == list(range(len(transcript.numbers)))
    for instance_id in ids:
        await server.ask("DELETE", f"/instance/{instance_id}/delete")
    assert await server.end(signal.SIGTERM) == 0
    assert not processes_in(tmp_path)
