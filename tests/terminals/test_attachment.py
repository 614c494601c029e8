"""An interactive viewer of a terminal, below its WebSocket."""

import asyncio
import signal
from pathlib import Path

import psutil
import pytest

from mailauncher.errors import InvalidParameter
from resolvers import instances, logs, terminals
from resolvers.context import Context
from resolvers.terminals import INPUT_BYTES, Attachment, Piece, StatusMessage
from terminals.states import State
from tests.support.context import add_bot, free_port


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
