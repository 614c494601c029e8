"""Random commands at the same moment: what runs is what was wanted last, and never twice."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mailauncher.errors import InstanceNotRunning, LauncherError
from resolvers import instances
from resolvers.views import CommandOutcome, InstanceView
from terminals.states import State
from tests.support.context import add_bot, parts
from tests.support.stress import sized

BOTS = 5
COMMANDS: dict[str, Callable[..., Awaitable[CommandOutcome]]] = {
    "start": instances.start,
    "stop": instances.stop,
    "restart": instances.restart,
}


class Commands(RuleBasedStateMachine):
    """Commands are sent without waiting for the ones before; now and then everything is left to settle and looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.stack = AsyncExitStack()
        self.sent: list[asyncio.Task[CommandOutcome]] = []

    @initialize()
    def open(self) -> None:
        self.loop.run(self._open())

    async def _open(self) -> None:
        self.ctx = await self.stack.enter_async_context(
            parts(self.folder, start_grace_s=0.05, stop_timeout_s=2.0)
        )
        self.bots = [await add_bot(self.ctx, self.folder / f"bot{n}") for n in range(BOTS)]

    @rule(
        bot=st.integers(0, BOTS - 1),
        command=st.sampled_from(["crash", *COMMANDS]),
        pause=st.sampled_from([0, 0.001, 0.02, 0.1]),
    )
    def send(self, bot: int, command: str, pause: float) -> None:
        self.loop.run(self._send(bot, command, pause))

    async def _send(self, bot: int, command: str, pause: float) -> None:
        if command == "crash":
            await self._crash(bot)
        else:
            self.sent.append(asyncio.ensure_future(COMMANDS[command](self.ctx, self.bots[bot].id)))
        await asyncio.sleep(pause)

    async def _crash(self, bot: int) -> None:
        pid = instances.get(self.ctx, self.bots[bot].id).pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it may have ended a moment ago
                os.kill(pid, signal.SIGKILL)

    @precondition(lambda self: len(self.sent) >= 25)
    @rule(last=st.lists(st.sampled_from(["stop", "restart"]), min_size=BOTS, max_size=BOTS))
    def settle(self, last: list[str]) -> None:
        self.loop.run(self._settle(last))

    async def _settle(self, last: list[str]) -> None:
        for bot, command in zip(self.bots, last, strict=True):
            self.sent.append(asyncio.ensure_future(COMMANDS[command](self.ctx, bot.id)))
        answers = await asyncio.gather(*self.sent, return_exceptions=True)
        self.sent.clear()
        for answer in answers:
            assert isinstance(answer, (CommandOutcome, LauncherError)), answer
        for bot, command, answer in zip(self.bots, last, answers[-BOTS:], strict=True):
            view = instances.get(self.ctx, bot.id)
            if command == "restart":
                assert view.status is State.RUNNING, view
            elif isinstance(answer, InstanceNotRunning):  # it had crashed before the stop came
                assert view.status in (State.STOPPED, State.FAILED), view
            else:
                assert view.status is State.STOPPED, view
            self._compare_with_the_system(view)
        while self._zombies():
            await asyncio.sleep(0.01)

    def _compare_with_the_system(self, view: InstanceView) -> None:
        running = [p for p in psutil.process_iter(["cwd", "status"]) if p.info["cwd"] == view.path]
        assert [p.pid for p in running] == ([view.pid] if view.status is State.RUNNING else [])
        assert not (Path(view.path) / "twice").exists()

    def _zombies(self) -> list[int]:
        """Children of this test's keepers that nobody has collected."""
        keepers = {
            p.pid
            for p in psutil.process_iter(["cmdline"])
            if str(self.folder) in " ".join(p.info["cmdline"] or ())
        }
        dead = (
            p for p in psutil.process_iter(["status", "ppid"]) if p.info["status"] == psutil.STATUS_ZOMBIE
        )
        return [p.pid for p in dead if p.info["ppid"] in keepers]

    def teardown(self) -> None:
        with self.loop:
            self.loop.run(self._close())
        shutil.rmtree(self.folder)

    async def _close(self) -> None:
        await asyncio.gather(*self.sent, return_exceptions=True)
        await self.stack.aclose()
        assert not [
            p for p in psutil.process_iter(["cwd"]) if (p.info["cwd"] or "").startswith(str(self.folder))
        ]


@pytest.mark.slow
@pytest.mark.stress
def test_the_last_of_two_hundred_commands_at_once_wins_and_no_process_runs_twice() -> None:
    run_state_machine_as_test(
        Commands,
        settings=settings(
            max_examples=sized(1, 5),
            stateful_step_count=200,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
