"""Every list says why it could not be read, and is read when one tries again."""

import json
import re
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, WebSocketRoute, expect

from resolvers import instances
from tests.support import deployable
from tests.support.browser import browser, page_of
from tests.support.context import add_bot, outputs, settings_for
from tests.support.git import Repository
from tests.support.layers import ROOT
from tests.support.server import running

pytestmark = pytest.mark.slow

WHY = "the disk is on fire"
DOCUMENTS: dict[str, str] = json.loads(
    (ROOT / "dashboard/src/gql/persisted-documents.json").read_text("utf-8")
)
IDS = {
    found[1]: key
    for key, document in DOCUMENTS.items()
    if (found := re.search(r"\b(?:query|mutation|subscription) (\w+)", document))
}
"""The ids of the documents by their operations."""


class Failing:
    """Answers the operations of some documents with an error, in place of the server."""

    ids: Set[str] = frozenset()
    code = "INTERNAL_ERROR"

    async def between(self, page: Page) -> None:
        await page.route_web_socket("**/graphql", self._connect)

    def _connect(self, client: WebSocketRoute) -> None:
        server = client.connect_to_server()

        def asked(message: str | bytes) -> None:
            request: dict[str, Any] = json.loads(message)
            if request.get("payload", {}).get("documentId") in self.ids:
                error = {"message": WHY, "extensions": {"code": self.code}}
                answer = {"id": request["id"], "type": "error", "payload": [error]}
                client.send(json.dumps(answer))
            else:
                server.send(message)

        client.on_message(asked)


CASES: dict[str, tuple[str, str, Callable[[Page], Locator]]] = {
    "instances": ("Instances", "/", lambda page: page.get_by_role("link", name="bot", exact=True)),
    "one instance": ("Instances", "/instances/{id}", lambda page: page.get_by_role("heading", level=1)),
    "recent events": (
        "LatestEvents",
        "/",
        lambda page: page.get_by_role("region", name="Recent events").get_by_role("listitem").first,
    ),
    "events": ("LatestEvents", "/events", lambda page: page.get_by_role("listitem").first),
    "events of a bot": (
        "EventsBetween",
        "/instances/{id}/history",
        lambda page: page.get_by_role("listitem").first,
    ),
    "services": (
        "ServicesOf",
        "/instances/{id}/settings",
        lambda page: page.get_by_label("Notes", exact=True),
    ),
    "taken ports": (
        "TakenPortsOf",
        "/instances/{id}/settings",
        lambda page: page.get_by_label("Notes", exact=True),
    ),
    "emojis": (
        "EmojiPage",
        "/instances/{id}/emojis",
        lambda page: page.get_by_text("No emojis yet"),
    ),
    "tags of emojis": (
        "EmojiFacets",
        "/instances/{id}/emojis",
        lambda page: page.get_by_label("Category"),
    ),
    "persons": (
        "PersonPage",
        "/instances/{id}/persons",
        lambda page: page.get_by_text("No persons yet"),
    ),
    "sync with the bot": (
        "SyncStatus",
        "/instances/{id}/emojis",
        lambda page: page.get_by_text("No change waits"),
    ),
    "log": ("LogPart", "/instances/{id}/log", lambda page: page.get_by_text("hello").last),
    "search": ("SearchLogs", "/search?q=hello", lambda page: page.locator("mark").first),
    "what can be deployed": ("Offers", "/deploy", lambda page: page.get_by_label("Port of Bot")),
    "deployments": (
        "Deployments",
        "/deploy",
        lambda page: page.get_by_text("Nothing was deployed yet"),
    ),
    "terms": ("Terms", "/deploy", lambda page: page.get_by_role("document", name="EULA.md")),
    "folder": (
        "Folder",
        "/instances/{id}/files",
        lambda page: page.get_by_role("link", name="bot.py", exact=True),
    ),
    "text of a file": (
        "FileText",
        "/instances/{id}/files?file=bot.py",
        lambda page: page.get_by_role("textbox", name="Content of bot.py"),
    ),
    "backups": (
        "Backups",
        "/instances/{id}/versions",
        lambda page: page.get_by_text("No backups yet"),
    ),
    "kept files": ("Kept", "/instances/{id}/versions", lambda page: page.get_by_text("Nothing is kept")),
    "what an upgrade would do": (
        "UpgradePreview",
        "/instances/{id}/versions",
        lambda page: page.get_by_text("was not deployed by this program"),
    ),
    "configuration files": (
        "ConfigFiles",
        "/instances/{id}/configuration",
        lambda page: page.get_by_role("navigation", name="Configuration files"),
    ),
    "configuration text": (
        "ConfigText",
        "/instances/{id}/configuration?file=bot",
        lambda page: page.locator(".cm-content"),
    ),
    "configuration values": (
        "ConfigDraft",
        "/instances/{id}/configuration?file=bot",
        lambda page: page.get_by_text("There are no settings in this file yet."),
    ),
    "usage": (
        "UsageOf",
        "/instances/{id}/history",
        lambda page: (
            page.get_by_role("heading", name="Memory", exact=True)
            .or_(page.get_by_text("Nothing was recorded"))
            .first
        ),
    ),
    "database": (
        "Database",
        "/",
        lambda page: page.get_by_role("region", name="This machine").get_by_text("answers in"),
    ),
    "usage of the machine": (
        "UsageOf",
        "/",
        lambda page: page.get_by_role("region", name="This machine").locator("svg").first,
    ),
}


