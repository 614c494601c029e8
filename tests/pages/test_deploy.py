"""A bot from nothing, in a browser: proposed, deployed, followed, failed, tried again; and a folder that is there already."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from resolvers import deployments
from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import settings_for
from tests.support.deploying import SAMPLE, Bots, deploy, ended
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

ACCEPT = "Accept the terms, install and start"


@pytest.fixture
def bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bots:
    return Bots(tmp_path, monkeypatch)


@asynccontextmanager
async def served(tmp_path: Path, bots: Bots) -> AsyncIterator[tuple[Launcher, Browser]]:
    settings = settings_for(tmp_path, sources_maibot=[bots.repository.url])
    async with running(settings) as launcher, browser() as opened:
        yield launcher, opened


async def id_of(page: Page) -> str:
    await page.wait_for_url(re.compile("/deploy/[0-9a-f]{40}"))
    return page.url.rpartition("/")[2]


async def shares(page: Page) -> int:
    return int(await page.get_by_role("progressbar").evaluate("(bar) => bar.value"))


async def test_enter_is_enough_and_leaving_loses_nothing(tmp_path: Path, bots: Bots) -> None:
    async with served(tmp_path, bots) as (launcher, opened), page_of(launcher, opened) as watched:
        page = watched.page
        bots.hold("fetch", "configure")
        await page.goto("/")
        await page.get_by_role("link", name="Install a new bot").click()
        # Everything is proposed, and the terms of that very version are there.
        await expect(page.get_by_label("Name", exact=True)).to_have_value("mai-1")
        await expect(page.get_by_text("The complete texts of version 0.12.1")).to_be_visible()
        await expect(page.get_by_role("document", name="EULA.md")).to_contain_text("示例")
        await expect(page.get_by_role("button", name=ACCEPT)).to_be_enabled()
        assert await findings_of_axe(page) == []
        await expect(page.get_by_label("Name", exact=True)).to_be_focused()
        await page.keyboard.press("Enter")
        instance_id = await id_of(page)
        current = page.locator("[aria-current=step]")
        await expect(current).to_contain_text("Download the bot")
        await expect(page.get_by_text(re.compile("about .* left"))).to_be_visible()
        assert await findings_of_axe(page) == []
        before = await shares(page)
        # Elsewhere and back, also in the list of all deployments.
        await page.get_by_role("link", name="All deployments").click()
        listed = page.get_by_role("region", name="Deployments").get_by_role("listitem")
        await expect(listed).to_contain_text("in progress")
        bots.let_go("fetch")
        await listed.get_by_role("link", name="mai-1").click()
        await expect(current).to_contain_text("Write the configuration")
        assert await shares(page) > before
        await expect(page.get_by_role("log")).to_contain_text("Fetching the bot")
        await page.get_by_text("What git, uv and the others print").click()
        await expect(page.get_by_role("log", name="What git")).to_contain_text("Cloning into")
        bots.let_go()
        done = page.get_by_role("region", name="The deployment is complete")
        await expect(done).to_contain_text("Fill in the keys")
        await done.get_by_role("link", name="Open the bot").click()
        await expect(page.get_by_text("running", exact=True).first).to_be_visible()
        assert (bots.target("mai-1") / "eula.confirmed").is_file()
        # The next one is proposed beside it, and installed without consent it is not started.
        await page.goto("/deploy")
        await expect(page.get_by_label("Name", exact=True)).to_have_value("mai-2")
        await page.get_by_role("button", name="Install without accepting").click()
        other = await id_of(page)
        assert (await ended(launcher.ctx, other)).status == "completed"
        assert not (bots.target("mai-2") / "eula.confirmed").exists()
        assert {instance_id, other} == {view.id for view in launcher.ctx.live.views}
        watched.require_clean()


async def test_a_failure_is_a_card_with_the_way_on(tmp_path: Path, bots: Bots) -> None:
    async with served(tmp_path, bots) as (launcher, opened), page_of(launcher, opened) as watched:
        page = watched.page
        await launcher.ctx.bots.versions.known(launcher.ctx.bots.catalogue.get("maibot"))
        await deployments.deploy(launcher.ctx, deployments.NewDeployment("first"))
        # What is typed is checked, and kept over a reload.
        await page.goto("/deploy")
        await expect(page.get_by_role("button", name=ACCEPT)).to_be_enabled()
        await page.get_by_label("Name", exact=True).fill("first")
        await expect(page.get_by_text("An instance is called first already")).to_be_visible()
        await expect(page.get_by_role("button", name=ACCEPT)).to_be_disabled()
        await page.get_by_label("Name", exact=True).fill("second")
        await page.get_by_label("Port of Bot").fill("nothing")
        await expect(page.get_by_text("The port must be between 1 and 65535")).to_be_visible()
        await page.reload()
        await expect(page.get_by_label("Name", exact=True)).to_have_value("second")
        # A port that is taken is replaced by a free one at a click.
        (taken,) = (view.port for view in launcher.ctx.live.views)
        await page.get_by_label("Port of Bot").fill(str(taken))
        await expect(page.get_by_text(f"Port {taken} is in use by")).to_be_visible()
        await expect(page.get_by_role("button", name=ACCEPT)).to_be_disabled()
        await page.get_by_role("button", name="instead for Bot").click()
        await expect(page.get_by_label("Port of Bot")).not_to_have_value(str(taken))
        await expect(page.get_by_role("button", name=ACCEPT)).to_be_enabled()
        # The source goes away; what failed, why, and what to do.
        source = tmp_path / "repository"
        source.rename(tmp_path / "gone")
        await page.get_by_role("button", name=ACCEPT).click()
        instance_id = await id_of(page)
        card = page.get_by_role("region", name="The deployment of second failed")
        await expect(card).to_contain_text("Download the bot")
        await expect(card).to_contain_text("does not appear to be a git repository")
        await expect(card).to_contain_text("Check the network")
        assert await findings_of_axe(page) == []
        # The overview has the button too; after another failure the source is back.
        await page.goto("/")
        need = page.get_by_role("region", name="Needs you")
        again = need.get_by_role("button", name="Try the deployment again")
        await again.click()
        await expect(page.get_by_role("status").get_by_text("The deployment continues")).to_be_visible()
        await expect(again).to_be_visible()
        await need.get_by_role("link", name="Show the deployment").click()
        (tmp_path / "gone").rename(source)
        await card.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("region", name="The deployment is complete")).to_be_visible()
        assert (await deployments.get(launcher.ctx, instance_id)).status == "completed"
        watched.require_clean()


async def test_a_failed_deployment_is_changed_and_one_under_way_is_cancelled(
    tmp_path: Path, bots: Bots
) -> None:
    async with served(tmp_path, bots) as (launcher, opened), page_of(launcher, opened) as watched:
        page = watched.page
        await launcher.ctx.bots.versions.known(launcher.ctx.bots.catalogue.get("maibot"))
        (tmp_path / "repository").rename(tmp_path / "gone")
        failed = await deploy(launcher.ctx, "mai", version="0.12.0")
        assert (await ended(launcher.ctx, failed.instance_id)).status == "failed"
        (tmp_path / "gone").rename(tmp_path / "repository")
        await page.goto(f"/deploy/{failed.instance_id}")
        await page.get_by_role("button", name="Change and deploy again").click()
        await page.wait_for_url("**/deploy")
        await expect(page.get_by_label("Name", exact=True)).to_have_value("mai")
        await expect(page.get_by_role("combobox", name="Version")).to_have_value("0.12.0")
        assert launcher.ctx.live.views == []
        bots.hold("fetch")
        await page.get_by_role("button", name=ACCEPT).click()
        await id_of(page)
        await expect(page.locator("[aria-current=step]")).to_contain_text("Download the bot")
        await page.get_by_role("button", name="Cancel the deployment").click()
        await expect(page.get_by_role("region", name="The deployment was cancelled")).to_be_visible()
        await expect(page.get_by_role("heading", name="Log", exact=True)).to_be_visible()
        # Its terminal has gone with all that it had made.
        await expect(page.get_by_text("What git, uv and the others print")).to_have_count(0)
        assert bots.left("mai") == []
        watched.require_clean()


async def test_a_folder_is_shown_before_it_is_added(tmp_path: Path, bots: Bots) -> None:
    folder = tmp_path / "workspace" / "old bot"
    await asyncio.to_thread(shutil.copytree, SAMPLE, folder)
    async with served(tmp_path, bots) as (launcher, opened), page_of(launcher, opened) as watched:
        page = watched.page
        await page.goto("/")
        await page.get_by_role("link", name="Add an existing folder").click()
        await page.get_by_label("Folder on the server's machine").fill("~/nowhere")
        await expect(page.get_by_role("alert")).to_contain_text("nowhere")
        await page.get_by_label("Folder on the server's machine").fill("~/old bot")
        found = page.get_by_role("region", name="What is in it")
        await expect(found.get_by_role("listitem")).to_have_count(3)
        await expect(found.get_by_text("bot.py", exact=False).first).to_be_visible()
        await expect(found).to_contain_text("Its terms are not accepted")
        assert await findings_of_axe(page) == []
        await found.get_by_label("Name", exact=True).fill("mine")
        await found.get_by_role("button", name="Add it").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("mine")
        (view,) = launcher.ctx.live.views
        assert (view.name, view.path, len(view.services)) == ("mine", str(folder), 2)
        watched.require_clean()
