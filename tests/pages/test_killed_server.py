"""The server is killed and started again under open pages: they say so, come back, and tell nothing that is not so."""

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.support.browser import browser, page_of
from tests.support.context import free_port, processes_in
from tests.support.killable import Server
from tests.support.pictures import picture
from tests.support.stress import sized

pytestmark = [pytest.mark.slow, pytest.mark.stress]

BOT = """
import signal, socket, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
listening = socket.create_server(("127.0.0.1", {port}))
print("{before}ready", flush=True)
signal.pause()
"""
KILLS = sized(2, 50)
SHOWN_EVENTS = 10
"""As many as the overview has."""
NOTES = "typed,\nbut not saved yet"
LOST = "No connection to the server for"
EVENTS = """query ($last: Int!) { events(last: $last) { edges { node { message } } } }"""


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Server]:
    """A server that may be killed. Afterwards nothing of it lives."""
    server = Server(folder)
    await server.start()
    try:
        yield server
    finally:
        if server.lives:
            await server.end(signal.SIGKILL)
        for pid in processes_in(folder):
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()


async def add_running_bot(server: Server, before: str = "") -> str:
    folder = server.folder / "bots" / "bot"
    folder.mkdir(parents=True)
    port = free_port()
    (folder / "bot.py").write_text(BOT.format(port=port, before=before))
    added = await server.ask("POST", "/instances/add", name="bot", path=str(folder), port=port)
    bot: str = added["instance_id"]
    await server.ask("GET", f"/instance/{bot}/start")
    return bot


async def pid_of(server: Server, bot: str) -> int:
    query = "query ($id: ID!) { instance(id: $id) { pid } }"
    answer = await server.ask("POST", f"{server.url}/graphql", query=query, variables={"id": bot})
    pid: int = answer["data"]["instance"]["pid"]
    return pid


async def newest_events(server: Server) -> list[str]:
    """Messages of the journal, newest first."""
    async with server.client() as client:
        answer = await client.post(
            f"{server.url}/graphql",
            json={"query": EVENTS, "variables": {"last": SHOWN_EVENTS}},
            headers={"accept-language": "en"},
        )
    edges = answer.json()["data"]["events"]["edges"]
    return [edge["node"]["message"] for edge in reversed(edges)]


async def require_the_events(overview: Page, server: Server) -> None:
    """The page has each of the newest events once, in their order."""
    shown = overview.get_by_role("region", name="Recent events").get_by_role("listitem")
    wanted = [re.compile(re.escape(message)) for message in await newest_events(server)]
    await expect(shown).to_have_text(wanted)


async def cut_the_power(server: Server, bot: str) -> None:
    """Ends everything at once and takes from the disk what it had not got yet: the bot's output, and the last event."""
    await server.end(signal.SIGKILL)
    for pid in processes_in(server.folder):
        psutil.Process(pid).kill()
    (log,) = (server.data / "terminals" / bot / "main").glob("0*.log")
    os.truncate(log, 0)
    with contextlib.closing(sqlite3.connect(server.data / "mailauncher.db")) as database, database:
        database.execute("DELETE FROM event WHERE id = (SELECT max(id) FROM event)")
        database.execute("UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'event'")


async def test_pages_survive_a_server_that_is_killed(tmp_path: Path) -> None:
    async with served(tmp_path) as server, browser() as opened:
        bot = await add_running_bot(server)
        pid = await pid_of(server, bot)
        async with page_of(server, opened) as watched, page_of(server, opened) as second:
            page, overview = watched.page, second.page
            await page.goto(f"/instances/{bot}/settings")
            await overview.goto("/")
            await page.locator("textarea").fill(NOTES)
            restart = page.get_by_role("button", name="Restart", exact=True)
            for _ in range(KILLS):
                assert server.process is not None
                await expect(restart).to_be_enabled()
                await require_the_events(overview, server)
                # Stopped, it takes the command into its socket and never answers.
                server.process.send_signal(signal.SIGSTOP)
                await restart.click()
                await expect(restart).to_be_disabled()
                await server.end(signal.SIGKILL)
                unknown = page.get_by_role("status").get_by_text("it is not known whether this was done")
                await expect(unknown).to_be_visible()
                await unknown.locator("..").get_by_role("button", name="Close").click()
                for each in (page, overview):
                    await expect(each.get_by_text(re.compile(rf"{LOST} \d+"))).to_be_visible()
                await expect(restart).to_be_disabled()
                await expect(restart).to_have_attribute("title", "Not connected to the server")
                await expect(overview.get_by_role("button", name="Stop bot")).to_be_disabled()
                await server.start()
                for each in (page, overview):
                    await expect(each.get_by_text(LOST)).to_be_hidden()
                await expect(overview.get_by_role("button", name="Stop bot")).to_be_enabled()
                await expect(page.get_by_text("running", exact=True).first).to_be_visible()
                assert await page.locator("textarea").input_value() == NOTES
                assert await pid_of(server, bot) == pid  # the command was not sent again
            await restart.click()
            async with asyncio.timeout(30):
                while await pid_of(server, bot) in (pid, None):
                    await asyncio.sleep(0.05)
            await require_the_events(overview, server)
        await server.ask("DELETE", f"/instance/{bot}/delete")
        assert await server.end(signal.SIGTERM) == 0


