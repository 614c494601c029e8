"""A keeper that hung while its bot ran was not noticed: the bot stayed `running`, and a stop failed again and again until
the keeper answered."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from mailauncher.errors import InstanceAlreadyRunning
from mailauncher.launch import Target
from resolvers import instances, services, terminals
from resolvers.context import Context
from resolvers.views import InstanceView
from terminals import client, local, observer, supervisor
from terminals.client import NoAnswer, TerminalStatus
from terminals.states import State
from tests.chaos.test_keeper_failures import hang_up, keeper_of
from tests.support.context import PATIENT_BOT, add_bot, has_ended, lives, outputs, until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SEARCH_PAUSE_S", 0.1)
    monkeypatch.setattr(local, "ASKED_TIMEOUT_S", 0.2)


@asynccontextmanager
async def hung(
    ctx: Context, folder: Path, monkeypatch: pytest.MonkeyPatch, **services: str
) -> AsyncIterator[tuple[InstanceView, psutil.Process]]:
    """A bot as it was before its keeper was stopped, and the keeper; it goes on at the end."""
    bot = await add_bot(ctx, folder, **services)
    before = (await instances.start(ctx, bot.id)).instance
    await outputs(ctx, f"{bot.id}_main", "ready")
    owner = keeper_of(ctx, bot.id)
    owner.suspend()
    with monkeypatch.context() as patch:
        patch.setattr(client, "ANSWER_TIMEOUT_S", 0.5)
        try:
            yield before, owner
        finally:
            if owner.is_running():
                owner.resume()


async def until_lost(ctx: Context, before: InstanceView) -> None:
    now = await until(ctx, before.id, State.FAILED)
    assert now.failure is not None
    assert now.failure.reason.en.startswith("lost")
    assert now.pid == before.pid
    with pytest.raises(InstanceAlreadyRunning):
        await instances.start(ctx, before.id)


@pytest.mark.parametrize("connected", [True, False])
async def test_its_bot_is_lost_until_it_answers(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, connected: bool
) -> None:
    monkeypatch.setattr(observer, "LOOK_EVERY_S", 0.05 if connected else 600)
    async with hung(ctx, tmp_path / "bot", monkeypatch) as (before, _owner):
        if not connected:
            hang_up(ctx.live.supervisor(before.id).client)
        await until_lost(ctx, before)
    again = await until(ctx, before.id, State.RUNNING)
    assert (again.pid, again.restarts, again.failure) == (before.pid, 0, None)
    await terminals.send_input(ctx, f"{before.id}_main", "again\n")
    await outputs(ctx, f"{before.id}_main", "heard again")


async def test_a_lost_bot_is_stopped_and_restarted_without_its_keeper(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hung(ctx, tmp_path / "bot", monkeypatch, napcat=PATIENT_BOT) as (before, owner):
        hang_up(ctx.live.supervisor(before.id).client)
        await until_lost(ctx, before)
        monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 10)  # for the next keeper
        done = await instances.restart(ctx, before.id)
        assert (done.complete, done.instance.status) == (True, State.RUNNING)
        assert not any(lives(pid) for pid in (before.pid, before.services[0].pid, owner.pid))
        assert not (tmp_path / "bot" / "twice").exists()


@pytest.mark.parametrize("service", [False, True])
async def test_a_stop_that_the_keeper_does_not_answer_stops_the_bot(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, service: bool
) -> None:
    """Also while the keeper was not known to hang."""
    monkeypatch.setattr(observer, "LOOK_EVERY_S", 600)
    services = {"napcat": PATIENT_BOT} if service else {}
    async with hung(ctx, tmp_path / "bot", monkeypatch, **services) as (before, owner):
        supervised = ctx.live.supervisor(before.id)
        await supervised.stop(["main"]).wait(30)
        assert not lives(before.pid)
        assert instances.get(ctx, before.id).status is State.STOPPED
        assert lives(owner.pid) is service  # it still holds the other program
    if service:
        await until_service(ctx, before.id, State.RUNNING)
        assert lives(before.services[0].pid)
    assert (await instances.start(ctx, before.id)).complete


async def test_a_stopped_bot_whose_keeper_hangs_is_deleted(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    owner = keeper_of(ctx, bot.id)
    await instances.stop(ctx, bot.id)
    owner.suspend()
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.5)
    await instances.delete(ctx, bot.id)
    assert bot.id not in ctx.live
    assert not lives(owner.pid)


async def until_service(ctx: Context, instance_id: str, wanted: State) -> None:
    async with asyncio.timeout(30):
        while instances.get(ctx, instance_id).services[0].status is not wanted:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sent, status", [(signal.SIGKILL, State.FAILED), (signal.SIGINT, State.STOPPED)])
async def test_an_end_that_a_hung_keeper_has_not_told_is_seen_when_it_answers(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals, status: State
) -> None:
    async with hung(ctx, tmp_path / "bot", monkeypatch) as (before, _owner):
        hang_up(ctx.live.supervisor(before.id).client)
        await until_lost(ctx, before)
        assert before.pid is not None
        os.kill(before.pid, sent)
        await has_ended(before.pid)
    async with asyncio.timeout(30):
        while (now := instances.get(ctx, before.id)).pid is not None:
            await asyncio.sleep(0.01)
    now = await until(ctx, before.id, status)
    assert (now.failure and now.failure.signal) == ("SIGKILL" if status is State.FAILED else None)


@asynccontextmanager
async def silent(
    owner: psutil.Process, monkeypatch: pytest.MonkeyPatch, soon_s: float = 0.2
) -> AsyncIterator[None]:
    """A keeper that is stopped in the block, and on which nobody gives up who waits for an answer."""
    owner.suspend()
    with monkeypatch.context() as patch:
        patch.setattr(client, "ANSWER_TIMEOUT_S", 600)
        patch.setattr(supervisor, "SOON_S", soon_s)
        try:
            yield
        finally:
            if owner.is_running():
                owner.resume()


@pytest.mark.parametrize("shell", [False, True])
async def test_a_start_replaces_a_hung_keeper_that_holds_no_program(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, shell: bool
) -> None:
    """It failed after twenty seconds, each time anew."""
    bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
    await instances.start(ctx, bot.id)
    owner = keeper_of(ctx, bot.id)
    await instances.stop(ctx, bot.id)
    supervised = ctx.live.supervisor(bot.id)
    if shell:
        await supervised.main_program.terminal.open_shell()
    async with silent(owner, monkeypatch):
        assert await supervised.start().wait(60)
    now = await until(ctx, bot.id, State.RUNNING)
    assert lives(now.pid)
    assert lives(now.services[0].pid)
    assert not lives(owner.pid)


async def test_a_viewer_of_a_stopped_bot_gets_a_shell_although_its_keeper_hung(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    owner = keeper_of(ctx, bot.id)
    await instances.stop(ctx, bot.id)
    watched = ctx.live.supervisor(bot.id).main_program.terminal
    async with silent(owner, monkeypatch), asyncio.timeout(60), watched.watch():
        await terminals.send_input(ctx, f"{bot.id}_main", "echo a''live\n")
        await outputs(ctx, f"{bot.id}_main", "alive")


async def test_a_start_in_a_hung_keeper_that_holds_a_program_says_so_and_kills_nothing(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
    supervised = ctx.live.supervisor(bot.id)
    await supervised.start(["napcat"]).wait(60)
    service = supervised.programs["napcat"]
    assert service.pid is not None
    owner = psutil.Process(psutil.Process(service.pid).ppid())
    owner.suspend()
    with monkeypatch.context() as patch:
        patch.setattr(client, "ANSWER_TIMEOUT_S", 0.5)
        patch.setattr(supervisor, "SOON_S", 0.2)
        with pytest.raises(NoAnswer):
            await supervised.start(["main"]).wait(60)
    assert lives(service.pid)
    assert lives(owner.pid)
    owner.resume()
    assert await supervised.start(["main"]).wait(60)


@pytest.mark.parametrize("stopping", [False, True])
async def test_a_kill_does_not_wait_for_a_hung_keeper(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stopping: bool
) -> None:
    """It failed for ten seconds, until the bot was known to be lost; also while a stop waits for an answer."""
    bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
    before = (await instances.start(ctx, bot.id)).instance
    owner, supervised = keeper_of(ctx, bot.id), ctx.live.supervisor(bot.id)
    async with silent(owner, monkeypatch):
        if stopping:
            supervised.stop()
            async with asyncio.timeout(30):
                while not supervised.client.busy:
                    await asyncio.sleep(0.01)
        assert await supervised.kill().wait(60)
        assert not any(lives(pid) for pid in (before.pid, before.services[0].pid))
        assert instances.get(ctx, bot.id).status is State.STOPPED


async def test_a_kill_does_not_wait_until_a_hung_keeper_has_ended_what_was_left(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    owner, supervised = keeper_of(ctx, bot.id), ctx.live.supervisor(bot.id)
    send, hangs = supervised.client.signal, asyncio.Event()

    async def signal_and_hang(terminal: str, name: str, to: Target) -> int:
        if name == "SIGTERM" and to == "tree":
            owner.suspend()
            hangs.set()
        return await send(terminal, name, to)

    monkeypatch.setattr(supervised.client, "signal", signal_and_hang)
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 600)
    try:
        supervised.stop()
        await hangs.wait()
        assert await supervised.kill().wait(60)
        assert instances.get(ctx, bot.id).status is State.STOPPED
    finally:
        monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 10)
        owner.resume()


async def test_a_kill_does_not_wait_for_a_spawn_in_which_the_keeper_hung(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
    before = (await instances.start(ctx, bot.id)).instance
    await services.stop(ctx, bot.id, "napcat")
    owner, supervised = keeper_of(ctx, bot.id), ctx.live.supervisor(bot.id)
    spawn, hangs = supervised.client.spawn, asyncio.Event()

    async def hang_and_spawn(*given: Any) -> TerminalStatus:
        owner.suspend()
        hangs.set()
        return await spawn(*given)

    monkeypatch.setattr(supervised.client, "spawn", hang_and_spawn)
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 600)
    try:
        supervised.start(["napcat"])
        await hangs.wait()
        assert await supervised.kill().wait(60)
        assert not lives(before.pid)
        assert instances.get(ctx, bot.id).status is State.STOPPED
    finally:
        monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 10)
        if owner.is_running():
            owner.resume()
    monkeypatch.setattr(supervised.client, "spawn", spawn)
    await instances.start(ctx, bot.id)  # what the keeper was asked for last does not run besides
    running = (await until(ctx, bot.id, State.RUNNING)).services[0]
    assert running.pid is not None
    assert not (tmp_path / "bot" / "napcat" / "twice").exists()
