"""Takes the pictures of the README and the guides anew: runs the demonstration, and opens its dashboard in Chromium.

    .venv/bin/python docs/screenshots.py [FOLDER]

writes `images/*.png` beside this file, or into another folder. Look at each before it is committed.
"""

import asyncio
import io
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

SIZE = (1280, 800)
COLOURS = 128
WAIT_MS = 60_000
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
SEARCH = "/search?q=127.0.0.1"


class Picture(NamedTuple):
    """What to show, in which language and theme."""

    name: str
    view: str
    language: str = "en"
    dark: bool = False


PICTURES = (
    Picture("overview", "overview"),
    Picture("overview-dark", "overview", dark=True),
    Picture("overview-zh", "overview", "zh"),
    Picture("bot", "bot", dark=True),
    Picture("bot-zh", "bot", "zh"),
    Picture("search", "search"),
    Picture("search-zh", "search", "zh", dark=True),
)


@contextmanager
def demonstration() -> Iterator[str]:
    """The address of a demonstration that runs for the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("mailauncher")
    # Of this machine only what everybody has: the pictures show the demonstration's folder.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAILAUNCHER_", "TMPDIR"))
    }
    command = [str(program), "demo", "--port", str(port)]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        for line in running.stdout:
            if line.startswith("MaiLauncher "):
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.communicate()


async def take(opened: Browser, url: str, picture: Picture) -> bytes:
    """One picture as a PNG."""
    context = await opened.new_context(
        base_url=url,
        locale=LOCALES[picture.language],
        color_scheme="dark" if picture.dark else "light",
        viewport={"width": SIZE[0], "height": SIZE[1]},
        reduced_motion="reduce",
    )
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    await page.goto("/")
    await expect(page.get_by_role("link", name="demo-asking", exact=True)).to_have_count(2)
    await expect(page.get_by_role("link", name="demo-broken", exact=True)).to_have_count(2)
    await show(page, picture.view)
    await page.wait_for_timeout(3000)  # for figures of the machine, and what is still being drawn
    taken = await page.screenshot()
    await context.close()
    return taken


async def show(page: Page, view: str) -> None:
    if view == "bot":
        await page.get_by_role("link", name="demo", exact=True).first.click()
        await expect(page.locator(".xterm-screen")).to_be_visible()
    elif view == "search":
        await page.goto(SEARCH)
        await expect(page.get_by_role("search").get_by_role("listitem").first).to_be_visible()


def small(png: bytes) -> bytes:
    """The picture with fewer colours, which is a third of the size and looks the same."""
    with Image.open(io.BytesIO(png)) as whole:
        fewer = whole.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    written = io.BytesIO()
    fewer.save(written, "PNG", optimize=True)
    return written.getvalue()


async def main(folder: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is needed: apt install chromium")
    expect.set_options(timeout=WAIT_MS)
    with demonstration() as url:
        async with async_playwright() as playwright:
            opened = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for picture in PICTURES:
                content = small(await take(opened, url, picture))
                (folder / f"{picture.name}.png").write_bytes(content)
                print(f"{picture.name}.png: {len(content) / 1024:.0f} KiB", flush=True)
            await opened.close()


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("images")
    asyncio.run(main(chosen))