async def test_what_could_not_be_read_says_why_and_is_read_again(
    tmp_path: Path, releases: Repository
) -> None:
    settings = settings_for(tmp_path, sources_maibot=[releases.url])
    deployable.use(releases.url, settings.data_folder)
    async with running(settings) as launcher, browser() as opened:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", "print('hello', flush=True); input()")
        await instances.start(launcher.ctx, bot.id)
        await outputs(launcher.ctx, f"{bot.id}_main", "hello")
        async with page_of(launcher, opened) as watched:
            page, failing = watched.page, Failing()
            await failing.between(page)
            for case, (operation, path, shown) in CASES.items():
                failing.ids = {IDS[operation]}
                await page.goto("about:blank")
                await page.goto(path.format(id=bot.id))
                told = page.get_by_role("alert").filter(has_text=WHY).first
                await expect(told, case).to_be_visible()
                # No skeleton waits for ever.
                await expect(page.locator("[role=status][aria-label]"), case).to_have_count(0)
                failing.ids = set()
                await told.get_by_role("button", name="Try again").click()
                await expect(page.get_by_text(WHY), case).to_have_count(0)
                await expect(shown(page), case).to_be_visible()
            # A source that is away fails all that is asked of it, which is told once.
            for path in ("/deploy", f"/instances/{bot.id}/versions"):
                failing.ids = {IDS[each] for each in ("Versions", "DeployPreview", "UpgradePreview", "Terms")}
                await page.goto(path)
                await expect(page.get_by_role("alert").filter(has_text=WHY)).to_have_count(1)
                failing.ids = set()
                await page.get_by_role("button", name="Try again").click()
                await expect(page.get_by_text(WHY)).to_have_count(0)
            # What a key may not read is left out.
            failing.code, failing.ids = "PERMISSION_DENIED", {IDS["TakenPortsOf"], IDS["Database"]}
            await page.goto(f"/instances/{bot.id}/settings")
            await expect(page.get_by_label("Notes", exact=True)).to_be_visible()
            await expect(page.get_by_text(WHY)).to_have_count(0)
            await page.goto("/")
            machine = page.get_by_role("region", name="This machine")
            await expect(machine.get_by_text("Memory")).to_be_visible()
            await expect(machine.get_by_text("Database")).to_have_count(0)  # its place until the answer comes
            await expect(page.get_by_text(WHY)).to_have_count(0)
            watched.require_clean()
