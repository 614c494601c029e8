"""The programs of one instance, their terminals, and the keeper that holds them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mailauncher.errors import LauncherError, ResourceNotFound, Text
from mailauncher.launch import Launch, shell_launch
from mailauncher.outage import Outage
from mailauncher.tasks import Tasks
from terminals.client import Exit, KeeperClient, NoAnswer, TerminalStatus
from terminals.condition import Condition
from terminals.goal import Goal
from terminals.local import LocalKeepers
from terminals.policy import Policy, Supervision
from terminals.preparation import LaunchFactory
from terminals.program import Program
from terminals.states import State
from terminals.terminal import Terminal

log = logging.getLogger(__name__)

SEARCH_PAUSE_S = 2.0
SOON_S = 4.0  # a command is answered within 8 s, and a keeper that holds nothing has nothing else to do
KILL_WITHIN_S = 10.0
SHUTDOWN_WITHIN_S = 5.0  # longer than a server takes to end
MAIN = "main"
DEPLOY = "deploy"
"""The terminal of an instance's deployments. No program of the instance runs in it, and no shell."""


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """One program to supervise: the name of its terminal, the folder of its shell, and what to run in it.

    `needs` names the programs that must run before it. `explain` gives a hint at what caused an exit, from its last lines.
    `lacks_consent` asks whether its terms are not accepted.
    """

    name: str
    title: Text
    folder: Path
    make_launch: LaunchFactory
    explain: Callable[[tuple[str, ...], Exit], Awaitable[Text | None]]
    lacks_consent: Callable[[], Awaitable[bool]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """The goals that one command has set, in the order of the programs."""

    goals: tuple[Goal, ...]

    async def wait(self, timeout_s: float) -> bool:
        """Whether all goals are reached in time. Raises the first failure in the order of the programs."""
        futures = [goal.done for goal in self.goals]
        if futures:
            await asyncio.wait(futures, timeout=timeout_s)
        for future in futures:
            if future.done():
                future.result()
        return all(future.done() for future in futures)


class Supervisor:
    """One instance's programs by name, `main` first, and their terminals, that of its deployments last."""

    def __init__(
        self,
        instance_id: str,
        specs: Iterable[ProgramSpec],
        keepers: LocalKeepers,
        policy: Policy,
        shell: str,
        shell_idle_timeout_s: float,
        on_change: Callable[[], None],
    ) -> None:
        self.instance_id = instance_id
        self.client = KeeperClient(
            lambda factory, start: keepers.dial(instance_id, factory, start),
            log=keepers.log(instance_id),
            on_exit=self._exited,
            on_log_error=self._log_failed,
            on_refused=self._input_refused,
            on_lost=self._disconnected,
        )
        self._lost = keepers.lost(instance_id)
        self._starting = asyncio.Lock()
        self._outage = Outage(log, f"connecting to the keeper of {instance_id}")
        self._searching: asyncio.Task[None] | None = None
        self.condition = Condition()
        self.programs: dict[str, Program] = {}
        self._tasks = Tasks()
        self._policy = policy
        self._shell = shell
        self._shell_idle_timeout_s = shell_idle_timeout_s
        self._on_change = on_change
        self.terminals = {DEPLOY: self._terminal(DEPLOY, None)}
        self.arrange(specs)

    def _terminal(self, name: str, shell: Callable[[], Launch] | None) -> Terminal:
        terminal = Terminal(
            f"{self.instance_id}_{name}",
            self.client,
            shell=shell,
            shell_idle_timeout_s=self._shell_idle_timeout_s,
        )
        terminal.keeper_for_start = self.keeper_for_start
        terminal.on_disconnected = self._disconnected
        return terminal

    @asynccontextmanager
    async def keeper_for_start(self) -> AsyncIterator[None]:
        """A keeper that answers, or none, and the next request starts one. One that does not answer soon, and holds nothing but
        shells, is killed. Raises NoAnswer for one that holds more.

        For one start at a time: while a keeper is about to start something, nothing lives of that yet.
        """
        async with self._starting:
            if not await self.client.answers(SOON_S):
                await self._replace_keeper()
            yield

    async def _replace_keeper(self) -> None:
        lives = any(t.runs_program for t in self.terminals.values()) or any(
            program.lives for program in self.programs.values()
        )
        if not lives and await self._lost.end_keeper():
            log.warning("keeper of %s did not answer, and was killed: it held no program", self.instance_id)
            self.client.close()
            for terminal in self.terminals.values():
                terminal.resume(None)
        elif not await self.client.answers():
            raise NoAnswer

    def _program(self, spec: ProgramSpec) -> Program:
        program = Program(
            self._terminal(spec.name, lambda: shell_launch(self._shell, spec.folder)),
            self._lost,
            spec.make_launch,
            self._policy,
            self.condition,
            spec.title,
            spec.explain,
            spec.lacks_consent,
        )
        program.on_change = self._on_change
        program.on_unreachable = self._search
        return program

    def arrange(self, specs: Iterable[ProgramSpec]) -> list[Program]:
        """Has these programs from now on, `main` first and each after those that it needs. One that is here already stays as it
        is, with its process, its viewers and the command that is on its way. Returns those that no command reaches any more:
        they are for `discard`.

        Both tables are made anew, since somebody may be waiting in the middle of the former ones.
        """
        programs: dict[str, Program] = {}
        for spec in specs:
            program = self.programs.get(spec.name) or self._program(spec)
            program.needs = tuple(programs[name] for name in spec.needs if name in programs)
            program.needed_by = ()
            for need in program.needs:
                need.needed_by += (program,)
            programs[spec.name] = program
        gone = [program for name, program in self.programs.items() if name not in programs]
        deploy = self.deploy_terminal
        self.programs = programs
        # Those that go are told of their exits until they have ended.
        self.terminals = {program.terminal.name: program.terminal for program in (*programs.values(), *gone)}
        self.terminals[DEPLOY] = deploy
        self.condition.notify_all()
        return gone

    async def discard(self, gone: list[Program]) -> None:
        """Kills what still runs of programs that `arrange` has taken out, ends their shells and their viewers, and answers whoever
        waits for a command to them."""
        commands = [Command((program.kill(),)) for program in gone]
        for program in gone:
            program.terminal.reserved = True  # no viewer opens a shell any more
        for program, command in zip(gone, commands, strict=True):
            try:
                await command.wait(KILL_WITHIN_S)
                await program.terminal.close_shell()
            except LauncherError as error:
                log.warning("%s was removed, and may live on: %s", program.terminal.session_id, error)
            await program.close(_removed(program))
            await program.terminal.close()
        self.terminals = {
            name: t for name, t in self.terminals.items() if name in self.programs or name == DEPLOY
        }

    @property
    def main_program(self) -> Program:
        return self.programs[MAIN]

    @property
    def deploy_terminal(self) -> Terminal:
        return self.terminals[DEPLOY]

    # Commands

    def start(self, names: Iterable[str] | None = None) -> Command:
        """Starts those of these programs (default: all) that should not run yet, or wait for an automatic restart."""
        chosen = [self.programs[name] for name in names or self.programs]
        return Command(
            tuple(program.start() for program in chosen if not program.wanted or program.backing_off)
        )

    def stop(self, names: Iterable[str] | None = None) -> Command:
        """Stops those of these programs (default: all) that run or should run. A failed one becomes stopped."""
        chosen = [self.programs[name] for name in names or self.programs]
        return Command(tuple(p.stop() for p in chosen if p.wanted or p.lives or p.state is not State.STOPPED))

    def kill(self, names: Iterable[str] | None = None) -> Command:
        """Kills those of these programs (default: all) that run or should run, all at once."""
        chosen = [self.programs[name] for name in names or self.programs]
        return Command(tuple(p.kill() for p in chosen if p.wanted or p.lives or p.state is not State.STOPPED))

    def restart(self) -> Command:
        """Replaces every process; what does not run is started."""
        return Command(tuple(program.start(replace=True) for program in self.programs.values()))

    def set_policy(self, supervision: Supervision) -> None:
        """Supervises all programs like this from now on."""
        self._policy = replace(self._policy, supervision=supervision)
        for program in self.programs.values():
            program.policy = self._policy

    # Lifetime

    async def adopt(self) -> None:
        """Finds the programs that a former server left running in this instance's keeper, and supervises them.

        There is no `await` between the keeper's answer and the last `program.adopt`. An exit that the keeper reports
        afterwards finds its program adopted, and is handled by its policy. If it came in between, for a terminal that
        does not know its run yet or a program that nobody supervises, it would be lost: the program would be taken for
        one that was never started. What takes time, the recipe, comes last.

        Where no keeper answers, what lives nevertheless is marked as lost. Raises ConnectionFailed if one lives.
        """
        try:
            statuses = await self.client.statuses()
        except LauncherError:
            await self.mark_lost()
            raise
        reached = self.client.connected
        for name, status in statuses.items():
            if name in self.terminals:
                self.terminals[name].adopt(status)
        adopted = [p for p in self.programs.values() if p.alive and not p.supervised]
        for program in adopted:
            program.adopt()
        found = self._mark_found()
        if not any(status.alive for status in statuses.values()):
            viewers = any(terminal.tail.viewers for terminal in self.terminals.values())
            if not self.client.busy and not viewers:
                self.client.close()
            if not reached and await self.mark_lost():
                self._search()  # what has lost its terminal may be about to end
        for program in adopted + found:
            await program.load_launch()

    async def keeper_lives(self) -> bool:
        """Whether a keeper does, be it that it answers or not."""
        return await self._lost.keeper_lives()

    async def mark_lost(self) -> bool:
        """Finds what lives although no keeper has answered. Whether there is anything. No effect on what is found again
        meanwhile."""
        found = await self._lost.find()
        for name, program in self.programs.items() if not self.client.connected else ():
            program.mark_lost(found.get(name))
        return any(program.lost_pid is not None for program in self.programs.values())

    def _mark_found(self) -> list[Program]:
        """What was lost, and what its keeper says now that it runs. What it does not run has ended."""
        lost = [program for program in self.programs.values() if program.lost_pid is not None]
        for program in lost if self.client.connected else ():
            if program.alive:
                program.mark_found()
            else:
                program.mark_lost(None)
        return [program for program in lost if program.alive and program.lost_pid is None]

    def _search(self) -> None:
        """A keeper that did not answer may have done what it was asked for, or do it later: it is asked until it answers
        what it runs, or has ended."""
        if self._searching is None or self._searching.done():
            self._searching = self._tasks.spawn(self._find_again(), f"search for {self.instance_id}")

    async def _find_again(self) -> None:
        while True:
            await asyncio.sleep(SEARCH_PAUSE_S)
            try:
                await self.adopt()
            except LauncherError as error:
                self._outage.failed(error)
            else:
                self._outage.worked()
                if all(program.lost_pid is None for program in self.programs.values()):
                    return

    async def close(self, why: LauncherError) -> None:
        """Ends the supervision. The keeper, and what it runs, go on. `why` answers commands that still wait."""
        for program in self.programs.values():
            await program.close(why)
        for terminal in self.terminals.values():
            await terminal.close()
        await self._tasks.close()
        self.client.retire()

    async def end_keeper(self) -> None:
        """Ends the shells, then the keeper; every program must have been stopped. A keeper that hangs is killed, unless anything
        but shells lives of the instance. Raises LauncherError."""
        try:
            await self._ask_keeper_to_end()
        except NoAnswer:
            if not await self._lost.end_keeper():
                raise

    async def _ask_keeper_to_end(self) -> None:
        if not await self.client.connect(start=False):
            return
        try:
            # All terminals first: a viewer that presses Enter while the shells end would open another one, and the
            # keeper refuses to end while anything runs.
            for terminal in self.terminals.values():
                terminal.reserved = True
            for terminal in self.terminals.values():
                await terminal.close_shell()
            await self.client.end()
        except BaseException:
            for name, terminal in self.terminals.items():
                terminal.reserved = name in self.programs and self.programs[name].wanted
            raise

    # Events of the keeper

    def _exited(self, name: str, run: str, exit: Exit) -> None:
        if name in self.terminals:
            self.terminals[name].exited(run, exit)

    def _log_failed(self, name: str, error: str) -> None:
        if name not in self.terminals:
            return
        log.error("log of %s_%s: %s", self.instance_id, name, error or "is written again")
        self.terminals[name].announce(
            Text(
                f"终端日志无法写入（{error}），此后的输出不会保存",
                f"The terminal's log cannot be written ({error}); further output is not kept",
            )
            if error
            else Text("终端日志恢复写入", "The terminal's log is written again")
        )

    def _input_refused(self, name: str, error: str) -> None:
        if name in self.terminals:
            self.terminals[name].announce(Text(f"输入被拒绝：{error}", f"Input refused: {error}"))

    def _disconnected(self) -> None:
        """The control connection has ended, which is no proof that the keeper has: it is asked what it runs."""
        for terminal in self.terminals.values():
            terminal.tail.disconnect()
        self._tasks.spawn(self._reconnect(), f"recovery of the terminals of {self.instance_id}")

    async def _reconnect(self) -> None:
        """Learns what has become of the terminals, and shows viewers their further output.

        The keeper has died if none holds its lock, or if another one answers, which does not know the runs, or calls them
        lost. What it ran has lost its terminal then, and the next keeper kills what is left of it: the exits wake the
        programs, which connect to end leftovers, and the first of them starts that keeper.

        There is no `await` between the answer and the last `resume`, so that an exit that is told afterwards finds its run.
        """
        statuses = await self._ask_until_answered()
        if not self.client.connected and any(terminal.alive for terminal in self.terminals.values()):
            self._tasks.spawn(self._report_death(), f"report of the keeper of {self.instance_id}")
        for name, terminal in self.terminals.items():
            terminal.resume(statuses.get(name))
        found = self._mark_found()
        try:
            for terminal in self.terminals.values():
                if terminal.tail.viewers:
                    await terminal.tail.open()
        except LauncherError as error:
            log.warning("keeper of %s: %s", self.instance_id, error.text.en)
        for program in found:
            await program.load_launch()

    async def _report_death(self) -> None:
        """A machine that is shut down ends its processes in any order: a keeper that ends shortly before the server does has not
        failed."""
        try:
            await asyncio.sleep(SHUTDOWN_WITHIN_S)
        except asyncio.CancelledError:
            log.info("keeper of %s has ended, as the server does", self.instance_id)
            raise
        log.error("keeper of %s died", self.instance_id)

    async def _ask_until_answered(self) -> dict[str, TerminalStatus]:
        """What runs; nothing if no keeper lives. One that lives and does not answer is asked again: what it runs may live too, and
        is lost until then."""
        while True:
            try:
                statuses = await self.client.statuses()
            except LauncherError as error:
                self._outage.failed(error)
                with contextlib.suppress(LauncherError):  # without descriptors it is not known what lives
                    await self.mark_lost()
                await asyncio.sleep(SEARCH_PAUSE_S)
            else:
                self._outage.worked()
                return statuses


def _removed(program: Program) -> LauncherError:
    title = program.title
    return ResourceNotFound(
        f"{title.zh} 已不属于此实例", f"{title.en} is no longer a program of this instance"
    )
