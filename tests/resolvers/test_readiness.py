"""Ready is more than alive: the port accepts, or the line was printed."""

from pathlib import Path

from mailauncher.events import InstanceChanged
from mailauncher.launch import Readiness
from resolvers import instances
from resolvers.context import Context
from terminals import readiness
from tests.support.context import add_bot, free_port

SLOW_TO_LISTEN = """
import socket, sys
print("up", flush=True)
sys.stdin.readline()
listener = socket.create_server(("127.0.0.1", {port}))
print("listening", flush=True)
sys.stdin.readline()
"""


async def test_an_instance_is_ready_once_its_port_accepts(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(SLOW_TO_LISTEN.format(port=bot.port))
    assert instances.get(ctx, bot.id).ready is None
    assert (await instances.start(ctx, bot.id)).instance.ready is False
    with ctx.bus.subscribe(InstanceChanged) as changes:
        await ctx.fleet.crew(bot.id).terminals["main"].input("go\n")
        while not instances.get(ctx, bot.id).ready:
            await anext(changes)
    assert (await instances.stop(ctx, bot.id)).instance.ready is None


async def test_a_line_is_waited_for_from_the_start_of_the_run(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    terminal = ctx.fleet.crew(bot.id).terminals["main"]
    assert await readiness.reached(
        terminal.client, "main", terminal.start, Readiness(line="^ready$", within_s=20)
    )
    assert not await readiness.reached(
        terminal.client, "main", terminal.start, Readiness(line="never", within_s=0.1)
    )


async def test_a_port_that_nobody_opens_is_not_ready_in_time(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    terminal = ctx.fleet.crew(bot.id).terminals["main"]
    wanted = Readiness(port=free_port(), within_s=0.1)
    assert not await readiness.reached(terminal.client, "main", 0, wanted)
