"""The page of the REST API in a real browser: requests are tried there."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import add_bot, settings_for
from tests.support.http import API
from tests.support.server import running

pytestmark = pytest.mark.slow

TOKEN = "correct-horse-battery"
BOT = "input()"


async def opened_route(page: Page, method: str, path: str) -> Locator:
    """Opens a route by keyboard alone, and returns its part of the page."""
    summary = (
        page.locator("summary")
        .filter(has=page.get_by_text(method, exact=True))
        .filter(has=page.get_by_text(path, exact=True))
    )
    await summary.focus()
    await page.keyboard.press("Enter")
    return summary.locator("..")


async def send(route: Locator, status: str) -> Locator:
    """Sends the request of a route, and returns its answer once it has this status."""
    await route.get_by_role("button").press("Enter")
    answer = route.get_by_role("status")
    await expect(answer.locator("strong")).to_have_text(status)
    await expect(answer).to_contain_text(" ms")
    return answer


async def run(command: str) -> str:
    """What the command prints that the page shows."""
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    process = await asyncio.create_subprocess_shell(f"{command} -s", stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    return printed.decode()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_a_request_is_sent_and_shown_as_a_command_that_does_the_same(
    tmp_path: Path, dark: bool
) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "a bot", BOT)
        async with page_of(launcher, opened, dark=dark) as watched:
            page = watched.page
            await page.goto(f"{API}/docs")
            route = await opened_route(page, "GET", f"{API}/instances")
            answer = await send(route, "200 OK")
            shown = json.loads(await answer.locator("pre").inner_text())
            assert [each["id"] for each in shown["instances"]] == [bot.id]
            command = await route.get_by_label("curl").inner_text()
            assert json.loads(await run(command)) == shown
            route = await opened_route(page, "PUT", f"{API}/config/{{id}}/env")
            await route.get_by_label("id", exact=True).fill(bot.id)
            wanted = {"NAME": 'it\'s "this"'}
            await route.get_by_label("Body").fill(json.dumps(wanted))
            command = await route.get_by_label("curl").inner_text()
            assert json.loads(await run(command))["success"] is True
            await send(route, "200 OK")
            assert "NAME=" in (Path(bot.path) / ".env").read_text("utf-8")
            await route.get_by_label("id", exact=True).fill("no body")
            answer = await send(route, "404 Not Found")
            await expect(answer).to_contain_text("INSTANCE_NOT_FOUND")
            assert "/config/no%20body/env" in await route.get_by_label("curl").inner_text()
            assert await page.locator("#ids option").evaluate_all("all => all.map((one) => one.label)") == [
                bot.name
            ]
            assert await findings_of_axe(page) == []
            watched.errors = [error for error in watched.errors if "404 (Not Found)" not in error]
            watched.require_clean()


async def test_a_token_is_sent_and_never_shown(tmp_path: Path) -> None:
    async with (
        running(settings_for(tmp_path, token=TOKEN)) as launcher,
        browser() as opened,
        page_of(launcher, opened, language="zh") as watched,
    ):
        page = watched.page
        await page.goto(f"{API}/docs")
        route = await opened_route(page, "GET", f"{API}/instances/stats")
        answer = await send(route, "403 Forbidden")
        await expect(answer).to_contain_text("PERMISSION_DENIED")
        await page.get_by_label("令牌").fill(TOKEN)
        await send(route, "200 OK")
        assert "$MAILAUNCHER_TOKEN" in await route.get_by_label("curl").inner_text()
        assert TOKEN not in await page.locator("html").inner_text()
        assert await findings_of_axe(page) == []
        watched.errors = [error for error in watched.errors if "403 (Forbidden)" not in error]
        watched.require_clean()


async def test_every_route_has_a_request_to_try(tmp_path: Path) -> None:
    async with (
        running(settings_for(tmp_path)) as launcher,
        browser() as opened,
        page_of(launcher, opened) as watched,
    ):
        page = watched.page
        await page.goto(f"{API}/docs")
        routes = page.locator("details")
        await expect(routes.first).to_be_visible()
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        await expect(page.get_by_label("curl")).to_have_count(await routes.count())
        assert await routes.count() > 40
        bodies = await page.locator("textarea").evaluate_all(
            "all => all.map((one) => one.value).filter(Boolean)"
        )
        assert [json.loads(body) for body in bodies]
        watched.require_clean()
