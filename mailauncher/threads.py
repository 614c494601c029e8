"""Work that blocks for seconds or minutes, in threads that end when their caller is cancelled."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from mailauncher.interruption import Check, Interrupted

T = TypeVar("T")

AT_ONCE = 2


class LongWork:
    """Runs at most AT_ONCE of such works, while others wait for their turn: `asyncio.to_thread` has few threads, six on two
    cores, and whatever reads a file needs one of them."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._closing = threading.Event()

    async def run(self, work: Callable[[Check], T]) -> T:
        """What `work` returns, or raises. It is given a function that it must call often, and that raises Interrupted once the
        caller of this is cancelled, which `close` does as well."""
        cancelled = threading.Event()

        def check() -> None:
            self.check()
            if cancelled.is_set():
                raise Interrupted

        try:
            check()
            async with self._places:
                check()
                return await _in_thread(work, check, cancelled)
        except Interrupted:
            raise asyncio.CancelledError from None

    def check(self) -> None:
        """Raises Interrupted once this is closed: a Check for what is tidied up after interrupted work."""
        if self._closing.is_set():
            raise Interrupted

    async def close(self) -> None:
        """Interrupts what runs or waits. Returns once no thread is left."""
        self._closing.set()
        for _ in range(AT_ONCE):
            await self._places.acquire()


async def _in_thread(work: Callable[[Check], T], check: Check, cancelled: threading.Event) -> T:
    # No task of its own: the end of the event loop cancels every task, and this one would end before its thread.
    thread = asyncio.get_running_loop().run_in_executor(None, work, check)
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        # The caller holds locks and cleans up: it must not go on beside its own thread.
        cancelled.set()
        await asyncio.wait([thread])
        thread.exception()  # which nobody wants any more
        raise
