"""Many connections of every kind to one server whose bots keep printing."""

import asyncio
import json
import math
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import websockets
from websockets.typing import Subprotocol

from tests.support.context import free_port, processes_in
from tests.support.http import NO_TLS
from tests.support.killable import Server
from tests.support.stress import sized

CONNECTIONS = sized(100, 1_000)
LINES_PER_S = sized(100, 20)
WARM_UP, LINES = sized((100, 300), (1_200, 2_400))
"""In the long form memory may not grow between these lines of the bots, from the first minute to the second. The short form says
nothing of that: it ends while the server still fills what it keeps."""
GROWTH_BYTES = sized(math.inf, 8 << 20)
LINES_IN_A_BEAT = 20
PATIENCE_S = sized(180, 900)  # ends a test that would otherwise hang
BOT = f"""
import itertools, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("line 0 x", flush=True)
sys.stdin.readline()
for number in itertools.count(1):
    print("line", number, "x" * 60, flush=True)
    time.sleep(1 / {LINES_PER_S})
"""
INPUT = 'mutation ($id: ID!) { sendTerminalInput(input: {sessionId: $id, data: "\\r"}) { terminal { end } } }'
OUTPUT = "subscription ($id: ID!) { terminalOutput(sessionId: $id) { data offset missed } }"
LINE = re.compile(r"line (\d+) x")

Messages = AsyncIterator[str]


class Crowd:
    """The clients of one server."""

    def __init__(self, server: Server, sessions: list[str]) -> None:
        self._server = server
        self._sessions = sessions
        # The server closes an idle connection at the moment that a poller would use it again.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._http = httpx.AsyncClient(base_url=server.url, verify=NO_TLS, timeout=PATIENCE_S, limits=limits)
        self.answers = 0
        self._beat = asyncio.Event()
        self._ended = False
        self._left = dict.fromkeys((0, WARM_UP, LINES), CONNECTIONS - CONNECTIONS // 10)
        self._reached = {line: asyncio.Event() for line in self._left}

    async def run(self, reached: Callable[[int], None]) -> None:
        """Lets the bots go on when all are connected. Calls `reached` with WARM_UP and with LINES once all who follow have
        seen that line, then ends."""
        kinds = [self._viewer] * 4 + [self._subscription] * 3 + [self._stream] * 2
        async with self._http, asyncio.TaskGroup() as group:
            pollers = [group.create_task(self._poll()) for _ in range(CONNECTIONS // 10)]
            followers = [
                group.create_task(self._follow(kinds[number % len(kinds)], self._sessions[number % 2]))
                for number in range(CONNECTIONS - len(pollers))
            ]
            for line, event in self._reached.items():
                await event.wait()
                reached(line)
                if line == 0:
                    await self._begin()
            # A request that is cancelled while it connects would leave its socket open.
            self._ended = True
            await asyncio.wait(pollers)
            for follower in followers:
                follower.cancel()

    async def _begin(self) -> None:
        for session_id in self._sessions:
            operation = {"query": INPUT, "variables": {"id": session_id}}
            answer = (await self._http.post("/graphql", json=operation)).json()
            assert "errors" not in answer, answer

    async def _follow(self, open_: Callable[[str], Messages], session_id: str) -> None:
        """Reads for ever. No line may be missing."""
        last, rest = None, ""
        async for text in open_(session_id):
            *lines, rest = (rest + text).split("\n")
            for found in filter(None, map(LINE.search, lines)):
                number = int(found[1])
                assert last is None or number == last + 1, (last, number)
                last = number
                self._note(number)
        raise AssertionError("the connection has ended")

    def _note(self, number: int) -> None:
        if number % LINES_IN_A_BEAT == 0:
            self._beat.set()
            self._beat = asyncio.Event()
        if number in self._left:
            self._left[number] -= 1
            if self._left[number] == 0:
                self._reached[number].set()

    async def _poll(self) -> None:
        """Asks each time when one who follows has seen some lines more."""
        while not self._ended:
            answer = await self._http.get("/api/v1/instances")
            assert len(answer.json()["instances"]) == len(self._sessions)
            self.answers += 1
            await self._beat.wait()

    async def _viewer(self, session_id: str) -> Messages:
        async with _socket(f"{self._server.url}/ws/{session_id}") as socket:
            async for message in socket:
                yield json.loads(message).get("data", "")

    async def _subscription(self, session_id: str) -> Messages:
        operation = {"query": OUTPUT, "variables": {"id": session_id}}
        async with _socket(f"{self._server.url}/graphql", Subprotocol("graphql-transport-ws")) as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": operation}))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "next":
                    yield message["payload"]["data"]["terminalOutput"]["data"]

    async def _stream(self, session_id: str) -> Messages:
        operation = {"query": OUTPUT, "variables": {"id": session_id}}
        headers = {"Accept": "text/event-stream"}
        async with self._http.stream("POST", "/graphql", json=operation, headers=headers) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    data = json.loads(line.removeprefix("data: "))
                    yield data.get("payload", data)["data"]["terminalOutput"]["data"]


@asynccontextmanager
async def _socket(url: str, *protocols: Subprotocol) -> AsyncIterator[websockets.ClientConnection]:
    async with websockets.connect(
        url.replace("http", "ws", 1),
        subprotocols=protocols or None,
        compression=None,
        proxy=None,
        max_queue=None,  # a full queue stops reading, and then closing waits for its timeout
        open_timeout=PATIENCE_S,
    ) as socket:
        yield socket


async def add_bots(server: Server) -> list[str]:
    """The sessions of two bots that print."""
    sessions = []
    async with httpx.AsyncClient(base_url=server.url, verify=NO_TLS, timeout=PATIENCE_S) as http:
        for name in ("one", "other"):
            folder = server.workspace / name
            folder.mkdir(parents=True)
            (folder / "bot.py").write_text(BOT)
            new = {"name": name, "path": str(folder), "port": free_port()}
            added = (await http.post("/api/v1/instances/add", json=new)).json()
            started = await http.get(f"/api/v1/instance/{added['instance_id']}/start")
            assert started.json()["success"], started.text
            sessions.append(f"{added['instance_id']}_main")
    return sessions


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.alone
async def test_many_connections_get_every_line_and_the_server_does_not_grow(tmp_path: Path) -> None:
    """A thousand connections made it grow by 554 MiB in 150 s, and some requests waited for 30 s."""
    server = Server(tmp_path, stop_bots_at_exit="true")
    await server.start()
    assert server.process is not None
    used = psutil.Process(server.process.pid)
    resident: dict[int, int] = {}
    try:
        crowd = Crowd(server, await add_bots(server))
        async with asyncio.timeout(PATIENCE_S):
            await crowd.run(lambda line: resident.update({line: used.memory_info().rss}))
    finally:
        assert await server.end(signal.SIGINT) == 0, server.errors
    assert crowd.answers > CONNECTIONS // 10
    assert resident[LINES] - resident[WARM_UP] < GROWTH_BYTES
    assert not processes_in(tmp_path)
