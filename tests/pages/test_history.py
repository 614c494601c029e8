"""What a bot did and used, on its page."""

import re
import time
from pathlib import Path

import pytest
from playwright.async_api import expect

from resolvers import instances
from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import add_bot, outputs, settings_for
from tests.support.server import running

pytestmark = pytest.mark.slow

DAY_S = 86_400


async def test_any_time_is_shown_and_a_mark_opens_the_log_at_that_moment(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", "print('hello', flush=True); input()")
        session, now = f"{bot.id}_main", time.time()
        for ago, percent in ((40 * DAY_S, 90.0), (3 * DAY_S, 50.0), (3600, 20.0)):
            launcher.ctx.samplers.history.add(now - ago, {session: (percent, 64 << 20)})
        await instances.start(launcher.ctx, bot.id)
        await outputs(launcher.ctx, session, "hello")
        async with page_of(launcher, opened) as watched:
            page = watched.page
            for tab, leads in (("nothing", "terminal"), ("events", "history"), ("usage", "history")):
                await page.goto(f"/instances/{bot.id}/{tab}")  # the last two are of the former release
                await expect(page).to_have_url(re.compile(f"/{bot.id}/{leads}$"))
            cpu = page.get_by_role("img", name="CPU")
            for name, peak in (("2 hours", "20 %"), ("1 week", "50 %"), ("90 days", "90 %")):
                await page.get_by_role("button", name=name, exact=True).click()
                await expect(cpu).to_have_accessible_name(re.compile(f"peak {peak}"))
            await expect(page).to_have_url(re.compile("range=90d"))
            assert await findings_of_axe(page) == []
            # A part of the time is chosen by dragging, and stays in the address.
            box = await cpu.bounding_box()
            assert box is not None
            x, y = box["x"] + 74, box["y"] + box["height"] / 2
            await page.mouse.move(x + 0.4 * (box["width"] - 94), y)
            await page.mouse.down()
            await page.mouse.move(x + 0.7 * (box["width"] - 94), y, steps=4)
            await page.mouse.up()
            await expect(page).to_have_url(re.compile(r"from=\d+&to=\d+"))
            await expect(page.get_by_text("No events in this time.")).to_be_visible()
            await expect(cpu).to_have_accessible_name(re.compile("peak 90 %"))
            await page.reload()
            await expect(page.get_by_text("No events in this time.")).to_be_visible()
            await page.get_by_role("button", name="10 min", exact=True).click()
            mark = page.get_by_role("navigation", name="Events").get_by_role("link").last
            await expect(mark).to_have_accessible_name(re.compile("bot"))
            await mark.click()
            await expect(page).to_have_url(re.compile(r"/log\?terminal=main&time=\d+"))
            await expect(page.get_by_role("log")).to_contain_text("hello")
            watched.require_clean()
