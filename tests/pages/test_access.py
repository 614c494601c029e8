"""The pages for everyone: by keyboard alone, with forced colours, less motion, longer texts, and without jumps."""

import functools
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Locator, Page, Route, expect

from mailauncher.settings import Settings
from resolvers import emojis, instances, persons
from resolvers.emojis import NewEmoji
from resolvers.persons import NewPerson
from tests.support import deployable
from tests.support.browser import browser, findings_of_axe, page_of
from tests.support.context import add_bot, outputs, settings_for
from tests.support.git import Repository
from tests.support.layers import ROOT
from tests.support.pictures import picture as picture_file
from tests.support.server import Launcher, running
from tests.support.stress import sized

pytestmark = pytest.mark.slow

BOT = """
import pathlib, socket, sys
listening = socket.create_server(("127.0.0.1", int(pathlib.Path("port").read_text())))
print("ready for you", flush=True)
for line in sys.stdin:
    print("you said", line.strip(), flush=True)
"""
SILENT_BOT = "input()"
"""Never opens its port."""
FAILING = "raise SystemExit('no such thing')"
TOKEN = "correct-horse-battery"
PATHS = (
    "/",
    "/events",
    "/search",
    "/search?q=ready",
    "/deploy",
    "/add",
    "/instances/{bad}",
    "/instances/{good}",
    "/instances/{good}#plain",
    "/instances/{good}#reader",
    "/instances/{good}#grid",
    "/instances/{good}/log",
    "/instances/{good}/configuration",
    "/instances/{good}/configuration?file=env",
    "/instances/{good}/emojis",
    "/instances/{idle}/emojis",
    "/instances/{good}/history",
    "/instances/{good}/files",
    "/instances/{good}/files?file=bot.py",
    "/instances/{good}/persons",
    "/instances/{idle}/persons",
    "/instances/{good}/versions",
    "/instances/{good}/settings",
    "/instances/unknown",
    "/deploy/unknown",
)
"""The part after `#` is how terminals are shown."""
CHOOSE = """() => {
  if (location.protocol === "about:") return
  for (const [key, choice] of [["form", "plain"], ["form", "reader"], ["layout", "grid"]]) {
    const name = `mailauncher.terminal.${key}`
    if (location.hash === `#${choice}`) localStorage.setItem(name, choice)
    else if (localStorage.getItem(name) === choice) localStorage.removeItem(name)
  }
}"""
SETTLED = """() => document.querySelector("h1") !== null
  && !document.querySelector('[role=status][aria-label]')
  && ![...document.querySelectorAll("strong")].some(({ textContent }) => textContent === "…")"""
NOTE_SHIFTS = """
globalThis.shift = 0
globalThis.shifts = []
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue
    shift += entry.value
    shifts.push(entry.value.toFixed(4) + " " + entry.sources.map(({ node, previousRect: a, currentRect: b }) =>
      `${node?.nodeName}.${node?.className ?? ""} ${a.x},${a.y} ${a.width}x${a.height} > ${b.x},${b.y} ${b.width}x${b.height}`).join("; "))
  }
}).observe({ type: "layout-shift", buffered: true })
"""
SHIFT_MOST = 0.02
WIDTHS = ((360, 800), (1280, 800))
TROUBLE = """() => {
  const found = []
  const name = (element) => `${element.tagName}.${element.className} "${element.textContent.slice(0, 50)}"`
  const page = document.documentElement
  if (page.scrollWidth > innerWidth) found.push(`the page is ${page.scrollWidth} wide`)
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest(".xterm, svg, canvas") || !element.checkVisibility()) continue
    const style = getComputedStyle(element)
    if (style.clipPath !== "none" || element.clientWidth === 0) continue
    const over = element.scrollWidth - element.clientWidth
    if (over <= 1 || style.display === "inline") continue
    if (style.textOverflow === "ellipsis" && element.title) continue // its whole text is shown on demand
    if (["hidden", "clip"].includes(style.overflowX)) found.push(`cut by ${over}: ${name(element)}`)
    else if (["auto", "scroll"].includes(style.overflowX) && !element.querySelector("table"))
      found.push(`scrolls by ${over}: ${name(element)}`)
    else if (["BUTTON", "A", "LABEL", "SELECT", "H1", "H2", "H3"].includes(element.tagName))
      found.push(`overflows by ${over}: ${name(element)}`)
  }
  return found
}"""


