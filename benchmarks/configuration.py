"""The configuration page in Chromium with files of 20 KiB and of 1 MiB, the largest that the server takes.

    python benchmarks/configuration.py [--rounds 5]

Prints when the text was shown after the address was opened, how long a key in the text takes to be painted, how long the form
and the check of the text take to follow, and the longest task of the page while the file is opened and while one types. Needs
Chromium (`apt install chromium`) and the built pages. Design target: no task above 100 ms.
"""

import argparse
import asyncio
import shutil
import statistics

from lists import fill
from playwright.sync_api import Page, sync_playwright
from served import DataFolder, launcher

SIZES = (20 << 10, (1 << 20) - 1000)
INSTANCE = f"{0:040x}"
WATCH = """
globalThis.tasks = []
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((task) => task.duration)))
  .observe({ type: "longtask", buffered: true })
"""
KEY = """() => new Promise((done) => {
  const at = performance.now()
  addEventListener("keydown", () => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => done(performance.now() - at)
    port2.postMessage(0)
  }), { once: true, capture: true })
})"""


def content(size: int) -> str:
    """A file of about so many bytes, in sections of twenty commented values."""
    parts, length, number = [], 0, 0
    while length < size:
        head = f"\n[section_{number // 20}]\n" if number % 20 == 0 else ""
        part = f'{head}# What the value {number} is for\nvalue_{number} = "text {number}"\n'
        length, number = length + len(part), number + 1
        parts.append(part)
    return "".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        parser.error("Chromium is not installed")
    print(
        f"{'KiB':>6} {'shown ms':>18} {'key ms':>18} {'checked ms':>20} {'task, opening ms':>18} {'typing ms':>18}"
    )
    with DataFolder() as folder:
        asyncio.run(fill(folder.data, 1, folder.path))
        file = folder.path / "bot-0/config/bot_config.toml"
        file.parent.mkdir(parents=True)
        with launcher(folder) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            for size in SIZES:
                file.write_text(content(size))
                found = [measure(browser.new_page(), server.port) for _ in range(options.rounds)]
                columns = [told(list(values)) for values in zip(*found, strict=True)]
                print(
                    f"{size >> 10:6} {columns[0]:>18} {columns[1]:>18} {columns[2]:>20} {columns[3]:>18} {columns[4]:>18}"
                )
            browser.close()


def measure(page: Page, port: int) -> tuple[float, float, float, float, float]:
    page.set_default_timeout(30_000)
    page.set_viewport_size({"width": 1400, "height": 900})
    page.add_init_script(WATCH)
    page.goto(f"http://127.0.0.1:{port}/instances/{INSTANCE}/configuration?file=bot")
    page.wait_for_selector(".cm-line")
    shown: float = page.evaluate("performance.now()")
    page.wait_for_selector("summary >> text=section_0")
    page.wait_for_timeout(2000)
    opening = page.evaluate("Math.max(0, ...tasks.splice(0))")
    page.locator(".cm-content").focus()
    keys = []
    for key in "# typed now":
        page.evaluate(f"() => {{ globalThis.painted = ({KEY})() }}")
        page.keyboard.press(key)
        keys.append(page.evaluate("painted"))
    page.keyboard.press("Enter")
    begin = page.evaluate("performance.now()")
    page.wait_for_function(
        "() => [...document.querySelectorAll('button')].some((one) => /^(Review and save|查看并保存)$/.test(one.textContent) && !one.disabled)"
    )
    checked = page.evaluate("performance.now()") - begin
    page.wait_for_timeout(2000)
    typing = page.evaluate("Math.max(0, ...tasks.splice(0))")
    page.close()
    return shown, statistics.median(keys), checked, opening, typing


def told(values: list[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


if __name__ == "__main__":
    main()
