"""Background tasks with an owner: each is awaited or cancelled by whoever started it, and no failure goes unheard."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from mailauncher.errors import Code, LauncherError

log = logging.getLogger(__name__)
T = TypeVar("T")

RESTART_DELAY_S = 1.0
RESTART_DELAY_MAX_S = 60.0
SETTLED_S = 60.0


class Tasks:
    """The background tasks of one owner, which ends them with `finish` or `close`.

    The event loop holds only weak references to tasks; these are strong ones, so that no task is collected half done.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        """Starts `work`, for which nobody waits. What it raises is logged: at `info` if it is an error that a user could
        have been told, else with a traceback."""
        task = self._start(work, name)
        task.add_done_callback(_report)
        return task

    async def complete(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """The result of `work`, or what it raises. If the caller is cancelled, the work goes on to its end all the same,
        and what it raises then is logged."""
        task = self._start(work, name)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                task.add_done_callback(_report)
            raise

    async def uninterrupted(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Like `complete`, but a caller that is cancelled goes on only after the end of the work: it may hold a lock for it."""
        task = self._start(work, name)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                task.add_done_callback(_report)
                await asyncio.wait([task])
            raise

    def keep_running(self, make: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Runs what `make` returns; when it fails, it is made and run again after a pause of 1 s that doubles up to 60 s. The log
        says when it begins to fail, and that it works again once it has run for a minute. It may return, and is then done."""

        async def run_until_done() -> None:
            delay_s, failing = RESTART_DELAY_S, False

            def settle() -> None:
                nonlocal delay_s, failing
                delay_s, failing = RESTART_DELAY_S, False
                log.warning("%s works again", name)

            while True:
                settling = asyncio.get_running_loop().call_later(SETTLED_S, settle) if failing else None
                try:
                    return await make()
                except Exception:
                    if not failing:
                        log.exception("%s failed, and is started again until it works", name)
                    failing = True
                finally:
                    if settling is not None:
                        settling.cancel()
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, RESTART_DELAY_MAX_S)

        self._start(run_until_done(), name)

    async def finish(self) -> None:
        """Waits for every task, those included that are started meanwhile."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Cancels every task and waits until it has ended."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(set(self._tasks))

    def _start(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _report(task: "asyncio.Task[Any]") -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, LauncherError) and error.code is not Code.INTERNAL_ERROR:
        log.info("%s: %s", task.get_name(), error)
    elif error is not None:
        log.error("%s failed", task.get_name(), exc_info=error)
