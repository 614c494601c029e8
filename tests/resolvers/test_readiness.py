"""Ready is more than alive: the port accepts, or the line was printed."""

import asyncio
import socket
from collections.abc import Collection
from pathlib import Path

import pytest

from mailauncher import listeners
from mailauncher.events import InstanceChanged
from resolvers import instances
from resolvers.context import Context
from terminals.readiness import wait_for_line
from tests.support.context import add_bot

SLOW_TO_LISTEN = """
import socket, sys
print("up", flush=True)
sys.stdin.readline()
listener = socket.create_server(("127.0.0.1", {port}))
print("listening", flush=True)
sys.stdin.readline()
"""


async def test_an_instance_is_ready_once_its_port_accepts_connections(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(SLOW_TO_LISTEN.format(port=bot.port))
    assert instances.get(ctx, bot.id).ready is None
    assert (await instances.start(ctx, bot.id)).instance.ready is False
    with ctx.bus.subscribe(InstanceChanged) as changes:
        await ctx.live.supervisor(bot.id).terminals["main"].input("go\n")
        while not instances.get(ctx, bot.id).ready:
            await anext(changes)
    assert (await instances.stop(ctx, bot.id)).instance.ready is None


ELSEWHERE = """
import os, signal, socket, sys
print("up", flush=True)
sys.stdin.readline()
if os.fork() == 0:
    listener = socket.create_server(("127.0.0.1", {port}))
    signal.pause()
os.wait()
"""


@pytest.mark.slow
async def test_a_port_on_which_another_program_listens_makes_no_bot_ready(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot that listened on another port was ready as soon as anybody listened on its own."""
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(ELSEWHERE.format(port=bot.port))
    await instances.start(ctx, bot.id)
    heard: asyncio.Queue[bool] = asyncio.Queue()
    told = listeners.is_served_by

    def noted(port: int, program: Collection[int]) -> bool:
        served = told(port, program)
        loop.call_soon_threadsafe(heard.put_nowait, served)
        return served

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(listeners, "is_served_by", noted)
    with socket.create_server(("127.0.0.1", bot.port)):
        assert not await heard.get()
        assert instances.get(ctx, bot.id).ready is False
    with ctx.bus.subscribe(InstanceChanged) as changes:  # its own listener is in a child
        await ctx.live.supervisor(bot.id).terminals["main"].input("go\n")
        while not instances.get(ctx, bot.id).ready:
            await anext(changes)


async def test_a_line_that_the_current_run_prints_makes_it_ready(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    terminal = ctx.live.supervisor(bot.id).terminals["main"]
    await wait_for_line(terminal.client, "main", terminal.start, "^ready$")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await wait_for_line(terminal.client, "main", terminal.start, "never")
