"""The frame and the overview of the dashboard in a real browser: what needs somebody, columns, keys, drafts, another version."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from playwright.async_api import Page, expect

from mailauncher.errors import LauncherError
from resolvers import instances
from tests.pages.test_dashboard import ECHO_BOT, FAILING_BOT, STUBBORN_BOT, add_bots, open_bot
from tests.support.browser import browser, page_of
from tests.support.context import PATIENCE_S, add_bot, settings_for
from tests.support.deploying import Bots, at_step, deploy, ended
from tests.support.server import running

pytestmark = pytest.mark.slow

ASKING_BOT = "input('Really delete everything? [y/N] ')"


async def rest_of(page: Page) -> None:
    """Waits until the list is there."""
    await expect(page.get_by_role("columnheader", name="Name")).to_be_visible()


def first_frame_with(page: Page, wanted: str) -> asyncio.Event:
    """Is set once a socket of the page has got a message with this text."""
    got = asyncio.Event()

    def note(message: str | bytes) -> None:
        if wanted in str(message):
            got.set()

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    return got


async def test_everything_that_needs_somebody_stands_above_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = psutil.virtual_memory()
    full = SimpleNamespace(**{**real._asdict(), "percent": 96.0, "used": int(real.total * 0.96)})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: full)
    disk = SimpleNamespace(total=1 << 40, used=(1 << 40) - (1 << 35), free=1 << 35, percent=97.0)
    monkeypatch.setattr(psutil, "disk_usage", lambda _: disk)
    monkeypatch.setattr("store.database.ANSWER_S", 0)
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        for name, script in (
            ("one", FAILING_BOT),
            ("two", FAILING_BOT),
            ("asking", ASKING_BOT),
            ("well", ECHO_BOT),
        ):
            bot = await add_bot(launcher.ctx, tmp_path / name, script)
            with suppress(LauncherError):  # what fails ends at once
                await instances.start(launcher.ctx, bot.id)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/")
            needs = page.get_by_role("region", name="Needs you")
            for name in ("one", "two"):
                card = needs.locator("div[data-tone=bad]").filter(
                    has=page.get_by_role("link", name=name, exact=True)
                )
                await expect(card).to_contain_text("exited with code 3")
                await expect(card.get_by_role("button")).to_have_text("Start")
            asking = needs.locator("div[data-tone=ask]")
            await expect(asking).to_contain_text("Really delete everything?")
            await expect(asking.get_by_role("link", name="Open the terminal")).to_be_visible()
            await expect(needs).to_contain_text("Only 32 GiB of 1 TiB left on the disk")
            await expect(needs).to_contain_text("Memory is nearly full")
            await expect(needs.get_by_role("link", name="well", exact=True)).to_have_count(0)
            await expect(needs).to_contain_text(re.compile("SQLite at .* does not answer"))
            monkeypatch.undo()
            await page.reload()
            machine = page.get_by_role("region", name="This machine")
            await expect(machine).to_contain_text(re.compile(r"SQLite 3[\d.]+answers in [\d.]+ ms"))
            await expect(needs).not_to_contain_text("does not answer")
            watched.require_clean()


async def test_a_deployment_of_which_nothing_is_heard_needs_somebody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bots = Bots(tmp_path, monkeypatch)
    bots.hold("fetch")
    settings = settings_for(tmp_path, sources_maibot=[bots.repository.url])
    async with running(settings) as launcher, browser() as opened:
        begun = await deploy(launcher.ctx)
        await at_step(launcher.ctx, begun.instance_id, "fetch")
        async with page_of(launcher, opened) as watched:
            page = watched.page
            heard = first_frame_with(page, "deploymentProgress")
            await page.clock.install()
            await page.goto("/")
            await rest_of(page)
            needs = page.get_by_role("region", name="Needs you")
            await expect(needs).to_contain_text("All is well")
            async with asyncio.timeout(PATIENCE_S):
                await heard.wait()  # the silence begins with the last that was heard
            await page.clock.fast_forward(200_000)
            await expect(needs).to_contain_text("deployment stuck")
            await expect(needs).to_contain_text(re.compile(r"No progress for 3m 2\ds"))
            bots.let_go()
            await ended(launcher.ctx, begun.instance_id)
            await expect(needs).to_contain_text("All is well")
            watched.require_clean()


async def test_columns_are_chosen_and_kept_and_the_last_event_is_one(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/")
            row = page.get_by_role("row").filter(has=page.get_by_role("link", name="good", exact=True))
            await expect(row.get_by_role("cell", name="start", exact=True)).to_be_visible()
            await row.get_by_role("button", name="Stop good").click()
            await expect(row.get_by_role("cell", name="stop", exact=True)).to_be_visible()
            await page.get_by_role("button", name="Columns").click()
            await page.get_by_role("checkbox", name="Port").check()
            await page.get_by_role("checkbox", name="CPU, last hour").uncheck()
            await page.get_by_role("dialog").get_by_role("button", name="Close").click()
            for _ in range(2):
                await expect(page.get_by_role("columnheader", name="Port")).to_be_visible()
                await expect(page.get_by_role("columnheader", name="CPU, last hour")).to_have_count(0)
                await page.reload()
            watched.require_clean()


async def test_a_row_says_how_long_a_stop_takes_and_offers_to_kill(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, stop_timeout_s=60)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", STUBBORN_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/")
            await page.get_by_role("button", name="Stop bot").click()
            await expect(page.get_by_text(re.compile(r"^stopping · [1-9]\d*s$"))).to_be_visible()
            await page.get_by_role("button", name="Kill now bot").click()
            await expect(page.get_by_role("button", name="Start bot")).to_be_enabled()
            watched.require_clean()


async def test_several_bots_are_upgraded_with_a_result_each(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        for name in ("one", "two"):
            await add_bot(launcher.ctx, tmp_path / name, ECHO_BOT)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/")
            await page.get_by_role("checkbox", name="Select all").check()
            await page.get_by_role("button", name="Upgrade").click()
            dialog = page.get_by_role("dialog", name="Upgrade the 2 selected instances?")
            await dialog.get_by_role("button", name="Upgrade").click()
            for name in ("one", "two"):  # they were added, and are not the launcher's to upgrade
                await expect(page.get_by_role("status").get_by_text(f"{name}: ").first).to_be_visible()
            watched.require_clean()


async def test_keys_do_what_the_list_of_shortcuts_says_unless_they_are_turned_off(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        good, _ = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto("/")
            await rest_of(page)
            await page.keyboard.press("/")
            search = page.get_by_role("searchbox")
            await expect(search).to_be_focused()
            await page.keyboard.type("?ge")
            await expect(search).to_have_value("?ge")
            await expect(page.get_by_role("dialog")).to_have_count(0)
            await search.blur()
            await page.keyboard.press("g")
            await page.keyboard.press("e")
            await expect(page.get_by_role("heading", level=1, name="Events")).to_be_visible()
            await page.keyboard.press("Control+k")
            await expect(page.get_by_role("dialog", name="Find bots")).to_be_visible()
            await page.keyboard.press("Escape")
            await expect(page.get_by_role("dialog")).to_have_count(0)
            await page.keyboard.press("?")
            shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
            await shortcuts.get_by_role("checkbox").uncheck()
            await page.keyboard.press("Escape")
            await expect(shortcuts).to_have_count(0)
            await page.keyboard.press("?")
            await page.keyboard.press("g")
            await page.keyboard.press("o")
            await expect(page.get_by_role("heading", level=1, name="Events")).to_be_visible()
            await expect(shortcuts).to_have_count(0)
            await page.keyboard.press("Control+k")
            await page.get_by_role("combobox", name="Find bots").fill("shortcuts")
            await page.keyboard.press("Enter")
            await shortcuts.get_by_role("checkbox").check()
            await page.keyboard.press("Escape")
            await open_bot(watched, good)
            await page.locator(".xterm-helper-textarea").focus()
            await page.keyboard.type("?")
            await page.keyboard.press("Control+k")
            await expect(page.get_by_role("dialog")).to_have_count(0)
            watched.require_clean()


async def test_what_was_typed_into_a_form_survives_a_reload_until_it_is_saved_or_discarded(
    tmp_path: Path,
) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        good, _ = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await open_bot(watched, good, "settings")
            notes = page.get_by_role("textbox", name="Notes")
            await notes.fill("half a thou")
            await page.reload()
            await expect(notes).to_have_value("half a thou")
            await page.get_by_role("button", name="Discard").click()
            await expect(notes).to_have_value("")
            await notes.fill("a whole thought")
            await notes.locator("xpath=ancestor::form").get_by_role("button", name="Save").click()
            await expect(page.get_by_text("Not saved yet")).to_have_count(0)
            await page.reload()
            await expect(notes).to_have_value("a whole thought")
            await expect(page.get_by_text("Not saved yet")).to_have_count(0)
            watched.require_clean()


async def test_a_page_of_another_version_says_so_and_loads_itself_anew_where_nobody_looks(
    tmp_path: Path,
) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        good, _ = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            upgraded = asyncio.Event()

            async def answer(route, request) -> None:  # type: ignore[no-untyped-def]
                """The page as an upgraded server gives it out, which begins with another file."""
                if request.resource_type == "fetch" and upgraded.is_set():
                    await route.fulfill(body="<script type=module src=/assets/index-other.js></script>")
                else:
                    await route.continue_()

            await page.route("**/", answer)
            await open_bot(watched, good, "settings")
            await page.get_by_role("textbox", name="Notes").fill("half a thought")
            note = page.get_by_text("The server is of another version now")
            await page.get_by_label("Language").select_option("en")  # connects anew
            await expect(note).to_have_count(0)
            upgraded.set()
            await page.get_by_label("Language").select_option("zh")
            await page.get_by_label("语言").select_option("en")
            await expect(note).to_be_visible()
            async with page.expect_navigation():
                await page.evaluate(
                    "Object.defineProperty(document, 'hidden', { value: true });"
                    "document.dispatchEvent(new Event('visibilitychange'))"
                )
            await expect(page.get_by_role("textbox", name="Notes")).to_have_value("half a thought")
            watched.require_clean()
