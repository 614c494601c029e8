"""Enter in a terminal of an instance that was being deleted opened a shell. The keeper then refused to end, and the instance
stayed in the list, while every command on it, another delete included, failed because it was not found."""

import asyncio
from pathlib import Path

import pytest

from mailauncher.errors import ConnectionFailed, LauncherError
from resolvers import instances, terminals
from resolvers.context import Context
from tests.support.context import PATIENT_BOT, add_bot


async def typing(ctx: Context, session_id: str) -> None:
    try:
        while True:
            try:
                await terminals.send_input(ctx, session_id, "\r")
            except LauncherError:
                if session_id.partition("_")[0] not in ctx.live:
                    return
            await asyncio.sleep(0.002)
    except asyncio.CancelledError:
        return


@pytest.mark.slow
async def test_an_instance_can_be_deleted_while_a_user_types_into_its_terminals(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", one=PATIENT_BOT, two=PATIENT_BOT)
    typists = [
        asyncio.create_task(typing(ctx, f"{bot.id}_{name}"))
        for name in ("main", "one", "two")
        for _ in range(2)
    ]
    supervisor = ctx.live.supervisor(bot.id)
    async with asyncio.timeout(10):
        while not all(supervisor.terminals[name].alive for name in supervisor.programs):
            await asyncio.sleep(0.01)
        await instances.delete(ctx, bot.id)
    for typist in typists:
        typist.cancel()
    await asyncio.gather(*typists)
    assert instances.list_all(ctx) == []


async def test_an_instance_whose_keeper_did_not_end_can_be_deleted_again(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    supervisor = ctx.live.supervisor(bot.id)

    async def silent() -> None:
        raise ConnectionFailed("没有应答", "No answer")

    with monkeypatch.context() as patch:
        patch.setattr(supervisor.client, "end", silent)
        with pytest.raises(ConnectionFailed):
            await instances.delete(ctx, bot.id)
    assert (await instances.start(ctx, bot.id)).complete
    await instances.delete(ctx, bot.id)
    assert instances.list_all(ctx) == []
