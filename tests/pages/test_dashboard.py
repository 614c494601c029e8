"""The dashboard in a real browser, against a real server with bots."""

from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import expect

from mailauncher.errors import LauncherError
from mailauncher.settings import Settings
from resolvers import instances, labels
from tests.support.browser import Watched, browser, page_of
from tests.support.context import add_bot, settings_for
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

ECHO_BOT = """
import sys
print("ready for you", flush=True)
for line in sys.stdin:
    print("you said", line.strip(), flush=True)
"""
FAILING_BOT = """
import sys
print("Traceback (most recent call last):", flush=True)
print("ModuleNotFoundError: No module named 'quart'", flush=True)
sys.exit(3)
"""
STUBBORN_BOT = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
print("ready", flush=True)
while True:
    time.sleep(60)
"""
HOSTILE = "<img src=x onerror=alert(1)>"
TOKEN = "correct-horse-battery"


async def add_bots(launcher: Launcher, folder: Path) -> tuple[str, str]:
    """A bot that runs, and one that has failed. Returns their ids."""
    good = await add_bot(launcher.ctx, folder / "good", ECHO_BOT)
    bad = await add_bot(launcher.ctx, folder / "bad", FAILING_BOT)
    await instances.start(launcher.ctx, good.id)
    return good.id, bad.id


async def open_bot(watched: Watched, id: str, tab: str = "") -> None:
    await watched.page.goto(f"/instances/{id}{tab and '/' + tab}")
    await expect(watched.page.get_by_role("heading", level=1)).to_be_visible()


async def test_a_bot_is_started_and_stopped_and_a_failure_says_why(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        _, bad = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/")
            await expect(page.get_by_role("link", name="good", exact=True)).to_be_visible()
            await page.get_by_role("button", name="Stop good").click()
            await expect(page.get_by_role("button", name="Start good")).to_be_visible()
            await page.get_by_role("button", name="Start bad").click()
            needs = page.get_by_role("region", name="Needs you")
            await expect(needs.get_by_role("link", name="bad", exact=True)).to_be_visible()
            await needs.get_by_role("link", name="bad", exact=True).click()
            await expect(page.get_by_text("ModuleNotFoundError").first).to_be_visible()
            assert page.url.endswith(f"/instances/{bad}")
            watched.require_clean()


async def test_what_does_not_stop_is_killed(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, stop_timeout_s=60)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", STUBBORN_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await open_bot(watched, bot.id)
            await page.get_by_role("button", name="Stop", exact=True).click()
            await page.get_by_role("button", name="Kill now").click()
            await expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
            watched.require_clean()


async def test_several_bots_are_commanded_at_once_with_a_result_each(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        for name in ("one", "two"):
            await add_bot(launcher.ctx, tmp_path / name, ECHO_BOT)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/")
            await page.get_by_role("checkbox", name="Select all").check()
            chosen = page.locator("text=2 selected").locator("..")
            await chosen.get_by_role("button", name="Start", exact=True).click()
            for name in ("one", "two"):
                await expect(page.get_by_role("button", name=f"Stop {name}")).to_be_visible()
            await chosen.get_by_role("button", name="Back up").click()
            for name in ("one", "two"):
                await expect(page.get_by_role("status").get_by_text(f"{name}: ").first).to_be_visible()
            await chosen.get_by_role("button", name="Stop", exact=True).click()
            for name in ("one", "two"):
                await expect(page.get_by_role("button", name=f"Start {name}")).to_be_visible()
            watched.require_clean()


async def test_a_terminal_takes_what_is_typed_and_the_log_has_it(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        good, _ = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await open_bot(watched, good)
            await page.locator(".xterm-helper-textarea").focus()
            await page.keyboard.type("hello")
            await page.keyboard.press("Enter")
            await page.get_by_role("link", name="Log", exact=True).click()
            log = page.get_by_role("log")
            await expect(log).to_contain_text("ready for you")
            await page.get_by_role("searchbox", name="Find in the log").fill("you said hello")
            await page.get_by_role("button", name="Find", exact=True).click()
            await page.get_by_role("link", name="you said hello").click()
            await expect(log.locator("mark")).to_have_text("you said hello")
            watched.require_clean()


async def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", f"print({HOSTILE!r}); raise SystemExit(3)")
        await labels.edit(launcher.ctx, bot.id, notes=HOSTILE, tags=[HOSTILE])
        with suppress(LauncherError):  # it ends at once
            await instances.start(launcher.ctx, bot.id)
        async with page_of(launcher, opened) as watched:
            await watched.page.goto("/")
            await expect(watched.page.get_by_text(HOSTILE).first).to_be_visible()
            for tab in ("terminal", "log", "settings"):
                await open_bot(watched, bot.id, tab)
                await expect(watched.page.get_by_text(HOSTILE).first).to_be_visible()
            watched.require_clean()


async def test_a_lost_server_is_told_and_found_again(tmp_path: Path) -> None:
    settings: Settings = settings_for(tmp_path)
    async with browser() as opened:
        async with running(settings) as launcher:
            await add_bot(launcher.ctx, tmp_path / "bot", ECHO_BOT)
            context = page_of(launcher, opened)
            watched = await context.__aenter__()
            page = watched.page
            await page.goto("/")
            await expect(page.get_by_role("button", name="Start bot")).to_be_enabled()
        try:
            await expect(page.get_by_text("No connection to the server")).to_be_visible()
            await expect(page.get_by_role("button", name="Start bot")).to_be_disabled()
            async with running(settings):
                await expect(page.get_by_text("No connection to the server")).to_be_hidden()
                await page.get_by_role("button", name="Start bot").click()
                await expect(page.get_by_role("button", name="Stop bot")).to_be_visible()
                await page.get_by_role("button", name="Stop bot").click()
                await expect(page.get_by_role("button", name="Start bot")).to_be_visible()
        finally:
            await context.__aexit__(None, None, None)


async def test_with_a_token_everything_works_after_signing_in(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, token=TOKEN)) as launcher, browser() as opened:
        good, _ = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{good}/log")
            await page.get_by_label("Token").fill("wrong")
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("alert")).to_have_text("The token is wrong")
            watched.errors.clear()  # the browser notes the refusal in its console
            await page.get_by_label("Token").fill(TOKEN)
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("log")).to_contain_text("ready for you")
            await page.get_by_role("link", name="Terminal", exact=True).click()
            await page.locator(".xterm-helper-textarea").focus()
            assert await page.evaluate("document.cookie") == ""
            assert TOKEN not in await page.evaluate(
                "JSON.stringify([{...localStorage}, {...sessionStorage}])"
            )
            watched.require_clean()
            await page.get_by_role("button", name="Sign out").click()
            await expect(page.get_by_label("Token")).to_be_visible()
