"""On a full data disk a start that could not be recorded left a bot that nobody owned: the answer was a database error, the
status `failed`, and the bot ran, could neither be stopped nor started, and froze after 4 KB of output. A stop that was done
answered with a database error as well."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailauncher.errors import DatabaseError
from mailauncher.events import SshKeysChanged
from mailauncher.grants import Scope
from resolvers import instances, lifespan, services, ssh_keys, terminals
from resolvers.context import Context
from resolvers.ssh_keys import Unchanged
from store.registry import Registry
from store.ssh_keys import SshKeys
from terminals.client import _refusal
from terminals.local import _not_started
from terminals.states import State
from tests.attacks.test_names_cut_inside_a_character import LEAVES_A_CHILD
from tests.support.context import PATIENT_BOT, add_bot, lives, outputs, parts, processes_in, until
from tests.support.databases import refuse
from tests.support.small_disk import fill, small_disk
from tests.support.ssh import add_key, trust

pytestmark = pytest.mark.slow
CHATTY = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("ready", flush=True)
for line in sys.stdin:
    print("x" * 20000 + "\\nheard", line.strip(), flush=True)
"""


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(6 << 10) as folder:
        yield folder


@asynccontextmanager
async def server(tmp_path: Path, disk: Path) -> AsyncIterator[Context]:
    async with parts(tmp_path, data=str(disk / "data")) as ctx:
        yield ctx


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifespan, "SAVE_PAUSE_S", 0.05)


def wanted(ctx: Context) -> list[bool]:
    return [record.wanted for record in ctx.store.registry]


async def stored(ctx: Context, *values: bool) -> None:
    """Waits until the database has what the memory has."""
    async with asyncio.timeout(20):
        while True:
            read = Registry(ctx.store.registry._database)
            await read.load()
            if [record.wanted for record in read] == list(values):
                return
            await asyncio.sleep(0.05)


async def test_a_start_says_that_the_bot_runs_and_it_can_be_stopped(tmp_path: Path, disk: Path) -> None:
    async with server(tmp_path, disk) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", CHATTY)
        filler = fill(disk)
        started = await instances.start(ctx, bot.id)
        assert started.instance.status is State.RUNNING
        assert "recorded later" in started.message.en
        assert wanted(ctx) == [True]
        for word in ("one", "two"):  # it does not freeze either
            await terminals.send_input(ctx, f"{bot.id}_main", f"{word}\n")
            await outputs(ctx, f"{bot.id}_main", f"heard {word}")
        stopped = await instances.stop(ctx, bot.id)
        assert stopped.instance.status is State.STOPPED
        assert not lives(started.instance.pid)
        assert (await instances.start(ctx, bot.id)).instance.status is State.RUNNING
        filler.unlink()
        await stored(ctx, True)
        async with asyncio.timeout(20):
            while True:
                events = await ctx.store.journal.after(0, 100)
                if [event["kind"] for event in events].count("start") == 2:
                    break
                await asyncio.sleep(0.05)
        assert [event["kind"] for event in events][-3:] == ["start", "stop", "start"]


async def test_a_stop_that_is_done_succeeds_and_is_recorded_when_there_is_room(
    tmp_path: Path, disk: Path
) -> None:
    async with server(tmp_path, disk) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", LEAVES_A_CHILD, napcat=PATIENT_BOT)
        await instances.start(ctx, bot.id)
        filler = fill(disk)
        assert (await services.stop(ctx, bot.id, "napcat")).complete
        done = await instances.stop(ctx, bot.id)
        assert (done.complete, done.instance.status) == (True, State.STOPPED)
        assert "recorded later" in done.message.en
        assert not processes_in(tmp_path / "bot")
        filler.unlink()
        await stored(ctx, False)


async def test_a_delete_that_cannot_be_recorded_changes_nothing(tmp_path: Path, disk: Path) -> None:
    """Its supervisor was gone, and nothing could be done with it any more."""
    async with server(tmp_path, disk) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        await refuse(ctx.store.registry._database, "DELETE", "instance")
        with pytest.raises(DatabaseError):
            await instances.delete(ctx, bot.id)
        assert (await instances.start(ctx, bot.id)).complete


