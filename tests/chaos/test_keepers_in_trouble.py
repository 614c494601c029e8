"""What the server does when a keeper dies, is of another version, or cannot write."""

import asyncio
import os
import re
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from mailauncher.errors import ConnectionFailed
from mailauncher.events import InstanceChanged
from resolvers import instances, system, terminals
from resolvers.context import Context
from terminals import keeper
from terminals.states import State
from terminals.tail import Piece
from terminals.terminal import Said
from tests.support.context import PATIENT_BOT, add_bot, lives, outputs, parts

SAMPLE = Path(__file__).parents[2] / "mailauncher" / "bots" / "sample"


async def until(ctx: Context, instance_id: str, *wanted: State) -> None:
    with ctx.bus.subscribe(InstanceChanged) as changes:
        while instances.get(ctx, instance_id).status not in wanted:
            await anext(changes)


def keeper_of(ctx: Context, instance_id: str) -> psutil.Process:
    return psutil.Process(psutil.Process(instances.get(ctx, instance_id).pid).ppid())


@pytest.mark.slow
async def test_a_killed_keeper_is_named_and_the_restart_policy_applies(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
    await instances.supervise(ctx, bot.id, restart="on-failure", restart_delay_s=0.05)
    pid = (await instances.start(ctx, bot.id)).instance.pid
    keeper_of(ctx, bot.id).kill()
    async with asyncio.timeout(10):  # 2 s and the delay are meant; a busy machine takes longer
        await until(ctx, bot.id, State.STARTING)
        failure = instances.get(ctx, bot.id).failure
        await until(ctx, bot.id, State.RUNNING)
        while instances.get(ctx, bot.id).services[0].status is not State.RUNNING:
            await asyncio.sleep(0.01)
    assert failure is not None
    assert "keeper" in failure.reason.en
    assert not lives(pid)
    kinds = [event.kind async for event in _events(ctx, 2, "died")]
    assert kinds.count("died") == 2
    await terminals.send_input(ctx, f"{bot.id}_main", "again\n")
    assert "heard again" in await outputs(ctx, f"{bot.id}_main", "heard again")


async def _events(ctx: Context, count: int, kind: str):  # type: ignore[no-untyped-def]  # of one test
    stream = system.event_stream(ctx, after=0)
    async for event in stream:
        yield event
        count -= event.kind == kind
        if not count:
            await stream.aclose()
            return


async def test_a_server_of_another_minor_version_adopts_what_an_old_one_started(
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


async def test_a_keeper_of_another_major_version_is_left_alone(
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


async def test_with_a_full_disk_the_bot_runs_on_and_the_loss_is_announced(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    session = f"{bot.id}_main"
    await outputs(ctx, session, "ready")
    # A file of the keeper's may not grow beyond 4 KiB: its writes fail as they do on a full disk.
    keeper_of(ctx, bot.id).rlimit(psutil.RLIMIT_FSIZE, (4096, 4096))
    seen, said = "", []
    async with terminals.find(ctx, session).watch() as (viewer, _):
        for number in range(6):
            await terminals.send_input(ctx, session, "x" * 1000 + f"{number}\n")
        async for item in viewer:
            if isinstance(item, Piece):
                seen += item.data.decode()
            elif isinstance(item, Said):
                said.append(item.text.en)
            if "heard " + "x" * 1000 + "5" in seen and any("cannot be written" in text for text in said):
                break
    assert instances.get(ctx, bot.id).status is State.RUNNING


@pytest.mark.slow
async def test_a_sigterm_to_a_maibot_like_runner_orphans_no_worker(ctx: Context, tmp_path: Path) -> None:
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
