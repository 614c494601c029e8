"""Reading a terminal in the dashboard: what stands still, what is older, what is skipped."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import FloatRect, Page, expect

from resolvers import instances, terminals
from tests.support.browser import browser
from tests.support.context import add_bot, settings_for
from tests.support.server import running
from tests.support.stress import sized
from tests.support.terminal_page import (
    PATIENCE_S,
    PRINTING_BOT,
    focus,
    shown,
    terminal_of,
    to_top,
    wait_for_text,
)

pytestmark = pytest.mark.slow

END = re.compile(r"(\d[\d,]* new lines|To the end)")
FLOOD_LINES = sized(80_000, 200_000)
"""More than the 2 MiB behind which a page leaves output out."""


async def reading_area(page: Page) -> FloatRect:
    """Where the text is, without the button at the right and without the cursor."""
    box = await page.locator(".xterm").first.bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": 500, "height": box["height"] - 60}


async def numbers_shown(page: Page) -> list[int]:
    return [int(number) for number in re.findall(r"line (\d+) ", await shown(page))]


async def without_holes(page: Page) -> list[int]:
    """The numbers shown, of which none between the first and the last is missing or twice.

    Waits until there are any: what is drawn first may be the end of a line.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not (numbers := await numbers_shown(page)):
            await asyncio.sleep(0.05)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    return numbers


async def test_nothing_moves_while_one_reads_and_end_follows_again(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            await page.keyboard.type("lines 300\n")
            await wait_for_text(page, "done: lines 300")
            await focus(page)
            for _ in range(3):
                await page.keyboard.press("Shift+PageUp")
            await expect(page.get_by_role("button", name="To the end")).to_be_visible()
            area = await reading_area(page)
            await asyncio.sleep(0.5)  # until it has stopped scrolling
            before = await page.screenshot(clip=area)
            # More than the screen keeps, so that what is read would be lost.
            await terminals.send_input(launcher.ctx, f"{bot.id}_main", "lines 12000\r")
            await expect(page.get_by_role("button", name="12,002 new lines")).to_be_visible()
            assert await page.screenshot(clip=area) == before
            await focus(page)
            await page.keyboard.press("End")
            await expect(page.get_by_role("button", name=END)).to_be_hidden()
            await wait_for_text(page, "done: lines 12000")


async def test_nothing_moves_while_something_is_selected(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            await page.keyboard.type("lines 100\n")
            await wait_for_text(page, "done: lines 100")
            area = await reading_area(page)
            await page.mouse.dblclick(area["x"] + 10, area["y"] + 30)
            await expect(page.get_by_role("button", name="To the end")).to_be_visible()
            assert await shown(page) == "line"
            before = await page.screenshot(clip=area)
            await terminals.send_input(launcher.ctx, f"{bot.id}_main", "lines 500\r")
            await expect(page.get_by_role("button", name="502 new lines")).to_be_visible()
            assert await page.screenshot(clip=area) == before
            await page.get_by_role("button", name="502 new lines").click()
            await wait_for_text(page, "done: lines 500")


async def test_scrolling_up_reaches_the_oldest_byte_and_leaves_nothing_out(tmp_path: Path) -> None:
    lines = 8000
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        await terminals.send_input(launcher.ctx, f"{bot.id}_main", f"lines {lines}\r")
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            await wait_for_text(page, f"done: lines {lines}")
            seen = await without_holes(page)
            assert seen[0] > 1000  # the rest is only in the log
            assert seen[-1] == lines - 1
            oldest = page.get_by_text("This is the oldest output that is kept.")
            async with asyncio.timeout(120):
                while not await oldest.is_visible():
                    await to_top(page)
                    await without_holes(page)
            assert "ready for you" in await shown(page)
            assert (await without_holes(page))[0] == 0
            await page.get_by_role("button", name="To the end").click()
            await page.keyboard.type("size\n")
            await wait_for_text(page, "done: size")


async def test_the_older_screen_shows_the_same_place_and_goes_back_to_it(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        await terminals.send_input(launcher.ctx, f"{bot.id}_main", "lines 8000\r")
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            begin = (await without_holes(page))[0]
            await to_top(page)
            await expect(page.locator(".xterm:visible")).to_have_count(2)
            older = await without_holes(page)
            assert older[0] < begin < older[-1]
            await focus(page)
            await page.keyboard.press("Shift+PageUp")
            for _ in range(3):
                await page.keyboard.press("Shift+PageDown")
            await expect(page.locator(".xterm:visible")).to_have_count(1)
            assert (await without_holes(page))[0] == begin
            await expect(page.get_by_role("button", name="To the end")).to_be_visible()


@pytest.mark.stress
async def test_what_is_left_out_of_a_flood_is_told_and_can_be_shown(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            # Held, since a fast machine would draw all of it.
            await page.keyboard.type("lines 100\n")
            await wait_for_text(page, "done: lines 100")
            await focus(page)
            await page.keyboard.press("Shift+PageUp")
            await terminals.send_input(launcher.ctx, f"{bot.id}_main", f"lines {FLOOD_LINES}\r")
            told = page.get_by_role("button", name=f"{FLOOD_LINES + 2:,} new lines")
            await expect(told).to_be_visible(timeout=1000 * PATIENCE_S)
            await expect(page.get_by_text(re.compile(r"^\d+(\.\d)? MiB skipped$"))).to_be_visible()
            await (
                page.get_by_role("button", name="To the end")
                .or_(page.get_by_role("button", name=END))
                .click()
            )
            text = await wait_for_text(page, f"done: lines {FLOOD_LINES}")
            assert re.search(r"… \d+(\.\d)? MiB skipped …", text)
            assert f"line {FLOOD_LINES - 1} " in text
            await page.get_by_role("button", name="Show", exact=True).click()
            await expect(page.locator(".xterm:visible")).to_have_count(2)
            numbers = await numbers_shown(page)
            first = numbers.index(0, numbers.index(99) + 1) if 99 in numbers else 0
            assert numbers[first:] == list(range(numbers[first], numbers[first] + len(numbers) - first))
            assert numbers[-1] < FLOOD_LINES - 20_000


async def test_the_oldest_output_can_be_left_although_nothing_is_printed_meanwhile(tmp_path: Path) -> None:
    """The terminal was not held, so that no button led back until its program printed something."""
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        await terminals.send_input(launcher.ctx, f"{bot.id}_main", "lines 8000\r")
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            await wait_for_text(page, "done: lines 8000")
            await page.get_by_role("button", name="Oldest output").click()
            await expect(page.get_by_text("This is the oldest output that is kept.")).to_be_visible()
            assert "ready for you" in await shown(page)
            await page.get_by_role("button", name="To the end").click()
            await expect(page.locator(".xterm:visible")).to_have_count(1)
            await wait_for_text(page, "done: lines 8000")
