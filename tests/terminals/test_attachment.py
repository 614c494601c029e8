"""An interactive viewer of a terminal, below its WebSocket."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from mailauncher.errors import InvalidParameter
from resolvers import instances, logs, terminals
from resolvers.context import Context
from resolvers.terminals import INPUT_BYTES, Attachment, Piece, StatusMessage
from terminals.client import KeeperClient
from terminals.states import State
from tests.support.context import add_bot, free_port, has_ended, parts


async def shows(attachment: Attachment, wanted: str) -> None:
    seen = ""
    async with asyncio.timeout(30):
        async for item in attachment:
            if isinstance(item, Piece):
                seen += item.data.decode()
                if wanted in seen:
                    return


async def test_input_has_the_same_limit_as_in_a_mutation(ctx: Context, tmp_path: Path) -> None:
    """One door had a limit for input and the other had none."""
    bot = await add_bot(ctx, tmp_path / "bot")
    session_id = f"{bot.id}_main"
    async with terminals.attach(ctx, session_id, None) as (attachment, _):
        with pytest.raises(InvalidParameter) as refused:
            await attachment.input("x" * (INPUT_BYTES + 1))
    with pytest.raises(InvalidParameter) as in_a_mutation:
        await terminals.send_input(ctx, session_id, "x" * (INPUT_BYTES + 1))
    assert refused.value.field == in_a_mutation.value.field == "data"


async def test_a_time_range_must_not_be_reversed(ctx: Context, tmp_path: Path) -> None:
    session_id = f"{(await add_bot(ctx, tmp_path / 'bot')).id}_main"
    with pytest.raises(InvalidParameter):
        await logs.history(ctx, session_id, 2, 1)
    with pytest.raises(InvalidParameter):
        await logs.download(ctx, session_id, 2, 1, "text")


@pytest.mark.slow
async def test_a_viewer_whose_output_was_paused_sees_the_output_of_the_next_keeper(
    ctx: Context, tmp_path: Path
) -> None:
    """A paused connection does not notice that the keeper has died; it was kept, and showed nothing any more."""
    bot = await add_bot(ctx, tmp_path / "bot")
    session_id = f"{bot.id}_main"
    await instances.start(ctx, bot.id)
    async with terminals.attach(ctx, session_id, 0) as (attachment, _):
        await shows(attachment, "ready")
        stream = terminals.find(ctx, session_id).tail._stream
        assert stream is not None
        stream.pause()
        keeper = psutil.Process(psutil.Process(instances.get(ctx, bot.id).pid).ppid())
        keeper.send_signal(signal.SIGKILL)
        while instances.get(ctx, bot.id).failure is None:
            await asyncio.sleep(0.01)
        await instances.start(ctx, bot.id)
        await shows(attachment, "ready")


@pytest.mark.slow
async def test_a_bot_whose_output_goes_to_a_file_runs_and_its_viewers_are_told_the_file(
    ctx: Context, tmp_path: Path
) -> None:
    """A start script that redirected the streams of its bot got it killed by SIGHUP, and the instance failed."""
    folder = tmp_path / "bot"
    folder.mkdir()
    (folder / "bot.sh").write_text('echo "ready" >&2; exec sleep 100')
    log = folder / "bot.log"
    for number, line in enumerate(
        (f"exec bash bot.sh </dev/null >>{log} 2>&1", f"bash bot.sh >{log} 2>&1; :")
    ):
        command = f"bash -c '{line}'"
        new = instances.NewInstance(f"bot-{number}", str(folder), free_port(), command, ())
        bot = await instances.add(ctx, new)
        await instances.supervise(ctx, bot.id, stop_timeout_s=0.1)
        await instances.start(ctx, bot.id)
        while not log.exists() or "ready" not in log.read_text():
            await asyncio.sleep(0.01)
        async with terminals.attach(ctx, f"{bot.id}_main", None) as (attachment, _):
            told = await anext(item.text async for item in attachment if isinstance(item, StatusMessage))
        assert str(log) in told.en
        assert str(log) in told.zh
        assert instances.get(ctx, bot.id).status is State.RUNNING
        await instances.stop(ctx, bot.id)
        await instances.delete(ctx, bot.id)
        log.unlink()


@pytest.mark.slow
async def test_a_viewer_that_leaves_while_the_keeper_answers_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancellation that came together with an answer of the keeper was lost: the viewer of a client that had left stayed for
    ever, and so did the shell that had been opened for it."""
    answered, leaves_at, watching = 0, 0, asyncio.get_running_loop().create_task(asyncio.sleep(0))
    resolve = KeeperClient._resolve

    def resolve_and_leave(client: KeeperClient, number: int, **outcome: Any) -> None:
        nonlocal answered
        resolve(client, number, **outcome)
        answered += 1
        if answered == leaves_at:
            watching.cancel()

    async def watch(session_id: str) -> None:
        async with terminals.attach(ctx, session_id, None):
            pass

    async with parts(tmp_path, shell_idle_timeout_s=0.05) as ctx:
        session_id = f"{(await add_bot(ctx, tmp_path / 'bot')).id}_main"
        terminal = terminals.find(ctx, session_id)
        monkeypatch.setattr(KeeperClient, "_resolve", resolve_and_leave)
        async with asyncio.timeout(60):
            while answered >= leaves_at:
                answered, leaves_at = 0, leaves_at + 1
                watching = asyncio.create_task(watch(session_id))
                await asyncio.wait([watching])
                assert watching.cancelled() == (answered >= leaves_at)
                assert terminal.tail.viewers == []
                while terminal.alive or len(terminal._tasks):
                    await asyncio.sleep(0.01)
        assert leaves_at > 3


@pytest.mark.slow
async def test_a_shell_that_is_opened_without_a_viewer_is_closed(tmp_path: Path) -> None:
    """Only the departure of a viewer set its time: a shell that a mutation had opened ran for ever."""
    async with parts(tmp_path, shell_idle_timeout_s=0.2) as ctx:
        session_id = f"{(await add_bot(ctx, tmp_path / 'bot')).id}_main"
        await terminals.send_input(ctx, session_id, "\n")
        opened = terminals.get(ctx, session_id).pid
        assert opened is not None
        await has_ended(opened)
