"""Long work in threads."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailauncher.interruption import Check
from mailauncher.threads import AT_ONCE, LongWork
from tests.support.waiting import until

LIMIT_S = 30


class Work:
    """Goes on until `ended` is set, or it is interrupted."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.running = 0

    def __call__(self, check: Check) -> str:
        self.running += 1
        try:
            while not self.ended.wait(0.001):
                check()
        finally:
            self.running -= 1
        return "done"


async def test_long_work_leaves_threads_to_others_and_waits_for_its_turn() -> None:
    """Six backups at once took every thread there was: for minutes no configuration file was read."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(AT_ONCE + 1))
    long, work = LongWork(), Work()
    callers = [asyncio.create_task(long.run(work)) for _ in range(AT_ONCE + 3)]
    await until(lambda: work.running == AT_ONCE)
    async with asyncio.timeout(LIMIT_S):
        assert await asyncio.to_thread(lambda: work.running) == AT_ONCE
    work.ended.set()
    assert await asyncio.gather(*callers) == ["done"] * len(callers)


async def test_a_cancelled_caller_goes_on_once_its_thread_has_ended() -> None:
    long, work = LongWork(), Work()
    caller = asyncio.create_task(long.run(work))
    await until(lambda: work.running == 1)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert work.running == 0


async def test_at_the_end_of_the_server_long_work_is_interrupted_and_none_begins() -> None:
    """A server went on after SIGTERM for as long as it took to complete the backups that were under way."""
    long, work = LongWork(), Work()
    callers = [asyncio.create_task(long.run(work)) for _ in range(AT_ONCE + 1)]
    await until(lambda: work.running == AT_ONCE)
    async with asyncio.timeout(LIMIT_S):
        await long.close()
    assert work.running == 0
    for caller in (*callers, long.run(work)):
        with pytest.raises(asyncio.CancelledError):
            await caller
