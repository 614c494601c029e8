"""The dashboard's terminal during a flood, in Chromium: how soon keys are answered, and its heap.

    python benchmarks/terminal/page.py [--seconds 30] [--speed 20]

`flooded.py` prints. A key is pressed about once a second. Its way to the program, and from there until the page has drawn
something that was printed after it, are told apart; the heap is what V8 uses after a collection of garbage. Design targets: a
key is answered within 100 ms, and the heap does not grow after the first tenth. `--seconds 600` is the long form.
"""

import argparse
import asyncio
import os
import random
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from contestants import Launcher
from playwright.async_api import CDPSession, Page, async_playwright

FLOODED = Path(__file__).with_name("flooded.py")
MIB = 1 << 20
LOOKS = 20
WARM_UP_S = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--speed", type=float, default=20, help="MiB per second")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-page-"))
    found = folder / "keys"
    found.touch()
    try:
        with Launcher() as server:
            command = [sys.executable, "-I", "-S", str(FLOODED), str(options.speed), str(found)]
            instance = server.add(shlex.join(command))
            server.start(instance)
            url = f"http://127.0.0.1:{server.port}"
            pressed, heaps = asyncio.run(watch(f"{url}/instances/{instance}", options.seconds))
            printed = server.ask(
                "POST",
                "/graphql",
                {"query": f'{{ terminal(sessionId: "{instance}_main") {{ end }} }}'},
            )["data"]["terminal"]["end"]
            server.ask("GET", f"/api/v1/instance/{instance}/stop")
        report(pressed, found.read_text("utf-8"), heaps, printed / options.seconds)
    finally:
        shutil.rmtree(folder)


async def watch(address: str, seconds: float) -> tuple[list[float], list[float]]:
    """Presses keys during a flood. When each was pressed, and the heap in bytes now and then."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = await browser.new_page()
        await page.goto(address)
        await page.locator(".xterm-helper-textarea").focus()
        await asyncio.sleep(WARM_UP_S)
        session = await page.context.new_cdp_session(page)
        pressed: list[float] = []
        heaps: list[float] = []
        begin = time.monotonic()
        while (now := time.monotonic() - begin) < seconds:
            if now >= len(heaps) * seconds / LOOKS:
                heaps.append(await heap(session))
            pressed.append(await press(page))
            await asyncio.sleep(random.uniform(0.5, 1.5))
        await browser.close()
    return pressed, heaps


async def press(page: Page) -> float:
    now = time.monotonic()
    await page.keyboard.press("k")
    return now


async def heap(session: CDPSession) -> float:
    await session.send("HeapProfiler.collectGarbage")
    return float((await session.send("Runtime.getHeapUsage"))["usedSize"])


def report(pressed: list[float], keys: str, heaps: list[float], speed: float) -> None:
    there: list[float] = []
    answered: list[float] = []
    came = [tuple(map(float, line.split())) for line in keys.splitlines()]
    for at in pressed:
        if key := next((each for each in came if at <= each[0] < at + 5), None):
            there.append(1000 * (key[0] - at))
            answered.append(1000 * (key[1] - at))
    first, *later = heaps[LOOKS // 10 :]
    print(f"load average {os.getloadavg()[0]:.1f}; printed {speed / MIB:.1f} MiB/s")
    print(f"{len(pressed)} keys, of which {len(answered)} were answered before the next")
    for what, times in (("key until the program has it", there), ("key until its answer is drawn", answered)):
        if times:
            p99 = sorted(times)[int(0.99 * len(times))]
            print(f"{what}: p50 {statistics.median(times):.0f} ms, p99 {p99:.0f}, most {max(times):.0f}")
    print(
        f"heap: {first / MIB:.1f} MiB after a tenth, later {min(later) / MIB:.1f} to {max(later) / MIB:.1f}"
    )


if __name__ == "__main__":
    main()
