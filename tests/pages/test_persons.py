"""The persons of a bot in Chromium: a long table, forms, and an import that is checked first."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Page, Route, expect

from resolvers import persons
from resolvers.context import Context
from resolvers.persons import NewPerson, PersonChange, PersonFilter
from resolvers.views import PersonView
from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import add_bot, settings_for
from tests.support.server import running

pytestmark = pytest.mark.slow

COUNT = 600


async def fill(ctx: Context, bot: str) -> None:
    new = [NewPerson(str(number), f"user{number}", f"小林{number}") for number in range(COUNT)]
    for begin in range(0, COUNT, 200):
        await persons.create_many(ctx, bot, new[begin : begin + 200])


async def found(ctx: Context, bot: str, text: str = "") -> list[PersonView]:
    return (await persons.search(ctx, bot, PersonFilter(text), 200, 0))[0]


async def test_persons_are_found_edited_deleted_and_brought_back(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        ctx = launcher.ctx
        bot = (await add_bot(ctx, tmp_path / "bot", "input()")).id
        await fill(ctx, bot)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot}/persons")
            await expect(page.get_by_text(f"{COUNT} in all")).to_be_visible()
            assert await page.locator("tbody tr").count() < 60  # only those that are seen are drawn
            await page.get_by_role("button", name="599", exact=True).focus()
            await page.keyboard.press("ArrowDown")
            await expect(page.get_by_role("button", name="598", exact=True)).to_be_focused()
            await page.locator("table").evaluate("(table) => table.parentElement.scrollTo(0, 1e9)")
            await expect(page.get_by_role("button", name="0", exact=True)).to_be_visible()
            await page.get_by_label("Search user ids").fill("林59")
            await expect(page.get_by_text("11 in all")).to_be_visible()
            await page.get_by_role("button", name="591", exact=True).click()
            dialog = page.get_by_role("dialog", name="Person 小林591")
            assert await findings_of_axe(page) == []
            await dialog.get_by_label("Nickname").fill("Ada")
            await dialog.get_by_label("Profile").fill('{"likes": ["tea"]')
            await dialog.get_by_role("button", name="Save").click()
            await expect(dialog.get_by_role("alert")).to_contain_text("No JSON object")
            await dialog.get_by_label("Profile").fill('{"likes": ["tea"]}')
            await page.reload()
            await page.get_by_role("button", name="591", exact=True).click()
            await dialog.get_by_role("button", name="Save").click()  # what was typed is still there
            await expect(page.get_by_text("10 in all")).to_be_visible()
            (ada,) = await found(ctx, bot, "ada")
            assert (ada.user_id, json.loads(ada.profile)) == ("591", {"likes": ["tea"]})
            await rename_in_its_row(page)
            await rename_what_another_renames(page, ctx, bot)
            await page.get_by_label("Select 小林599").click()
            await page.get_by_label("Select 小林596").click(modifiers=["Shift"])
            await expect(page.get_by_text("4 selected")).to_be_visible()
            await edit_four(page)
            edited = [one for one in await found(ctx, bot, "林59") if not one.username]
            assert [json.loads(one.profile) for one in edited] == [{"group": "a"}] * 4
            await persons.update(ctx, bot, PersonChange(edited[0].id, nickname="林59 later"))
            await page.get_by_role("button", name="Undo").click()
            await expect(page.get_by_text("3 are what they were; 1 others")).to_be_visible()
            now = [await persons.get(ctx, bot, one.id) for one in edited]
            assert [one.profile for one in now[1:]] == ["{}"] * 3
            assert [bool(one.username) for one in now] == [False, True, True, True]
            await page.get_by_role("button", name="Delete", exact=True).click()
            await expect(page.get_by_text("6 in all")).to_be_visible()
            assert len(await found(ctx, bot, "林59")) == 6
            await delete_one_and_undo_both(page)
            assert len(await found(ctx, bot, "林59")) == 10
            watched.require_clean()


async def rename_in_its_row(page: Page) -> None:
    """A name is changed where it stands; what is typed survives a reload."""
    await page.get_by_role("button", name="user592").click()
    field = page.get_by_role("textbox", name="User name 592")
    await expect(field).to_be_focused()
    await field.fill("林59 by its row")
    await page.reload()
    await field.press("Enter")
    await expect(page.get_by_role("button", name="林59 by its row")).to_be_visible()


async def rename_what_another_renames(page: Page, ctx: Context, bot: str) -> None:
    """On a phone. Both values are shown, and what was typed is saved once that is chosen."""
    await page.set_viewport_size({"width": 360, "height": 640})
    await page.get_by_role("button", name="user593").click()
    field = page.get_by_role("textbox", name="User name 593")
    save = page.locator("td").get_by_role("button", name="Save")
    await expect(save).to_be_in_viewport(ratio=1)
    await expect(page.locator("td").get_by_role("button", name="Cancel")).to_be_in_viewport(ratio=1)
    await field.fill("林59 mine")
    (person,) = await found(ctx, bot, "小林593")
    await persons.update(ctx, bot, PersonChange(person.id, username="theirs", profile={"a": 1}))
    await save.click()
    dialog = page.get_by_role("dialog", name="Somebody else has changed this")
    await expect(dialog).to_contain_text("theirs")
    await expect(dialog).to_contain_text("林59 mine")
    assert await findings_of_axe(page) == []
    assert (await persons.get(ctx, bot, person.id)).username == "theirs"
    await dialog.get_by_role("button", name="Save mine").click()
    await expect(page.get_by_role("button", name="林59 mine")).to_be_visible()
    now = await persons.get(ctx, bot, person.id)
    assert (now.username, json.loads(now.profile)) == ("林59 mine", {"a": 1})
    await page.set_viewport_size({"width": 1280, "height": 900})


async def edit_four(page: Page) -> None:
    await page.get_by_role("button", name="Edit…").click()
    bulk = page.get_by_role("dialog", name="Edit the 4 selected")
    await bulk.get_by_label("Set in the profile").fill('{"group": "a", "gone": 1}')
    await bulk.get_by_label("Keys to remove").fill("gone，likes")
    await bulk.get_by_label("Make empty: User name").check()
    await bulk.get_by_role("button", name="Save the changes").click()
    await expect(bulk).to_have_count(0)


async def delete_one_and_undo_both(page: Page) -> None:
    await page.get_by_label("Select 小林592").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_text("5 in all")).to_be_visible()
    undo = page.get_by_role("button", name="Undo")
    await expect(undo).to_have_count(2)
    await undo.last.click()  # the earlier one
    await expect(page.get_by_text("9 in all")).to_be_visible()
    await page.reload()
    await undo.click()
    await expect(page.get_by_text("10 in all")).to_be_visible()


async def test_an_import_is_checked_first_and_may_be_repeated(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        ctx = launcher.ctx
        bot = (await add_bot(ctx, tmp_path / "bot", "input()")).id
        await persons.create(ctx, bot, NewPerson("there", nickname="old"))
        rows = ["user_id,nickname", "there,new", "新人,阿达", ",nobody", *(f"n{n},x" for n in range(500))]
        file: FilePayload = {"name": "p.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()}
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot}/persons")
            await page.get_by_role("button", name="Import…").click()
            dialog = page.get_by_role("dialog", name="Import persons")
            await dialog.get_by_label("A file of").set_input_files(file)
            await expect(dialog.get_by_text("nothing is written yet")).to_be_visible()
            # Escape closes it as its button does: what was chosen is forgotten.
            await page.keyboard.press("Escape")
            await expect(dialog).to_have_count(0)
            await page.get_by_role("button", name="Import…").click()
            await expect(dialog.get_by_text("again")).to_have_count(0)
            await dialog.get_by_label("A file of").set_input_files(file)
            await expect(dialog.get_by_text("nothing is written yet")).to_be_visible()
            await expect(dialog.get_by_role("button", name="1 skipped")).to_be_visible()
            await dialog.get_by_label("If the user id").select_option("update")
            await expect(dialog.get_by_role("button", name="1 updated")).to_be_visible()
            await dialog.get_by_role("button", name="1 failed").click()
            await expect(dialog.get_by_role("listitem")).to_have_text(re.compile("^4failed.*user_id"))
            assert await findings_of_axe(page) == []
            assert [person.user_id for person in await found(ctx, bot)] == ["there"]
            # The server has imported it, and the answer is lost.
            await page.route("**/persons/import?*", lose_answer)
            await dialog.get_by_role("button", name="Import 502 lines").click()
            await expect(dialog.get_by_role("alert")).to_contain_text("The connection was lost")
            await page.unroute("**/persons/import?*")
            await dialog.get_by_role("button", name="Check again").click()
            await expect(dialog.get_by_role("button", name="502 updated")).to_be_visible()
            await dialog.get_by_role("button", name="Import 502 lines").click()
            await expect(dialog.get_by_text("Imported:")).to_be_visible()
            await dialog.get_by_role("button", name="Close").click()
            await expect(page.get_by_text("502 in all")).to_be_visible()
            assert [person.nickname for person in await found(ctx, bot, "there")] == ["new"]
            async with page.expect_download() as started:
                await page.get_by_role("link", name="Export CSV").click()
            exported = (await (await started.value).path()).read_text("utf-8-sig")
            assert len(exported.splitlines()) == 503
            await refuse(page, "no_such_column\n1")
            assert watched.foreign == []


async def lose_answer(route: Route) -> None:
    await route.fetch()
    await route.abort()


async def refuse(page: Page, text: str) -> None:
    """A file of which nothing can be imported."""
    await page.get_by_role("button", name="Import…").click()
    dialog = page.get_by_role("dialog", name="Import persons")
    wrong: FilePayload = {"name": "p.csv", "mimeType": "text/csv", "buffer": text.encode()}
    await dialog.get_by_label("A file of").set_input_files(wrong)
    await expect(dialog.get_by_role("listitem")).to_contain_text("The first line must have the column names")
    await expect(dialog.get_by_role("button", name="No line can be imported")).to_be_disabled()