async def add_bots(launcher: Launcher, folder: Path) -> dict[str, str]:
    """A bot that runs, one that has failed and one that is stopped; their ids by these words."""
    ids = {}
    for name, script in (("good", BOT), ("bad", FAILING), ("idle", BOT)):
        added = await add_bot(launcher.ctx, folder / name, script)
        (folder / name / "port").write_text(str(added.port))
        ids[name] = added.id
    await instances.start(launcher.ctx, ids["good"])
    for number in range(30):
        shown = picture_file(size=(300, 200), colour=(8 * number, 120, 90))
        new = NewEmoji(
            f"cat {number}", shown, tags=["cats", f"a tag with the number {number % 7}"], category="animals"
        )
        await emojis.create(launcher.ctx, ids["good"], new)
        person = NewPerson(f"{10_000 + number}", f"user {number}", "a nickname that is as long as some are")
        await persons.create(launcher.ctx, ids["good"], person)
    return ids


def deploying(folder: Path, releases: Repository) -> Settings:
    """Settings of a server that has something to deploy."""
    settings = settings_for(folder, sources_maibot=[releases.url])
    deployable.use(releases.url, settings.data_folder)
    return settings


async def show(page: Page, path: str) -> None:
    """Loads a page anew, also one that differs from the last one behind `#` only."""
    await page.goto("about:blank")
    await page.goto(path)


async def fail(page: Page) -> None:
    """Starts the bot that fails, from the overview."""
    await page.goto("/")
    await page.get_by_role("button", name="Start bad").click()
    await expect(page.get_by_role("region", name="Needs you").get_by_role("link", name="bad")).to_be_visible()


LOOKS = [(language, dark) for language in ("zh", "en") for dark in (True, False)]
"""A language, and whether the page is dark."""


async def settle(page: Page, path: str) -> list[str]:
    """Loads a page until all of it is there. What moved meanwhile, if more than a little did."""
    await show(page, path)
    await page.wait_for_function(SETTLED)
    await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestIdleCallback(done)))")
    moved: list[str] = await page.evaluate(f"shift < {SHIFT_MOST} ? [] : shifts")
    return moved


@pytest.mark.stress
@pytest.mark.parametrize("language, dark", sized(LOOKS[:1], LOOKS))
async def test_axe_finds_nothing_on_any_page_and_nothing_jumps_while_it_is_read(
    tmp_path: Path, releases: Repository, language: str, dark: bool
) -> None:
    async with running(deploying(tmp_path, releases)) as launcher, browser() as opened:
        ids = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened, language=language, dark=dark) as watched:
            page = watched.page
            await page.add_init_script(NOTE_SHIFTS)
            await page.add_init_script(f"({CHOOSE})()")
            found = {}
            for path in PATHS:
                found[path] = await settle(page, path.format(**ids))
                found[path] += await findings_of_axe(page)
                found[path] += [*watched.errors, *watched.foreign]
                watched.errors.clear()
            assert {path: trouble for path, trouble in found.items() if trouble} == {}


def pseudo(text: str) -> str:
    """As long as the wordiest language would be, and accented; what stands in braces stays."""
    plain = re.split(r"(\{\w+\})", text)
    accented = "".join(
        part if part.startswith("{") else part.translate(str.maketrans("aeiouAEIOU", "àéîõüÀÉÎÕÜ"))
        for part in plain
    )
    return f"[{accented}{' lõngér' * max(1, len(text) // 18)}]"


@functools.cache
def entries() -> re.Pattern[str]:
    """An entry of a catalogue, in a script of the pages: its key, the quotation mark, its text."""
    shared = ROOT / "dashboard/src/i18n/zh.ts"
    keys = {
        key
        for path in (shared, *ROOT.glob("dashboard/src/**/texts.ts"))
        for key in re.findall(r'^ +"([\w.]+)":', path.read_text("utf-8"), re.MULTILINE)
    }
    return re.compile(r'"(' + "|".join(map(re.escape, keys)) + r')":([`"])((?:\\.|(?!\2).)*)\2', re.DOTALL)


@functools.cache
def in_pseudo_language(script: str) -> str:
    """The script with other texts in place of those of the catalogues in it, each of which is in two languages."""
    changed, count = entries().subn(
        lambda found: f'"{found[1]}":{found[2]}{pseudo(found[3])}{found[2]}', script
    )
    assert count % 2 == 0
    return changed


async def translate(route: Route) -> None:
    answer = await route.fetch()
    await route.fulfill(response=answer, body=in_pseudo_language(await answer.text()))


@pytest.mark.stress
@pytest.mark.parametrize("touch", sized([True], [True, False]))
async def test_longer_texts_fit_and_nothing_jumps(tmp_path: Path, releases: Repository, touch: bool) -> None:
    async with running(deploying(tmp_path, releases)) as launcher, browser() as opened:
        ids = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            await fail(watched.page)
        async with page_of(launcher, opened, size=WIDTHS[0], touch=touch) as watched:
            page = watched.page
            await page.route("**/assets/*.js", translate)
            await page.add_init_script(NOTE_SHIFTS)
            await page.add_init_script(f"({CHOOSE})()")
            found = {}
            for path in PATHS:
                found[path] = await settle(page, path.format(**ids))
                await expect(page.get_by_text("lõngér").first).to_be_visible()
                for width, height in WIDTHS:
                    await page.set_viewport_size({"width": width, "height": height})
                    found[path] += await page.evaluate(TROUBLE)
                await page.set_viewport_size({"width": WIDTHS[0][0], "height": WIDTHS[0][1]})
            assert {path: trouble for path, trouble in found.items() if trouble} == {}


