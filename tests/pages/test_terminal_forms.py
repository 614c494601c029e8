"""Forms of a terminal in the dashboard: side by side, on phones, for two people, as plain text; and what is drawn in it."""

import asyncio
import functools
import io
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Page, expect

from resolvers import instances, terminals
from tests.support.browser import browser, findings_of_axe
from tests.support.context import add_bot, settings_for
from tests.support.server import running
from tests.support.stress import sized
from tests.support.terminal_page import PATIENCE_S, PRINTING_BOT, focus, terminal_of, wait_for_text

pytestmark = pytest.mark.slow

SAID = "https://txz.qq.com/p?k=abcdefghijklmnopqrstuvwxyz012345&f=1600001615"
WIDTHS = {
    "麦麦": 4,
    "ｆｕｌｌ": 8,
    "é e\u0301": 3,
    "👩‍👩‍👧": 2,
    "👍🏽": 2,
    "🇨🇳": 2,
    "❤\ufe0f": 2,
    "┌──┐│█▀▄": 8,
    "한국": 4,
    "日本ﾊﾛ": 6,
}
"""Columns that text takes."""
ASKING_BOT = f"""
import re, sys, termios, tty
tty.setcbreak(0)
sys.stdin.read(1)
for text in {list(WIDTHS)!r}:
    print("\\r" + text + "\\x1b[6n", end="", flush=True)
    answer = ""
    while not answer.endswith("R"):
        answer += sys.stdin.read(1)
    column = int(re.search(r";(\\d+)R", answer)[1])
    print("\\r\\n" + ascii(text), "is wide:", column - 1, flush=True)
print("that is all", flush=True)
sys.stdin.read()
"""
"""Asks the terminal where its cursor is behind each text."""


def modules_of(text: str) -> list[list[bool]]:
    """A QR code; True is dark. One light module around it."""
    # Its types do not say that it is a buffer.
    made: Any = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=1)
    image = memoryview(made)
    rows, columns = made.shape  # with the quiet zone
    quiet = next(row for row in range(rows) if any(image[row, column] == 0 for column in range(columns))) - 1
    return [
        [image[row, column] == 0 for column in range(quiet, columns - quiet)]
        for row in range(quiet, rows - quiet)
    ]


def in_half_blocks(modules: list[list[bool]], *, for_light: bool) -> str:
    """Two modules above each other in a character, as `qrcode-terminal` prints them, or for a light terminal."""
    blocks = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    rows = [*modules, [for_light] * len(modules[0])] if len(modules) % 2 else modules
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(
        "".join(blocks[upper != for_light, lower != for_light] for upper, lower in zip(*pair, strict=True))
        for pair in pairs
    )


def in_colours(modules: list[list[bool]]) -> str:
    """Two columns for a module, with background colours."""
    return "\n".join("".join(f"\x1b[{40 if dark else 47}m  " for dark in row) + "\x1b[0m" for row in modules)


DRAW: dict[str, Callable[[list[list[bool]]], str]] = {
    "half blocks": functools.partial(in_half_blocks, for_light=False),
    "half blocks for light": functools.partial(in_half_blocks, for_light=True),
    "colours": in_colours,
}
CLEAR = "\x1b[2J\x1b[H"


async def read_code(page: Page, selector: str) -> list[str]:
    """What a scanner reads that does not try exchanged colours."""
    picture = Image.open(io.BytesIO(await page.locator(selector).first.screenshot())).convert("L")
    return [found.text for found in zxingcpp.read_barcodes(picture, try_invert=False)]


@pytest.mark.stress
@pytest.mark.parametrize("dark", sized([True], [False, True]))
async def test_a_qr_code_is_read_from_the_screen_and_from_its_picture(tmp_path: Path, dark: bool) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with terminal_of(launcher, opened, bot.id, dark=dark, size=(1280, 1400), webgl=True) as watched:
            page = watched.page
            for number, draw in enumerate(DRAW.values()):
                said = f"{SAID}{number}"
                (tmp_path / "code").write_text(CLEAR + draw(modules_of(said)), "utf-8")
                await terminals.send_input(launcher.ctx, f"{bot.id}_main", f"file {tmp_path / 'code'}\r")
                async with asyncio.timeout(PATIENCE_S):
                    while await read_code(page, ".xterm") != [said]:
                        await asyncio.sleep(0.2)
                await page.get_by_role("button", name="Enlarge the QR code").click()
                await expect(page.get_by_role("dialog", name="QR code")).to_be_visible()
                async with asyncio.timeout(PATIENCE_S):
                    while await read_code(page, "dialog svg") != [said]:
                        await asyncio.sleep(0.2)
                box = await page.locator("dialog svg").bounding_box()
                assert box is not None
                assert box["width"] > 500
                if number == 0:
                    assert await findings_of_axe(page) == []
                await page.keyboard.press("Escape")


