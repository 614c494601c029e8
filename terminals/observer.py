"""Looks at running programs: what they ask in their terminals, and on which ports they listen.

Those that are known to be ready are looked at less often, and less is taken for a question: a ready one may well read
commands from its terminal all the time.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Iterable, Set
from dataclasses import dataclass

from mailauncher import listeners
from mailauncher.errors import LauncherError
from mailauncher.outage import Outage
from mailauncher.tasks import Tasks
from terminals.login import LoginWatch
from terminals.observation import Observation
from terminals.program import Program
from terminals.questions import LastWords, last_words
from terminals.supervisor import Supervisor

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
READY_EVERY = 3
"""A ready program is looked at in each so manieth round."""
QUIET_S = 3.0
"""How long output must have stopped before what does not look like a prompt counts as one."""
PORTS_EVERY_S = 8.0
"""How often the ports of a program are looked up, which costs the system more than all else here."""
OUTPUT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class _Output:
    """The end of a run's output, and since when (monotonic) nothing has followed."""

    run: str
    end: int
    since: float
    words: LastWords


class Observer:
    """Looks at the programs of all `supervisors` for ever. One whose keeper does not answer holds up nobody else."""

    def __init__(self, supervisors: Iterable[Supervisor]) -> None:
        self._supervisors = supervisors
        self._tasks = Tasks()
        self._outages: dict[str, Outage] = {}
        self._looking: set[str] = set()
        self._outputs: dict[str, _Output] = {}
        self._consoles: dict[str, bool | None] = {}
        """Whether a ready program reads its terminal without having asked anything, by its run."""
        self._logins: dict[str, LoginWatch] = {}
        """Of programs whose output tells whether they are logged in, by their run."""
        self._ports_at: dict[str, float] = {}
        """When the ports of a program were looked up, by its run (monotonic)."""

    async def run(self) -> None:
        try:
            for number in itertools.count():
                await asyncio.sleep(LOOK_EVERY_S)
                programs = [program for each in self._supervisors for program in each.programs.values()]
                observed = [program for program in programs if program.alive and program.lost_pid is None]
                sessions = {program.terminal.session_id: program for program in observed}
                self._forget_all_but(sessions.keys(), {program.terminal.run for program in observed})
                for session_id in sessions.keys() - self._looking:
                    if number % READY_EVERY == 0 or not sessions[session_id].ready:
                        self._looking.add(session_id)
                        self._tasks.spawn(self._look(sessions[session_id]), f"observation of {session_id}")
        finally:
            await self._tasks.close()

    def _forget_all_but(self, session_ids: Set[str], runs: set[str]) -> None:
        self._outages = {key: outage for key, outage in self._outages.items() if key in session_ids}
        self._outputs = {key: output for key, output in self._outputs.items() if key in session_ids}
        self._ports_at = {run: at for run, at in self._ports_at.items() if run in runs}
        self._logins = {run: watch for run, watch in self._logins.items() if run in runs}
        self._consoles = {run: reads for run, reads in self._consoles.items() if run in runs}

    async def _look(self, program: Program) -> None:
        session_id, run, ready = program.terminal.session_id, program.terminal.run, program.ready
        outage = self._outages.setdefault(session_id, Outage(log, f"looking at {session_id}"))
        try:
            program.readiness.observe(run, ready, await self._observation(program))
        except LauncherError:
            pass  # its keeper is busy or gone: the next look tells
        except OSError as error:
            outage.failed(error)
        else:
            outage.worked()
        finally:
            self._looking.discard(session_id)

    async def _observation(self, program: Program) -> Observation:
        output = await self._output(program)
        asks = await (self._asks_again(program, output) if program.ready else _waits(program, output))
        if not asks:
            return Observation(
                login=await self._awaits_login(program, output), ports=await self._ports(program)
            )
        return Observation(output.words.line, about_terms=await program.lacks_consent())

    async def _asks_again(self, program: Program, output: _Output) -> bool:
        """Whether a ready program waits for an answer: it reads its terminal after a question, which nothing has followed for a
        while. Of one that reads it all the time, or may do so, only a question without a line end counts: the others may be
        lines of its log."""
        terminal, words = program.terminal, output.words
        asks = words.asks and not words.commands
        if not asks and output.run not in self._consoles:
            self._consoles[output.run] = await terminal.client.reading(terminal.name)
        if not asks or time.monotonic() - output.since < QUIET_S:
            return False
        reads = await terminal.client.reading(terminal.name)
        doubtful = reads is None or self._consoles.get(output.run) is not False
        return reads is not False and (words.open_ended or not doubtful)

    async def _awaits_login(self, program: Program, output: _Output) -> bool:
        if program.login_signs is None:
            return False
        watch = self._logins.setdefault(output.run, LoginWatch(program.login_signs))
        terminal = program.terminal
        return await watch.waits(terminal.client, terminal.name, terminal.start, output.end)

    async def _ports(self, program: Program) -> tuple[int, ...]:
        """Where it listens, if its own port is what makes it ready; what was found a moment ago is not looked up again."""
        run, now = program.terminal.run, time.monotonic()
        if program.readiness.awaited != "port":
            return ()
        if now - self._ports_at.get(run, -PORTS_EVERY_S) < PORTS_EVERY_S:
            return program.readiness.observed.ports
        self._ports_at[run] = now
        return await listeners.ports_of(program.pid)

    async def _output(self, program: Program) -> _Output:
        """What the program has printed last, read anew only if that has changed."""
        terminal = program.terminal
        status = await terminal.client.status(terminal.name)
        known = self._outputs.get(terminal.session_id)
        if known is not None and (known.run, known.end) == (status.run, status.end):
            return known
        start = max(status.start, status.end - OUTPUT_BYTES)
        _offset, data = await terminal.client.read(terminal.name, start, OUTPUT_BYTES)
        found = _Output(status.run, status.end, time.monotonic(), last_words(data))
        self._outputs[terminal.session_id] = found
        return found


async def _waits(program: Program, output: _Output) -> bool:
    """Whether the program waits for an answer. Reading its terminal is not enough: a bot may do that all the time beside its work,
    and prints something like a question first. Nor is a line without an end: it may be followed by more.

    Where nobody can say whether it reads, a question without a line end, after which nothing has come for a while, counts.
    """
    words, quiet = output.words, time.monotonic() - output.since >= QUIET_S
    prompt = words.open_ended and words.asks
    if not words.line or not (words.open_ended or (words.asks and program.ready is False)):
        return False
    reads = await program.terminal.client.reading(program.terminal.name)
    return prompt and quiet if reads is None else reads and (prompt or quiet)