async def picture(page: Page, state: str) -> bytes:
    """How the sign before a state's word is drawn."""
    badge = page.locator("main").get_by_text(state, exact=True).first
    box = await badge.bounding_box()
    assert box is not None
    clip = {"x": box["x"] + 3, "y": box["y"] + 3, "width": 14, "height": box["height"] - 6}
    shot = await page.screenshot(clip=clip)  # type: ignore[arg-type]
    image = Image.open(io.BytesIO(shot))
    return image.convert("L").point(lambda value: 255 if value > 100 else 0).tobytes()


async def test_with_forced_colours_states_differ_in_shape(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened, forced_colors="active") as watched:
            page = watched.page
            await fail(page)
            pictures = [await picture(page, state) for state in ("running", "failed", "stopped")]
            assert all(len(set(drawn)) == 2 for drawn in pictures)
            assert len(set(pictures)) == len(pictures)
            # What is chosen in the menu, and which page is open, shows without the page's colours too.
            await page.keyboard.press("Control+k")
            options = page.get_by_role("dialog").get_by_role("option")
            chosen, other = [await edge(options.nth(number)) for number in (0, 1)]
            assert chosen != other
            await page.keyboard.press("Escape")
            links = page.get_by_role("navigation", name="Main").get_by_role("link")
            here, there = [await edge(links.nth(number)) for number in (0, 1)]
            assert here != there


async def edge(place: Locator) -> str:
    drawn: str = await place.evaluate(
        "(element) => { const { outline, borderBottom, backgroundColor, color } = getComputedStyle(element);"
        " return [outline, borderBottom, backgroundColor, color].join() }"
    )
    return drawn


async def test_who_wants_less_motion_sees_none(tmp_path: Path) -> None:
    moving = "document.getAnimations().map((one) => one.animationName ?? one.transitionProperty)"
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", SILENT_BOT)
        await instances.start(launcher.ctx, bot.id)
        for still in (False, True):
            async with page_of(launcher, opened, still=still) as watched:
                page = watched.page
                await page.goto("/")
                await expect(page.locator("main").get_by_text("port not open yet")).to_be_visible()
                assert bool(await page.evaluate(moving)) is not still


@pytest.mark.stress
@pytest.mark.parametrize("dark", sized([False], [False, True]))
async def test_axe_finds_nothing_in_dialogs_menus_and_terminals(tmp_path: Path, dark: bool) -> None:
    async with running(settings_for(tmp_path, token=TOKEN)) as launcher, browser() as opened:
        ids = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened, dark=dark) as watched:
            page = watched.page
            await page.goto(f"/instances/{ids['good']}/settings")
            await expect(page.get_by_label("Token")).to_be_visible()
            found = {"sign-in": await findings_of_axe(page)}
            await page.get_by_label("Token").fill(TOKEN)
            await page.get_by_role("button", name="Sign in").click()
            await page.get_by_role("button", name="Delete the instance…").click()
            await expect(page.get_by_role("dialog")).to_be_visible()
            found["delete"] = await findings_of_axe(page)
            await page.keyboard.press("Escape")
            await page.keyboard.press("Control+k")
            await expect(page.get_by_role("dialog")).to_be_visible()
            found["menu"] = await findings_of_axe(page)
            await page.keyboard.type("no bot has this name")
            found["empty menu"] = await findings_of_axe(page)
            await page.keyboard.press("Escape")
            await page.get_by_role("link", name="Terminal", exact=True).click()
            await expect(page.locator(".xterm")).to_be_visible()
            found["terminal"] = await findings_of_axe(page)
            await page.get_by_role("link", name="Overview", exact=True).click()
            await page.get_by_role("checkbox", name="Select all").check()
            for button, title in (("Columns", "Columns to show"), ("Upgrade", "Upgrade the 3 selected")):
                await page.get_by_role("button", name=button, exact=True).click()
                await expect(page.get_by_role("dialog", name=title)).to_be_visible()
                found[button] = await findings_of_axe(page)
                await page.keyboard.press("Escape")
                await expect(page.get_by_role("dialog")).to_have_count(0)
            await page.get_by_role("heading", level=1).click()
            await page.keyboard.press("?")
            await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
            found["shortcuts"] = await findings_of_axe(page)
            await page.keyboard.press("Escape")
            await page.get_by_role("button", name="Start bad").click()
            await expect(
                page.get_by_role("region", name="Needs you").get_by_role("link").first
            ).to_be_visible()
            found["overview with choices and messages"] = await findings_of_axe(page)
            assert {place: findings for place, findings in found.items() if findings} == {}


