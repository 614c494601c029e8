"""The explorer of the GraphQL API in a real browser."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Error, Locator, Page, expect

from mailauncher.errors import LauncherError
from resolvers import instances
from tests.support.browser import browser, page_of
from tests.support.context import add_bot, settings_for
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

BOT = "input()"
FAILING = "print('no luck'); raise SystemExit(3)"
TOKEN = "correct-horse-battery"
SIZE = (1600, 1000)
QUERIES = {
    "Overview": ["systemHealth", "instanceStats", "good"],
    "Failures": ["bad", "no luck"],
    "LatestEvents": ["added good"],
    "Machine": ["systemMetrics", "usagePercent"],
}
SUBSCRIPTIONS = {"Changes": "instanceChanged", "Events": "message"}


async def add_bots(launcher: Launcher, folder: Path) -> str:
    """One that can run, and one that has failed."""
    good = await add_bot(launcher.ctx, folder / "good", BOT)
    bad = await add_bot(launcher.ctx, folder / "bad", FAILING)
    with suppress(LauncherError):
        await instances.start(launcher.ctx, bad.id)
    return good.id


async def execute(page: Page, operation: str) -> Locator:
    """Chooses an operation of the examples, and returns the place of its answer. The page offers the operations once it has read
    them: before, the button does nothing that helps."""
    chosen = page.get_by_role("menuitem", name=operation, exact=True)
    for _ in range(20):
        if await chosen.is_visible():
            break
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Execute").click()
        with suppress(Error):
            await chosen.wait_for(timeout=1000)
    await chosen.click()
    return page.locator(".graphiql-response")


async def test_all_examples_show_real_data(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        good = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened, size=SIZE) as watched:
            page = watched.page
            await page.goto("/graphql")
            for operation, contents in QUERIES.items():
                answer = await execute(page, operation)
                for content in contents:
                    await expect(answer).to_contain_text(content)
                await expect(answer).not_to_contain_text("errors")
            for operation, content in SUBSCRIPTIONS.items():
                answer = await execute(page, operation)
                stop = page.get_by_role("button", name="Stop")
                await expect(stop).to_be_visible()
                await (instances.stop if operation == "Events" else instances.start)(launcher.ctx, good)
                await expect(answer).to_contain_text(content)
                await stop.click()
            watched.require_clean()


async def test_with_a_token_it_asks_for_it_and_subscriptions_work_too(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, token=TOKEN)) as launcher, browser() as opened:
        good = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened, size=SIZE) as watched:
            page = watched.page
            await page.goto("/graphql")
            await page.get_by_label("Token").fill("wrong")
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("alert")).to_have_text("The token is wrong")
            watched.errors.clear()  # the browser notes the refusals in its console
            await page.get_by_label("Token").fill(TOKEN)
            await page.get_by_role("button", name="Sign in").click()
            await expect(await execute(page, "Overview")).to_contain_text("instanceStats")
            answer = await execute(page, "Changes")
            await expect(page.get_by_role("button", name="Stop")).to_be_visible()
            await instances.start(launcher.ctx, good)
            await expect(answer).to_contain_text("instanceChanged")
            kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
            assert TOKEN not in json.dumps(kept)
            watched.require_clean()
