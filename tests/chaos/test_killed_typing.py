"""The server is killed while two viewers type: what each has typed once arrives once, in order."""

import asyncio
import contextlib
import json
import random
import signal
from collections import deque
from pathlib import Path

import httpx
import pytest
import websockets

from tests.support.context import free_port
from tests.support.killable import PATIENCE_S, Server
from tests.support.stress import sized
from tests.support.waiting import until

KILLS = sized(3, 50)
AHEAD = 20
"""How many inputs one typist sends before the first of them is acknowledged."""
BOT = """
import signal, sys, termios
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
mode = termios.tcgetattr(0)
mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
with open("typed", "a", buffering=1) as typed:
    for line in sys.stdin:
        typed.write(line)
"""
TYPING = "mutation ($input: SendTerminalInputInput!) { sendTerminalInput(input: $input) { held } }"


class Typist:
    """Types `{name} {number}` for each number from 1 on until it is stopped, and what it has sent then to its end."""

    def __init__(self, server: Server, session_id: str, name: str) -> None:
        self.server, self.session_id, self.name = server, session_id, name
        self.held = 0
        self.stopped = False

    async def type(self) -> None:
        raise NotImplementedError

    def message(self, seq: int) -> dict[str, object]:
        return {"data": f"{self.name} {seq}\n", "viewer": self.name, "seq": seq}


class SocketTypist(Typist):
    """By WebSocket: sends ahead, and after a lost connection again what is not acknowledged."""

    def __init__(self, server: Server, session_id: str, name: str) -> None:
        super().__init__(server, session_id, name)
        self.url = f"ws://127.0.0.1:{server.port}/ws/{session_id}"
        self.sent: deque[int] = deque()

    async def type(self) -> None:
        while self.sent or not self.stopped:
            with contextlib.suppress(OSError, websockets.WebSocketException):
                async with websockets.connect(self.url, open_timeout=5, close_timeout=1) as socket:
                    for seq in self.sent:
                        await self._send(socket, seq)
                    async for message in socket:
                        self._take(json.loads(message))
                        while len(self.sent) < AHEAD and not self.stopped:
                            self.sent.append(self.sent[-1] + 1 if self.sent else self.held + 1)
                            await self._send(socket, self.sent[-1])
                        if not self.sent:
                            return
            await asyncio.sleep(0.02)

    async def _send(self, socket: websockets.ClientConnection, seq: int) -> None:
        await socket.send(json.dumps({"type": "input", **self.message(seq)}))

    def _take(self, message: dict[str, object]) -> None:
        assert message["type"] in ("status", "output", "input_ack"), message
        if message["type"] == "input_ack":
            assert isinstance(message["held"], int)
            self.held = message["held"]
            while self.sent and self.sent[0] <= self.held:
                self.sent.popleft()


class MutationTypist(Typist):
    """By GraphQL: one mutation after the other, each until there is an answer."""

    async def type(self) -> None:
        while not self.stopped:
            given = {"sessionId": self.session_id, **self.message(self.held + 1)}
            with contextlib.suppress(httpx.TransportError):
                answer = await self.server.ask(
                    "POST", f"{self.server.url}/graphql", query=TYPING, variables={"input": given}
                )
                assert "errors" not in answer, answer
                assert answer["data"]["sendTerminalInput"] == {"held": given["seq"]}
                self.held += 1


def lines(folder: Path) -> list[str]:
    """What the bot has read."""
    return (folder / "typed").read_text().splitlines()


@pytest.mark.slow
@pytest.mark.stress
async def test_what_is_typed_once_arrives_once_although_the_server_is_killed(
    server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "bots" / "bot"
    folder.mkdir(parents=True)
    (folder / "bot.py").write_text(BOT)
    added = await server.ask("POST", "/instances/add", name="bot", path=str(folder), port=free_port())
    bot = added["instance_id"]
    await server.ask("GET", f"/instance/{bot}/start")
    typists = [
        SocketTypist(server, f"{bot}_main", "by-socket"),
        MutationTypist(server, f"{bot}_main", "by-mutation"),
    ]
    async with asyncio.timeout(PATIENCE_S * (KILLS + 1)), asyncio.TaskGroup() as tasks:
        for typist in typists:
            tasks.create_task(typist.type())
        for _ in range(KILLS):
            known = [typist.held for typist in typists]
            while any(typist.held <= held for typist, held in zip(typists, known, strict=True)):
                await asyncio.sleep(0.01)
            await asyncio.sleep(random.random() * 0.1)
            await server.end(signal.SIGKILL)
            await server.start()
        for typist in typists:
            typist.stopped = True
    await until(lambda: len(lines(folder)) >= sum(typist.held for typist in typists))
    await server.ask("GET", f"/instance/{bot}/stop")
    typed = lines(folder)
    for typist in typists:
        wanted = [f"{typist.name} {number}" for number in range(1, typist.held + 1)]
        assert [line for line in typed if line.startswith(typist.name)] == wanted
    assert len(typed) == sum(typist.held for typist in typists)
    await server.ask("DELETE", f"/instance/{bot}/delete")
    assert await server.end(signal.SIGTERM) == 0