async def test_every_script_takes_the_columns_that_programs_expect(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", ASKING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with terminal_of(launcher, opened, bot.id) as watched:
            await watched.page.keyboard.type("x")
            text = await wait_for_text(watched.page, "that is all")
            assert {found[1]: int(found[2]) for found in re.finditer(r"('.*') is wide: (\d+)", text)} == {
                ascii(sample): width for sample, width in WIDTHS.items()
            }
            for sample in WIDTHS:
                assert unicodedata.normalize("NFC", sample) in unicodedata.normalize("NFC", text)


async def test_two_people_see_who_drives_and_one_takes_over(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with (
            terminal_of(launcher, opened, bot.id) as one,
            terminal_of(launcher, opened, bot.id, size=(900, 700)) as other,
        ):
            await focus(one.page)
            await one.page.keyboard.type("size\n")
            wide = int(re.findall(r"size (\d+) ", await wait_for_text(one.page, "done: size"))[-1])
            mine, theirs = "Your window sets the size", "Somebody else types here"
            await expect(one.page.get_by_text(mine)).to_be_visible()
            await expect(other.page.get_by_text(theirs)).to_be_visible()
            await other.page.get_by_role("button", name="Take over").click()
            await expect(other.page.get_by_text(mine)).to_be_visible()
            await expect(one.page.get_by_text(theirs)).to_be_visible()
            await focus(other.page)
            await other.page.keyboard.type("lines 1\nsize\n")
            text = await wait_for_text(other.page, "done: lines 1")
            text = await wait_for_text(other.page, "done: size")
            async with asyncio.timeout(30):
                while len(sizes := re.findall(r"size (\d+) ", text)) < 2:
                    text = await wait_for_text(other.page, "done: size")
            assert int(sizes[-1]) < wide


async def test_terminals_stand_side_by_side_and_stay_so(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT, napcat=PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            await page.get_by_role("group", name="Terminals").get_by_text("napcat").click()
            await expect(page.get_by_role("region", name="Terminal napcat")).to_be_visible()
            await page.get_by_label("Layout").select_option("Side by side")
            await expect(page.locator(".xterm")).to_have_count(2)
            await page.reload()
            await expect(page.locator(".xterm")).to_have_count(2)
            for name in ("main", "napcat"):
                region = page.get_by_role("region", name=f"Terminal {name}")
                await region.locator(".xterm-helper-textarea").focus()
                await page.keyboard.type("lines 3\n")
            assert await findings_of_axe(page) == []
        for name in ("main", "napcat"):
            async with (
                asyncio.timeout(30),
                terminals.attach(launcher.ctx, f"{bot.id}_{name}", 0) as (viewer, piece),
            ):
                text = bytes(piece.data)
                while b"done: lines 3" not in text:
                    item = await anext(aiter(viewer))
                    text += bytes(getattr(item, "data", b""))


async def test_a_phone_types_into_a_line_with_the_keys_it_lacks(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", "import time\nwhile True: time.sleep(60)")
        async with terminal_of(launcher, opened, bot.id, size=(360, 640), touch=True) as watched:
            page = watched.page
            line = page.get_by_role("textbox", name="Type a line")
            await line.fill("echo 麦麦 $((40 + 2))")  # into a shell, since the bot does not run
            await line.press("Enter")
            await wait_for_text(page, "麦麦 42")
            await line.fill("cat")
            await page.get_by_role("button", name="Send").click()
            await line.fill("one\ntwo")
            await line.press("Enter")
            async with asyncio.timeout(30):
                while (await wait_for_text(page, "two")).count("two") < 2:  # echoed, and printed
                    await asyncio.sleep(0.1)
            await page.get_by_role("button", name="Ctrl", exact=True).click()
            await line.press_sequentially("c")
            await expect(line).to_have_value("")
            await page.get_by_role("button", name="Previous line").click()
            await page.get_by_role("button", name="Previous line").click()
            await expect(line).to_have_value("cat")
            await page.get_by_role("button", name="Previous line").click()
            await expect(line).to_have_value("echo 麦麦 $((40 + 2))")
            await line.fill("echo $((50 + 3))")
            await page.reload()
            await expect(line).to_have_value("echo $((50 + 3))")
            await page.get_by_role("button", name="Send").click()
            await wait_for_text(page, "\n53")
            for name in ("Up", "Ctrl-C"):
                await page.get_by_role("button", name=name, exact=True).click()
            await wait_for_text(page, "^C")
            small = await page.evaluate(
                "[...document.querySelectorAll('fieldset button')].filter(e => e.offsetParent)"
                ".filter(e => e.offsetHeight < 44 || e.offsetWidth < 44).map(e => e.textContent)"
            )
            assert small == []
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_plain_text_is_announced_once_a_second_at_most(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            await page.get_by_label("Show as").select_option("Plain text")
            log = page.get_by_role("log", name="Terminal main")
            await expect(log).to_have_attribute("aria-live", "polite")
            await expect(log).to_contain_text("ready for you")
            await page.evaluate(
                """() => {
                    window.times = [];
                    new MutationObserver(() => window.times.push(performance.now()))
                        .observe(document.querySelector('[role=log]'), { childList: true });
                }"""
            )
            line = page.get_by_role("textbox", name="Type a line")
            for _ in range(20):
                await line.fill("lines 20")
                await line.press("Enter")
                await asyncio.sleep(0.1)
            await expect(log.locator("div", has_text="done: lines 20")).to_have_count(20)
            times = await page.evaluate("window.times")
            assert len(times) >= 2
            # On the whole: on a busy machine one of them may come late, and the next one soon after it.
            assert times[-1] - times[0] > 1000 * (len(times) - 1) - 500
            assert await findings_of_axe(page) == []
            await page.reload()
            await expect(log).to_contain_text("ready for you")  # the choice is kept


async def test_a_screen_reader_gets_the_screen_when_it_is_asked_for(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            await expect(page.locator(".xterm-accessibility")).to_have_count(0)
            await page.get_by_label("Show as").select_option("Screen with screen reader")
            await expect(page.locator(".xterm-accessibility")).to_contain_text("ready for you")
            assert await findings_of_axe(page) == []


async def test_f6_leaves_a_terminal_which_takes_every_other_key(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", PRINTING_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with terminal_of(launcher, opened, bot.id) as watched:
            page = watched.page
            await page.keyboard.press("Tab")
            await page.keyboard.press("Control+K")
            await expect(page.locator(".xterm-helper-textarea")).to_be_focused()
            await page.keyboard.press("F6")
            await expect(page.get_by_role("button", name="Copy", exact=True)).to_be_focused()
