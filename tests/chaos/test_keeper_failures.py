"""What the server does when a keeper dies, has another version, or cannot write to its disk."""

import asyncio
import os
import re
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from mailauncher.errors import ConnectionFailed
from resolvers import instances, system, terminals
from resolvers.context import Context
from terminals import keeper, supervisor
from terminals.client import KeeperClient
from terminals.states import State
from terminals.tail import Piece
from terminals.terminal import StatusMessage
from tests.support.context import PATIENT_BOT, add_bot, lives, outputs, parts, until

SAMPLE = Path(__file__).parents[2] / "bots" / "sample"


def keeper_of(ctx: Context, instance_id: str) -> psutil.Process:
    return psutil.Process(psutil.Process(instances.get(ctx, instance_id).pid).ppid())


@pytest.mark.slow
async def test_a_killed_keeper_is_named_as_the_cause_and_the_restart_policy_applies(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
    await instances.supervise(ctx, bot.id, restart="on-failure", restart_delay_s=1)
    pid = (await instances.start(ctx, bot.id)).instance.pid
    keeper_of(ctx, bot.id).kill()
    failure = (await until(ctx, bot.id, State.STARTING)).failure
    await until(ctx, bot.id, State.RUNNING)
    async with asyncio.timeout(10):
        while instances.get(ctx, bot.id).services[0].status is not State.RUNNING:
            await asyncio.sleep(0.01)
    assert failure is not None
    assert "keeper" in failure.reason.en
    assert not lives(pid)
    kinds = [event.kind async for event in _events(ctx, 2, "died")]
    assert kinds.count("died") == 2
    await terminals.send_input(ctx, f"{bot.id}_main", "again\n")
    assert "heard again" in await outputs(ctx, f"{bot.id}_main", "heard again")


@pytest.mark.slow
@pytest.mark.parametrize("reboots", [True, False])
async def test_a_keeper_that_ends_together_with_the_server_has_not_failed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, reboots: bool
) -> None:
    """At every reboot the log said of each keeper, as an error, that it had died."""
    caplog.set_level("INFO", "terminals.supervisor")
    if not reboots:
        monkeypatch.setattr(supervisor, "SHUTDOWN_WITHIN_S", 0.0)

    def told() -> list[str]:
        return [record.levelname for record in caplog.records if "keeper of" in record.getMessage()]

    async with parts(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        await instances.supervise(ctx, bot.id, restart="no")
        await instances.start(ctx, bot.id)
        keeper_of(ctx, bot.id).kill()
        await until(ctx, bot.id, State.FAILED)
        while not reboots and not told():
            await asyncio.sleep(0.01)
    assert told() == (["INFO"] if reboots else ["ERROR"])


@pytest.mark.slow
async def test_a_connection_that_ends_ends_no_bot(ctx: Context, tmp_path: Path) -> None:
    """One lost connection counted as the death of the keeper: the bot, which lived, was killed as a leftover of it."""
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.supervise(ctx, bot.id, restart="on-failure", restart_delay_s=0)
    pid = (await instances.start(ctx, bot.id)).instance.pid
    client, program = ctx.live.supervisor(bot.id).client, ctx.live.supervisor(bot.id).main_program
    async with program.terminal.watch() as (viewer, _):
        before = client._control
        hang_up(client)
        async with asyncio.timeout(30):
            while client._control is before:
                await asyncio.sleep(0)
        await terminals.send_input(ctx, f"{bot.id}_main", "again\n")
        seen = b""
        async with asyncio.timeout(30):
            while b"heard again" not in seen:
                seen += item.data if isinstance(item := await anext(viewer), Piece) else b""
    assert (program.pid, program.restarts, program.state) == (pid, 0, State.RUNNING)
    hang_up(client)
    os.kill(pid or 0, signal.SIGKILL)
    async with asyncio.timeout(30):
        while program.last_death is None:
            await asyncio.sleep(0.01)
    assert program.last_death.signal == "SIGKILL"


def hang_up(client: KeeperClient) -> None:
    """Ends the connection as a keeper would, which goes on."""
    assert client._control is not None
    assert client._control.transport is not None
    client._control.transport.abort()


async def _events(ctx: Context, count: int, kind: str):  # type: ignore[no-untyped-def]  # of one test
    stream = system.event_stream(ctx, after=0)
    async for event in stream:
        yield event
        count -= event.kind == kind
        if not count:
            await stream.aclose()
            return


async def test_a_keeper_with_another_minor_protocol_version_is_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        pid = (await instances.start(ctx, bot.id)).instance.pid
    monkeypatch.setattr(keeper, "PROTOCOL", (keeper.PROTOCOL[0], keeper.PROTOCOL[1] + 3))
    async with parts(tmp_path) as ctx:
        assert instances.get(ctx, bot.id).pid == pid
        await terminals.send_input(ctx, f"{bot.id}_main", "you there?\n")
        await outputs(ctx, f"{bot.id}_main", "heard you there?")


async def test_a_keeper_with_another_major_protocol_version_is_left_alone(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    source = Path(keeper.__file__).read_text("utf-8")
    (old / "keeper.py").write_text(re.sub(r"PROTOCOL = \(\d+", "PROTOCOL = (99", source), "utf-8")
    bot = await add_bot(ctx, tmp_path / "bot")
    monkeypatch.setattr(keeper, "__file__", str(old / "keeper.py"))
    with pytest.raises(ConnectionFailed, match="99"):
        await instances.start(ctx, bot.id)
    [process] = [p for p in psutil.process_iter(["cmdline"]) if str(old) in " ".join(p.info["cmdline"] or ())]
    assert lives(process.pid)
    process.kill()


async def test_on_a_full_disk_the_bot_runs_on_and_the_loss_is_announced(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    session = f"{bot.id}_main"
    await outputs(ctx, session, "ready")
    # No file of the keeper may grow beyond 4 KiB: its writes fail as on a full disk.
    keeper_of(ctx, bot.id).rlimit(psutil.RLIMIT_FSIZE, (4096, 4096))
    seen, messages = "", []
    async with terminals.find(ctx, session).watch() as (viewer, _):
        for number in range(6):
            await terminals.send_input(ctx, session, "x" * 1000 + f"{number}\n")
        async for item in viewer:
            if isinstance(item, Piece):
                seen += item.data.decode()
            elif isinstance(item, StatusMessage):
                messages.append(item.text.en)
            if "heard " + "x" * 1000 + "5" in seen and any("cannot be written" in text for text in messages):
                break
    assert instances.get(ctx, bot.id).status is State.RUNNING


@pytest.mark.slow
async def test_a_sigterm_to_a_runner_leaves_no_orphaned_worker(ctx: Context, tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    shutil.copytree(SAMPLE, folder)
    (folder / "sample.args").write_text("--no-consent --slow-start 0", "utf-8")
    bot = await add_bot(ctx, folder, (SAMPLE / "bot.py").read_text("utf-8"))
    command = "sh -c 'unset MAIBOT_WORKER_PROCESS; {python} bot.py --setup && exec {python} bot.py'"
    await instances.delete(ctx, bot.id)
    bot = await instances.add(ctx, instances.NewInstance("sample", str(folder), bot.port, command, ()))
    await instances.supervise(ctx, bot.id, restart="no")
    await instances.start(ctx, bot.id)
    await outputs(ctx, f"{bot.id}_main", "初始化完成")
    runner = psutil.Process(instances.get(ctx, bot.id).pid)
    workers = runner.children(recursive=True)
    assert workers
    os.kill(runner.pid, signal.SIGTERM)
    await until(ctx, bot.id, State.FAILED)
    assert not [worker for worker in workers if lives(worker.pid)]
