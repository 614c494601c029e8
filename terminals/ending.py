"""Ends the process of a program, and whatever it has left behind: through its keeper, or without it."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

from mailauncher.errors import ConnectionFailed, LauncherError
from mailauncher.launch import DEFAULT_STOP, StopStep
from terminals.condition import Condition
from terminals.lost import LostPrograms
from terminals.policy import Policy
from terminals.terminal import Terminal

log = logging.getLogger(__name__)

STARTUP_S = 2.0  # age up to which a process may miss the first signal of a stop
SIGNAL_REPEAT_S = 1.0  # after this long such a process gets it once more
KILLED_S = 2.0  # after this long a process that was sent SIGKILL counts as one that cannot be stopped
LEFTOVER_GRACE_S = 0.1  # between SIGTERM and SIGKILL for processes that the program left behind


class ProcessEnding:
    """How the process of one program is ended: `steps`, by its recipe. Once `killing` says so, SIGKILL alone counts, also in the
    midst of a step."""

    def __init__(
        self,
        terminal: Terminal,
        lost_programs: LostPrograms,
        condition: Condition,
        killing: Callable[[], bool],
    ) -> None:
        self.steps: tuple[StopStep, ...] = DEFAULT_STOP
        self._terminal = terminal
        self._lost_programs = lost_programs
        self._condition = condition
        self._killing = killing

    async def by_keeper(self, policy: Policy) -> bool:
        """Signal by signal, until it has ended; it has not if even SIGKILL does nothing. False: it has, and its keeper does not
        tell. Raises NoAnswer."""
        terminal = self._terminal
        age_s = terminal.age_s
        starting_up = age_s is not None and age_s < STARTUP_S
        for step in self.steps:
            wait_s = _wait_s(step, policy)
            # CPython, while it starts, swallows about one SIGINT in 200: it gets a second one.
            for timeout_s in (min(SIGNAL_REPEAT_S, wait_s), wait_s) if starting_up else (wait_s,):
                if terminal.runs_program and not self._killing():
                    await self._unless_killing(terminal.signal(step.signal, step.to))
                    await self._condition.wait_for(
                        lambda: not terminal.runs_program or self._killing(), timeout_s
                    )
        if terminal.runs_program and self._killing():
            await self._kill()
        # However short the timeouts are: its end is reported a moment after SIGKILL, and before that nothing is left over.
        ended = await self._condition.wait_for(lambda: not terminal.runs_program, KILLED_S)
        return ended or not self._killing() or bool(await self._kill())

    async def _kill(self) -> int:
        """Sends SIGKILL to all of it. No keeper is needed for that, which may hang, unless the processes of this machine cannot be
        looked at. Returns how many there were."""
        terminal = self._terminal
        try:
            return await self._lost_programs.signal(terminal.name, signal.SIGKILL, terminal.pid, terminal.run)
        except ConnectionFailed:
            return await terminal.signal("SIGKILL", "tree")

    async def _unless_killing(self, request: Coroutine[Any, Any, int]) -> int | None:
        """Waits for the answer to a request, or for a kill, which does not wait for it: None."""
        task = asyncio.ensure_future(request)
        task.add_done_callback(lambda _task: self._condition.notify_all())
        try:
            await self._condition.wait_for(lambda: task.done() or self._killing())
            return task.result() if task.done() else None
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # which is not news any more

    async def without_keeper(self, policy: Policy) -> bool:
        """Ends what cannot be reached through its keeper, and whatever it has left, signal by signal, and then the keeper, unless
        that holds another program. Whether nothing of it lives."""
        name, run, pid = self._terminal.name, self._terminal.run, self._terminal.pid
        for step in self.steps:
            until = time.monotonic() + _wait_s(step, policy)
            number = signal.SIGKILL if self._killing() else signal.Signals[step.signal]
            left = await self._lost_programs.signal(name, number, pid, run)
            while left and time.monotonic() < until:
                await asyncio.sleep(LEFTOVER_GRACE_S)
                again = signal.SIGKILL if number is signal.SIGKILL or self._killing() else 0
                left = await self._lost_programs.signal(name, again, pid, run)
            if not left:
                break
        else:
            return False
        await self._lost_programs.end_keeper()
        # Nobody else will tell: the keeper is dead, or says so when it answers again, and the end is known then.
        self._terminal.resume(None)
        return True

    async def of_leftovers(self) -> None:
        """Of an exited process: children that ignored the signals or left its group."""
        try:
            if not self._killing():
                if await self._unless_killing(self._terminal.signal("SIGTERM", "tree")) == 0:
                    return
                await asyncio.sleep(LEFTOVER_GRACE_S)
            for _ in range(50):
                if self._killing():
                    left: int | None = await self._kill()
                else:
                    left = await self._unless_killing(self._terminal.signal("SIGKILL", "tree"))
                if left == 0:
                    break
                await asyncio.sleep(0.02)
        except LauncherError as error:
            log.warning("leftovers of %s: %s", self._terminal.session_id, error.text.en)


def _wait_s(step: StopStep, policy: Policy) -> float:
    """How long a step waits for the end."""
    wished_s = policy.supervision.stop_timeout_s or step.wait_s
    return policy.stop_timeout_s if wished_s is None else wished_s
