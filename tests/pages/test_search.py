"""Searching logs in the dashboard, in a real browser."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Locator, Page, expect

from resolvers import instances, log_search
from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import PATIENCE_S, add_bot, outputs, settings_for
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

LINES = 3000
TALKATIVE = f"""
import sys
for number in range({LINES}):
    print(f"[INFO] beat {{number}} of Port 80{{number % 10}}", flush=number % 100 == 0)
    if number % 1000 == 0:
        print("[DEBUG] the same")
    if number == 1234:
        print("[ERROR] the needle\\n  and its traceback", flush=True)
print("[INFO] needles and pins\\nend", flush=True)
sys.stdin.read()
"""
QUIET = """
import sys
print("[WARNING] a Needle here\\nend", flush=True)
sys.stdin.read()
"""
READ_ON = """([log, before, name]) => log.textContent.length !== before
    || ![...document.querySelectorAll("button")].some((button) => button.textContent === name)"""


async def add_bots(launcher: Launcher, folder: Path) -> tuple[str, str]:
    """A bot with a long log and a service, and one with a short log. Returns their ids."""
    one = await add_bot(launcher.ctx, folder / "talkative", TALKATIVE, napcat=QUIET)
    other = await add_bot(launcher.ctx, folder / "quiet", QUIET)
    for bot in (one, other):
        await instances.start(launcher.ctx, bot.id)
    for session in (f"{one.id}_main", f"{one.id}_napcat", f"{other.id}_main"):
        await outputs(launcher.ctx, session, "end\r\n")
    return one.id, other.id


def hits(page: Page) -> Locator:
    return page.get_by_role("search").get_by_role("listitem")


async def find(page: Page, text: str) -> None:
    await page.get_by_role("searchbox", name="Find in the log").fill(text)
    await page.get_by_role("button", name="Find", exact=True).click()


async def test_a_search_over_all_bots_is_reached_by_keyboard_and_narrowed(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        _, quiet = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/")
            await expect(page.get_by_role("link", name="quiet", exact=True)).to_be_visible()
            await page.keyboard.press("Control+k")
            await page.keyboard.type("search")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("heading", name="Search logs")).to_be_visible()
            await find(page, "needle")
            await expect(hits(page)).to_have_count(4)
            for title in ("talkative · Bot", "talkative · napcat", "quiet · Bot"):
                await expect(page.get_by_role("region", name=title)).to_be_visible()
            await narrow(page)
            await page.get_by_role("checkbox", name="Whole word").uncheck()
            await page.get_by_role("checkbox", name="Match case").uncheck()
            await page.get_by_role("combobox", name="Where").select_option(label="quiet")
            await find(page, "needle")
            await expect(hits(page)).to_have_text(["[WARNING] a Needle here"])
            await page.reload()  # the address has all of it
            await expect(hits(page)).to_have_text(["[WARNING] a Needle here"])
            asked = parse_qs(urlsplit(page.url).query)
            assert asked == {"q": ["needle"], "in": [quiet]}
            await page.go_back()
            await expect(page.get_by_role("combobox", name="Where")).to_have_value("all")
            assert await findings_of_axe(page) == []
            watched.require_clean()


async def narrow(page: Page) -> None:
    """Each filter leaves what it should of the four hits."""
    await page.get_by_role("checkbox", name="Match case").check()
    await find(page, "needle")
    await expect(hits(page)).to_have_text(["[INFO] needles and pins", "[ERROR] the needle"])
    await page.get_by_role("checkbox", name="Whole word").check()
    await find(page, "needle")
    await expect(hits(page)).to_have_text(["[ERROR] the needle"])
    await page.get_by_role("combobox", name="Level").select_option("ERROR")
    await page.get_by_role("checkbox", name="Regular expression").check()
    await find(page, "n..dle$|traceback")
    await expect(hits(page)).to_have_text(["  and its traceback", "[ERROR] the needle"])
    await page.get_by_role("combobox", name="Level").select_option("")
    await page.get_by_role("checkbox", name="Regular expression").uncheck()
    await page.get_by_role("combobox", name="Time").select_option("custom")
    await page.get_by_label("From").fill("2020-01-01T00:00")
    await page.get_by_label("To", exact=True).fill("2020-01-02T00:00")
    await find(page, "needle")
    await expect(page.get_by_text("Nothing found.")).to_be_visible()
    await page.get_by_label("To", exact=True).fill("2120-01-02T00:00")
    await find(page, "needle")
    await expect(hits(page)).to_have_text(["[ERROR] the needle"])
    await page.get_by_role("combobox", name="Time").select_option("1h")
    await find(page, "needle")
    await expect(hits(page)).to_have_text(["[ERROR] the needle"])
    await page.get_by_role("combobox", name="Time").select_option("")


async def test_a_hit_opens_where_it_stands_and_the_log_goes_on_in_both_directions(tmp_path: Path) -> None:
    """A hit was marked at the first line with the same text, and what came after it could not be read."""
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        one, _ = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{one}/log")
            await find(page, "Port 807")
            await expect(page.get_by_text("300 found")).to_be_visible()
            assert await hits(page).count() == 20
            await page.get_by_role("button", name="Older hits (280)").click()
            await expect(hits(page)).to_have_count(220)
            await find(page, "the same")
            await expect(hits(page)).to_have_count(3)  # each that is found later stands above those before
            await page.get_by_role("link", name="the same").nth(1).click()
            mark = page.get_by_role("log").locator("mark")
            await expect(mark).to_have_text("[DEBUG] the same")
            await expect(mark).to_be_in_viewport()
            await expect(hits(page)).to_have_count(3)  # the search stays
            around = "[mark.previousSibling, mark.nextSibling].map((text) => text.textContent.trim())"
            before, after = await mark.evaluate(f"(mark) => {around}")
            assert before.endswith("\n[INFO] beat 1000 of Port 800")
            assert after.startswith("[INFO] beat 1001 of")
            await read_whole(page)
            log = page.get_by_role("log")
            numbers = re.findall(r"beat (\d+) of", await log.inner_text())
            assert numbers == [str(number) for number in range(LINES)]
            await page.get_by_role("button", name="napcat", exact=True).click()
            await expect(log).to_contain_text("a Needle here")
            await expect(page.get_by_role("searchbox", name="Find in the log")).to_have_value("the same")
            watched.require_clean()


async def read_whole(page: Page) -> None:
    log = page.get_by_role("log")
    for name in ("Older output", "Newer output"):
        more = page.get_by_role("button", name=name)
        await expect(more).to_be_visible()
        while await more.is_visible():
            before = await log.evaluate("log => log.textContent.length")
            await more.click()
            await page.wait_for_function(READ_ON, arg=[await log.element_handle(), before, name])


async def test_a_hit_in_another_bot_opens_there_with_the_same_search(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        one, other = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{other}/log?q=needle&in=all")
            await expect(hits(page)).to_have_count(4)
            await page.get_by_role("region", name="talkative · napcat").get_by_role("link").click()
            await expect(page).to_have_url(
                re.compile(f"/instances/{one}/log\\?terminal=napcat&at=0&q=needle&in=all")
            )
            await expect(page.get_by_role("log").locator("mark")).to_have_text("[WARNING] a Needle here")
            await expect(hits(page)).to_have_count(4)
            watched.require_clean()


async def test_what_is_wrong_with_an_expression_is_said_at_its_field(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/search?q=(&regex=1")
            field = page.get_by_role("searchbox", name="Find in the log")
            await expect(field).to_have_attribute("aria-invalid", "true")
            await expect(field).to_have_accessible_description(
                re.compile("Invalid regular expression: missing \\)")
            )
            await find(page, "(needle)")
            await expect(hits(page)).to_have_count(4)
            await expect(field).to_have_attribute("aria-invalid", "false")
            await expect(field).to_be_visible()
            watched.require_clean()


async def test_a_search_is_stopped_and_keeps_what_it_has_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    search = log_search._matches

    async def unending(*given: Any) -> AsyncGenerator[log_search.LogMatch, None]:
        try:
            async with aclosing(search(*given)) as found:
                async for match in found:
                    yield match
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(log_search, "_matches", unending)
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        _, quiet = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/search?in={quiet}&q=needle")
            await expect(hits(page)).to_have_count(1)
            await expect(page.get_by_text("1 found · searching…")).to_be_visible()
            assert not ended.is_set()
            await page.get_by_role("button", name="Stop", exact=True).click()
            await expect(page.get_by_text("1 found · stopped")).to_be_visible()
            async with asyncio.timeout(PATIENCE_S):
                await ended.wait()  # the server does not search on
            await expect(hits(page)).to_have_count(1)
            monkeypatch.setattr(log_search, "_matches", search)
            await page.get_by_role("button", name="Search again").click()
            await expect(page.get_by_text("1 found", exact=True)).to_be_visible()
            watched.require_clean()
