"""A bot's terminal in the dashboard, and what a user does with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, expect

from tests.support.browser import Watched, page_of
from tests.support.server import Launcher

PATIENCE_S = 60
PRINTING_BOT = """
import sys
print("ready for you", flush=True)
for line in sys.stdin:
    word, _, given = line.strip().partition(" ")
    if word == "lines":
        for number in range(int(given)):
            print("line", number, "." * 40)
    if word == "file":
        print(open(given, encoding="utf-8").read())
    if word == "size":
        import os
        print("size", *os.get_terminal_size())
    print("done:", word, given, flush=True)
"""
"""Prints what it is told to: `lines COUNT`, `file PATH`, `size`; then `done: ...`."""


@asynccontextmanager
async def terminal_of(
    launcher: Launcher,
    opened: Browser,
    id: str,
    *,
    language: str = "en",
    dark: bool = False,
    size: tuple[int, int] = (1280, 900),
    touch: bool = False,
    webgl: bool = False,
) -> AsyncIterator[Watched]:
    """A page with a bot's terminal, in which one can type. See `page_of`."""
    async with page_of(
        launcher, opened, language=language, dark=dark, size=size, touch=touch, webgl=webgl
    ) as watched:
        await watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await watched.page.goto(f"/instances/{id}")
        await focus(watched.page)
        yield watched
        watched.require_clean()


async def focus(page: Page) -> None:
    await page.locator(".xterm-helper-textarea").first.focus()


async def shown(page: Page) -> str:
    """All that the terminal's screen has, or what is selected, as its button copies it.

    Waits until it has anything: while another part of the log is being drawn, the screen is empty for a moment.
    """
    await page.evaluate("navigator.clipboard.writeText('')")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await page.get_by_role("button", name="Copy", exact=True).click()
            for _ in range(20):
                if text := await page.evaluate("navigator.clipboard.readText()"):
                    return str(text)
                await asyncio.sleep(0.02)


async def wait_for_text(page: Page, wanted: str) -> str:
    """What is shown, once that has a text. A look copies all of it, which takes longer the more there is."""
    pause_s = 0.1
    async with asyncio.timeout(PATIENCE_S):
        while wanted not in (text := await shown(page)):
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 1.0)
    return text


async def to_top(page: Page) -> None:
    """Drags the scroll bar of the screen in front to its top. It appears under the mouse."""
    frame = await page.locator(".xterm:visible").first.bounding_box()
    box = await page.locator(".xterm:visible .scrollbar.vertical .slider").first.bounding_box()
    assert frame is not None
    assert box is not None
    middle = box["x"] + box["width"] / 2
    await page.mouse.move(middle, box["y"] + box["height"] / 2)
    await expect(page.locator(".xterm:visible .scrollbar.vertical").first).to_have_css("opacity", "1")
    await page.mouse.down()
    await page.mouse.move(middle, frame["y"] - 60, steps=4)
    await page.mouse.up()