FILES = sized(10, 30)
PERSONS = 20_000
IMPORT_MS = 120_000
"""How long reading or importing them may take beside other tests."""


async def persons_of(server: Server, bot: str) -> int:
    found: int = (await server.ask("POST", f"/resource/{bot}/person/search", query=""))["total"]
    return found


async def test_uploads_and_an_import_that_a_kill_cuts_short_can_be_repeated(tmp_path: Path) -> None:
    async with served(tmp_path) as server, browser() as opened:
        bot = await add_running_bot(server)
        async with page_of(server, opened) as watched:
            page = watched.page
            await page.goto(f"/instances/{bot}/emojis")
            files: list[FilePayload] = [
                {"name": f"n{number}.png", "mimeType": "image/png", "buffer": picture(colour=(number, 9, 9))}
                for number in range(FILES)
            ]
            await page.locator("input[type=file]").set_input_files(files)
            told = page.get_by_role("region", name="Files added")
            await expect(told.get_by_text("added as").first).to_be_visible()
            await server.end(signal.SIGKILL)
            await expect(told.get_by_text(f"{FILES} of {FILES} done")).to_be_visible()
            await server.start()
            await expect(page.get_by_text(LOST)).to_be_hidden()
            await told.get_by_role("button", name="Try those that failed again").click()
            await expect(told.get_by_text(re.compile("added as|has the same image"))).to_have_count(FILES)
            await expect(page.get_by_text(f"{FILES} in all")).to_be_visible()
            found = (await server.ask("POST", f"/resource/{bot}/emoji/search", limit=100))["emojis"]
            assert sorted(emoji["name"] for emoji in found) == sorted(f"n{number}" for number in range(FILES))
            async with server.client() as client:
                for emoji in found:
                    assert (await client.get(f"{server.url}{emoji['image_url']}")).status_code == 200
            await page.get_by_role("link", name="Persons", exact=True).click()
            await page.get_by_role("button", name="Import…").click()
            lines = "".join(f'{{"user_id": "{number}", "nickname": "x"}}\n' for number in range(PERSONS))
            await page.get_by_label("A file of").set_input_files(
                {"name": "persons.jsonl", "mimeType": "application/jsonl", "buffer": lines.encode()}
            )
            await page.get_by_role("button", name="Import 20,000 lines").click(timeout=IMPORT_MS)
            async with asyncio.timeout(60):
                while not await persons_of(server, bot):
                    await asyncio.sleep(0.01)
            await server.end(signal.SIGKILL)
            await expect(page.get_by_text("The connection was lost during the import")).to_be_visible()
            await server.start()
            await page.get_by_role("button", name="Check again").click()
            written = await persons_of(server, bot)
            assert 0 < written < PERSONS
            left = f"Import {PERSONS - written:,} lines"
            await page.get_by_role("button", name=left).click(timeout=IMPORT_MS)
            await expect(page.get_by_text("Imported:")).to_be_visible(timeout=IMPORT_MS)
            assert await persons_of(server, bot) == PERSONS
        await server.ask("DELETE", f"/instance/{bot}/delete")
        assert await server.end(signal.SIGTERM) == 0


async def test_a_page_goes_on_where_a_power_cut_has_taken_output_and_events(tmp_path: Path) -> None:
    """The terminal asked for the rest of output that was gone, again and again."""
    async with served(tmp_path) as server, browser() as opened:
        bot = await add_running_bot(server, before="x" * 3000)
        async with (
            page_of(server, opened) as watched,
            page_of(server, opened) as second,
            page_of(server, opened) as third,
        ):
            page, plain, overview = watched.page, second.page, third.page
            await page.goto(f"/instances/{bot}")
            await plain.goto(f"/instances/{bot}")
            await plain.get_by_label("Show as").select_option("Plain text")
            await overview.goto("/")
            shown = [page.locator(".xterm-rows"), plain.get_by_role("log")]
            for each in shown:
                await expect(each).to_contain_text("ready")
            await server.ask("GET", f"/instance/{bot}/stop")  # else the server would start it again
            await require_the_events(overview, server)
            await cut_the_power(server, bot)
            await server.start()
            for each in shown:
                await expect(each).not_to_contain_text("ready")
                await expect(each.page.get_by_text("The connection to the terminal was lost")).to_be_hidden()
            await server.ask("GET", f"/instance/{bot}/start")
            for each in shown:
                await expect(each).to_contain_text("ready")
            await require_the_events(overview, server)
        await server.ask("DELETE", f"/instance/{bot}/delete")
        assert await server.end(signal.SIGTERM) == 0
