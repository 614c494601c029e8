"""An exit that was reported before the answer to spawn was read: the program counted as running for ever, and could not be
stopped."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mailauncher.launch import Launch, shell_launch
from terminals.client import Exit, KeeperClient
from terminals.local import LocalKeepers
from terminals.terminal import Terminal


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A terminal of a keeper of its own, with nothing in it."""
    keepers = LocalKeepers(tmp_path, 1 << 20, 2)
    keepers.create_folders()

    def exited(_name: str, run: str, ended: Exit) -> None:
        made.exited(run, ended)

    client = KeeperClient(
        lambda factory, start: keepers.dial("bot", factory, start),
        log=keepers.log("bot"),
        on_exit=exited,
        on_log_error=lambda _name, _error: None,
        on_refused=lambda *_: None,
        on_lost=lambda: None,
    )
    made = Terminal(
        "bot_main", client, shell=lambda: shell_launch("/bin/sh", tmp_path), shell_idle_timeout_s=60
    )
    await client.connect(start=True)
    yield made
    if client.connected:
        await client.end()
    client.retire()


async def begun(terminal: Terminal, *argv: str) -> asyncio.Task[None]:
    """A spawn whose request is on its way."""
    launch = Launch(argv=argv, cwd="/", env=dict(os.environ))
    task = asyncio.create_task(terminal.spawn(launch))
    while not terminal.client._waiting:
        await asyncio.sleep(0)
    return task


async def test_an_exit_that_arrives_together_with_the_answer_to_spawn_is_noticed(terminal: Terminal) -> None:
    ends: list[Exit] = []
    terminal.on_exit = ends.append
    task = await begun(terminal, "/bin/sh", "-c", "exit 3")
    time.sleep(0.15)  # noqa: ASYNC251 - a busy loop, which reads the answer and the end in one go
    await task
    async with asyncio.timeout(5):
        while not ends:
            await asyncio.sleep(0.005)
    assert not terminal.alive
    assert ends[0].code == 3
    again = await begun(terminal, "/bin/sh", "-c", "exit 4")
    await again
    async with asyncio.timeout(5):
        while len(ends) < 2:
            await asyncio.sleep(0.005)
    assert ends[1].code == 4


async def test_an_exit_that_arrives_before_an_earlier_answer_is_taken_over_is_not_forgotten(
    terminal: Terminal,
) -> None:
    """Of a run that was known already: a deployment whose worker ended in that moment was under way for ever."""
    await (await begun(terminal, "/bin/sleep", "60"))
    before = await terminal.client.status("main")
    ended = asyncio.Event()
    terminal.on_exit = lambda _exit: ended.set()
    os.kill(terminal.pid or 0, signal.SIGKILL)
    async with asyncio.timeout(5):
        await ended.wait()
    terminal.adopt(before)
    assert before.alive
    assert (terminal.alive, terminal.pid) == (False, None)
    assert terminal.last_exit is not None
    assert terminal.last_exit.signal == signal.SIGKILL


async def test_a_connection_that_ends_right_after_the_answer_to_spawn_is_reported(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the keeper reported afterwards reached nobody: the run counted as alive for ever."""
    disconnected = asyncio.Event()
    terminal.on_disconnected = disconnected.set
    task = await begun(terminal, "/bin/sleep", "60")
    resolve = terminal.client._resolve

    def resolve_and_end(number: int, **outcome: Any) -> None:
        resolve(number, **outcome)
        terminal.client.close()

    with monkeypatch.context() as patched:
        patched.setattr(terminal.client, "_resolve", resolve_and_end)
        await task
    assert disconnected.is_set()
    terminal.resume((await terminal.client.statuses())["main"])
    lived = terminal.alive
    terminal.client.close()
    os.kill(terminal.pid or 0, signal.SIGKILL)
    async with asyncio.timeout(5):
        while (status := await terminal.client.status("main")).alive:
            await asyncio.sleep(0.01)
    terminal.resume(status)
    assert (lived, terminal.alive) == (True, False)
    assert terminal.last_exit is not None
    assert (terminal.last_exit.signal, terminal.last_exit.lost) == (signal.SIGKILL, False)
