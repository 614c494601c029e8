"""Commands and the menu by OpenSSH's own client."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mailauncher import delegations
from mailauncher.errors import InvalidParameter
from mailauncher.grants import Grant, Scope
from resolvers import instances, system
from server.app import create_app
from server.serving import Server
from ssh import commands
from store.journal import EventFilter
from terminals.states import State
from tests.support import http, ssh
from tests.support.context import PATIENT_BOT, add_bot, until
from tests.support.server import Launcher
from tests.support.ssh import Place, add_key, terminal, trust

pytestmark = [pytest.mark.slow, ssh.needs_ssh]


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A gateway beside the server whose client the commands are."""
    async with ssh.gateway(tmp_path, token="t" * 16) as found:
        server = Server(create_app(found.ctx), found.ctx.settings)
        serving = asyncio.create_task(server.serve())
        await server.ready.wait()
        yield found
        server.stop()
        await serving


@pytest.mark.parametrize(
    "command, words",
    [
        ("ls --json", ["ls", "--json"]),
        ("logs -f '小麦 no.1'", ["logs", "-f", "小麦 no.1"]),
    ],
)
def test_a_command_is_read_as_a_shell_would(command: str, words: list[str]) -> None:
    assert commands.parse(command) == words


@pytest.mark.parametrize(
    "command, why",
    [
        ("", "there are: ls"),
        ("serve", "No command 'serve'"),
        ("emoji add bot /etc/passwd", "No command 'emoji'"),
        ("ls\nrm bot", "line break"),
        ("ls \x1b[2J", "control character"),
        ("ls '", "quotes"),
        ("ls --url http://192.0.2.1", "--url cannot be used"),
        ("ls --token=x", "--token=x cannot be used"),
        ("scp -t /tmp", "transfers no files"),
        ("/usr/lib/sftp-server", "transfers no files"),
    ],
)
def test_what_is_no_command_is_refused(command: str, why: str) -> None:
    with pytest.raises(InvalidParameter, match=why):
        commands.parse(command)


async def test_commands_of_the_command_line_run_without_a_terminal_with_the_rights_of_the_key(
    place: Place,
) -> None:
    view = await add_bot(place.ctx, place.folder / "小麦 no.1", PATIENT_BOT)
    other = await add_bot(place.ctx, place.folder / "other", PATIENT_BOT)
    status, out, errors = await place.run("menu@127.0.0.1", "start '小麦 no.1'")
    assert (status, errors) == (0, ""), out
    assert instances.get(place.ctx, view.id).status is State.RUNNING
    [event] = await system.events(place.ctx, EventFilter(kinds=["start"]))
    assert event.caller == "ssh:admin"
    await trust(place.ctx, "guest", add_key(place.folder, "guest"), Scope.READ, [view.id])
    _, out, _ = await place.run("menu@127.0.0.1", "ls --json", key="guest")
    assert [found["name"] for found in json.loads(out)] == ["小麦 no.1"]
    for command, code in ((f"stop {view.id}", 5), (f"start {other.id}", 3), ("stop other", 3)):
        status, out, errors = await place.run("menu@127.0.0.1", command, key="guest")
        assert status == code, (command, out, errors)
    assert instances.get(place.ctx, view.id).status is State.RUNNING


