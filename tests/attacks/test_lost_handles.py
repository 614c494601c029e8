"""A bot whose keeper could not be found counted as stopped: its socket had been removed by a cleaner of temporary files, or
the keeper had been killed and its record was gone. A stop answered "stopped", a delete "deleted", and the bot ran on."""

import asyncio
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from mailauncher.errors import ConnectionFailed, InstanceAlreadyRunning
from mailauncher.launch import child_environment
from resolvers import instances, terminals
from resolvers.context import Context
from resolvers.views import CommandOutcome, InstanceView
from terminals import client, keeper, local, supervisor
from terminals.client import KeeperClient
from terminals.states import State
from tests.chaos.test_keeper_failures import keeper_of
from tests.support.context import add_bot, has_ended, lives, outputs, parts, until

pytestmark = pytest.mark.slow
DEAF_TO_HANGUP = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SEARCH_PAUSE_S", 0.1)


@pytest.fixture(params=["short", "l" * 90])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A data folder whose path does, or does not, fit into the address of a socket."""
    return tmp_path / str(request.param)


async def test_no_socket_is_where_a_cleaner_removes_it(tmp_path: Path, data: Path) -> None:
    async with parts(tmp_path, data=str(data)) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        await instances.start(ctx, bot.id)
        assert (data / "run" / bot.id).stat().st_mode & 0o777 == 0o600


async def test_a_keeper_makes_its_removed_socket_anew(tmp_path: Path, data: Path) -> None:
    async with parts(tmp_path, data=str(data), stop_bots_at_exit=False) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        pid = (await instances.start(ctx, bot.id)).instance.pid
        shutil.rmtree(data / "run")
        await terminals.send_input(ctx, f"{bot.id}_main", "you there?\n")
        await outputs(ctx, f"{bot.id}_main", "heard you there?")
        shutil.rmtree(data / "run")
    async with parts(tmp_path, data=str(data), stop_bots_at_exit=False) as ctx:
        assert (instances.get(ctx, bot.id).status, instances.get(ctx, bot.id).pid) == (State.RUNNING, pid)
        (data / "run" / bot.id).unlink()
        (data / "run" / bot.id).mkdir()  # not even where something else has come into its place
        (data / "run" / bot.id).rmdir()
        (data / "run" / bot.id).write_text("")
        assert (await instances.restart(ctx, bot.id)).complete
        assert not lives(pid)
        pid = instances.get(ctx, bot.id).pid
        (data / "run" / bot.id).unlink()
    async with parts(tmp_path, data=str(data)) as ctx:
        (data / "run" / bot.id).unlink()
        assert (await instances.delete(ctx, bot.id)).complete
    assert not lives(pid)


@asynccontextmanager
async def lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Context, InstanceView, psutil.Process]]:
    """A bot whose keeper holds its lock and does nothing, in a server that came later."""
    monkeypatch.setattr(local, "ASKED_TIMEOUT_S", 0.2)
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        before = (await instances.start(ctx, bot.id)).instance
        owner = keeper_of(ctx, bot.id)
    owner.send_signal(signal.SIGSTOP)
    shutil.rmtree(tmp_path / "data" / "run")
    async with parts(tmp_path) as ctx:
        async with asyncio.timeout(20):
            await until(ctx, bot.id, State.FAILED)
        yield ctx, before, owner


@pytest.mark.parametrize("end", [instances.stop, instances.kill])
async def test_a_bot_that_cannot_be_reached_is_failed_and_lost(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[Context, str], Awaitable[CommandOutcome]],
) -> None:
    async with lost(tmp_path, monkeypatch) as (ctx, before, owner):
        bot = instances.get(ctx, before.id)
        assert bot.failure is not None
        assert bot.failure.reason.en.startswith("lost")
        assert (bot.status, bot.pid) == (State.FAILED, before.pid)
        with pytest.raises(InstanceAlreadyRunning):
            await instances.start(ctx, bot.id)
        stopped = await end(ctx, bot.id)
        assert (stopped.complete, stopped.instance.status, stopped.instance.pid) == (
            True,
            State.STOPPED,
            None,
        )
        assert not lives(before.pid)
        await has_ended(owner.pid)
        assert (await instances.start(ctx, bot.id)).complete


async def test_a_bot_that_cannot_be_reached_is_ended_before_it_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lost(tmp_path, monkeypatch) as (ctx, before, owner):
        assert (await instances.delete(ctx, before.id)).complete
        assert before.id not in ctx.live
        assert not lives(before.pid)
        await has_ended(owner.pid)


async def test_a_bot_that_can_be_reached_again_is_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lost(tmp_path, monkeypatch) as (ctx, before, owner):
        owner.send_signal(signal.SIGCONT)
        await until(ctx, before.id, State.RUNNING)
        bot = instances.get(ctx, before.id)
        assert (bot.pid, bot.failure) == (before.pid, None)


async def test_a_lost_bot_that_has_ended_when_its_keeper_can_be_reached_again_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed `failed` and lost, with the pid of a process that had ended."""
    async with lost(tmp_path, monkeypatch) as (ctx, before, owner):
        assert before.pid is not None
        psutil.Process(before.pid).send_signal(signal.SIGINT)
        await has_ended(before.pid)
        owner.send_signal(signal.SIGCONT)
        await until(ctx, before.id, State.STOPPED)
        bot = instances.get(ctx, before.id)
        assert (bot.pid, bot.failure) == (None, None)


