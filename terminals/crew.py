"""The programs of one instance, their terminals, and the keeper that holds them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mailauncher.errors import LauncherError, TerminalNotFound, Text
from mailauncher.launch import shell_launch
from terminals.client import Exit, KeeperClient
from terminals.local import LocalKeepers
from terminals.policy import Supervision
from terminals.program import Care, Goal, Plan, Program, Pulse
from terminals.states import State
from terminals.terminal import Terminal

log = logging.getLogger(__name__)

MAIN = "main"
DEPLOY = "deploy"
"""The terminal in which an instance is installed. It belongs to no program, and has no shell."""


@dataclass(frozen=True, slots=True)
class Member:
    """One program to supervise: its terminal's name, what it needs to run first, its folder, and how to run it."""

    name: str
    title: Text
    folder: Path
    plan: Plan
    explain: Callable[[tuple[str, ...], Exit], Awaitable[Text | None]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """Goals set by one command, in the order of the programs."""

    goals: tuple[Goal, ...]

    async def wait(self, timeout_s: float) -> bool:
        """Whether all goals are reached in time. Raises the first failure, in the order of the programs."""
        futures = [goal.done for goal in self.goals]
        if futures:
            await asyncio.wait(futures, timeout=timeout_s)
        for future in futures:
            if future.done():
                future.result()
        return all(future.done() for future in futures)


class Crew:
    """One instance's programs by name, `main` first, and their terminals, with that of its deployment last."""

    def __init__(
        self,
        instance_id: str,
        members: Iterable[Member],
        keepers: LocalKeepers,
        care: Care,
        shell: str,
        shell_idle_timeout_s: float,
        on_change: Callable[[], None],
    ) -> None:
        self.instance_id = instance_id
        self.client = KeeperClient(
            lambda factory, start: keepers.dial(instance_id, factory, start),
            on_exit=self._exited,
            on_log_error=self._log_failed,
            on_refused=self._refused,
            on_lost=self._lost,
        )
        self.pulse = Pulse()
        self.programs: dict[str, Program] = {}
        self.terminals: dict[str, Terminal] = {}
        self._recovering: set[asyncio.Task[None]] = set()
        for member in members:
            terminal = Terminal(
                f"{instance_id}_{member.name}",
                self.client,
                shell=lambda folder=member.folder: shell_launch(shell, folder),  # type: ignore[misc]  # bound now
                shell_idle_timeout_s=shell_idle_timeout_s,
            )
            program = Program(terminal, member.plan, care, self.pulse, member.title, member.explain)
            program.needs = tuple(self.programs[name] for name in member.needs if name in self.programs)
            for need in program.needs:
                need.needed_by += (program,)
            program.on_change = on_change
            self.programs[member.name] = program
            self.terminals[member.name] = terminal
        self.terminals[DEPLOY] = Terminal(
            f"{instance_id}_{DEPLOY}", self.client, shell=None, shell_idle_timeout_s=shell_idle_timeout_s
        )

    @property
    def main(self) -> Program:
        return self.programs[MAIN]

    @property
    def deploy(self) -> Terminal:
        return self.terminals[DEPLOY]

    def terminal(self, name: str) -> Terminal:
        """Raises TerminalNotFound."""
        try:
            return self.terminals[name]
        except KeyError:
            raise TerminalNotFound(f"未找到终端 '{name[:64]}'", f"Terminal '{name[:64]}' not found") from None

    # Commands

    def start(self, names: Iterable[str] | None = None) -> Order:
        """Starts these programs (all by default) that are not wanted yet, or wait for their next start."""
        chosen = [self.programs[name] for name in names or self.programs]
        return Order(
            tuple(program.start() for program in chosen if not program.wanted or program.backing_off)
        )

    def stop(self, names: Iterable[str] | None = None) -> Order:
        """Stops these programs (all by default) that run or are wanted; a failed one is put to rest as well."""
        chosen = [self.programs[name] for name in names or self.programs]
        return Order(tuple(p.stop() for p in chosen if p.wanted or p.alive or p.state is not State.STOPPED))

    def restart(self) -> Order:
        """Replaces every process; what does not run is started."""
        return Order(tuple(program.start(fresh=True) for program in self.programs.values()))

    def look_after(self, supervision: Supervision) -> None:
        """Wishes that count from now on."""
        for program in self.programs.values():
            program.care = replace(program.care, supervision=supervision)

    # Life

    async def adopt(self) -> None:
        """Finds what a former server left running in this instance's keeper, and goes on from there."""
        statuses = await self.client.connect(start=False)
        # All at once: the end of a program that is not known yet would be taken for nobody's.
        for name, status in (statuses or {}).items():
            if name in self.terminals:
                self.terminals[name].adopt(status)
        for program in self.programs.values():
            if program.alive:
                await program.adopt()
        if statuses is not None and not any(status.alive for status in statuses.values()):
            self.client.close()

    async def close(self) -> None:
        """Lets go: the keeper and what it runs go on."""
        for program in self.programs.values():
            await program.close()
        for terminal in self.terminals.values():
            await terminal.close()
        for task in self._recovering:
            task.cancel()
        self.client.retire()

    async def end(self) -> None:
        """Ends the shells and the keeper, after everything was stopped."""
        if await self.client.connect(start=False) is None and not self.client.connected:
            return
        try:
            for terminal in self.terminals.values():
                terminal.reserved = True  # nor may a viewer open another shell meanwhile
            for terminal in self.terminals.values():
                await terminal.close_shell()
            await self.client.end()
        except BaseException:
            for name, terminal in self.terminals.items():
                terminal.reserved = name in self.programs and self.programs[name].wanted
            raise

    # News from the keeper

    def _exited(self, name: str, run: str, exit: Exit) -> None:
        if name in self.terminals:
            self.terminals[name].exited(run, exit)

    def _log_failed(self, name: str, error: str) -> None:
        if name not in self.terminals:
            return
        log.error("log of %s_%s: %s", self.instance_id, name, error or "written again")
        self.terminals[name].say(
            Text(
                f"终端日志无法写入（{error}），此后的输出不会保存",
                f"The terminal's log cannot be written ({error}); output from here on is not kept",
            )
            if error
            else Text("终端日志恢复写入", "The terminal's log is written again")
        )

    def _refused(self, name: str, error: str) -> None:
        if name in self.terminals:
            self.terminals[name].say(Text(f"输入未被接受：{error}", f"The input was not taken: {error}"))

    def _lost(self) -> None:
        """The keeper died. What it ran has lost its terminal; a new keeper ends what is left of it."""
        if any(terminal.alive for terminal in self.terminals.values()):
            log.error("keeper of %s is gone", self.instance_id)
        for terminal in self.terminals.values():
            terminal.lost()
        task = asyncio.get_running_loop().create_task(self._recover())
        self._recovering.add(task)
        task.add_done_callback(self._recovering.discard)

    async def _recover(self) -> None:
        try:
            for terminal in self.terminals.values():
                if terminal.tail.viewers:
                    await terminal.tail.open()
        except LauncherError as error:
            log.warning("keeper of %s: %s", self.instance_id, error)
