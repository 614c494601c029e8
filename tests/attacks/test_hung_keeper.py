"""A healthy bot was ended if its keeper did not answer while the server started: autostart failed with "terminal is busy"
and then killed what ran there."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from mailauncher.errors import InstanceAlreadyRunning
from resolvers import instances
from resolvers.running import live_instances
from terminals import client, supervisor
from terminals.states import State
from tests.support.context import add_bot, lives, parts, until


@pytest.mark.slow
async def test_a_bot_is_adopted_once_its_keeper_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        pid = (await instances.start(ctx, bot.id)).instance.pid
    keeper = psutil.Process(psutil.Process(pid).ppid())
    keeper.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(live_instances, "ADOPTION_RETRY_S", 0.1)
    async with parts(tmp_path) as ctx:
        assert lives(pid)
        keeper.send_signal(signal.SIGCONT)
        monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 10)
        await until(ctx, bot.id, State.RUNNING)
        assert instances.get(ctx, bot.id).pid == pid


@pytest.mark.slow
async def test_a_keeper_that_does_not_answer_holds_up_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server was ready after 19 seconds, since it waited for the one keeper that was stopped."""
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        bots = [await add_bot(ctx, tmp_path / name) for name in ("silent", "well")]
        pids = [(await instances.start(ctx, bot.id)).instance.pid for bot in bots]
    keeper = psutil.Process(psutil.Process(pids[0]).ppid())
    keeper.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(live_instances, "ADOPTION_WAIT_S", 0.5)
    monkeypatch.setattr(
        client, "ANSWER_TIMEOUT_S", 120
    )  # on a busy machine a start takes longer than the usual
    async with parts(tmp_path) as ctx:
        try:
            # It still waits for the first answer, else it would have ended.
            assert ctx.live.supervisor(bots[0].id).client.busy
            silent = instances.get(ctx, bots[0].id)
            assert (silent.status, silent.pid) == (State.FAILED, pids[0])
            assert silent.failure is not None
            assert "lost" in silent.failure.reason.en
            with pytest.raises(InstanceAlreadyRunning):
                await instances.start(ctx, bots[0].id)
            await until(ctx, bots[1].id, State.RUNNING)
            assert instances.get(ctx, bots[1].id).pid == pids[1]
            assert "keeper of silent has not answered yet" in caplog.text
        finally:
            keeper.send_signal(signal.SIGCONT)
        await until(ctx, bots[0].id, State.RUNNING)
        assert instances.get(ctx, bots[0].id).pid == pids[0]


async def test_nothing_is_said_of_keepers_that_do_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With 1,000 stopped instances a server warned that the keepers of most had not answered: it had not yet looked for them."""
    async with parts(tmp_path) as ctx:
        for name in ("one", "other"):
            await add_bot(ctx, tmp_path / name)
    monkeypatch.setattr(live_instances, "ADOPTION_WAIT_S", 0)
    async with parts(tmp_path) as ctx:
        assert [view.status for view in instances.list_all(ctx)] == [State.STOPPED] * 2
    assert "has not answered" not in caplog.text


@pytest.mark.slow
async def test_a_bot_that_ended_beside_a_hung_keeper_is_started_again_by_the_next_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keeper was asked for ever, and nothing started."""
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        await instances.supervise(ctx, bot.id, autostart=True)
        pid = (await instances.start(ctx, bot.id)).instance.pid
    assert pid is not None
    keeper = psutil.Process(psutil.Process(pid).ppid())
    keeper.send_signal(signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.5)
    monkeypatch.setattr(supervisor, "SOON_S", 0.2)
    monkeypatch.setattr(live_instances, "ADOPTION_RETRY_S", 0.1)
    try:
        async with parts(tmp_path) as ctx:
            await until(ctx, bot.id, State.RUNNING, other_than=pid)
            assert not lives(keeper.pid)
    finally:
        if keeper.is_running():
            keeper.kill()


@pytest.mark.slow
async def test_who_waits_for_the_adoption_of_an_instance_goes_on_when_it_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment waited for ever."""
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        pid = (await instances.start(ctx, bot.id)).instance.pid
    assert pid is not None
    keeper = psutil.Process(psutil.Process(pid).ppid())
    keeper.send_signal(signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.5)
    monkeypatch.setattr(supervisor, "SOON_S", 600)  # it is not replaced
    try:
        async with parts(tmp_path) as ctx:
            waiting = asyncio.create_task(ctx.live.adopted(bot.id))
            await asyncio.sleep(0)
            assert not waiting.done()
            await instances.delete(ctx, bot.id)
            async with asyncio.timeout(60):
                await waiting
    finally:
        if keeper.is_running():
            keeper.kill()
