"""A supervised program in a terminal: brings what runs in step with what is wanted.

Commands only change the goal; one task per program moves the process towards it. So concurrent commands on one terminal
are serial, the last one wins, and there are never two processes.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from mailauncher.errors import CommandFailed, InstanceNotRunning, LauncherError, Text
from mailauncher.launch import DEFAULT_STOP, Launch, Readiness, StopStep
from terminals import readiness
from terminals.client import Exit
from terminals.policy import Deaths, Supervision
from terminals.states import TRANSITIONS, Failure, State
from terminals.terminal import Terminal

log = logging.getLogger(__name__)

YOUNG_S = 2.0  # of life in which a program may not notice its first signal
ASK_AGAIN_S = 1.0  # after which such a one gets it again
LEFTOVER_GRACE_S = 0.1  # between SIGTERM and SIGKILL for what a program left behind
_ANNOUNCED = {
    State.STOPPED: Text("已停止", "Stopped"),
    State.STARTING: Text("正在启动", "Starting"),
    State.RUNNING: Text("已启动", "Running"),
    State.STOPPING: Text("正在停止", "Stopping"),
    State.FAILED: Text("未能运行", "Failed"),
}


class Pulse:
    """Wakes everyone who waits for something about a crew to change."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def beat(self) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, predicate: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Waits for the predicate to hold; False when time ran out first."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout_s is None else loop.time() + timeout_s
        while not predicate():
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.add(waiter)
            try:
                async with asyncio.timeout_at(deadline):
                    await waiter
            except TimeoutError:
                return predicate()
            finally:
                self._waiters.discard(waiter)
        return True


@dataclass(eq=False, slots=True)
class Goal:
    """What a command wants. A newer goal replaces it; `done` tells the one who asked."""

    running: bool
    set_at: float = field(default_factory=time.time)
    fresh: bool = False
    """Whether a process that runs already must be replaced (a restart)."""
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, error: LauncherError | None = None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
            self.done.exception()  # whoever asked may have stopped waiting


class Plan(Protocol):
    """Says what to run. `adopting`: it runs already, so its port need not be free. Raises LauncherError."""

    def __call__(self, *, adopting: bool = False) -> Awaitable[Launch]: ...


@dataclass(frozen=True, slots=True)
class Care:
    """How a program is looked after: seconds it must live to count as started, seconds a stop waits after a signal for
    which the recipe says nothing else, and the instance's own wishes."""

    start_grace_s: float
    stop_timeout_s: float
    supervision: Supervision


