"""The Content-Security-Policy of the pages, Trusted Types among it, and text that would like to be markup."""

from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from mailauncher.errors import LauncherError, Text
from resolvers import emojis, instances, labels, persons
from resolvers.emojis import NewEmoji
from resolvers.persons import NewPerson
from tests.support.browser import browser, page_of
from tests.support.context import add_bot, outputs, settings_for
from tests.support.pictures import picture
from tests.support.server import running

pytestmark = pytest.mark.slow

VECTORS = (
    "<img src=x onerror=hacked({0})>", "<svg onload=hacked({0})>", "</script><script>hacked({0})</script>", "<b>{0}</b>",
    "<iframe srcdoc='<script>parent.hacked({0})</script>'>", '"><a href=javascript:hacked({0})>', "&lt;i&gt;{0}&amp;",
    "' onmouseover='hacked({0})", "javascript:hacked({0})", "{{{{hacked({0})}}}}", "${{hacked({0})}}", "{{count}} {0}",
    "<style>*{{display:none}}</style>{0}", "<form><input name=id>{0}", "]]><!--{0}", "%3Cscript%3E{0}", "<base href=//x>{0}",
    "$& $1 $` {0}", "\\u003cimg {0}", "<math><mtext><img onerror=hacked({0}) src>", "__proto__ {0}", "<template>{0}",
    "<object data=javascript:hacked({0})>", "<link rel=stylesheet href=//x>{0}", "<meta http-equiv=refresh content=0>{0}",
)  # fmt: skip
"""Each becomes a value with a number of its own."""
CHATTY_BOT = """
import sys
print("ready for you", flush=True)
for line in sys.stdin:
    print("you said", line.strip(), flush=True)
"""
NOTE_VIOLATIONS = """
globalThis.violations = []
globalThis.hacked = (number) => violations.push(`hacked by ${number}`)
document.addEventListener("securitypolicyviolation", (event) =>
  violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`))
"""

SCROLL = """(share) => new Promise((done) => {
  for (const box of document.querySelectorAll("main *"))
    if (box.scrollHeight > box.clientHeight) box.scrollTop = share * box.scrollHeight;
  requestAnimationFrame(() => requestAnimationFrame(done));
})"""


def hostile(kind: int, most: int = 200) -> list[str]:
    """Fifty values, other ones for each kind."""
    return [vector.format(kind + again)[:most] for again in range(2) for vector in VECTORS]


async def violations(page: Page) -> list[str]:
    found: list[str] = await page.evaluate("violations")
    return found


