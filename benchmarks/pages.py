"""The overview in Chromium with few and with many instances, on this processor and on one slowed four times.

    python benchmarks/pages.py [--instances 1000] [--changes 50] [--seconds 10] [--rounds 5]

Prints when a row can be used after the address was opened, how long a list takes to show what is typed into its filter, and the
longest task while so many instances change each second. Needs Chromium (`apt install chromium`) and the built pages.
Design targets: 1,000 ms until usable with few instances, slowed; 50 ms for the filter and no task above 100 ms, unslowed.
"""

import argparse
import asyncio
import shutil
import signal
import statistics
from pathlib import Path

from lists import fill
from playwright.sync_api import Browser, Page, sync_playwright
from served import DataFolder, Served

FEW = 3
SLOWED = (1, 4)
WATCH = """
globalThis.tasks = []
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((task) => task.duration)))
  .observe({ type: "longtask", buffered: true })
globalThis.usable = new Promise((done) => {
  const look = () => document.querySelector("tbody button:enabled") ? done(performance.now()) : requestAnimationFrame(look)
  look()
})
"""
FILTER = """(typed) => new Promise((done) => {
  const input = document.querySelector("input[type=search]")
  const painted = (then) => requestAnimationFrame(() => { const { port1, port2 } = new MessageChannel(); port1.onmessage = then; port2.postMessage(0) })
  const names = () => [...document.querySelectorAll("tbody a")].map((link) => link.textContent)
  const before = names().join()
  const look = (at) => {
    const now = names()
    if (now.join() !== before && now.length && now.every((name) => name.includes(typed))) done(performance.now() - at)
    else painted(() => look(at))
  }
  const at = performance.now()
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, typed)
  input.dispatchEvent(new Event("input", { bubbles: true }))
  painted(() => look(at))
})"""
TYPED = ("bot-9", "bot-99", "bot-999", "bot-1", "bot-12", "bot-123")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--changes", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        parser.error("Chromium is not installed")
    print(f"{'instances':>9} {'slowed':>7} {'usable ms':>20} {'filter ms':>20} {'longest task ms':>20}")
    for count in (FEW, options.instances):
        with DataFolder() as folder:
            asyncio.run(fill(folder.data, count))
            script = str(Path(__file__).with_name("changing.py"))
            changing = Served("changing", script, str(options.changes), environment=folder.environment)
            with changing as server, sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
                )
                measure(browser, server, count, options)
                browser.close()


def measure(browser: Browser, server: Served, count: int, options: argparse.Namespace) -> None:
    """Prints a line unslowed, and one slowed."""
    assert server.process is not None
    usable = {
        slowed: [first_view(browser, server, slowed) for _ in range(options.rounds)] for slowed in SLOWED
    }
    server.process.send_signal(signal.SIGUSR1)  # from now on instances change
    for slowed in SLOWED:
        filters, tasks = use(browser, server, slowed, count, options.seconds)
        print(f"{count:9} {slowed:6}x {told(usable[slowed]):>20} {told(filters):>20} {told(tasks):>20}")


def told(values: list[float]) -> str:
    """Median, least and most; `-` for nothing measured, as of tasks if none took 50 ms."""
    if not values:
        return "-"
    return f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


def opened(browser: Browser, server: Served, slowed: int) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowed})
    page.add_init_script(WATCH)
    page.goto(f"http://127.0.0.1:{server.port}/")
    return page


def first_view(browser: Browser, server: Served, slowed: int) -> float:
    page = opened(browser, server, slowed)
    at: float = page.evaluate("usable")
    page.context.close()
    return at


def use(
    browser: Browser, server: Served, slowed: int, count: int, seconds: float
) -> tuple[list[float], list[float]]:
    """How long each filter took, and the longest task of each second, while instances change."""
    page = opened(browser, server, slowed)
    page.evaluate("usable")
    page.wait_for_timeout(2000)
    page.evaluate("tasks.length = 0")
    longest = []
    for _ in range(int(seconds)):
        page.wait_for_timeout(1000)
        found = page.evaluate("tasks.splice(0)")
        if found:
            longest.append(max(found))
    filters = []
    if count > FEW:
        for typed in TYPED:
            filters.append(page.evaluate(FILTER, typed))
            page.wait_for_timeout(100)
    page.context.close()
    return filters, longest


if __name__ == "__main__":
    main()
