"""Waits until started programs work, or it is known that they will not by themselves. Whatever promises a bot that runs, a
deployment or an upgrade, asks here."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from mailauncher.errors import Code, LauncherError, Text
from resolvers.running.details import details
from terminals.program import Program
from terminals.states import State
from terminals.supervisor import Supervisor

SETTLED_S = 4.0
"""How long a program has to run before it counts as working, if nothing says when it is ready."""

EXPLAINED_S = 10.0
"""How long the cause of an exit is waited for: what the program has left running is ended first."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a program does not work. `code` is COMMAND_FAILED if it ended, INCOMPLETE if it may still get there: it waits for an
    answer, or for longer than its recipe allows. `lines` are the last that it printed."""

    code: Code
    text: Text
    lines: tuple[str, ...] = ()


async def wait_until_working(
    supervisor: Supervisor, names: Iterable[str], instance: str, within_s: float
) -> Problem | None:
    """The problem of the first of these programs of the instance that has one; None once all of them work."""
    programs = [supervisor.programs[name] for name in names]
    await asyncio.gather(*(_settle(supervisor, program, within_s) for program in programs))
    for program in programs:
        if not _works(program):
            return await _problem(supervisor, program, instance, within_s)
    return None


async def _settle(supervisor: Supervisor, program: Program, within_s: float) -> None:
    """Waits until it is known how the program fares, at most `within_s` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    wait_for = supervisor.condition.wait_for
    while await wait_for(lambda: _is_clear(program), deadline - loop.time()):
        if program.ready is not None or not _works(program):
            return
        # Nothing says whether it is ready: it has to stay as it is for a while.
        if not await wait_for(lambda: not _works(program), SETTLED_S):
            return


def _is_clear(program: Program) -> bool:
    return has_ended(program) or _works(program) or program.readiness.observed.question is not None


def has_ended(program: Program) -> bool:
    """Whether it does not run, and is not going to."""
    return not program.wanted and not program.lives


def _works(program: Program) -> bool:
    # From its exit on it is not alive, and nothing says whether it is ready: its state says so only once the exit is handled.
    asks = program.readiness.observed.question is not None
    return program.alive and program.state is State.RUNNING and program.ready is not False and not asks


async def _problem(supervisor: Supervisor, program: Program, instance: str, within_s: float) -> Problem:
    # Of one that has just exited, it is still being found out how: that is the reason.
    await supervisor.condition.wait_for(
        lambda: program.alive or program.state is not State.RUNNING, EXPLAINED_S
    )
    title = program.title
    if has_ended(program):
        failure = program.failure
        if failure is None:
            return Problem(Code.COMMAND_FAILED, Text(f"{title.zh}已停止", f"{title.en} has stopped"))
        hint = failure.hint
        zh = f"{title.zh}{failure.reason.zh}" + (f"（{hint.zh}）" if hint else "")
        en = f"{title.en} {failure.reason.en}" + (f" ({hint.en})" if hint else "")
        return Problem(Code.COMMAND_FAILED, Text(zh, en), failure.last_lines)
    found = details(program, instance, 0)
    why = found.reason or Text("原因不明", "the reason is not known")
    if found.question is not None:
        text = Text(f"{title.zh}：{why.zh}", f"{title.en}: {why.en}")
        return Problem(Code.INCOMPLETE, text, (found.question,))
    late = Text(
        f"{title.zh}在 {within_s:g} 秒内没有就绪：{why.zh}",
        f"{title.en} was not ready within {within_s:g} s: {why.en}",
    )
    return Problem(Code.INCOMPLETE, late, await _last_lines(program))


async def _last_lines(program: Program) -> tuple[str, ...]:
    try:
        return await program.terminal.last_lines()
    except LauncherError:  # its keeper does not answer
        return ()
