"""The configuration of a bot in the dashboard, in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.async_api import Locator, Page, expect

from resolvers import instances
from resolvers.views import InstanceView
from tests.support.browser import Watched, browser, findings_of_axe, page_of
from tests.support.configured import BOT, PORT, write_configs, write_recipes
from tests.support.context import PATIENT_BOT, add_bot, settings_for
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

MODELS = """[inner]
version = "1.12.0"

[[models]] # a model
name = "alpha"
price = 2.0

[[models]]
name = "beta"
price = 3.0
"""


class Opened(NamedTuple):
    launcher: Launcher
    bot: InstanceView
    folder: Path
    watched: Watched

    @property
    def page(self) -> Page:
        return self.watched.page

    def text(self, path: str = "config/bot_config.toml") -> str:
        return (self.folder / path).read_text("utf-8")


@asynccontextmanager
async def opened(folder: Path, file: str = "bot", bot_text: str = BOT) -> AsyncIterator[Opened]:
    """A running bot, and a page with one of its configuration files."""
    write_recipes(folder / "data")
    async with running(settings_for(folder)) as launcher, browser() as chromium:
        home = folder / "talker"
        write_configs(home)
        (home / "config/bot_config.toml").write_text(bot_text, "utf-8")
        (home / "config/model_config.toml").write_text(MODELS)
        bot = await add_bot(launcher.ctx, home, PATIENT_BOT, napcat=PATIENT_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with page_of(launcher, chromium) as watched:
            await watched.page.goto(f"/instances/{bot.id}/configuration?file={file}")
            yield Opened(launcher, bot, home, watched)


def text_of(page: Page) -> Locator:
    """The text in the editor, as it is shown."""
    return page.locator(".cm-content")


async def type_at_end(page: Page, typed: str) -> None:
    await text_of(page).focus()
    await page.keyboard.press("Control+End")
    await page.keyboard.type(typed)


async def save(page: Page) -> None:
    await page.get_by_role("button", name="Review and save").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Save", exact=True).click()
    await expect(dialog).to_have_count(0)


async def test_form_and_text_show_the_same_until_it_is_saved_and_undone(tmp_path: Path) -> None:
    async with opened(tmp_path) as at:
        page = at.page
        version = page.get_by_role("textbox", name="version")
        await expect(version).to_have_value("1.0.0")
        await expect(version).to_have_accessible_description("给人看的说明")
        await expect(text_of(page)).to_contain_text('version = "1.0.0"')
        await expect(text_of(page)).not_to_contain_text("sk-very-secret")
        # The form writes into the text, and only where it has to.
        await version.fill("2.0.0")
        await expect(text_of(page)).to_contain_text('version = "2.0.0"')
        await expect(page.get_by_text("1 changed: version")).to_be_visible()
        await expect(page.get_by_text("Takes effect as soon as it is saved")).to_be_visible()
        # The text shows in the form.
        await type_at_end(page, "mood = 0.5\n")
        await expect(page.get_by_role("textbox", name="mood")).to_have_value("0.5")
        await expect(page.get_by_text("2 changed: version, ai.mood")).to_be_visible()
        await page.get_by_role("textbox", name="port").first.fill(str(PORT + 1))
        await expect(page.get_by_text("Takes effect after a restart of talker")).to_be_visible()
        await page.get_by_role("textbox", name="port").first.fill(str(PORT))
        # An error is told with its line, and is not saved.
        await type_at_end(page, "broken = = 1")
        await expect(page.get_by_text("Syntax error at line 16, column 10")).to_be_visible()
        await expect(page.get_by_role("button", name="Review and save")).to_be_disabled()
        await expect(version).to_be_disabled()
        for _ in "broken = = 1":
            await page.keyboard.press("Backspace")
        await expect(version).to_be_enabled()
        await expect(page.get_by_role("button", name="Review and save")).to_be_enabled()
        assert at.text() == BOT
        await page.keyboard.press("Control+s")
        dialog = page.get_by_role("dialog", name="Save config/bot_config.toml")
        await expect(dialog).to_contain_text('+version = "2.0.0"')
        await expect(dialog).to_contain_text("+mood = 0.5")
        assert await findings_of_axe(page) == []
        await dialog.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("config/bot_config.toml is saved")).to_be_visible()
        changed = BOT.replace("1.0.0", "2.0.0") + "mood = 0.5\n"
        assert at.text() == changed
        await page.get_by_role("button", name="Undo (").click()
        await expect(page.get_by_text("2 changed: version, ai.mood")).to_be_visible()  # nothing typed is lost
        assert at.text() == BOT
        await page.get_by_role("button", name="Discard changes").click()
        await page.get_by_role("dialog").get_by_role("button", name="Discard changes").click()
        await expect(version).to_have_value("1.0.0")
        await expect(text_of(page)).not_to_contain_text("mood")
        await expect(page.get_by_text("No unsaved changes")).to_be_visible()
        assert await findings_of_axe(page) == []
        at.watched.require_clean()


async def test_unsaved_work_survives_a_reload_and_is_joined_with_what_others_have_written(
    tmp_path: Path,
) -> None:
    filler = "# more than one message of the socket takes\n" * 5000 + "\n"
    async with opened(tmp_path, bot_text=filler + BOT) as at:
        page = at.page
        await page.get_by_role("textbox", name="version").fill("2.0.0")
        await type_at_end(page, "mine = 1\n")
        await expect(page.get_by_text("2 changed: version, ai.mine")).to_be_visible()
        await page.reload()
        await expect(page.get_by_text("2 changed: version, ai.mine")).to_be_visible()
        await expect(page.get_by_role("textbox", name="version")).to_have_value("2.0.0")
        await expect(page.get_by_role("link", name="bot unsaved")).to_be_visible()
        theirs = filler + BOT.replace("1.0.0", "3.0.0").replace("port = 8001", "port = 8002")
        (at.folder / "config/bot_config.toml").write_text(theirs, "utf-8")
        await page.evaluate("dispatchEvent(new Event('focus'))")
        conflict = page.get_by_role("region", name="config/bot_config.toml was changed meanwhile")
        await expect(conflict).to_be_visible()
        await expect(page.get_by_role("button", name="Review and save")).to_be_disabled()
        place = conflict.get_by_role("group", name="Place 1 of 3")
        for column in ('version = "2.0.0"', 'version = "1.0.0"', 'version = "3.0.0"'):
            await expect(place).to_contain_text(column)
        await expect(conflict.get_by_role("button", name="Use the result")).to_be_disabled()
        await expect(conflict.get_by_text("1 still to be chosen")).to_be_visible()
        await place.get_by_role("radio", name="Use the file's").check()
        assert await findings_of_axe(page) == []
        await conflict.get_by_role("button", name="Use the result").click()
        await expect(conflict).to_have_count(0)
        await save(page)
        assert at.text() == theirs + "mine = 1\n"
        await expect(page.get_by_text("No unsaved changes")).to_be_visible()
        at.watched.require_clean()


async def test_settings_are_found_in_all_files_and_elements_are_copied_added_and_restored(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as at:
        page = at.page
        await page.get_by_role("searchbox", name="Search all settings").fill("key 密钥")
        await expect(page.get_by_text("2 found")).to_be_visible()
        await page.get_by_role("link", name="API_KEY env").click()
        secret = page.get_by_role("textbox", name="API_KEY")
        await expect(secret).to_be_focused()
        await expect(secret).to_have_attribute("type", "password")
        await expect(text_of(page)).not_to_contain_text("very secret")
        await page.get_by_role("checkbox", name="Show secrets").check()
        await expect(secret).to_have_attribute("type", "text")
        await expect(text_of(page)).to_contain_text("very secret")
        # Variables are added and removed.
        await page.get_by_text("Add a variable").click()
        await page.get_by_role("textbox", name="Name", exact=True).fill("NEW_ONE")
        await page.get_by_role("textbox", name="Value", exact=True).fill("a b")
        await page.get_by_role("button", name="Add", exact=True).click()
        await page.get_by_role("button", name="Remove HOST").click()
        await expect(text_of(page)).to_contain_text("NEW_ONE='a b'")
        await expect(page.get_by_text("2 changed: NEW_ONE, HOST")).to_be_visible()
        before = at.text(".env")
        await save(page)
        assert at.text(".env") == before.replace("HOST=127.0.0.1\n", "") + "NEW_ONE='a b'\n"
        await page.get_by_text("Versions", exact=True).click()
        versions = page.get_by_role("listitem").filter(has=page.locator("time"))
        await expect(versions).to_have_count(2)
        await versions.first.get_by_role("button", name="Show changes").click()
        await expect(versions.first).to_contain_text("-HOST=127.0.0.1")
        await versions.last.get_by_role("button", name="Restore this version").click()
        await expect(page.get_by_role("textbox", name="HOST")).to_have_value("127.0.0.1")
        assert at.text(".env") == before
        # Elements of an array are copied and removed, and what the program maintains is not changed.
        await page.get_by_role("link", name="model config/model_config.toml").click()
        await expect(page.get_by_role("textbox", name="version")).to_have_attribute("readonly", "")
        await page.get_by_role("button", name="Duplicate #1 alpha").click()
        await page.get_by_role("button", name="Remove #2 beta").click()
        await expect(page.get_by_role("heading", name="#2 alpha")).to_be_visible()
        await page.get_by_role("textbox", name="#2.name").fill("gamma")
        await page.get_by_role("textbox", name="#2.price").fill("2.x")
        await expect(page.get_by_text("Enter a number")).to_be_visible()
        await page.get_by_role("textbox", name="#2.price").fill("4")
        await expect(page.get_by_role("heading", name="#2 gamma")).to_be_visible()
        await save(page)
        added = (
            MODELS.partition('\n[[models]]\nname = "beta"')[0] + '\n[[models]]\nname = "gamma"\nprice = 4.0\n'
        )
        assert at.text("config/model_config.toml") == added
        at.watched.require_clean()