async def test_what_cannot_be_stored_is_refused_for_lack_of_space(tmp_path: Path, disk: Path) -> None:
    async with server(tmp_path, disk) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        fill(disk)

        async def store_until_full() -> None:
            for number in range(100):
                policy = {"restart": f"{number}" * 20_000}
                await ctx.store.registry.set_supervision(bot.id, policy.__ror__)

        with pytest.raises(DatabaseError) as caught:
            await store_until_full()
        assert caught.value.code == "INSUFFICIENT_SPACE"


async def test_a_key_can_be_revoked_and_that_is_recorded_when_there_is_room(
    tmp_path: Path, disk: Path
) -> None:
    """It was refused for lack of space: the key went on logging in."""
    async with server(tmp_path, disk) as ctx:
        for name in ("lost", "kept"):
            await trust(ctx, name, add_key(tmp_path, name))
        filler = fill(disk)
        with ctx.bus.subscribe(SshKeysChanged) as changes:
            record, stored = await ssh_keys.remove(ctx, "lost")
            await anext(changes)  # by which its sessions end
        assert (record.name, stored) == ("lost", False)
        assert [key.name for key in await ssh_keys.list_all(ctx)] == ["kept"]
        filler.unlink()
        async with asyncio.timeout(20):
            while len(await SshKeys.read(ctx.store.ssh_keys._database, ctx.bus)) > 1:
                await asyncio.sleep(0.05)
        filler = fill(disk)
        await ssh_keys.remove(ctx, "kept")
        filler.unlink()
        await trust(ctx, "kept", record.key)  # also before that is recorded
        assert [key.name for key in await SshKeys.read(ctx.store.ssh_keys._database, ctx.bus)] == ["kept"]


async def test_a_key_can_be_given_less_and_that_is_recorded_when_there_is_room(
    tmp_path: Path, disk: Path
) -> None:
    """It was refused for lack of space: the key went on doing what it should not any more."""
    async with server(tmp_path, disk) as ctx:
        await trust(ctx, "guest", add_key(tmp_path, "guest"))
        filler = fill(disk)
        with ctx.bus.subscribe(SshKeysChanged) as changes:
            record, stored = await ssh_keys.edit(ctx, "guest", Scope.OPERATE, Unchanged())
            await anext(changes)  # by which sessions that may do more end
        assert (record.scope, stored) == (Scope.OPERATE, False)
        filler.unlink()
        async with asyncio.timeout(20):
            while [key.scope for key in await SshKeys.read(ctx.store.ssh_keys._database, ctx.bus)] != [
                Scope.OPERATE
            ]:
                await asyncio.sleep(0.05)
        filler = fill(disk)
        assert (await ssh_keys.edit(ctx, "guest", Scope.READ, Unchanged()))[1] is False
        await ssh_keys.remove(ctx, "guest")  # which is recorded in its place
        filler.unlink()
        await ctx.store.ssh_keys.save_unsaved()
        assert len(await SshKeys.read(ctx.store.ssh_keys._database, ctx.bus)) == 0


def test_what_is_full_is_told_as_lack_of_space() -> None:
    assert _refusal({"error": "No space left on device", "errno": errno.ENOSPC}).code == "INSUFFICIENT_SPACE"
    assert _not_started(Path("/data"), b"28 [Errno 28] No space").code == "INSUFFICIENT_SPACE"
    assert _not_started(Path("/data"), b"1 [Errno 1] caf\xe9").text.en.endswith("caf\ufffd")


async def test_a_death_on_a_full_disk_leaves_a_bot_that_obeys(tmp_path: Path, disk: Path) -> None:
    """It ran again, was called failed, and could not be stopped: the keeper refused a spawn that had succeeded."""
    async with server(tmp_path, disk) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
        await instances.supervise(ctx, bot.id, restart="on-failure", restart_delay_s=0.05)
        started = (await instances.start(ctx, bot.id)).instance
        service = started.services[0].pid
        fill(disk)
        assert started.pid is not None
        os.kill(started.pid, signal.SIGKILL)
        again = await until(ctx, bot.id, State.RUNNING, other_than=started.pid)
        assert again.services[0].pid == service
        done = await instances.stop(ctx, bot.id)
        assert (done.complete, done.instance.status) == (True, State.STOPPED)
        assert not processes_in(tmp_path / "bot")