async def test_one_key_does_not_keep_others_from_commands(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may only look could follow the output of a bot as often as there may be commands."""
    monkeypatch.setattr(commands, "OF_CALLER", 1)
    view = await add_bot(place.ctx, place.folder / "bot", PATIENT_BOT)
    await instances.start(place.ctx, view.id)
    await trust(place.ctx, "guest", add_key(place.folder, "guest"), Scope.READ)
    async with terminal(place, "menu@127.0.0.1", "logs", "-f", "bot", key="guest") as shown:
        await shown.expect("ready")
        status, _, errors = await place.run("menu@127.0.0.1", "ls", key="guest")
        assert (status, "1 commands are running already with this key" in errors) == (6, True), errors
        assert (await place.run("menu@127.0.0.1", "ls"))[0] == 0
    async with asyncio.timeout(30):
        while (await place.run("menu@127.0.0.1", "ls", key="guest"))[0]:
            pass  # that of the client that has left is ending


async def test_a_command_that_follows_ends_with_its_client(place: Place) -> None:
    view = await add_bot(place.ctx, place.folder / "bot", PATIENT_BOT)
    await instances.start(place.ctx, view.id)
    process = await asyncio.create_subprocess_exec(
        *place.command("ssh", "menu@127.0.0.1", "logs", "-f", "bot"),
        stdout=asyncio.subprocess.PIPE,
        env=ssh.environment(),
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    assert len(place.ctx.delegations._delegates) == 1
    process.kill()
    await process.wait()
    async with asyncio.timeout(30):
        while place.ctx.delegations._delegates:
            await asyncio.sleep(0.01)


async def test_files_are_not_transferred_and_a_sentence_says_so(place: Place) -> None:
    await add_bot(place.ctx, place.folder / "bot", PATIENT_BOT)
    (place.folder / "file").write_text("content", "utf-8")
    for program, arguments in (
        ("scp", [str(place.folder / "file"), "menu@127.0.0.1:/tmp/x"]),
        ("scp", ["-O", str(place.folder / "file"), "menu@127.0.0.1:/tmp/x"]),
        ("sftp", ["menu@127.0.0.1"]),
        ("ssh", ["bot@127.0.0.1", "scp -t /tmp"]),
        ("ssh", ["bot@127.0.0.1", "ls"]),
    ):
        status, _, errors = await place.run(*arguments, program=program)
        assert status != 0
        assert "no files" in errors, (program, errors)
    status, _, errors = await place.run("bot@127.0.0.1")
    assert (status, "needs a terminal" in errors) == (2, True)


async def test_a_token_of_a_command_gives_no_more_than_its_rights_and_nothing_once_it_has_ended(
    place: Place,
) -> None:
    launcher = Launcher(place.ctx, place.ctx.settings.port)
    with place.ctx.delegations.issue("ssh:x", Grant(Scope.READ, frozenset({"x"}))) as token:
        async with http.client(launcher, Authorization=f"Bearer {token}") as client:
            assert (await client.get("/api/v1/instances")).json()["instances"] == []
            assert (await client.post("/session")).status_code == 403
            assert (await client.get("/api/v1/system/metrics")).status_code == 200
    assert token.startswith(delegations.PREFIX)
    async with http.client(launcher, Authorization=f"Bearer {token}") as client:
        assert (await client.get("/api/v1/instances")).status_code == 403


async def test_the_menu_shows_bots_as_they_change_and_opens_their_terminals(place: Place) -> None:
    view = await add_bot(place.ctx, place.folder / "bot", PATIENT_BOT)
    await add_bot(place.ctx, place.folder / "小麦", PATIENT_BOT)
    async with terminal(place, "menu@127.0.0.1") as shown:
        await shown.expect(r"bot \S+\s+\S*stopped")
        await instances.start(place.ctx, view.id)
        await shown.expect(r"bot \S+\s+\S*running")
        shown.type("\x1b[B")
        await shown.expect(r"> \S*小麦")
        shown.type("\x1b[A")
        await shown.expect(r"> \S*bot")
        shown.type("\r")
        await shown.expect(r"\x1b\[\?1049lready")
        shown.type("hello\r")
        await shown.expect("heard hello")
        shown.type("\x1d")
        await shown.expect("Bots and services")
        shown.type("q")
        assert await shown.status() == 0
    async with terminal(place, "-o", "SetEnv=LANG=zh_CN.UTF-8", "menu@127.0.0.1", term="dumb") as plain:
        await plain.expect("1 bot  运行中")
        plain.type("1\r")
        await plain.expect("heard hello")
        plain.type("\x1d")
        await plain.expect("编号")
        plain.type("q\r")
        assert await plain.status() == 0
    await until(place.ctx, view.id, State.RUNNING)
