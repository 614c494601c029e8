"""A program's end that was reported before its start was: it counted as running for ever, and could not be stopped."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailauncher.launch import Launch, shell_launch
from terminals.client import Exit, KeeperClient
from terminals.local import LocalKeepers
from terminals.terminal import Terminal


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A terminal of a keeper of its own, with nothing in it."""
    keepers = LocalKeepers(tmp_path, 1 << 20, 2)
    keepers.prepare()

    def exited(_name: str, run: str, ended: Exit) -> None:
        made.exited(run, ended)

    def lost() -> None:
        made.lost()

    client = KeeperClient(
        lambda factory, start: keepers.dial("bot", factory, start),
        on_exit=exited,
        on_log_error=lambda _name, _error: None,
        on_refused=lambda *_: None,
        on_lost=lost,
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


async def test_an_end_that_arrives_together_with_the_answer_of_the_start_counts(terminal: Terminal) -> None:
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


async def test_a_keeper_lost_between_the_answer_and_its_reading_takes_the_program_along(
    terminal: Terminal,
) -> None:
    task = await begun(terminal, "/bin/sleep", "60")
    answer = next(iter(terminal.client._waiting.values()))
    lost = asyncio.Event()

    def drop(_answer: object) -> None:
        terminal.client.close()
        terminal.lost()
        lost.set()

    answer.add_done_callback(drop)
    await task
    assert lost.is_set()
    assert not terminal.alive
    assert terminal.last_exit is not None
    assert terminal.last_exit.lost
    await terminal.signal("SIGKILL", "tree")
    async with asyncio.timeout(5):
        while (await terminal.client.status("main")).alive:
            await asyncio.sleep(0.01)
