"""A server that started with 1,000 stopped instances looked through all processes of the machine 1,000 times."""

import asyncio
import resource
import threading
from pathlib import Path

import pytest

from mailauncher.errors import ConnectionFailed
from terminals import lost
from terminals.lost import LostPrograms, Marked, MarkedProcesses


async def test_those_who_ask_meanwhile_share_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that runs already may have missed what they ask about."""
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)
    looks: list[Marked] = []

    def look() -> Marked:
        looks.append({f"/look/{len(looks)}": {}})
        found = looks[-1]
        begun.release()
        assert go_on.acquire(timeout=30)
        return found

    monkeypatch.setattr(lost, "_marked", look)
    processes = MarkedProcesses()
    first = asyncio.create_task(processes.find())
    await asyncio.to_thread(begun.acquire)
    later = [asyncio.create_task(processes.find()) for _ in range(1000)]
    await asyncio.sleep(0)
    later[0].cancel()  # that of one ends it for nobody else
    go_on.release(2)
    assert await first == {"/look/0": {}}
    assert await asyncio.gather(*later[1:]) == [{"/look/1": {}}] * 999
    assert len(looks) == 2
    go_on.release()
    assert await processes.find() == {"/look/2": {}}
    await processes.close()


async def test_without_descriptors_it_is_not_known_what_lives(tmp_path: Path) -> None:
    """Nothing seemed to live, and a bot that was only lost became `stopped`."""
    processes = MarkedProcesses()
    programs = LostPrograms(tmp_path, processes)
    assert await programs.find() == {}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(ConnectionFailed, match="open files"):
            await programs.find()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await processes.close()