async def test_a_bot_of_a_killed_keeper_without_a_record_is_found(tmp_path: Path) -> None:
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", DEAF_TO_HANGUP)
        await instances.supervise(ctx, bot.id, autostart=False)
        pid = (await instances.start(ctx, bot.id)).instance.pid
        owner = keeper_of(ctx, bot.id)
    owner.kill()
    await has_ended(owner.pid)
    (tmp_path / "data" / "terminals" / bot.id / "runs.json").unlink()
    async with parts(tmp_path) as ctx:
        found = instances.get(ctx, bot.id)
        assert (found.status, found.pid) == (State.FAILED, pid)
        with pytest.raises(InstanceAlreadyRunning):
            await instances.start(ctx, bot.id)
        assert (await instances.restart(ctx, bot.id)).complete
        assert not lives(pid)
        assert instances.get(ctx, bot.id).status is State.RUNNING


async def test_a_lost_bot_that_ends_by_itself_is_stopped(tmp_path: Path) -> None:
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", DEAF_TO_HANGUP)
        await instances.supervise(ctx, bot.id, autostart=False)
        pid = (await instances.start(ctx, bot.id)).instance.pid
        owner = keeper_of(ctx, bot.id)
    owner.kill()
    await has_ended(owner.pid)
    async with parts(tmp_path) as ctx:
        assert instances.get(ctx, bot.id).pid == pid
        psutil.Process(pid).kill()
        await until(ctx, bot.id, State.STOPPED)
        assert instances.get(ctx, bot.id).pid is None


async def test_a_bot_that_runs_unknown_to_the_server_is_believed(ctx: Context, tmp_path: Path) -> None:
    """A spawn was refused, because the terminal was busy, and the server took that for "nothing runs"."""
    bot = await add_bot(ctx, tmp_path / "bot")
    seen = ctx.live.supervisor(bot.id)
    folder = Path(bot.path)
    keepers = local.LocalKeepers(tmp_path / "data", 1 << 20, 2)
    other = KeeperClient(
        lambda factory, start: keepers.dial(bot.id, factory, start),
        log=keepers.log(bot.id),
        on_exit=lambda *_: None,
        on_log_error=lambda *_: None,
        on_refused=lambda *_: None,
        on_lost=lambda: None,
    )
    launch = await seen.main_program._make_launch()
    started = await other.spawn("main", "run-unknown", launch, 80, 24)
    other.close()
    done = await instances.start(ctx, bot.id)
    assert (done.instance.status, done.instance.pid) == (State.RUNNING, started.pid)
    assert not (folder / "twice").exists()
    assert (await instances.stop(ctx, bot.id)).instance.status is State.STOPPED
    assert not lives(started.pid)
    started = await other.spawn("main", "run-unknown-too", launch, 80, 24)
    other.close()
    done = await instances.restart(ctx, bot.id)
    assert done.instance.status is State.RUNNING
    assert done.instance.pid != started.pid
    assert not lives(started.pid)


def test_a_long_path_is_reached_through_a_descriptor(tmp_path: Path) -> None:
    place = tmp_path / ("长" * 60) / "s"
    listener, identity = keeper.listen(str(place))
    with listener:
        assert keeper.listens(str(place))
        assert keeper.identity(str(place)) == identity
    assert not keeper.listens(str(place))
    assert not keeper.listens(str(place.parent / "none" / "s"))
    assert isinstance(listener, socket.socket)


def test_a_bot_passes_the_mark_on() -> None:
    assert "KEEPER_TERMINAL" not in child_environment()


async def test_a_start_that_a_keeper_carries_out_late_is_seen(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command had failed, and the bot that ran afterwards belonged to nobody."""
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    owner = keeper_of(ctx, bot.id)
    await instances.stop(ctx, bot.id)
    answers = ctx.live.supervisor(bot.id).client.answers

    async def answers_and_hangs(within_s: float | None = None) -> bool:
        answered = await answers(within_s)
        owner.suspend()
        monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.2)
        return answered

    monkeypatch.setattr(ctx.live.supervisor(bot.id).client, "answers", answers_and_hangs)
    with pytest.raises(ConnectionFailed):
        await instances.start(ctx, bot.id)
    assert instances.get(ctx, bot.id).status is State.FAILED
    owner.resume()
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 10)
    async with asyncio.timeout(20):
        await until(ctx, bot.id, State.RUNNING)
    found = instances.get(ctx, bot.id)
    assert keeper_of(ctx, bot.id) == owner
    assert (await instances.stop(ctx, bot.id)).complete
    assert not lives(found.pid)
