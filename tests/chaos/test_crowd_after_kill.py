"""A server that is killed under many subscribers and pollers: the next one serves all of them again."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.support.context import free_port
from tests.support.killable import PATIENCE_S, Server
from tests.support.stress import sized
from tests.support.transcripts import Cursor, EventTranscript, Follower

KILLS = sized(1, 5)
SUBSCRIBERS, POLLERS = sized((10, 50), (200, 1000))
POLL_S = 1.0
LIST = b"GET /api/v1/instances HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Poller(Follower):
    """Asks for the instances once a second, on one connection as long as it lasts. `answers` counts since the last kill."""

    def __init__(self, server: Server) -> None:
        self._port = server.port
        self.answers = 0

    async def read(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                writer.write(LIST)
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 "), head
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                assert (await reader.readexactly(length)).startswith(b"{")
                self.answers += 1
                await asyncio.sleep(POLL_S)
        finally:
            writer.close()


async def add(server: Server, folder: Path) -> None:
    """Which is an event."""
    folder.mkdir()
    (folder / "bot.py").touch()
    await server.ask("POST", "/instances/add", name=folder.name, path=str(folder), port=free_port())


@pytest.mark.slow
@pytest.mark.stress
async def test_everybody_is_served_again_after_a_kill(server: Server, tmp_path: Path) -> None:
    """Subscribers go on where they were; no poller is refused."""
    cursor = Cursor()
    subscribers = [EventTranscript(server, cursor) for _ in range(SUBSCRIBERS)]
    pollers = [Poller(server) for _ in range(POLLERS)]
    async with asyncio.timeout(PATIENCE_S * (KILLS + 1)), asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(each.follow()) for each in (*subscribers, *pollers)]

        async def all_served(events: int) -> None:
            """So many events came to each subscriber, and an answer to each poller."""
            while {len(each.seen) for each in subscribers} != {events} or not all(p.answers for p in pollers):
                await asyncio.sleep(0.05)

        await add(server, tmp_path / "bot-0")
        await all_served(1)
        for number in range(1, KILLS + 1):
            await server.end(signal.SIGKILL)
            cursor.position = min(each.last for each in subscribers)
            for poller in pollers:
                poller.answers = 0
            await server.start()
            await add(server, tmp_path / f"bot-{number}")
            await all_served(number + 1)
        for task in following:
            task.cancel()
    assert {tuple(each.seen) for each in subscribers} == {tuple(range(1, KILLS + 2))}
    assert await server.end(signal.SIGTERM) == 0
