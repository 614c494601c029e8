"""Ready is more than alive: the port accepts, or the line was printed."""

import asyncio
import socket
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from mailauncher import listeners
from mailauncher.events import InstanceChanged
from mailauncher.expressions import in_lines
from resolvers import instances
from resolvers.context import Context
from terminals import readiness
from terminals.client import NoAnswer
from terminals.readiness import wait_for_line
from tests.support.context import PATIENCE_S, add_bot
from tests.support.growth import require_linear

FLOOD_AND_READY = """
import sys
for _ in range(20):
    sys.stdout.write("a\\n" * 50_000)
print("x" * 100_000)
print("ready", flush=True)
sys.stdin.readline()
"""

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


async def test_a_line_is_found_in_much_output_without_the_event_loop(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All output was searched on the event loop, 64 KiB of short lines for 15 ms, as long as the bot printed."""
    threads, search = set(), readiness._search

    def noted(matches: Any, data: bytes) -> tuple[bool, bytes]:
        threads.add(threading.current_thread())
        return search(matches, data)

    monkeypatch.setattr(readiness, "_search", noted)
    bot = await add_bot(ctx, tmp_path / "bot", FLOOD_AND_READY)
    await instances.start(ctx, bot.id)
    terminal = ctx.live.supervisor(bot.id).terminals["main"]
    async with asyncio.timeout(PATIENCE_S):
        await wait_for_line(terminal.client, "main", terminal.start, "^ready$")
    assert threads
    assert threading.main_thread() not in threads


def test_the_cost_of_a_search_for_a_line_is_in_proportion_to_the_output() -> None:
    def cost(times: int) -> float:
        begun = time.process_time()
        data = b"".join(b"%d\n" % n for n in range(20_000 * times)) + b"x" * 50_000 * times
        assert readiness._search(in_lines("never").search, data)[0] is False
        return time.process_time() - begun

    require_linear(cost)


def test_no_expression_of_a_recipe_keeps_a_thread_for_ever() -> None:
    """Some words of Python's `re` take twice as long with each character of a line: the thread never came back."""
    matches = in_lines("^(a+)+$").search
    assert readiness._search(matches, b"a" * 50_000 + b"b\n" * 2) == (False, b"")
    assert readiness._search(matches, b"b\n" + b"a" * 50_000 + b"\n") == (True, b"")


async def test_a_keeper_that_hangs_does_not_end_the_search(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    terminal = ctx.live.supervisor(bot.id).terminals["main"]
    read, failed = terminal.client.read, asyncio.Event()

    async def hangs(*given: Any) -> tuple[int, bytes]:
        if failed.is_set():
            return await read(*given)
        failed.set()
        raise NoAnswer

    monkeypatch.setattr(readiness, "LATE_PROBE_INTERVAL_S", 0.01)
    monkeypatch.setattr(terminal.client, "read", hangs)
    async with asyncio.timeout(PATIENCE_S):
        await wait_for_line(terminal.client, "main", terminal.start, "^ready$")
