"""Work whose client has left."""

import asyncio

import pytest

from mailauncher import departures
from mailauncher.departures import ClientLeft, unless_left


class Client:
    """What a server tells of a client: the end of its body, and then that it has left, once it has."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.watched = asyncio.Event()
        self._messages = 0

    async def receive(self) -> dict[str, object]:
        self._messages += 1
        if self._messages == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        self.watched.set()
        await self.left.wait()
        return {"type": "http.disconnect"}


async def test_quick_work_is_done_without_a_look_at_its_client() -> None:
    client = Client()

    async def work() -> str:
        return "done"

    assert await unless_left(work(), client.receive) == "done"
    assert not client.watched.is_set()


@pytest.mark.parametrize("leaves", [True, False])
async def test_work_ends_when_its_client_leaves(monkeypatch: pytest.MonkeyPatch, leaves: bool) -> None:
    monkeypatch.setattr(departures, "UNWATCHED_S", 0)
    client, go_on, ended = Client(), asyncio.Event(), asyncio.Event()

    async def work() -> str:
        try:
            await go_on.wait()
        finally:
            ended.set()
        return "done"

    working = asyncio.create_task(unless_left(work(), client.receive))
    await client.watched.wait()
    if leaves:
        client.left.set()
        with pytest.raises(ClientLeft):
            await working
    else:
        go_on.set()
        assert await working == "done"
    assert ended.is_set()


async def test_work_ends_with_whoever_waits_for_it() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    working = asyncio.create_task(unless_left(work(), Client().receive))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert ended.is_set()
