"""The files of a bot on its page."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import add_bot, settings_for
from tests.support.server import running

pytestmark = pytest.mark.slow

DROP = """(names) => {
  const dropped = new DataTransfer()
  for (const name of names) dropped.items.add(new File(["dropped"], name))
  const place = document.querySelector('section[aria-label=Folder]')
  for (const type of ["dragover", "drop"])
    place.dispatchEvent(new DragEvent(type, { dataTransfer: dropped, bubbles: true, cancelable: true }))
}"""


def sent(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": content}


async def name_it(page: Page, button: str, name: str) -> None:
    await page.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox").fill(name)
    await dialog.get_by_role("button").first.click()
    await expect(dialog).to_have_count(0)


async def test_files_are_uploaded_edited_moved_and_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, folder)
        (folder / "away").symlink_to("/etc/passwd")
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot.id}/files")
            await expect(page.get_by_text("link to /etc/passwd")).to_be_visible()
            await name_it(page, "New folder", "notes")
            await page.get_by_role("link", name="notes/").click()
            await expect(page.get_by_text("This folder is empty.")).to_be_visible()

            # Several at once; a name that exists is replaced only when that is asked for.
            await page.locator("input[type=file]").first.set_input_files(
                [sent("图 #1.txt", b"one\r\ntwo\r\n"), sent("b", b"b")]
            )
            uploads = page.get_by_role("region", name="Uploads")
            await expect(uploads.get_by_text("uploaded", exact=True)).to_have_count(2)
            await page.evaluate(DROP, ["b", "c"])
            await expect(uploads.get_by_text("exists already")).to_be_visible()
            await expect(page.get_by_role("link", name="c", exact=True)).to_be_visible()
            assert (folder / "notes" / "b").read_bytes() == b"b"
            watched.errors.clear()  # the browser notes an answer of 409
            await page.get_by_role("button", name="Replace b with the uploaded file").click()
            await expect(uploads.get_by_text("exists already")).to_have_count(0)
            await expect(uploads.get_by_text("uploaded", exact=True)).to_have_count(4)
            assert (folder / "notes" / "b").read_bytes() == b"dropped"
            await page.get_by_role("button", name="Clear what has ended").click()
            await expect(uploads).to_have_count(0)

            async with page.expect_download() as downloading:
                await page.get_by_role("link", name="Download 图 #1.txt").click()
            download = await downloading.value
            assert download.suggested_filename == "图 #1.txt"
            await name_it(page, "Rename c", "d")
            await expect(page.get_by_role("link", name="d", exact=True)).to_have_count(0)
            assert (folder / "d").read_bytes() == b"dropped"
            await page.get_by_role("link", name="Instance folder").click()
            await page.get_by_label("Filter by name").fill("NOTE")
            await expect(page.get_by_role("listitem").filter(has_text=re.compile("bot.py"))).to_have_count(0)
            await page.get_by_role("button", name="Delete notes").click()
            await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
            await expect(page.get_by_text("No name matches the filter.")).to_be_visible()
            await page.get_by_role("button", name="Clear the filter").click()
            await expect(page.get_by_role("link", name="bot.py", exact=True)).to_be_visible()
            assert not (folder / "notes").exists()
            watched.require_clean()


async def test_whole_folders_are_uploaded_and_several_files_handled_at_once(tmp_path: Path) -> None:
    folder, tree = tmp_path / "bot", tmp_path / "my tree"
    for name in ("one.txt", "deep/深.txt", "deep/two.txt"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    (tree / "none").mkdir()
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, folder)
        (folder / "there").mkdir()
        (folder / "there" / "my tree").write_text("a file, where the folder would be")
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot.id}/files")
            await page.locator("input[webkitdirectory]").set_input_files(tree)
            uploads = page.get_by_role("region", name="Uploads")
            await expect(uploads.get_by_text("3 of 3 have ended")).to_be_visible()
            await page.get_by_role("link", name="my tree/").click()
            await page.get_by_role("link", name="deep/").click()
            await expect(page.get_by_role("link", name="深.txt", exact=True)).to_be_visible()
            assert (folder / "my tree" / "deep" / "深.txt").read_text() == "deep/深.txt"
            await page.get_by_role("button", name="Clear what has ended").click()

            # Dropped, where its name is a file's: each file says so. Then again, where it is not.
            await page.get_by_role("link", name="Instance folder").click()
            await page.get_by_role("link", name="there/").click()
            await expect(page.get_by_role("link", name="my tree", exact=True)).to_be_visible()
            await drop(page, tree)
            await expect(uploads.get_by_text("is not of the kind")).to_have_count(3)
            (folder / "there" / "my tree").unlink()
            await drop(page, tree)
            await expect(uploads.get_by_text("uploaded", exact=True)).to_have_count(3)
            await expect(page.get_by_role("link", name="my tree/")).to_be_visible()
            assert (folder / "there" / "my tree" / "none").is_dir()

            await page.get_by_role("link", name="Instance folder").click()
            (folder / "gone").touch()
            await page.get_by_role("link", name="my tree/").click()
            (folder / "my tree" / "gone").touch()
            await page.get_by_label("Order").select_option("Last changed first")
            await page.get_by_role("button", name="Select all").click()
            await expect(page.get_by_text("3 selected")).to_be_visible()
            await page.get_by_label("Select deep").uncheck()
            async with page.expect_download() as downloading:
                await page.get_by_role("button", name="Download the files").click()
            assert (await downloading.value).suggested_filename in ("gone", "one.txt")
            await page.get_by_role("button", name="Delete…").click()
            await expect(dialog := page.get_by_role("dialog", name="Delete the 2 selected?")).to_be_visible()
            assert await findings_of_axe(page) == []
            (folder / "my tree" / "gone").unlink()
            await dialog.get_by_role("button", name="Delete").click()
            await expect(dialog.get_by_role("listitem").filter(has_text="one.txt")).to_contain_text("deleted")
            await expect(dialog.get_by_role("status")).to_have_text("1 deleted, 1 could not be deleted")
            await dialog.get_by_role("button", name="Close").click()
            await expect(page.get_by_text("1 selected")).to_be_visible()
            assert [path.name for path in (folder / "my tree").iterdir()] == ["deep"]


async def drop(page: Page, path: Path) -> None:
    """Drops a file or folder of the disk, as a file manager does."""
    browser_of_page = await page.context.new_cdp_session(page)
    place = await page.get_by_role("region", name="Folder").bounding_box()
    assert place is not None
    held = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"x": place["x"] + 40, "y": place["y"] + 100}
        await browser_of_page.send("Input.dispatchDragEvent", {"type": kind, **at, "data": held})


async def test_a_folder_of_very_many_files_is_read_page_by_page(tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, folder)
        (folder / "many").mkdir()
        for number in range(1000):
            (folder / "many" / f"{number:04}").touch()
        async with page_of(launcher, opened, size=(360, 700)) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot.id}/files?path=many")
            await expect(page.get_by_text("1,000 items")).to_be_visible()
            for shown in (200, 400):
                await expect(page.get_by_role("link", name=re.compile(r"^\d{4}$"))).to_have_count(shown)
                await page.get_by_role("button", name="Show more").click()
            await page.get_by_role("button", name="Actions for 0000").click()
            await name_it(page, "Rename 0000", "many/first")
            await expect(page.get_by_role("link", name="first")).to_have_count(0)  # far behind what is shown
            await expect(page.get_by_role("link", name="0600")).to_be_visible()
            watched.require_clean()


async def test_a_text_is_edited_and_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, folder)
        (folder / "a.txt").write_bytes(b"one\r\ntwo\r\n")
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot.id}/files")
            await page.get_by_role("link", name="a.txt", exact=True).click()
            editor = page.get_by_role("textbox", name="Content of a.txt")
            await expect(editor).to_have_value("one\ntwo\n")
            await editor.fill("one\nthree\n")
            await page.reload()
            await expect(editor).to_have_value("one\nthree\n")
            await editor.press("Control+s")
            async with asyncio.timeout(30):
                while (folder / "a.txt").read_bytes() != b"one\r\nthree\r\n":
                    await asyncio.sleep(0.05)
            await expect(page.get_by_role("button", name="Save")).to_be_disabled()
            await editor.fill("mine")
            (folder / "a.txt").write_bytes(b"theirs")
            await page.get_by_role("button", name="Save").click()
            await expect(page.get_by_role("alert")).to_contain_text("has been changed")
            assert await findings_of_axe(page) == []
            await page.get_by_role("button", name="Overwrite with mine").click()
            await expect(page.get_by_role("alert")).to_have_count(0)
            assert (folder / "a.txt").read_bytes() == b"mine"
            watched.require_clean()
