"""The gallery of emojis in Chromium: files are added, each with its own result, and many are edited, deleted and brought back."""

import re
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Locator, Page, Response, Route, expect

from resolvers import emojis
from resolvers.emojis import EmojiFilter, NewEmoji
from store.pictures import MAX_BYTES
from store.thumbnails import STILL_BYTES
from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import add_bot, settings_for
from tests.support.pictures import moving, picture
from tests.support.server import running

pytestmark = pytest.mark.slow

STILL = re.compile(r"still=true$")
SELECTED = re.compile(r"^\d+ selected$")
WHOLE = re.compile(r"\.gif$")


def file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def tiles(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Emojis").get_by_role("option")


async def test_files_are_added_each_with_its_own_result(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        ctx = launcher.ctx
        bot = await add_bot(ctx, tmp_path / "bot", "input()")
        await emojis.create(ctx, bot.id, NewEmoji("there", picture()))
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot.id}/emojis")
            await expect(tiles(page)).to_have_count(1)
            files = [
                file("开心.png", picture(colour=(1, 2, 3))),
                file("same.png", picture()),
                file("there.png", picture(colour=(4, 5, 6))),
                file("text.png", b"no image"),
                file("empty.png", b""),
                file("large.png", bytes(MAX_BYTES + 1)),
                file("moving.gif", moving()),
            ]
            await page.locator("input[type=file]").set_input_files(files)
            told = page.get_by_role("region", name="Files added").get_by_role("listitem")
            expected = {
                "开心.png": "added as 开心",
                "same.png": "not added: The emoji 'there' has the same image",
                "there.png": "added as there 2",
                "text.png": "not added: ",
                "empty.png": "not added: the file is empty",
                "large.png": "not added: 10 MiB, at most 10 MiB",
                "moving.gif": "added as moving",
            }
            for name, result in expected.items():
                await expect(told.filter(has_text=name)).to_contain_text(result)
            await expect(tiles(page)).to_have_count(4)
            # Without an answer nobody knows whether it was added. It was, and the next attempt says so.
            await page.route("**/graphql", lose_answers)
            await page.locator("input[type=file]").set_input_files(
                [file("lost.png", picture(colour=(7, 7, 7)))]
            )
            await expect(told.filter(has_text="lost.png")).to_contain_text("The connection was lost")
            await page.unroute("**/graphql")
            await page.get_by_role("button", name="Try those that failed again").click()
            await expect(told.filter(has_text="lost.png")).to_contain_text(
                "The emoji 'lost' has the same image"
            )
            await expect(tiles(page)).to_have_count(5)
            # The picture stands still in the gallery, moves under the mouse, and is whole in the detail.
            shown = tiles(page).filter(has_text="moving").locator("img")
            await expect(shown).to_have_attribute("src", STILL)
            await shown.hover()
            await expect(shown).not_to_have_attribute("src", STILL)
            await shown.click()
            dialog = page.get_by_role("dialog", name="Emoji moving")
            await expect(dialog.get_by_role("img")).to_have_attribute("src", WHOLE)
            await dialog.get_by_label("Description").fill("typed and not lost")
            await page.reload()
            await tiles(page).filter(has_text="moving").locator("img").click()
            await expect(dialog.get_by_label("Description")).to_have_value("typed and not lost")
            await dialog.get_by_label("Tags").fill("a, b，c")
            await dialog.get_by_role("button", name="Save").click()
            await expect(tiles(page).filter(has_text="moving")).to_contain_text("a, b, c")
            found, _ = await emojis.search(ctx, bot.id, EmojiFilter("moving"), 1, 0)
            assert (found[0].description, found[0].tags) == ("typed and not lost", ["a", "b", "c"])
            assert [error for error in watched.errors if "ERR_FAILED" not in error] == []
            assert watched.foreign == []


async def lose_answers(route: Route) -> None:
    """Lets a request through, and its answer not back."""
    if route.request.method == "POST":
        await route.fetch()
        await route.abort()
    else:
        await route.continue_()


async def test_many_are_selected_edited_deleted_and_brought_back_by_keyboard(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        ctx = launcher.ctx
        bot = await add_bot(ctx, tmp_path / "bot", "input()")
        new = [
            NewEmoji(f"n{number}", picture(size=(400, 300), colour=(number % 256, 9, 200)))
            for number in range(250)
        ]
        for begin in (0, 125):
            await emojis.create_many(ctx, bot.id, new[begin : begin + 125])
        sizes: dict[str, int] = {}
        async with page_of(launcher, opened) as watched:
            page = watched.page

            async def note(response: Response) -> None:
                if "/static/emojis/" in response.url:
                    sizes[response.url] = int(response.headers["content-length"])

            page.on("response", note)
            await page.goto(f"/instances/{bot.id}/emojis")
            await expect(page.get_by_text("250 in all")).to_be_visible()
            assert await tiles(page).count() < 60  # only those that are seen are drawn
            gallery = page.get_by_role("listbox", name="Emojis")
            await select_two_rows(page, gallery)
            selected = page.get_by_text(SELECTED)
            await page.keyboard.press("Control+a")
            await expect(selected).to_have_text("250 selected")
            await page.get_by_role("button", name="Edit tags and category…").click()
            await page.get_by_label("Tags to add").fill("all, of them")
            await page.keyboard.press("Escape")
            await page.get_by_role("button", name="Edit tags and category…").click()  # what is typed is kept
            await expect(page.get_by_label("Tags to add")).to_have_value("all, of them")
            await page.get_by_label("Set the category to").fill("new")
            await page.get_by_role("button", name="Save the changes").click()
            await expect(page.get_by_role("button", name="of them 250")).to_be_visible()
            tagged = EmojiFilter(tags=("all", "of them"), category="new")
            assert await emojis.count(ctx, bot.id, tagged) == 250
            await gallery.focus()
            await page.keyboard.press("Delete")
            await expect(page.get_by_text("No emojis yet")).to_be_visible()
            assert await emojis.count(ctx, bot.id, EmojiFilter()) == 0
            await page.reload()
            await page.get_by_role("button", name="Undo").click()
            await expect(page.get_by_text("250 in all")).to_be_visible()
            assert await emojis.count(ctx, bot.id, tagged) == 250
            await page.get_by_label("Search names").fill("n24")
            await expect(page.get_by_text("11 in all")).to_be_visible()
            await expect(page).to_have_url(re.compile(r"\?q=n24$"))
            watched.require_clean()
        assert 0 < len(sizes) < 250
        assert max(sizes.values()) <= STILL_BYTES


async def columns(gallery: Locator) -> int:
    count: int = await gallery.evaluate(
        "(box) => new Set([...box.querySelectorAll('[role=option]')].map((tile) => tile.getBoundingClientRect().x)).size"
    )
    return count


async def select_two_rows(page: Page, gallery: Locator) -> None:
    """Goes to both ends, then selects the first tile, and a range from the second to the one below it."""
    await gallery.focus()
    await page.keyboard.press("End")
    await expect(tiles(page).filter(has_text="n0")).to_be_visible()
    await page.keyboard.press("Home")
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Shift+ArrowDown")
    selected = page.get_by_text(SELECTED)
    await expect(selected).to_have_text(f"{2 + await columns(gallery)} selected")
    assert await findings_of_axe(page) == []
