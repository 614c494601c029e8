"""A bot whose port another program has, in a real browser."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from mailauncher.errors import PortInUse
from resolvers import instances
from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.configured import PORT, add_on_its_port, listening, write_configs, write_recipes
from tests.support.context import settings_for
from tests.support.server import running

pytestmark = pytest.mark.slow


async def test_a_failed_bot_gets_a_free_port_instead_of_a_taken_one_and_starts(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    write_recipes(settings.data_folder)
    write_configs(tmp_path / "talker")
    async with running(settings) as launcher, browser() as opened:
        bot = await add_on_its_port(launcher.ctx, tmp_path / "talker", PORT)
        async with listening(PORT), page_of(launcher, opened) as watched:
            with pytest.raises(PortInUse):
                await instances.start(launcher.ctx, bot.id)
            page = watched.page
            await page.goto(f"/instances/{bot.id}")
            card = page.get_by_role("region", name="A port is taken")
            await expect(card).to_contain_text(f"Port {PORT} of the bot is in use by")
            assert await findings_of_axe(page) == []
            await card.get_by_role("button", name="instead").click()
            await expect(card).to_contain_text(f"instead of {PORT} from its next start on")
            now = instances.get(launcher.ctx, bot.id).port
            assert now != PORT
            await card.get_by_role("button", name=f"Go back to {PORT}").click()  # which is still taken
            await expect(page.get_by_text(f"Port {PORT} is in use").last).to_be_visible()
            assert instances.get(launcher.ctx, bot.id).port == now
            await card.get_by_role("button", name="Start").click()
            await expect(card).to_have_count(0)
            await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
            watched.require_clean()