class Program:
    """One program of an instance: `main` or a service.

    `plan` says at each start what to run. Services start after what they `need` and stop before it.
    """

    def __init__(
        self,
        terminal: Terminal,
        plan: Plan,
        care: Care,
        pulse: Pulse,
        title: Text,
        explain: Callable[[tuple[str, ...], Exit], Awaitable[Text | None]],
    ) -> None:
        self.terminal = terminal
        self.title = title
        self.needs: tuple[Program, ...] = ()
        self.needed_by: tuple[Program, ...] = ()
        self.state = State.STOPPED
        self.failure: Failure | None = None
        self.goal = Goal(running=False)
        self.goal.settle()
        self._plan = plan
        self.care = care
        self._pulse = pulse
        self._stop: tuple[StopStep, ...] = DEFAULT_STOP
        self._served: Goal | None = None  # the goal that the running process was started for
        self._task: asyncio.Task[None] | None = None
        self._explain = explain
        self._deaths = Deaths()
        self._readiness: asyncio.Task[None] | None = None
        self.ready: bool | None = None
        """Whether it works; None while it does not run, and when its recipe does not say how to tell."""
        self.restarts = 0
        """How often it was started again by itself since a person started it."""
        self.backing_off = False
        """Whether it waits for its next start after a death."""
        self.on_change: Callable[[], None] = lambda: None
        terminal.on_exit = self._exited

    # Commands

    @property
    def wanted(self) -> bool:
        """Whether it runs or is on its way there."""
        return self.goal.running

    @property
    def alive(self) -> bool:
        return self.terminal.alive and not self.terminal.is_shell

    @property
    def pid(self) -> int | None:
        return self.terminal.pid if self.alive else None

    @property
    def started_at(self) -> int | None:
        """Milliseconds since 1970; None while it does not run."""
        return self.terminal.started_at if self.alive else None

    def failed_since(self, moment: float) -> bool:
        """Whether it failed at or after a moment (seconds since 1970)."""
        return self.failure is not None and self.failure.at >= moment * 1000 - 1

    def start(self, *, fresh: bool = False) -> Goal:
        """Wants it running; `fresh` replaces a process that runs."""
        self._deaths.forget()
        self.restarts = 0
        return self._aim(Goal(running=True, fresh=fresh))

    def stop(self) -> Goal:
        return self._aim(Goal(running=False))

    def _aim(self, goal: Goal) -> Goal:
        self.goal.settle(
            InstanceNotRunning(
                f"{self.title.zh}：命令已被之后的命令取代", f"{self.title.en}: a later command took its place"
            )
        )
        self.goal = goal
        self.terminal.reserved = goal.running
        self._pulse.beat()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._supervise(), name=f"program {self.terminal.session_id}"
            )
        return goal

    def refuse(self, failure: Failure) -> None:
        """Says why it is not started though somebody asked, until the next command. Nothing happens while it runs or is
        wanted."""
        if not self.wanted and not self.alive:
            self.failure = failure
            self._become(State.FAILED)
            self.on_change()

    async def close(self) -> None:
        """Ends the supervision, not the process."""
        tasks = [task for task in (self._task, self._readiness) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def adopt(self) -> None:
        """Takes over a process that a former server started: it is wanted, and its stop is that of today's recipe."""
        goal = self.start()
        self._served = goal
        try:
            self._stop = (await self._plan(adopting=True)).stop
        except LauncherError as error:
            log.warning("recipe of %s: %s", self.terminal.session_id, error)

    # The task

    async def _supervise(self) -> None:
        """Moves the process to the goal and watches it there; ends when nothing is wanted and nothing is left."""
        while True:
            goal = self.goal
            try:
                if self.alive and not self._serves(goal):
                    await self._end(goal)
                elif not goal.running:
                    await self._sweep()
                    if goal is self.goal:
                        self._rest(goal)
                        return
                elif not self.alive:
                    await self._begin(goal)
                else:
                    await self._stay(goal)
            except LauncherError as error:
                self._give_up(goal, error)
            except Exception as error:
                log.exception("supervising %s", self.terminal.session_id)
                self._give_up(goal, CommandFailed(f"内部错误：{error}", f"Internal error: {error}"))

    def _serves(self, goal: Goal) -> bool:
        return goal.running and (goal is self._served or not goal.fresh)

    @property
    def settled(self) -> bool:
        """Whether no process runs that the goal does not want."""
        return not self.alive or self._serves(self.goal)

    def _rest(self, goal: Goal) -> None:
        if not goal.done.done():  # a stop that somebody asked for, not the end of a failure
            self.failure = None
            self._become(State.STOPPED)
        goal.settle()

    def _give_up(self, goal: Goal, error: LauncherError, failure: Failure | None = None) -> None:
        """The goal cannot be reached. Unless another was set meanwhile, nothing is wanted any more."""
        log.warning("%s: %s", self.terminal.session_id, error.text.en)
        goal.settle(error)
        if self.goal is goal:
            self._want_nothing()
            self.failure = failure or Failure(reason=error.text, at=int(time.time() * 1000))
            self._become(State.FAILED)

    def _want_nothing(self) -> None:
        self.goal = Goal(running=False)
        self.goal.settle()
        self.terminal.reserved = False

    async def _begin(self, goal: Goal) -> None:
        """Runs the program once what it needs runs, and sees it through its first moments."""
        self._become(State.STARTING)
        await self._pulse.until(
            lambda: self.goal is not goal or all(n.alive or not n.wanted for n in self.needs)
        )
        if self.goal is not goal:
            return
        if missing := next(
            (need for need in self.needs if not need.alive and need.failed_since(goal.set_at)), None
        ):
            raise CommandFailed(
                f"{self.title.zh} 未启动：{missing.title.zh} 没有运行",
                f"{self.title.en} was not started: {missing.title.en} does not run",
            )
        launch = await self._plan()
        if self.goal is not goal:
            return
        self._stop = launch.stop
        await self.terminal.spawn(launch)
        self._served = goal
        self._await_readiness(launch.ready)
        self._pulse.beat()
        await self._pulse.until(lambda: self.goal is not goal or not self.alive, self.care.start_grace_s)
        if not self.alive and self.goal is goal:
            await self._died(goal, answered=goal.done.done())

    def _await_readiness(self, wanted: Readiness | None) -> None:
        if self._readiness is not None:
            self._readiness.cancel()
        self.ready = None if wanted is None else False
        if wanted is not None:
            self._readiness = asyncio.get_running_loop().create_task(self._get_ready(wanted))

    async def _get_ready(self, wanted: Readiness) -> None:
        terminal = self.terminal
        if await readiness.reached(terminal.client, terminal.name, terminal.start, wanted) and self.alive:
            self.ready = True
            terminal.say(Text("已就绪", "Ready"))
            self._pulse.beat()
            self.on_change()

    async def _stay(self, goal: Goal) -> None:
        """It runs as wanted: nothing to do until it ends or another goal is set."""
        self._served = goal
        self.failure = None
        self._become(State.RUNNING)
        goal.settle()
        await self._pulse.until(lambda: self.goal is not goal or not self.alive)
        if not self.alive and self.goal is goal:
            await self._died(goal, answered=True)

    async def _died(self, goal: Goal, *, answered: bool) -> None:
        """It ended by itself. Before the start was `answered` that is the answer: a failure that says why. Later the policy
        decides: started again after a while, at rest after code 0, or given up as failed."""
        ended = self.terminal.last_exit
        assert ended is not None
        await self._sweep()
        if self.goal is not goal:
            return
        delay_s = self._deaths.next_delay(self.care.supervision, ended) if answered else None
        if delay_s is None and answered and ended.code == 0:
            self._want_nothing()
            self._become(State.STOPPED)
            return
        lines = () if ended.lost else await self.terminal.last_lines()
        hint = await self._explain(lines, ended)
        how = _ending(ended)
        failure = Failure(
            reason=how,
            at=ended.at,
            exit_code=ended.code,
            signal=signal.Signals(ended.signal).name if ended.signal else None,
            last_lines=lines,
            hint=hint,
            restart_at=None if delay_s is None else int((time.time() + delay_s) * 1000),
        )
        if self.goal is not goal:
            return
        if delay_s is not None:
            await self._back_off(goal, failure, delay_s)
            return
        shown = "".join(f"\n{line}" for line in ((hint.zh, *lines[-5:]) if hint else lines[-5:]))
        shown_en = "".join(f"\n{line}" for line in ((hint.en, *lines[-5:]) if hint else lines[-5:]))
        error = CommandFailed(f"{self.title.zh} {how.zh}{shown}", f"{self.title.en} {how.en}{shown_en}")
        self._give_up(goal, error, failure)

    async def _back_off(self, goal: Goal, failure: Failure, delay_s: float) -> None:
        """Waits before the next start, unless another command comes."""
        log.warning("%s %s; again in %.1f s", self.terminal.session_id, failure.reason.en, delay_s)
        self.failure = failure
        self.restarts += 1
        self.backing_off = True
        self._become(State.STARTING)
        self.on_change()
        try:
            await self._pulse.until(lambda: self.goal is not goal, delay_s)
        finally:
            self.backing_off = False

    async def _end(self, goal: Goal) -> None:
        """Stops the process: first what needs it, then signal by signal, then whatever is left of its tree."""
        before = self.state
        self._become(State.STOPPING)
        await self._pulse.until(
            lambda: self.goal is not goal or all(program.settled for program in self.needed_by)
        )
        if self.goal is not goal:
            # Nothing was sent yet: the newer goal decides anew, and may well keep the process.
            if self.alive:
                self._become(before)
            return
        young = self.started_at is not None and time.time() * 1000 - self.started_at < YOUNG_S * 1000
        for step in self._stop:
            own = self.care.supervision.stop_timeout_s or step.wait_s
            wait_s = self.care.stop_timeout_s if own is None else own
            # An interpreter that is still coming up can swallow a SIGINT (CPython does, about one in 200): ask it twice.
            for patience_s in (min(ASK_AGAIN_S, wait_s), wait_s) if young else (wait_s,):
                if self.alive:
                    await self.terminal.signal(step.signal, step.to)
                    await self._pulse.until(lambda: not self.alive, patience_s)
        await self._sweep()
        if (
            self.alive
        ):  # not even SIGKILL ends a process that the kernel holds: nothing to do until it lets go
            self._give_up(
                goal, CommandFailed(f"{self.title.zh} 无法停止", f"{self.title.en} cannot be stopped")
            )
            given_up = self.goal
            await self._pulse.until(lambda: not self.alive or self.goal is not given_up)

    async def _sweep(self) -> None:
        """Ends what the process left behind: children that ignored the signals or left its group."""
        if self.alive or self._served is None:
            return
        self._served = None
        try:
            if await self.terminal.signal("SIGTERM", "tree"):
                await asyncio.sleep(LEFTOVER_GRACE_S)
                for _ in range(50):
                    if not await self.terminal.signal("SIGKILL", "tree"):
                        break
                    await asyncio.sleep(0.02)
        except LauncherError as error:
            log.warning("what %s left behind: %s", self.terminal.session_id, error.text.en)

    def _exited(self, _exit: Exit) -> None:
        self._pulse.beat()

    def _become(self, state: State) -> None:
        if state not in (State.STARTING, State.RUNNING):
            self._await_readiness(None)
        if state is self.state:
            return
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"{self.terminal.session_id}: {self.state} -> {state}")
        self.state = state
        self.terminal.say(_ANNOUNCED[state])
        self._pulse.beat()
        self.on_change()


def _ending(ended: Exit) -> Text:
    if ended.lost:
        return Text("失去了它的 keeper，已被结束", "lost its keeper and was ended")
    if ended.signal:
        name = signal.Signals(ended.signal).name
        return Text(f"被信号 {name} 结束", f"was ended by {name}")
    return Text(f"已退出，退出码 {ended.code}", f"exited with code {ended.code}")