async def test_a_walk_through_all_pages_violates_no_policy(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", CHATTY_BOT)
        await instances.start(launcher.ctx, bot.id)
        async with page_of(launcher, opened) as watched:
            page = watched.page
            await page.add_init_script(NOTE_VIOLATIONS)
            await page.goto("/")
            await page.get_by_role("link", name="bot", exact=True).click()
            terminal = page.locator(".xterm-helper-textarea")
            await terminal.focus()
            await page.keyboard.type("hello\n")
            await outputs(launcher.ctx, f"{bot.id}_main", "you said hello")
            await page.get_by_role("link", name="Log", exact=True).click()
            await expect(page.get_by_role("log")).to_contain_text("you said hello")
            await page.get_by_role("link", name="Configuration", exact=True).click()
            await page.locator(".cm-content").focus()
            await page.keyboard.type("a = 1")
            await page.keyboard.press("Control+f")
            await page.keyboard.type("a")
            await expect(page.locator(".cm-searchMatch")).to_be_visible()
            await page.get_by_role("button", name="Form", exact=True).click()
            await expect(page.get_by_role("textbox", name="a", exact=True)).to_have_value("1")
            await page.get_by_role("link", name="History", exact=True).click()
            await expect(page.get_by_role("group", name="Range")).to_be_visible()
            await page.get_by_role("link", name="Files", exact=True).click()
            await page.get_by_role("link", name="bot.py", exact=True).click()
            await expect(page.get_by_role("textbox", name="Content of bot.py")).to_be_visible()
            await page.get_by_role("link", name="Versions", exact=False).click()
            await expect(page.get_by_text("No backups yet")).to_be_visible()
            for tab, nothing in (("Emojis", "No emojis yet"), ("Persons", "No persons yet")):
                await page.get_by_role("link", name=tab, exact=True).click()
                await expect(page.get_by_text(nothing)).to_be_visible()
            await page.locator("input[type=search]").fill("nobody")
            await page.get_by_role("link", name="Settings", exact=True).click()
            await page.get_by_role("button", name="Delete the instance…").click()
            await page.keyboard.press("Escape")
            await page.keyboard.press("Control+k")
            await page.get_by_role("combobox", name="Find bots").fill("ov")
            await page.keyboard.press("Enter")
            await page.get_by_label("Theme").select_option("dark")
            await page.get_by_role("link", name="Events", exact=True).click()
            await expect(page.get_by_role("heading", level=1)).to_have_text("Events")
            assert await violations(page) == []
            watched.require_clean()


async def test_two_hundred_hostile_names_lines_and_values_are_shown_as_text(tmp_path: Path) -> None:
    names, tags, notes, lines = hostile(10), hostile(20, 32), hostile(30), hostile(40)
    async with running(settings_for(tmp_path)) as launcher, browser() as opened:
        ctx = launcher.ctx
        bot = await add_bot(ctx, tmp_path / "bot", f"for line in {lines!r}: print(line)")
        await labels.edit(ctx, bot.id, notes="\n".join(notes))
        with suppress(LauncherError):  # it ends at once
            await instances.start(ctx, bot.id)
        for number, (name, tag) in enumerate(zip(names, tags, strict=True)):
            other = await add_bot(ctx, tmp_path / f"bot-{number}")
            # No door takes such a name. A page must not rely on that.
            await ctx.live.set_labels(other.id, name, "", (tag,))
            await ctx.store.journal.note("edit", ctx.caller, Text(name, name), other.id)
            new = NewEmoji(name[:64], picture(size=(300, 200)), name, [tag])
            await emojis.create(ctx, bot.id, new)
            await persons.create(ctx, bot.id, NewPerson(f"{number} {tag}", name[:128], name[:128]))
        async with page_of(launcher, opened, size=(1280, 2600)) as watched:
            page = watched.page
            await page.add_init_script(NOTE_VIOLATIONS)
            await page.goto("/")
            await require_shown(page, [*names, *tags])
            await page.goto("/events")  # whose messages name them
            await require_shown(page, names[-10:])
            await page.goto(f"/instances/{bot.id}/log")
            await expect(page.get_by_role("log")).to_contain_text(lines[-1])
            await require_shown(page, [*lines, *notes])
            await page.goto(f"/instances/{bot.id}/emojis")
            await require_shown(page, [*(name[:64].strip() for name in names), *tags])
            await page.goto(f"/instances/{bot.id}/persons")
            await require_shown(page, [*names, *tags])
            await page.get_by_role("link", name="Settings", exact=True).click()
            assert await page.locator("textarea").input_value() == "\n".join(notes)
            for name in names[::5]:
                await page.keyboard.press("Control+k")
                await page.get_by_role("combobox", name="Find bots").fill(name)
                await expect(page.get_by_role("dialog").get_by_role("option").first).to_contain_text(name)
                await page.keyboard.press("Escape")
                await expect(page.get_by_role("dialog")).to_have_count(0)
            assert await violations(page) == []
            watched.require_clean()


async def require_shown(page: Page, texts: list[str]) -> None:
    """Scrolls through all boxes until each of the texts was seen; none of them has become an element."""
    missing = set(texts)
    for part in range(200):
        shown = await page.locator("main").inner_text()
        missing -= {text for text in missing if text in shown}
        if not missing:
            break
        await page.evaluate(SCROLL, part / 20 % 1)
    assert not missing
    assert (
        await page.locator(
            "main :is(img:not([src^='/static/emojis/']), iframe, object, b, i, style, base, template, math)"
        ).count()
        == 0
    )
    assert await page.locator("script:not([src]), [onerror], [onload], [onmouseover]").count() == 0
    assert await page.locator("[href^=javascript]").count() == 0


async def test_the_explorer_works_within_its_policy(tmp_path: Path) -> None:
    async with (
        running(settings_for(tmp_path)) as launcher,
        browser() as opened,
        page_of(launcher, opened, size=(1600, 1000)) as watched,
    ):
        page = watched.page
        await page.add_init_script(NOTE_VIOLATIONS)
        workers: list[str] = []
        page.on("worker", lambda worker: workers.append(worker.url))
        await page.goto("/graphql")
        editor = page.locator(".graphiql-query-editor .monaco-editor").first
        await editor.click()
        await page.keyboard.press("Control+a")
        await page.keyboard.type("{ instanceStats { ")
        completion = page.locator(".suggest-widget .monaco-list-row").first
        await expect(completion).to_be_visible()
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+a")
        await page.keyboard.type("{ instanceStats { running")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".graphiql-response")).to_contain_text("running")
        # A description of the schema, which markdown-it has made of Markdown.
        await page.get_by_role("button", name="Show Documentation Explorer").click()
        await page.get_by_role("link", name="Query").first.click()
        await expect(page.locator(".graphiql-markdown-description").first).to_be_visible()
        # What is wrong is underlined by a worker each.
        await page.get_by_role("button", name="Variables").click()
        variables = page.locator(".graphiql-editor-tool .monaco-editor").first
        await variables.click()
        await page.keyboard.type("wrong")
        await expect(variables.locator(".squiggly-error")).to_be_visible()
        await editor.click()
        await page.keyboard.press("Control+a")
        await page.keyboard.type("{ nothing }")
        await expect(editor.locator(".squiggly-error")).to_be_visible()
        assert len(workers) >= 3  # the editor's own, that of GraphQL and that of JSON
        assert all(url.startswith(f"{launcher.url}/assets/worker-") for url in workers)
        assert await violations(page) == []
        watched.require_clean()
