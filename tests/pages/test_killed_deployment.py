"""The server is killed in the middle of a deployment that somebody watches: nothing is lost, and the page soon tells the truth."""

import asyncio
import signal
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support import deployable
from tests.support.browser import browser, page_of
from tests.support.git import Repository, serving
from tests.support.site import site

pytestmark = [pytest.mark.slow, pytest.mark.stress]

ACCEPT = "Accept the terms, install and start"
LOST = "No connection to the server for"


async def test_a_watched_deployment_survives_a_server_that_is_killed(
    tmp_path: Path, releases: Repository
) -> None:
    with serving(releases.folder.parent) as source:
        async with (
            site(tmp_path, releases, source.url(releases)) as place,
            browser() as opened,
            page_of(place.server, opened) as watched,
            page_of(place.server, opened) as second,
        ):
            page, other = watched.page, second.page
            await page.goto("/deploy")
            await expect(page.get_by_role("button", name=ACCEPT)).to_be_enabled()
            # What is typed survives as well.
            await other.goto("/deploy")
            await other.get_by_label("Name", exact=True).fill("another")
            source.manner = "hang"
            asked = len(source.requests)
            await page.get_by_label("Name", exact=True).press("Enter")
            current = page.locator("[aria-current=step]")
            await expect(current).to_contain_text("Download the bot")
            await asyncio.to_thread(source.wait_for_requests, asked + 1)
            instance_id = page.url.rpartition("/")[2]
            said = await page.get_by_role("log").inner_text()
            await page.clock.install()
            await page.clock.fast_forward("01:00")
            await expect(page.get_by_role("alert")).to_contain_text("the source may be slow or unreachable")
            await place.server.end(signal.SIGKILL)
            for each in (page, other):
                await expect(each.get_by_text(LOST)).to_be_visible()
            await expect(page.get_by_role("button", name="Cancel the deployment")).to_be_disabled()
            await expect(current).to_contain_text("Download the bot")
            # Its worker lives on, and comes to the end without a server.
            source.manner = "serve"
            await place.server.start()
            for each in (page, other):
                await expect(each.get_by_text(LOST)).to_be_hidden()
            await expect(page.get_by_role("region", name="The deployment is complete")).to_be_visible()
            assert (await page.get_by_role("log").inner_text()).startswith(said)
            assert (await other.get_by_label("Name", exact=True).input_value()) == "another"
            (bot,) = (await place.bots()).values()
            assert bot["id"] == instance_id
            bot = await place.settled(bot["name"], "running")
            await place.require_whole(bot, deployable.STABLE)
            await place.delete(bot)
