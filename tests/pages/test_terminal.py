"""Terminals in the dashboard: what is typed and shown, whatever becomes of server and connection."""

import asyncio
import os
import random
import shutil
import signal
from pathlib import Path

import pytest
from playwright.async_api import Page

from resolvers import instances
from tests.support.browser import browser
from tests.support.context import add_bot, free_port, processes_in, settings_for
from tests.support.cutting import CuttingProxy
from tests.support.killable import Server
from tests.support.server import Launcher, running
from tests.support.stress import sized
from tests.support.terminal_page import PATIENCE_S, PRINTING_BOT, focus, shown, terminal_of, wait_for_text
from tests.support.waiting import until

pytestmark = pytest.mark.slow

KILLS = sized(2, 50)
CUTS = sized(8, 100)
LINES = 6000
TYPED_EVERY_S = sized(0.2, 0.02)
PACED_BOT = f"""
import time
cuts = int(input("how many cuts? "))
for number in range({LINES}):
    print(number, "麦麦👩‍👩‍👧".ljust(number % 90, "~"), flush=number % 40 == 0)
    time.sleep(0.4 * cuts / {LINES})
print("the end", flush=True)
"""
"""Prints some lines in each of the times between two cuts."""
TYPED_BOT = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
with open("typed", "a", buffering=1) as typed:
    for line in sys.stdin:
        typed.write(line)
        print("heard", line.strip(), flush=True)
"""


async def test_a_terminal_whose_log_a_power_cut_has_shortened_shows_what_is_left_of_it(
    tmp_path: Path,
) -> None:
    """The page asked for ever to go on at an offset that the log no longer reached."""
    server = Server(tmp_path)
    await server.start()
    bot = await _started(server, PRINTING_BOT)
    try:
        async with browser() as opened:
            context = await opened.new_context(
                base_url=server.url, locale="en-GB", permissions=["clipboard-read", "clipboard-write"]
            )
            page = await context.new_page()
            await page.goto(f"/instances/{bot}")
            await focus(page)
            await page.keyboard.type("lines 300\n")
            await wait_for_text(page, "done: lines 300")
            await server.end(signal.SIGKILL)
            for pid in processes_in(tmp_path):
                os.kill(pid, signal.SIGKILL)
            for folder in (server.data / "terminals").iterdir():
                shutil.rmtree(folder)
            await server.start()
            async with asyncio.timeout(PATIENCE_S):
                while "line 299" in await shown(page):
                    await asyncio.sleep(0.1)
            await wait_for_text(page, "ready for you")
            await focus(page)
            await page.keyboard.type("lines 3\n")
            await wait_for_text(page, "done: lines 3")
    finally:
        await _delete(server, bot)


@pytest.mark.stress
async def test_what_is_typed_once_arrives_once_although_the_server_is_killed(tmp_path: Path) -> None:
    server = Server(tmp_path)
    await server.start()
    bot = await _started(server, TYPED_BOT)
    heard = server.workspace / "bot" / "typed"
    try:
        async with browser() as opened:
            context = await opened.new_context(base_url=server.url, locale="en-GB")
            page = await context.new_page()
            await page.goto(f"/instances/{bot}")
            await focus(page)
            typed = await _type_while_it_is_killed(server, page, heard)
        assert heard.read_text().splitlines() == typed
    finally:
        await _delete(server, bot)


async def _started(server: Server, code: str) -> str:
    """The id of a new bot that runs."""
    folder = server.workspace / "bot"
    folder.mkdir(parents=True)
    (folder / "bot.py").write_text(code)
    added = await server.ask("POST", "/instances/add", name="bot", path=str(folder), port=free_port())
    bot: str = added["instance_id"]
    await server.ask("GET", f"/instance/{bot}/start")
    return bot


async def _delete(server: Server, bot: str) -> None:
    """Ends the bot, and then the server."""
    if not server.lives:
        await server.start()
    await server.ask("GET", f"/instance/{bot}/stop")
    await server.ask("DELETE", f"/instance/{bot}/delete")
    assert await server.end(signal.SIGTERM) == 0


async def _type_while_it_is_killed(server: Server, page: Page, heard: Path) -> list[str]:
    """Types numbered lines while the server is killed again and again. Returns them once the last has arrived."""
    typed: list[str] = []
    done = asyncio.Event()

    async def type_lines() -> None:
        while not done.is_set():
            typed.append(f"typed {len(typed)}")
            await page.keyboard.type(f"{typed[-1]}\n")
            await asyncio.sleep(TYPED_EVERY_S)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(type_lines())
        for _ in range(KILLS):
            await _arrived(heard, len(typed) + 1)
            await asyncio.sleep(random.random() * 0.3)
            await server.end(signal.SIGKILL)
            await asyncio.sleep(random.random() * 0.3)
            await server.start()
        done.set()
    await _arrived(heard, len(typed))
    return typed


async def _arrived(heard: Path, count: int) -> None:
    """Waits until the bot has read so many lines."""
    await until(lambda: heard.exists() and heard.read_text().count("\n") >= count)


@pytest.mark.stress
async def test_a_terminal_whose_socket_is_cut_again_and_again_equals_the_log(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PACED_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with (
            CuttingProxy(launcher.port) as proxy,
            terminal_of(Launcher(launcher.ctx, proxy.port), opened, bot.id, webgl=True) as watched,
        ):
            page = watched.page
            await page.keyboard.type(f"{CUTS}\n")
            for _ in range(CUTS):
                await proxy.cut("/ws/", after=random.randrange(1, 20_000))
            text = await wait_for_text(page, "the end")
            answer = await page.request.get(f"{launcher.url}/api/v1/terminals/{bot.id}_main/log")
            log = (await answer.text()).replace("\r\n", "\n")
            assert log.count("\n") > LINES
            assert text.rstrip("\n") == log.rstrip("\n")
            # The browser notes a handshake that was cut.
            watched.errors[:] = [error for error in watched.errors if "WebSocket" not in error]
