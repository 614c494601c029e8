"""The services of a bot on its page: those that it runs itself, and those that it lacks."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from resolvers import missing_services, services, upgrades
from resolvers.instances import NewService
from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import settings_for
from tests.support.deployable import offer_service, release_service
from tests.support.deploying import RECIPE, Bots, deploy, ended
from tests.support.git import released
from tests.support.server import running

pytestmark = pytest.mark.slow

HOSTED = """
name = "adapter"
kind = "service"
run = [["{python}", "main.py"]]
install = { git = ["URL"], ref = "main", place = "plugins/adapter", hosted = true, space_mb = 1 }

[title]
zh = "适配器"
en = "The adapter"

[description]
zh = "由主程序运行"
en = "Run by the main program"
"""


@pytest.fixture
def bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bots:
    bots = Bots(tmp_path, monkeypatch)
    bots.recipe(RECIPE.replace('brings = ["napcat", "nonebot-ada"]', ""))
    return bots


async def test_a_plugin_of_the_bot_is_shown_as_what_it_is(tmp_path: Path, bots: Bots) -> None:
    service = released(tmp_path / "service", tags={"1.0": {"main.py": ""}})
    (tmp_path / "data/recipes/adapter.toml").write_text(HOSTED.replace("URL", service.url), "utf-8")
    settings = settings_for(tmp_path, sources_maibot=[bots.repository.url])
    async with running(settings) as launcher, browser() as opened:
        bot = (await deploy(launcher.ctx, services=(NewService("adapter"),))).instance_id
        await ended(launcher.ctx, bot)
        assert await services.hosted(launcher.ctx, bot) == ["adapter"]
        async with page_of(launcher, opened) as watched:
            await watched.page.goto(f"/instances/{bot}")
            programs = watched.page.get_by_role("region", name="Programs")
            await expect(programs).to_contain_text("adapter")
            await expect(programs).to_contain_text("A plugin that the bot runs itself")
            await expect(programs.get_by_role("button")).to_have_count(0)
            watched.require_clean()


async def test_a_missing_service_is_named_and_added_also_after_an_upgrade(tmp_path: Path, bots: Bots) -> None:
    repository = tmp_path / "lone"
    offer_service(repository, tmp_path / "data")
    settings = settings_for(tmp_path, sources_maibot=[bots.repository.url])
    async with running(settings) as launcher, browser() as opened:
        ctx = launcher.ctx
        bot = (await deploy(ctx, version="0.12.0", services=(NewService("lone"),))).instance_id
        await ended(ctx, bot)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot}")
            lacking = page.get_by_role("region", name="Missing services: lone")
            await expect(lacking).to_contain_text("fatal: ")
            assert await findings_of_axe(page) == []
            await upgrades.upgrade(ctx, bot, "0.12.1")
            await ended(ctx, bot)
            await expect(lacking).to_contain_text("The deployment could not install them")
            assert await missing_services.names_of(ctx, bot) == ["lone"]
            # A try that fails says why, and may be repeated.
            add = lacking.get_by_role("button", name="Add missing services")
            await add.click()
            await expect(lacking).to_contain_text("fatal: ")
            release_service(repository)
            await add.click()
            await expect(lacking).to_have_count(0)
            programs = page.get_by_role("region", name="Programs")
            await expect(programs.get_by_role("button", name="Start lone")).to_be_visible()
            assert await missing_services.names_of(ctx, bot) == []
            watched.require_clean()