CONTRASTS = """() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => {
      const share = part / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const clear = (element) => /^rgba?\\(0, 0, 0, 0\\)$/.test(getComputedStyle(element).backgroundColor)
  const behind = (element) => clear(element) ? behind(element.parentElement) : getComputedStyle(element).backgroundColor
  return [...document.querySelectorAll(".xterm-rows span")].filter((span) => /colour \\d+/.test(span.textContent)).map((span) => {
    const [a, b] = [luminance(getComputedStyle(span).color), luminance(behind(span))]
    return [span.textContent, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]
  })
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_the_colours_of_a_terminal_can_be_read(tmp_path: Path, dark: bool) -> None:
    codes = [*map(str, (*range(30, 38), *range(90, 98))), "38;2;250;120;0", "38;2;20;20;60", "48;2;0;90;0"]
    lines = "".join(f"\x1b[{code}mcolour {code}\x1b[0m\r\n" for code in codes)
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", f"print({lines!r}, flush=True); input()")
        await instances.start(launcher.ctx, bot.id)
        await outputs(launcher.ctx, f"{bot.id}_main", "colour 48")
        async with page_of(launcher, opened, dark=dark) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot.id}")
            await expect(page.locator(".xterm-rows")).to_contain_text("colour 48")
            found = await page.evaluate(CONTRASTS)
            assert len(found) == len(codes)
            behind = await page.locator(".xterm-rows span", has_text="colour 48").evaluate(
                "(span) => getComputedStyle(span).backgroundColor"
            )
            assert behind == "rgb(0, 90, 0)"
            watched.require_clean()
            assert [one for one in found if one[1] < 4.45] == []  # xterm rounds


class Keys:
    """Somebody who has a keyboard only, and looks where the focus is."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def to(self, role: str, name: str, most: int = 60) -> None:
        """Presses Tab until something of this name has the focus, which must be seen at each step."""
        wanted = self.page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
        for _ in range(most):
            if await wanted.evaluate_all("(all) => all.includes(document.activeElement)"):
                return
            await self.page.keyboard.press("Tab")
            assert await self.page.evaluate(FOCUS_SHOWS), await self.page.evaluate(
                "document.activeElement.outerHTML"
            )
        raise AssertionError(f"Tab does not reach {role} {name}")

    async def choose(self, role: str, name: str) -> None:
        await self.to(role, name)
        await self.page.keyboard.press("Enter")

    async def command(self, typed: str) -> None:
        await self.page.keyboard.press("Control+k")
        await expect(self.page.get_by_role("dialog")).to_be_visible()
        await self.page.keyboard.type(typed)
        await self.page.keyboard.press("Enter")
        await expect(self.page.get_by_role("dialog")).to_be_hidden()


FOCUS_SHOWS = """() => {
  const element = document.activeElement
  if (element === document.body || element.matches(".xterm-helper-textarea")) return true
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1
}"""


async def test_everything_can_be_done_by_keyboard(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        ids = await add_bots(launcher, tmp_path)
        async with page_of(launcher, opened) as watched:
            page, keys = watched.page, Keys(watched.page)
            await page.goto("/")
            await expect(page.get_by_role("link", name="good", exact=True)).to_be_visible()
            await keys.choose("link", "Skip to content")
            await keys.choose("link", "good")
            await expect(page.get_by_role("heading", level=1)).to_have_text("good")
            await keys.command("good: stop")
            await expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
            await keys.choose("button", "Start")
            await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_enabled()
            await keys.command("overview")
            await keys.command("good")
            # The terminal keeps every key but F6.
            await page.locator(".xterm-helper-textarea").focus()
            await page.keyboard.press("Tab")
            await expect(page.locator(".xterm-helper-textarea")).to_be_focused()
            await page.keyboard.press("F6")
            await expect(page.get_by_role("button", name="Copy", exact=True)).to_be_focused()
            for tab, shown in (("Log", "log"), ("History", "group"), ("Files", "list")):
                await keys.choose("link", tab)
                await expect(page.get_by_role(shown).last).to_be_visible()  # type: ignore[arg-type]
            await keys.choose("link", "Settings")
            await keys.choose("button", "Delete the instance…")
            await expect(page.get_by_role("dialog")).to_be_visible()
            await page.keyboard.press("Escape")
            await expect(page.get_by_role("dialog")).to_be_hidden()
            # The focus is again where the dialog was opened.
            await keys.choose("button", "Delete the instance…")
            await keys.choose("button", "Delete")
            await expect(page).to_have_url(f"{launcher.url}/")
            assert ids["good"] not in {one.id for one in instances.list_all(launcher.ctx)}
            watched.require_clean()
