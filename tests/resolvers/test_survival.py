"""Bots outlive the server: a later one finds them, goes on where their output stopped, and knows what happened between."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailauncher.events import InstanceChanged
from resolvers import instances, services, system, terminals
from resolvers.context import Context
from resolvers.views import WaitingFor
from terminals.states import State
from tests.support.context import PATIENT_BOT, add_bot, has_ended, lives, outputs, parts, processes_in, until

COUNTING_BOT = """
import itertools, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
for number in itertools.count():
    print("line", number, flush=True)
    time.sleep(0.005)
"""
LISTENING_BOT = """
import socket, sys
listener = socket.create_server(("127.0.0.1", {port}))
sys.stdin.read()
"""


@asynccontextmanager
async def surviving(folder: Path, *, last: bool = False) -> AsyncIterator[Context]:
    """One of several servers in a row on the same data folder; the last one stops everything."""
    async with parts(folder, stop_bots_at_exit=last) as ctx:
        yield ctx


async def test_a_later_server_finds_the_same_process_and_can_stop_it(tmp_path: Path) -> None:
    async with surviving(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
        pid = (await instances.start(ctx, bot.id)).instance.pid
    assert lives(pid)
    async with surviving(tmp_path, last=True) as ctx:
        view = instances.get(ctx, bot.id)
        assert (view.status, view.pid) == (State.RUNNING, pid)
        assert [service.status for service in view.services] == [State.RUNNING]
        await terminals.send_input(ctx, f"{bot.id}_main", "again\n")
        assert "heard again" in await outputs(ctx, f"{bot.id}_main", "heard again")
        await instances.stop(ctx, bot.id)
        assert not lives(pid)


async def test_a_later_server_knows_whether_a_bot_is_ready(tmp_path: Path) -> None:
    """It knew of no bot that it had not started itself, and a bot that was never ready looked like one of which nothing is known."""
    async with surviving(tmp_path) as ctx:
        good = await add_bot(ctx, tmp_path / "good")
        (tmp_path / "good" / "bot.py").write_text(LISTENING_BOT.format(port=good.port))
        bad = await add_bot(ctx, tmp_path / "bad")
        for bot in (good, bad):
            await instances.start(ctx, bot.id)
    async with surviving(tmp_path, last=True) as ctx:
        with ctx.bus.subscribe(InstanceChanged) as changes:
            while not instances.get(ctx, good.id).ready or instances.get(ctx, bad.id).ready is None:
                await anext(changes)
        assert instances.get(ctx, bad.id).details.waiting_for is WaitingFor.PORT


async def test_no_line_is_lost_or_doubled_between_two_servers(tmp_path: Path) -> None:
    async with surviving(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", COUNTING_BOT)
        await instances.start(ctx, bot.id)
        seen = await outputs(ctx, f"{bot.id}_main", "line 20")
    async with surviving(tmp_path, last=True) as ctx:
        seen += await outputs(ctx, f"{bot.id}_main", "line 80", after=len(seen))
    numbers = [int(line.split()[1]) for line in seen.splitlines()[:-1]]
    assert numbers == list(range(len(numbers)))


async def test_a_crash_without_a_server_is_noticed_and_followed_by_a_restart(tmp_path: Path) -> None:
    async with surviving(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        pid = (await instances.start(ctx, bot.id)).instance.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await has_ended(pid)
    async with surviving(tmp_path, last=True) as ctx:
        await until(ctx, bot.id, State.RUNNING)
        assert instances.get(ctx, bot.id).pid != pid
        assert "autostart" in [event.kind for event in await system.events(ctx)]


async def test_a_program_that_exited_with_code_0_is_not_restarted(tmp_path: Path) -> None:
    async with surviving(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        await instances.start(ctx, bot.id)
        await terminals.send_input(ctx, f"{bot.id}_main", "exit 0\n")
        await until(ctx, bot.id, State.STOPPED)
    async with surviving(tmp_path, last=True) as ctx:
        assert instances.get(ctx, bot.id).status is State.STOPPED
        assert not processes_in(tmp_path / "bot")


async def test_what_was_meant_to_run_starts_with_the_server_after_a_reboot(tmp_path: Path) -> None:
    async with surviving(tmp_path, last=True) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
        other = await add_bot(ctx, tmp_path / "other")
        await instances.start(ctx, bot.id)
        await services.stop(ctx, bot.id, "napcat")
        await instances.start(ctx, other.id)
        await instances.supervise(ctx, other.id, autostart=False)
    assert not processes_in(tmp_path / "bot")
    async with surviving(tmp_path, last=True) as ctx:
        await until(ctx, bot.id, State.RUNNING)
        assert [service.status for service in instances.get(ctx, bot.id).services] == [State.STOPPED]
        assert instances.get(ctx, other.id).status is State.STOPPED


async def test_a_crash_is_followed_by_a_restart_and_many_by_giving_up(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.supervise(ctx, bot.id, restart="on-failure", restart_delay_s=0.01, crash_limit=3)
    pid = (await instances.start(ctx, bot.id)).instance.pid
    for _ in range(2):
        os.kill(pid or 0, signal.SIGKILL)
        pid = (await until(ctx, bot.id, State.RUNNING, other_than=pid)).pid
    assert instances.get(ctx, bot.id).restarts == 2
    os.kill(pid or 0, signal.SIGKILL)
    await until(ctx, bot.id, State.FAILED)
    kinds = []
    async for event in system.event_stream(ctx, after=0):
        kinds.append(event.kind)
        if event.kind == "failed":
            break
    assert kinds.count("died") == 2


async def test_exit_code_42_requests_a_restart(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    first = (await instances.start(ctx, bot.id)).instance.pid
    await terminals.send_input(ctx, f"{bot.id}_main", "exit 42\n")
    again = await until(ctx, bot.id, State.RUNNING, other_than=first)
    reason = again.details.reason
    assert reason is not None
    assert "restarted once; before that, it asked to be restarted (exit code 42)" in reason.en


async def test_a_stop_wins_over_the_wait_for_the_next_start(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.supervise(ctx, bot.id, restart="always", restart_delay_s=600)
    pid = (await instances.start(ctx, bot.id)).instance.pid
    os.kill(pid or 0, signal.SIGKILL)
    await until(ctx, bot.id, State.STARTING)
    assert (await instances.stop(ctx, bot.id)).instance.status is State.STOPPED
    assert not processes_in(tmp_path / "bot")


async def test_a_start_ends_the_wait_for_the_next_start(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.supervise(ctx, bot.id, restart="always", restart_delay_s=600)
    pid = (await instances.start(ctx, bot.id)).instance.pid
    os.kill(pid or 0, signal.SIGKILL)
    await until(ctx, bot.id, State.STARTING)
    assert (await instances.start(ctx, bot.id)).instance.status is State.RUNNING


@pytest.mark.slow
async def test_a_shell_survives_the_server(tmp_path: Path) -> None:
    async with surviving(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        session = f"{bot.id}_main"
        async with terminals.find(ctx, session).watch():
            await terminals.send_input(ctx, session, "FRUIT=ban''ana\n")
    async with surviving(tmp_path, last=True) as ctx:
        watching = asyncio.create_task(outputs(ctx, session, "it is banana"))
        await asyncio.sleep(0)
        await terminals.send_input(ctx, session, "echo it is $FRUIT\n")
        await watching
