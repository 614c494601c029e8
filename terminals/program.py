"""A supervised program in a terminal: moves its process to the state that is wanted.

Commands only set a goal; one task per program moves the process towards it. So concurrent commands on one program are
serialised, the last one wins, and there are never two processes.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from mailauncher.errors import (
    CommandFailed,
    ConnectionFailed,
    InstanceNotRunning,
    LauncherError,
    Text,
)
from mailauncher.launch import LoginSigns
from mailauncher.tasks import Tasks
from terminals.client import Exit, NoAnswer
from terminals.condition import Condition
from terminals.ending import ProcessEnding
from terminals.executable import is_shell_script
from terminals.exits import USE_THE_FOREGROUND, failure_of, left_in_background
from terminals.goal import Goal
from terminals.lost import LostPrograms
from terminals.policy import Policy, RecentExits
from terminals.preparation import LaunchFactory, Preparation
from terminals.readiness import ReadinessWatch
from terminals.states import MESSAGES, TRANSITIONS, Failure, State
from terminals.terminal import Terminal

log = logging.getLogger(__name__)


class Program:
    """One program of an instance: `main` or a service.

    `make_launch` is called before each start. A program starts after those that it `needs`, and stops before them.
    """

    def __init__(
        self,
        terminal: Terminal,
        lost_programs: LostPrograms,
        make_launch: LaunchFactory,
        policy: Policy,
        condition: Condition,
        title: Text,
        explain: Callable[[tuple[str, ...], Exit], Awaitable[Text | None]],
        lacks_consent: Callable[[], Awaitable[bool]],
    ) -> None:
        self.terminal = terminal
        self.title = title
        self.needs: tuple[Program, ...] = ()
        self.needed_by: tuple[Program, ...] = ()
        self.state = State.STOPPED
        self.failure: Failure | None = None
        self.goal = Goal(running=False)
        self.goal.resolve()
        self.policy = policy
        self.readiness = ReadinessWatch(terminal, self._changed)
        self.login_signs: LoginSigns | None = None
        """How its output tells that a person has to log it in; None: it does not."""
        self.lacks_consent = lacks_consent
        """Asks whether its terms are not accepted."""
        self.restarts = 0
        """Automatic restarts since the last manual start."""
        self.last_death: Failure | None = None
        """Why it was restarted the last time; None if `restarts` is 0."""
        self.held: Text | None = None
        """Why it was not started as was asked. It is stopped."""
        self.backing_off = False
        """Whether it exited and waits for its next automatic start."""
        self.lost_pid: int | None = None
        """Its process, if that lives although the keeper cannot be reached."""
        self.on_change: Callable[[], None] = lambda: None
        self.on_unreachable: Callable[[], None] = lambda: None
        """Called when a command fails because the keeper did not answer: it may have done what it was asked for."""
        self._ending = ProcessEnding(terminal, lost_programs, condition, lambda: self.goal.kill)
        self._make_launch = make_launch
        self._preparation = Preparation(make_launch, terminal, condition, self._changed)
        self._condition = condition
        self._explain = explain
        self._is_shell_script = False
        self._goal_of_process: Goal | None = None
        """The goal that the process was started or kept for; None once it and what it left behind have ended."""
        self._exits = RecentExits()
        self._failed_at = 0.0
        self._tasks = Tasks()
        self._supervision: asyncio.Task[None] | None = None
        terminal.on_exit = self._ended

    # Commands

    @property
    def wanted(self) -> bool:
        """Whether it should run."""
        return self.goal.running

    @property
    def alive(self) -> bool:
        return self.terminal.runs_program

    @property
    def ready(self) -> bool | None:
        """Whether it works; None while it does not run, and if its recipe does not say how to tell."""
        return self.readiness.ready

    @property
    def port_wait(self) -> Text | None:
        """Why its start waits for its port; None: it does not."""
        return self._preparation.port_wait

    @property
    def pid(self) -> int | None:
        return self.terminal.pid if self.alive else self.lost_pid

    @property
    def lives(self) -> bool:
        """Whether it runs, reachable or not."""
        return self.alive or self.lost_pid is not None

    @property
    def supervised(self) -> bool:
        """Whether its process, and what that leaves behind, are looked after."""
        return self._goal_of_process is not None

    @property
    def started_at(self) -> int | None:
        """Milliseconds since 1970; None while it does not run."""
        return self.terminal.started_at if self.alive else None

    @property
    def began(self) -> float | None:
        """The same moment, by the monotonic clock; None also where its keeper does not say."""
        return self.terminal.began if self.alive else None

    def failed_since(self, moment: float) -> bool:
        """Whether it failed at or after a moment of the monotonic clock."""
        return self.failure is not None and self._failed_at >= moment

    def start(self, *, replace: bool = False) -> Goal:
        """Wants it running; `replace` ends a process that runs first."""
        self._exits.clear()
        self.restarts, self.last_death = 0, None
        return self._set_goal(Goal(running=True, replace=replace))

    def stop(self) -> Goal:
        return self._set_goal(Goal(running=False))

    def kill(self) -> Goal:
        """Ends it at once, also while a stop waits for it, without a signal that it could answer. Nobody else is waited for."""
        return self._set_goal(Goal(running=False, kill=True))

    def _set_goal(self, goal: Goal) -> Goal:
        self.goal.resolve(
            InstanceNotRunning(
                f"{self.title.zh}：命令已被之后的命令取代", f"{self.title.en}: superseded by a later command"
            )
        )
        self.goal, self.held = goal, None
        self.terminal.reserved = goal.running
        self._condition.notify_all()
        if self._supervision is None or self._supervision.done():
            name = f"supervision of {self.terminal.session_id}"
            self._supervision = self._tasks.spawn(self._supervise(), name)
        return goal

    def hold(self, why: Text | None) -> None:
        """Shows why a requested start did not happen, until the next command; None: no longer. No effect while it runs or should
        run."""
        if not self.wanted and not self.lives and why != self.held:
            self.held = why
            self.on_change()

    async def close(self, why: LauncherError) -> None:
        """Ends the supervision, not the process. `why` answers a command that still waits."""
        await self._tasks.close()
        self.goal.resolve(why)
        await self.readiness.close()

    def adopt(self) -> None:
        """Supervises a process that a former server started, and whose status its terminal has just been given.

        The process may exit before the task that `start` creates runs for the first time. `_goal_of_process` is set
        here, before that, so that the task sees a process that has exited and applies the restart policy. Otherwise it
        would see a program that was never started, and start it.
        """
        self.lost_pid = None
        goal = self.start()
        self._goal_of_process = goal
        goal.resolve()

    def mark_lost(self, pid: int | None) -> None:
        """Shows that its process lives and cannot be reached; None: that it does not live. One of which no end was told counts as
        living: the keeper may hang, and it is asked again what it runs. No effect while a command is on its way, which
        finds out itself, or if that is known."""
        if self.alive:
            pid = self.terminal.pid
        elif self.wanted:
            return
        if pid == self.lost_pid or self.state in (State.STARTING, State.STOPPING):
            return
        self.lost_pid = pid
        if pid is not None:
            reason = Text(
                f"失去联系（lost）：仍在运行（pid {pid}），但无法连接其 keeper",
                f"lost: it runs (pid {pid}), and its keeper cannot be reached",
            )
            self._set_failure(Failure(reason=reason, at=int(time.time() * 1000)))
            self._transition(State.FAILED)
        elif self.state is State.FAILED:
            self.failure = None
            self._transition(State.STOPPED)
        self.on_change()

    def mark_found(self) -> None:
        """Shows that it runs, as its keeper says again. It was supervised all the time."""
        self.lost_pid = None
        if self.wanted and self.state is State.FAILED:
            self.failure = None
            self._transition(State.RUNNING)
        self.on_change()

    async def load_launch(self) -> None:
        """Gives a process that was adopted or found again the stop and the readiness of today's recipe. Until then a stop uses the default steps."""
        run = self.terminal.run
        try:
            launch = await self._make_launch(adopting=True)
            shell_script = await asyncio.to_thread(is_shell_script, launch)
        except LauncherError as error:
            log.warning("recipe of %s: %s", self.terminal.session_id, error)
            return
        if self.alive and self.terminal.run == run:
            self._ending.steps, self._is_shell_script = launch.stop, shell_script
            self.login_signs = launch.login
            self.readiness.adopt(launch.ready)
            self.on_change()

    def _ended(self, _exit: Exit) -> None:
        if self.lost_pid is not None:
            self.lost_pid = self.failure = None
        self._condition.notify_all()

    # The task

    async def _supervise(self) -> None:
        """Moves the process to the goal and watches it there. Returns once nothing is wanted and nothing is left.

        A command may set another goal at every `await` below. So each step gets the goal it works for, compares it with
        the current one after each wait, and returns if there is a newer one; the loop then decides anew. Without the
        comparison a stop that comes while a start prepares would be followed by the start.
        """
        while True:
            goal = self.goal
            try:
                if self.lives and not self._satisfies(goal):
                    await self._end_process(goal)
                elif not goal.running:
                    await self._end_leftovers()
                    if goal is self.goal:
                        self._mark_stopped(goal)
                        return
                elif self.alive:
                    await self._watch(goal)
                elif self._goal_of_process is goal:
                    await self._exited(goal, started=True)
                else:
                    await self._start(goal)
            except LauncherError as error:
                self._give_up(goal, error)
                if isinstance(error, ConnectionFailed):
                    self.on_unreachable()
            except Exception as error:
                log.exception("supervising %s", self.terminal.session_id)
                self._give_up(goal, CommandFailed(f"内部错误：{error}", f"Internal error: {error}"))

    def _satisfies(self, goal: Goal) -> bool:
        """Whether the process that runs is one that the goal accepts."""
        return self.lost_pid is None and goal.running and (goal is self._goal_of_process or not goal.replace)

    @property
    def settled(self) -> bool:
        """Whether no process runs that the goal does not accept."""
        return not self.lives or self._satisfies(self.goal)

    def _mark_stopped(self, goal: Goal) -> None:
        if (
            not goal.done.done()
        ):  # a requested stop; after a failure the goal is resolved already, and FAILED stays
            self.failure = None
            self._transition(State.STOPPED)
        goal.resolve()

    def _give_up(self, goal: Goal, error: LauncherError, failure: Failure | None = None) -> None:
        """The goal cannot be reached. Unless there is a newer one, nothing is wanted from now on."""
        log.warning("%s: %s", self.terminal.session_id, error.text.en)
        goal.resolve(error)
        if self.goal is goal:
            self._clear_goal()
            self._set_failure(
                failure or Failure(reason=error.text, at=int(time.time() * 1000), sentence=True)
            )
            self._transition(State.FAILED)
            self.on_change()  # the reason may be the only change, of what was lost

    def _set_failure(self, failure: Failure) -> None:
        self.failure = failure
        self._failed_at = (
            time.monotonic()
        )  # `failure.at` is for people: the clock that it is of may be set anew

    def _clear_goal(self) -> None:
        self.goal = Goal(running=False)
        self.goal.resolve()
        self.terminal.reserved = False

    async def _start(self, goal: Goal) -> None:
        """Starts the program once what it needs runs, and watches it until it counts as started."""
        self._transition(State.STARTING)
        await self._condition.wait_for(
            lambda: self.goal is not goal or all(n.alive or not n.wanted for n in self.needs)
        )
        if self.goal is not goal:
            return
        if missing := next((n for n in self.needs if not n.alive and n.failed_since(goal.set_at)), None):
            raise CommandFailed(
                f"{self.title.zh} 未启动：{missing.title.zh} 没有运行",
                f"{self.title.en} was not started: {missing.title.en} is not running",
            )
        launch = await self._preparation.launch(lambda: self.goal is goal)
        if launch is None:
            return
        self._ending.steps = launch.stop
        self._is_shell_script = await asyncio.to_thread(is_shell_script, launch)
        if self.goal is not goal:
            return
        # A stop may come while this waits. The request is with the keeper then and cannot be withdrawn; so the process
        # is noted as started for this goal, and the loop ends it because the newer goal does not accept it.
        try:
            await self.terminal.spawn(launch)
        except LauncherError:
            if not self.alive:
                raise
            # It runs already, and nobody here knew. That is what was wanted, or the loop ends it and starts anew.
            log.warning("%s runs already", self.terminal.session_id)
            if goal.replace:
                return
        self._goal_of_process = goal
        self.login_signs = launch.login
        self.readiness.begin(launch.ready)
        self._condition.notify_all()
        await self._condition.wait_for(
            lambda: self.goal is not goal or not self.alive, self.policy.start_grace_s
        )
        if not self.alive and self.goal is goal:
            await self._exited(goal, started=goal.done.done())

    def _changed(self) -> None:
        self._condition.notify_all()
        self.on_change()

    async def _watch(self, goal: Goal) -> None:
        """It runs as wanted: waits until it exits or another goal is set."""
        self._goal_of_process = goal
        self.failure = None
        self._transition(State.RUNNING)
        goal.resolve()
        await self._condition.wait_for(lambda: self.goal is not goal or not self.alive)
        if not self.alive and self.goal is goal:
            await self._exited(goal, started=True)

    async def _exited(self, goal: Goal, *, started: bool) -> None:
        """It exited by itself. Before it counted as `started` that is a failed start. Later the policy decides: it is
        restarted after a delay, stays stopped after code 0, or is given up as failed.

        A start script that puts its program into the background and ends with code 0 has failed: the program ends with it.
        """
        ended = self.terminal.last_exit
        assert ended is not None
        self.readiness.end()
        in_background = await left_in_background(self.terminal, ended, shell_script=self._is_shell_script)
        await self._end_leftovers()
        if self.goal is not goal:
            return
        delay_s = self._exits.next_delay(self.policy.supervision, ended) if started else None
        if delay_s is None and started and ended.code == 0 and not in_background:
            self._clear_goal()
            self._transition(State.STOPPED)
            return
        lines = () if ended.lost else await self.terminal.last_lines()
        hint = USE_THE_FOREGROUND if in_background else await self._explain(lines, ended)
        failure = failure_of(ended, in_background, lines, hint, delay_s)
        if self.goal is not goal:
            return
        if delay_s is not None:
            await self._back_off(goal, failure, delay_s)
            return
        told = failure.told
        error = CommandFailed(f"{self.title.zh} {told.zh}", f"{self.title.en} {told.en}")
        self._give_up(goal, error, failure)

    async def _back_off(self, goal: Goal, failure: Failure, delay_s: float) -> None:
        """Waits before the next start, unless another command comes."""
        log.warning("%s %s; restarts in %.1f s", self.terminal.session_id, failure.reason.en, delay_s)
        self._set_failure(failure)
        self.last_death = failure
        self.restarts += 1
        self.backing_off = True
        self._transition(State.STARTING)
        self.on_change()
        try:
            await self._condition.wait_for(lambda: self.goal is not goal, delay_s)
        finally:
            self.backing_off = False

    async def _end_process(self, goal: Goal) -> None:
        """Stops the process: first what needs it, then signal by signal, then whatever is left of its tree.

        A kill skips all that is left of this when it comes. It need not be this goal: it may be a newer one, which comes
        while a signal has its time.
        """
        before = self.state
        self._transition(State.STOPPING)
        await self._condition.wait_for(
            lambda: self.goal is not goal or goal.kill or all(program.settled for program in self.needed_by)
        )
        if self.goal is not goal:
            # No signal was sent yet: the newer goal decides anew, and may well keep the process. After the first signal
            # there is no way back: a process that is shutting down would be kept as if it were running.
            if self.lives:
                self._transition(before)
            return
        unstoppable = CommandFailed(f"{self.title.zh} 无法停止", f"{self.title.en} cannot be stopped")
        if not await self._end_by_keeper():
            if not await self._ending.without_keeper(self.policy):
                raise unstoppable  # and the loop tries again, for as long as it takes
            self.lost_pid = self._goal_of_process = None
            return
        await self._end_leftovers()
        if self.alive:  # the kernel holds it, even against SIGKILL: wait until it lets go
            self._give_up(goal, unstoppable)
            given_up = self.goal
            await self._condition.wait_for(lambda: not self.alive or self.goal is not given_up)

    async def _end_by_keeper(self) -> bool:
        """Whether the keeper answers. One that does not may still carry out what it was asked for, when it goes on; that harms
        nobody, since it signals its own run, whose id no other has."""
        if self.lost_pid is not None:
            return False
        try:
            return await self._ending.by_keeper(self.policy)
        except NoAnswer:
            return False

    async def _end_leftovers(self) -> None:
        if not self.alive and self._goal_of_process is not None:
            self._goal_of_process = None
            await self._ending.of_leftovers()

    def _transition(self, state: State) -> None:
        if state not in (State.STARTING, State.RUNNING):
            self.readiness.end()
        if state is self.state:
            return
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"{self.terminal.session_id}: {self.state} -> {state}")
        self.state = state
        self.terminal.announce(MESSAGES[state])
        self._condition.notify_all()
        self.on_change()
