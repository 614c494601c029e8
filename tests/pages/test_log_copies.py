"""What leaves the dashboard: text that is copied, and logs that are downloaded."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from mailauncher.errors import LauncherError
from resolvers import instances
from terminals.states import State
from tests.support.browser import browser, page_of
from tests.support.context import add_bot, outputs, settings_for, until
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

LONG = "0123456789" * 30
PADDED = f"""
import sys
print("padded   " + " " * 20)
print("{LONG}")
print("end", flush=True)
sys.stdin.read()
"""
CRASHING = """
import pathlib, sys
runs = pathlib.Path("runs")
number = int(runs.read_text()) + 1 if runs.exists() else 1
runs.write_text(str(number))
print("run", number, flush=True)
if number == 1:
    sys.exit(3)
print("works", flush=True)
sys.stdin.read()
"""
TOKEN = "correct-horse-battery"


async def clipboard(page: Page) -> str:
    """What the page copies now."""
    await page.evaluate("document.execCommand('copy')")
    copied: str = await page.evaluate("navigator.clipboard.readText()")
    return copied


async def test_copies_have_no_spaces_at_the_ends_of_lines_and_no_soft_line_ends(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PADDED)
        await instances.start(launcher.ctx, bot.id)
        await outputs(launcher.ctx, f"{bot.id}_main", "end\r\n")
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            await page.goto(f"/instances/{bot.id}/log")
            log = page.get_by_role("log")
            await expect(log).to_contain_text("end")
            await log.evaluate("(log) => getSelection().selectAllChildren(log)")
            assert (await clipboard(page)).split("\n")[:3] == ["padded", LONG, "end"]
            await page.goto(f"/instances/{bot.id}")
            screen = page.locator(".xterm-screen")
            await expect(screen).to_be_visible()
            await expect(page.get_by_text("Connecting to the terminal")).to_be_hidden()
            box = await screen.bounding_box()
            assert box is not None
            await select_lines(page, box["x"], box["y"])
            assert (await clipboard(page)).split("\n")[:2] == ["padded", LONG]
            watched.require_clean()


async def select_lines(page: Page, left: float, top: float) -> None:
    """Selects the first eight rows of a terminal by dragging."""
    await page.mouse.move(left + 1, top + 4)
    await page.mouse.down()
    await page.mouse.move(left + 400, top + 130, steps=5)
    await page.mouse.up()


async def test_a_log_is_downloaded_as_text_as_a_recording_and_up_to_the_last_crash(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, token=TOKEN)) as launcher, browser() as opened:
        bot = await crashed_bot(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot}/log")
            await page.get_by_label("Token").fill(TOKEN)
            await page.get_by_role("button", name="Sign in").click()
            assert await downloaded(page, "Download") == "run 1\r\nrun 2\r\nworks\r\n"
            header, *events = map(json.loads, (await downloaded(page, "Recording")).splitlines())
            assert (header["version"], header["title"]) == (2, f"{bot}_main")
            assert "".join(data for _, kind, data in events if kind == "o") == "run 1\r\nrun 2\r\nworks\r\n"
            assert await downloaded(page, "The last crash") == "run 1\r\n"
            await page.goto("/events")
            await page.get_by_role("link", name="the log at that moment").click()
            log = page.get_by_role("log")
            await expect(log.locator("mark")).to_have_text("run 2")
            watched.require_clean()


async def crashed_bot(launcher: Launcher, folder: Path) -> str:
    """A bot that has crashed once and was started again."""
    bot = await add_bot(launcher.ctx, folder / "bot", CRASHING)
    await instances.supervise(launcher.ctx, bot.id, restart="no")
    with suppress(LauncherError):
        await instances.start(launcher.ctx, bot.id)
    await until(launcher.ctx, bot.id, State.FAILED)
    await instances.start(launcher.ctx, bot.id)
    await outputs(launcher.ctx, f"{bot.id}_main", "works\r\n")
    return bot.id


async def downloaded(page: Page, name: str) -> str:
    async with page.expect_download() as begun:
        await page.get_by_role("link", name=name, exact=True).click()
    return (await (await begun.value).path()).read_bytes().decode()
