"""The demonstration in a browser: what a newcomer sees first."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from server import demo, demo_folder
from tests.support.browser import browser, page_of
from tests.support.context import settings_for
from tests.support.server import running

pytestmark = pytest.mark.slow


async def test_the_first_page_shows_two_bots_that_need_somebody_and_why(tmp_path: Path) -> None:
    new = demo_folder.prepare(tmp_path / "demo")
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        await demo.start_working(launcher.ctx, tmp_path / "demo")
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/")
            listed = page.get_by_role("region", name="Instances").get_by_role("link", name="demo", exact=True)
            await expect(listed).to_be_visible()
            await demo.start_others(launcher.ctx, tmp_path / "demo", new)
            needs = page.get_by_role("region", name="Needs you")
            await expect(needs.get_by_role("link", name="demo-asking", exact=True)).to_be_visible()
            await expect(needs.get_by_role("link", name="demo-broken", exact=True)).to_be_visible()
            await expect(
                needs.get_by_text("A configuration file has a syntax error (line 8)")
            ).to_be_visible()
            await needs.get_by_role("button", name="Accept the terms").click()
            await expect(needs.get_by_role("link", name="demo-asking", exact=True)).to_be_hidden()
            watched.require_clean()
