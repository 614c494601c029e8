"""The gallery with 5,000 emojis, and the table with 200,000 persons, in Chromium.

    python benchmarks/resources.py [--emojis 5000] [--persons 200000]

Prints how long it takes until something is shown, and until the rows of another place in the list are; the bytes of the network
until 200 tiles have their pictures; the longest task while somebody goes through the whole list; and the page's heap at the
end. Then the same for the preview of an import of as many persons again. Needs Chromium (`apt install chromium`) and the built
pages. Design targets: 3 MiB for 200 tiles, no task above 100 ms, a heap that does not grow with the list.
"""

import argparse
import asyncio
import hashlib
import io
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import CDPSession, Page, Response, sync_playwright
from search import BATCH, INSTANCE, emoji, person
from served import DataFolder, launcher

from store.database import Database
from store.emojis import Emojis
from store.persons import Persons
from store.records import InstanceRecord
from store.registry import Registry

TILES = 200
PLACES = 20
WATCH = """
globalThis.tasks = []
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((task) => task.duration)))
  .observe({ type: "longtask", buffered: true })
"""
SCROLL = "(box, share) => { box.scrollTop = share * (box.scrollHeight - box.clientHeight) }"
COMPLETE = (
    "() => { const all = [...document.querySelectorAll('[role=option] img')];"
    " return all.length > 0 && !document.querySelector('[data-empty]') && all.every((image) => image.complete) }"
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--emojis", type=int, default=5000)
    parser.add_argument("--persons", type=int, default=200_000)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        parser.error("Chromium is not installed")
    with DataFolder() as folder:
        asyncio.run(fill(folder.data, options.emojis, options.persons))
        with launcher(folder) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            for name, measure in (("emojis", gallery), ("persons", table), ("import", preview)):
                context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
                page = context.new_page()
                page.set_default_timeout(300_000)
                page.add_init_script(WATCH)
                path = "persons" if name == "import" else name
                begin = time.perf_counter()
                page.goto(f"http://127.0.0.1:{server.port}/instances/{INSTANCE}/{path}")
                print(f"\n{name}")
                measure(page, begin, options)
                context.close()
            browser.close()


async def fill(data: Path, emojis: int, persons: int) -> None:
    """Rows and image files, straight into the data folder."""
    data.mkdir(mode=0o700)
    database = await Database.open(data)
    bot = InstanceRecord(
        id=INSTANCE, name="bot", path="/srv/bot", port=20000, version="", installed_at=1, recipe="maibot"
    )
    await Registry(database).add(bot)
    chance = random.Random(1)
    for begin in range(0, emojis, BATCH):
        numbers = range(begin, min(begin + BATCH, emojis))
        rows = [emoji(chance, number) | {"image": picture(data, chance)} for number in numbers]
        await Emojis(database).add(INSTANCE, rows)
    for begin in range(0, persons, BATCH):
        numbers = range(begin, min(begin + BATCH, persons))
        await Persons(database).add(INSTANCE, [person(chance, number) for number in numbers])
    await database.close()


def picture(data: Path, chance: random.Random) -> str:
    """The name of a new image file, with about as much in it as a photograph of its size."""
    noise = Image.frombytes("RGB", (60, 45), chance.randbytes(60 * 45 * 3))
    target = io.BytesIO()
    noise.resize((400, 300), Image.Resampling.BICUBIC).save(target, "JPEG", quality=85)
    name = f"{hashlib.sha256(target.getvalue()).hexdigest()}.jpg"
    place = data / "emojis" / name[:2] / name
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.write_bytes(target.getvalue())
    return name


def gallery(page: Page, begin: float, options: argparse.Namespace) -> None:
    received = Received(page)
    page.wait_for_selector("[role=option] img")
    print(f"  first tiles after {(time.perf_counter() - begin) * 1000:.0f} ms")
    page.wait_for_function(COMPLETE)
    box = page.get_by_role("listbox").locator("xpath=..")
    sizes: dict[str, int] = {}

    def note(response: Response) -> None:
        if "/static/" in response.url:
            sizes[response.url] = int(response.headers.get("content-length", 0))

    page.on("response", note)
    page.reload()
    page.wait_for_function(COMPLETE)
    step = 0
    while len(sizes) < min(TILES, options.emojis):
        step += 1
        box.evaluate("(box) => box.scrollBy(0, box.clientHeight / 2)")
        page.wait_for_function(COMPLETE)
    some = sorted(sizes.values())[:TILES]
    print(f"  {len(some)} pictures: {sum(some) / 1024:.0f} KiB, the largest {max(some) / 1024:.1f} KiB")
    print(f"  received in all, twice the page and its first tiles: {received.bytes / 1024:.0f} KiB")
    jump(page, lambda share: box.evaluate(SCROLL, share), lambda: page.wait_for_function(COMPLETE))


def table(page: Page, begin: float, _: argparse.Namespace) -> None:
    page.wait_for_selector("tbody input")
    print(f"  first rows after {(time.perf_counter() - begin) * 1000:.0f} ms")
    box = page.locator("table").locator("xpath=..")
    shown = "() => document.querySelector('tbody input') && !document.querySelector('tbody [class*=waiting]')"
    jump(page, lambda share: box.evaluate(SCROLL, share), lambda: page.wait_for_function(shown))


def preview(page: Page, _: float, options: argparse.Namespace) -> None:
    lines = "".join(
        f'{{"user_id":"{5 + 7 * number}","nickname":"小林{number}"}}\n' for number in range(options.persons)
    )
    file = Path(__file__).parent / "import.jsonl"
    file.write_text(lines, "utf-8")
    try:
        page.wait_for_selector("tbody input")
        page.get_by_role("button", name="Import…").click()
        page.evaluate("tasks.length = 0")
        begin = time.perf_counter()
        page.get_by_label("A file of").set_input_files(file)
        page.get_by_text("nothing is written yet").wait_for()
        took = time.perf_counter() - begin
    finally:
        file.unlink()
    print(f"  preview of {options.persons} lines ({len(lines) >> 20} MiB) after {took:.1f} s")
    tell(page)


def jump(page: Page, go: Callable[[float], object], wait: Callable[[], object]) -> None:
    """Goes to places all over the list, and says how long each takes until everything there is shown."""
    page.evaluate("tasks.length = 0")
    took = []
    for place in range(PLACES + 1):
        begin = time.perf_counter()
        go(place * 7 % (PLACES + 1) / PLACES)
        page.wait_for_timeout(20)
        wait()
        took.append((time.perf_counter() - begin) * 1000)
    took.sort()
    print(f"  another place shown after {took[len(took) // 2]:.0f} ms, at most {took[-1]:.0f}")
    tell(page)


def tell(page: Page) -> None:
    tasks: list[float] = page.evaluate("tasks")
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    print(f"  longest task {max(tasks, default=0):.0f} ms; heap {heap(session) >> 20} MiB")


def heap(session: CDPSession) -> int:
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return int(next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize"))


class Received:
    """The bytes that a page has received, as they came over the network."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.on("Network.loadingFinished", self._finished)
        session.send("Network.enable")

    def _finished(self, event: dict[str, float]) -> None:
        self.bytes += int(event["encodedDataLength"])


if __name__ == "__main__":
    main()
