"""Terminals in the dashboard: what is typed and shown, whatever becomes of the connection and however much is printed."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from resolvers import instances
from tests.support.browser import Watched, browser, page_of
from tests.support.context import add_bot, free_port, settings_for
from tests.support.cutting import CuttingProxy
from tests.support.killable import Server
from tests.support.server import Launcher, running
from tests.support.stress import sized
from tests.support.waiting import until

pytestmark = pytest.mark.slow

KILLS = sized(5, 50)
CUTS = sized(15, 100)
BOT = """
import sys
print("ready for you", flush=True)
for line in sys.stdin:
    count = line.strip()
    for number in range(int(count)):
        print("line", number, "." * 40)
    print("printed", count, flush=True)
"""
"""Prints as many lines as it is told to."""
LINES = 6000
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


@asynccontextmanager
async def terminal(
    launcher: Launcher, opened: Browser, id: str, *, dark: bool = False
) -> AsyncIterator[Watched]:
    """A page with a bot's terminal, in which one can type."""
    async with page_of(launcher, opened, dark=dark) as watched:
        await watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await watched.page.goto(f"/instances/{id}")
        await focus(watched.page)
        yield watched
        watched.require_clean()


async def focus(page: Page) -> None:
    await page.locator(".xterm-helper-textarea").first.focus()


async def shown(page: Page) -> str:
    """All that the terminal's screen has, as its button copies it."""
    await page.evaluate("navigator.clipboard.writeText('')")
    await page.get_by_role("button", name="Copy", exact=True).click()
    while not (text := await page.evaluate("navigator.clipboard.readText()")):
        await asyncio.sleep(0.02)
    return str(text)


async def wait_for_text(page: Page, wanted: str) -> str:
    """What is shown, once that has a text."""
    async with asyncio.timeout(60):
        while wanted not in (text := await shown(page)):
            await asyncio.sleep(0.1)
    return text


async def to_top(page: Page) -> None:
    """Drags the scroll bar of the screen in front to its top."""
    slider = page.locator(".xterm:visible .slider").last
    box = await slider.bounding_box()
    frame = await page.locator(".xterm:visible").last.bounding_box()
    assert box is not None
    assert frame is not None
    middle = box["x"] + box["width"] / 2
    await page.mouse.move(middle, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(middle, frame["y"] - 40, steps=5)
    await page.mouse.up()


@pytest.mark.stress
async def test_what_is_typed_once_arrives_once_although_the_server_is_killed(tmp_path: Path) -> None:
    server = Server(tmp_path)
    await server.start()
    folder = server.workspace / "bot"
    folder.mkdir(parents=True)
    (folder / "bot.py").write_text(TYPED_BOT)
    added = await server.ask("POST", "/instances/add", name="bot", path=str(folder), port=free_port())
    bot = added["instance_id"]
    await server.ask("GET", f"/instance/{bot}/start")
    try:
        async with browser() as opened:
            context = await opened.new_context(base_url=server.url, locale="en-GB")
            page = await context.new_page()
            await page.goto(f"/instances/{bot}")
            await focus(page)
            typed = await _type_while_it_is_killed(server, page, folder / "typed")
        assert (folder / "typed").read_text().splitlines() == typed
    finally:
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
            await asyncio.sleep(0.02)

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
            terminal(Launcher(launcher.ctx, proxy.port), opened, bot.id) as watched,
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
