"""The versions, backups and copies of a bot in a browser, and the doors into its own pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from resolvers import backups, deployments, instances
from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import settings_for
from tests.support.deploying import RECIPE, Bots, deploy, ended
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

WITH_PAGE = RECIPE.replace(
    "[title]",
    'web = { port = "webui", token_file = "data/webui.json", token = "access_token" }\n\n[title]',
    1,
)


@pytest.fixture
def bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bots:
    bots = Bots(tmp_path, monkeypatch)
    bots.recipe(WITH_PAGE)
    return bots


@asynccontextmanager
async def served(tmp_path: Path, bots: Bots) -> AsyncIterator[tuple[Launcher, Browser]]:
    settings = settings_for(tmp_path, sources_maibot=[bots.repository.url])
    async with running(settings) as launcher, browser() as opened:
        yield launcher, opened


async def test_a_bot_is_upgraded_and_returned_with_what_that_does_said_before(
    tmp_path: Path, bots: Bots
) -> None:
    async with served(tmp_path, bots) as (launcher, opened), page_of(launcher, opened) as watched:
        ctx, page = launcher.ctx, watched.page
        bot = (await deploy(ctx, version="0.12.0")).instance_id
        await ended(ctx, bot)
        await page.goto(f"/instances/{bot}/versions")
        card = page.get_by_role("region", name="Version", exact=True)
        await expect(card).to_contain_text("Installed: 0.12.0")
        await expect(card).to_contain_text("From 0.12.0 to 0.12.1")
        await expect(card).to_contain_text("The bot does not run, and is not started")
        await expect(card.get_by_role("document", name="EULA.md")).to_be_visible()
        await expect(card.get_by_role("button", name="Accept the terms and change to 0.12.1")).to_be_enabled()
        assert await findings_of_axe(page) == []
        bots.hold("fetch")
        await card.get_by_role("button", name="Accept the terms and change to 0.12.1").click()
        changing = page.get_by_role("region", name="Changing to 0.12.1")
        await expect(changing.locator("[aria-current=step]")).to_contain_text("Download the bot")
        await expect(card).to_have_count(0)
        bots.let_go()
        await expect(card).to_contain_text("Installed: 0.12.1")
        assert (bots.target("bot") / "eula.confirmed").is_file()
        # The same version again needs a word more, and so would an older one.
        await expect(card.get_by_role("button", name="Change to 0.12.1")).to_be_disabled()
        await card.get_by_role("checkbox").check()
        await expect(card.get_by_role("button", name="Change to 0.12.1")).to_be_enabled()
        # Back to the former version, which is kept.
        kept = page.get_by_role("region", name="Kept on the disk")
        await kept.get_by_role("button", name="Return to 0.12.0").click()
        asked = page.get_by_role("dialog", name="Return to 0.12.0?")
        assert await findings_of_axe(page) == []
        await asked.get_by_role("button", name="Return to 0.12.0").click()
        await expect(card).to_contain_text("Installed: 0.12.0")
        await (
            kept.get_by_role("listitem")
            .filter(has_text="Version 0.12.1")
            .get_by_role("button", name="Drop")
            .click()
        )
        await page.get_by_role("dialog").get_by_role("button", name="Drop").click()
        await expect(kept.get_by_text("Version 0.12.1")).to_have_count(0)
        watched.require_clean()


async def test_backups_are_made_restored_and_deleted_and_a_bot_is_cloned(tmp_path: Path, bots: Bots) -> None:
    async with served(tmp_path, bots) as (launcher, opened), page_of(launcher, opened) as watched:
        ctx, page = launcher.ctx, watched.page
        bot = (await deploy(ctx, version="0.12.0", accept_terms=True)).instance_id
        await ended(ctx, bot)
        await page.goto(f"/instances/{bot}/versions")
        card = page.get_by_role("region", name="Backups", exact=True)
        await expect(card).to_contain_text("No backups yet")
        await card.get_by_role("button", name="Back up now").click()
        await expect(card.get_by_role("listitem")).to_have_count(1)
        file = bots.target("bot") / ".env"
        before = file.read_text("utf-8")
        file.write_text(before + "MORE=1\n", "utf-8")
        await card.get_by_role("button", name="Restore", exact=True).click()
        await page.get_by_role("dialog").get_by_role("button", name="Restore").click()
        await expect(page.get_by_role("status").get_by_text("The backup was restored")).to_be_visible()
        await expect(card.get_by_role("listitem")).to_have_count(2)  # what was there is backed up
        assert file.read_text("utf-8") == before
        oldest = card.get_by_role("listitem").last
        await oldest.get_by_role("button", name="Clone as a new bot").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("has the account of the original")
        assert await findings_of_axe(page) == []
        await dialog.get_by_label("Name of the copy").fill("older")
        await dialog.get_by_role("button", name="Clone it").click()
        await expect(page.get_by_role("region", name="The deployment is complete")).to_be_visible()
        assert "MORE" not in (bots.target("older") / ".env").read_text("utf-8")
        await page.goto(f"/instances/{bot}/versions")
        await oldest.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(card.get_by_role("listitem")).to_have_count(1)
        assert len(await backups.list_of(ctx, bot)) == 1
        await instances.start(ctx, bot)
        await expect(card.get_by_role("button", name="Restore")).to_be_disabled()
        copying = page.get_by_role("region", name="Clone")
        await copying.get_by_label("Name of the copy").fill("bot")
        await copying.get_by_role("button", name="Clone it").click()
        await expect(copying.get_by_role("alert")).to_contain_text("bot")
        await copying.get_by_label("Name of the copy").fill("twin")
        await copying.get_by_role("button", name="Clone it").click()
        await expect(page.get_by_role("region", name="The deployment is complete")).to_be_visible()
        assert {view.name for view in ctx.live.views} == {"bot", "older", "twin"}
        assert (await deployments.get(ctx, bot)).kind == "deploy"
        watched.require_clean()


async def test_a_door_says_whether_somebody_is_behind_it_and_gives_its_token_when_asked(
    tmp_path: Path, bots: Bots
) -> None:
    async with served(tmp_path, bots) as (launcher, opened), page_of(launcher, opened) as watched:
        ctx, page = launcher.ctx, watched.page
        bot = (await deploy(ctx, accept_terms=True)).instance_id
        await ended(ctx, bot)
        await page.goto(f"/instances/{bot}")
        doors = page.get_by_role("region", name="Web pages")
        await expect(doors).to_contain_text("nothing listens on port")
        await doors.get_by_role("button", name="Show the token").click()
        await expect(page.get_by_role("status").get_by_text("There is no token")).to_be_visible()
        await page.get_by_role("status").get_by_role("button", name="Close").click()
        (bots.target("bot") / "data").mkdir(exist_ok=True)
        (bots.target("bot") / "data" / "webui.json").write_text('{"access_token": "sesame"}')
        await instances.start(ctx, bot)
        await expect(doors).to_contain_text("something listens on port")
        assert "sesame" not in await page.content()
        await doors.get_by_role("button", name="Show the token").click()
        await expect(doors.get_by_text("sesame")).to_be_visible()
        await doors.get_by_role("button", name="Hide").click()
        await expect(doors.get_by_text("sesame")).to_have_count(0)
        watched.require_clean()
