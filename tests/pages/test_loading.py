"""What a page loads, and how it bears many instances."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from resolvers import instances
from resolvers.running.live_instances import StatusOverride
from store.database import Database
from store.records import InstanceRecord
from store.registry import Registry
from terminals.states import State
from tests.support.browser import browser, page_of
from tests.support.context import add_bot, settings_for
from tests.support.databases import migrated
from tests.support.server import running

pytestmark = pytest.mark.slow

MANY = 1000
DRAWN_MOST = 60
"""Rows that a list of any length may have in the page."""


async def test_nothing_is_loaded_before_it_is_opened(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", "input()")
        await instances.start(launcher.ctx, bot.id)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            loaded: list[str] = []
            page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))

            def has(part: str) -> bool:
                return any(name.startswith(f"{part}-") and name.endswith(".js") for name in loaded)

            await page.goto("/")
            await expect(page.get_by_role("link", name="bot", exact=True)).to_be_visible()
            await page.wait_for_load_state("networkidle")
            assert not [
                part for part in ("InstancePage", "HistoryTab", "explorer", "monaco-editor") if has(part)
            ]
            await page.goto(f"/instances/{bot.id}/settings")
            await expect(page.get_by_role("region", name="Supervision")).to_be_visible()
            await page.wait_for_load_state("networkidle")
            assert has("InstancePage")
            assert not has("HistoryTab")
            assert await page.locator(".xterm").count() == 0
            before = len(loaded)
            await page.get_by_role("link", name="History", exact=True).click()
            await expect(page.get_by_role("group", name="Range")).to_be_visible()
            assert has("HistoryTab")
            assert len(loaded) > before
            before = len(loaded)
            await page.get_by_role("link", name="Terminal", exact=True).click()
            await expect(page.locator(".xterm")).to_be_visible()
            assert len(loaded) > before
            assert not [part for part in ("explorer", "monaco-editor") if has(part)]


async def test_a_list_of_a_thousand_draws_what_is_seen_and_finds_any(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    migrated(settings.data_folder)
    database = await Database.open(settings.data_folder)
    registry = Registry(database)
    for number in range(MANY):
        await registry.add(
            InstanceRecord(
                id=f"{number:040x}",
                name=f"bot-{number}",
                path=str(tmp_path / f"bot-{number}"),
                port=20_000 + number,
                version="0.12.3",
                installed_at=1_700_000_000_000 + number,
                recipe="maibot",
                services=(),
            )
        )
    await database.close()
    async with running(settings) as launcher, browser() as opened, page_of(launcher, opened) as watched:
        page = watched.page
        await page.goto("/")
        await expect(page.get_by_text(f"0 of {MANY} running")).to_be_visible()
        names = page.locator("tbody").get_by_role("link")
        await expect(names.first).to_be_visible()
        assert await page.locator("tbody tr").count() < DRAWN_MOST
        await page.get_by_role("searchbox", name="Filter").fill("bot-777")
        await expect(names).to_have_text(["bot-777"])
        await page.get_by_role("searchbox", name="Filter").fill("")
        await expect(names).not_to_have_count(1)
        await page.locator("table").locator("..").evaluate("(box) => box.scrollTo(0, box.scrollHeight)")
        await expect(names.last).to_have_text(f"bot-{MANY - 1}")
        assert await page.locator("tbody tr").count() < DRAWN_MOST
        await page.keyboard.press("Control+k")
        await page.keyboard.type("bot-500")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("bot-500")
        for view in launcher.ctx.live.views:
            launcher.ctx.live.override(view.id, StatusOverride(State.FAILED))
        await page.goto("/")
        needs = page.get_by_role("region", name="Needs you")
        await expect(needs.get_by_role("button", name=f"Show all {MANY}")).to_be_visible()
        assert await needs.get_by_role("link", name="bot-").count() < DRAWN_MOST
        watched.require_clean()
