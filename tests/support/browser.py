"""Chromium, driven as a user would, and what a page may never do."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from rest import dashboard
from tests.support.layers import ROOT

WAIT_MS = 60_000
AXE = ROOT / "dashboard/node_modules/axe-core/axe.min.js"
NO_WEBGL = """{
  const { getContext } = HTMLCanvasElement.prototype
  HTMLCanvasElement.prototype.getContext = function (kind, ...options) {
    return kind === "webgl2" ? null : getContext.call(this, kind, ...options)
  }
}"""
"""A processor that stands in for a graphics card takes 50 ms for each letter in a terminal, three times what elements take."""
_OPTIONS = (
    "--no-sandbox",  # it may not be made where tests run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def required() -> bool:
    """Whether a missing browser, or missing pages, are a failure."""
    return os.environ.get("MAILAUNCHER_PAGES") == "require"


def _executable() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None or not dashboard.FOLDER.is_dir():
        what = "Chromium" if found is None else "the built pages"
        if required():
            pytest.fail(f"{what} is needed, as MAILAUNCHER_PAGES says")
        pytest.skip(f"needs {what}")
    return found


class Served(Protocol):
    """A server that answers at `url` (no slash at its end)."""

    @property
    def url(self) -> str: ...


@dataclass
class Watched:
    """A page, and what must not happen in it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def watch(self, url: str) -> None:
        """From now on errors in the console, among them violations of the policy, and requests to other hosts are noted."""
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console", lambda message: self.errors.append(message.text) if message.type == "error" else None
        )
        self.page.on("request", lambda request: self._note(request.url, url))

    def _note(self, requested: str, own: str) -> None:
        if not requested.startswith((own, own.replace("http", "ws", 1), "data:", "blob:")):
            self.foreign.append(requested)

    def require_clean(self) -> None:
        assert self.errors == []
        assert self.foreign == []


@dataclass(frozen=True)
class _Kept:
    browser: Browser
    end: Callable[[], Awaitable[None]]


_kept: _Kept | None = None
"""For all tests of the pages in this process, and their event loop: a start, of the program that drives it too, takes a second
of a processor."""


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser for the block, at whose end whatever is open in it is closed. Call `end_browser` after the last one."""
    global _kept  # noqa: PLW0603 - it belongs to the event loop that these tests share
    if _kept is None or not _kept.browser.is_connected():
        await end_browser()
        _kept = await _start()
    try:
        yield _kept.browser
    finally:
        for context in _kept.browser.contexts:
            await context.close()


async def _start() -> _Kept:
    executable = await asyncio.to_thread(_executable)
    expect.set_options(timeout=WAIT_MS)
    async with AsyncExitStack() as stack:
        # Chromium leaves a file there now and then, if it is closed while it writes.
        temporary = stack.enter_context(tempfile.TemporaryDirectory())
        playwright = await stack.enter_async_context(async_playwright())
        opened = await playwright.chromium.launch(
            executable_path=executable, args=[*_OPTIONS], env={**os.environ, "TMPDIR": temporary}
        )
        stack.push_async_callback(opened.close)
        return _Kept(opened, stack.pop_all().aclose)
    raise AssertionError  # the stack hides no error


async def end_browser() -> None:
    """Ends the browser that is kept, if there is one."""
    global _kept
    if _kept is not None:
        ended, _kept = _kept, None
        await ended.end()


@asynccontextmanager
async def page_of(
    launcher: Served,
    opened: Browser,
    *,
    language: str = "en",
    dark: bool = False,
    size: tuple[int, int] = (1280, 900),
    touch: bool = False,
    forced_colors: Literal["active", "none"] = "none",
    still: bool = False,
    webgl: bool = False,
) -> AsyncIterator[Watched]:
    """A page of a new user, watched; nothing is opened in it yet. `still`: the user has asked for reduced motion. `webgl`: there
    is WebGL, with which terminals are drawn; without it they are made of elements, whose text can be read."""
    context = await opened.new_context(
        base_url=launcher.url,
        locale={"en": "en-GB", "zh": "zh-CN"}[language],
        color_scheme="dark" if dark else "light",
        viewport={"width": size[0], "height": size[1]},
        has_touch=touch,
        is_mobile=touch,
        forced_colors=forced_colors,
        reduced_motion="reduce" if still else "no-preference",
    )
    try:
        if not webgl:
            await context.add_init_script(NO_WEBGL)
        watched = Watched(await context.new_page())
        watched.watch(launcher.url)
        yield watched
    finally:
        await context.close()


async def findings_of_axe(page: Page) -> list[str]:
    """What axe finds, of any impact, as `rule: elements`."""
    if not AXE.is_file():
        if required():
            pytest.fail("axe-core is not installed: npm ci in dashboard/")
        pytest.skip("needs axe-core: npm ci in dashboard/")
    await page.evaluate(AXE.read_text("utf-8"))
    result = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{found['id']}: {[node['html'][:160] for node in found['nodes']]}" for found in result["violations"]
    ]
