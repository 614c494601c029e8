"""Who may log in: keys by CLI and GraphQL, their scopes, and their end."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from mailauncher import host_key
from mailauncher.errors import (
    DuplicateResource,
    InstanceNotFound,
    InvalidParameter,
    PermissionDenied,
    ResourceNotFound,
)
from mailauncher.grants import Grant, Scope
from resolvers import instances, ssh_keys, system, terminals
from resolvers.context import Context
from store.journal import EventFilter
from store.ssh_keys import SshKeys
from tests.support import ssh
from tests.support.context import PATIENT_BOT, add_bot, free_port, outputs
from tests.support.program import Home, home
from tests.support.ssh import Place, add_key, terminal, trust

pytestmark = [pytest.mark.slow, ssh.needs_ssh]


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with ssh.gateway(tmp_path) as found:
        yield found


@pytest.fixture
def served() -> Iterator[Home]:
    with home() as found:
        found.serve(MAILAUNCHER_SSH="true", MAILAUNCHER_SSH_PORT=str(free_port()))
        yield found


async def test_no_first_key_is_trusted_without_proof(ctx: Context, tmp_path: Path) -> None:
    file = ctx.settings.data_folder / host_key.FOLDER / host_key.FIRST_KEY
    file.parent.mkdir()
    proof = "x" * ssh_keys.PROOF_BYTES

    async def add(name: str, proof: str) -> None:
        new = ssh_keys.NewKey(name, add_key(tmp_path, name), Scope.READ, proof=proof)
        await ssh_keys.add(ctx, new)

    for content, given, mode in (
        (None, proof, 0o600),
        (proof, "", 0o600),
        (proof, "y" * len(proof), 0o600),
        ("short", "short", 0o600),
        (proof, proof, 0o666),
    ):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_text(content, "ascii")
            file.chmod(mode)
        with pytest.raises(PermissionDenied, match="on the server's machine"):
            await add("first", given)
        assert not file.exists()
    file.write_text(proof, "ascii")
    await add("first", proof)
    await add("second", "")
    assert [key.name for key in await ssh_keys.list_all(ctx)] == ["first", "second"]


async def test_names_and_keys_are_unique_and_what_is_revoked_is_gone(ctx: Context, tmp_path: Path) -> None:
    public = add_key(tmp_path, "one")
    await trust(ctx, "one", public)
    with pytest.raises(DuplicateResource, match="added already, as one"):
        await trust(ctx, "other", public)
    with pytest.raises(DuplicateResource, match="named one"):
        await trust(ctx, "one", add_key(tmp_path, "two"))
    await ssh_keys.remove(ctx, "one")
    with pytest.raises(ResourceNotFound):
        await ssh_keys.remove(ctx, "one")


async def test_what_a_key_may_do_is_changed_in_parts_and_stays_as_it_was_where_that_is_refused(
    ctx: Context, tmp_path: Path
) -> None:
    [one, two] = [(await add_bot(ctx, tmp_path / name)).id for name in ("one", "two")]
    await trust(ctx, "guest", add_key(tmp_path, "guest"), Scope.READ, [one])
    for scope, only, grant in (
        (Scope.OPERATE, ssh_keys.Unchanged(), Grant(Scope.OPERATE, frozenset({one}))),
        (None, [two, one, two], Grant(Scope.OPERATE, frozenset({one, two}))),
        (None, ssh_keys.Unchanged(), Grant(Scope.OPERATE, frozenset({one, two}))),
        (Scope.READ, None, Grant(Scope.READ)),
    ):
        changed, stored = await ssh_keys.edit(ctx, "guest", scope, only)
        assert (changed.grant, stored) == (grant, True)
        read = await SshKeys.read(ctx.store.ssh_keys._database, ctx.bus)
        assert [key.grant for key in read] == [grant]
    for name, wanted, error in (
        ("nobody", None, ResourceNotFound),
        ("guest", [], InvalidParameter),
        ("guest", [one] * (ssh_keys.LIST_LIMIT + 1), InvalidParameter),
        ("guest", ["nothing"], InstanceNotFound),
    ):
        with pytest.raises(error):
            await ssh_keys.edit(ctx, name, Scope.ADMIN, wanted)
    assert [key.grant for key in await ssh_keys.list_all(ctx)] == [Grant(Scope.READ)]
    events = await system.events(ctx, EventFilter(kinds=["ssh-key"]))
    said = [event.text.en for event in events]
    assert said[1] == "changed the SSH key guest to operate, only for one (it was read, only for one)"
    assert len(said) == 4  # added, and what has changed something


def test_keys_are_managed_on_the_command_line(served: Home) -> None:
    add_key(served.folder, "me")
    line = str(served.folder / "me.pub")
    added = served.run("ssh", "add", "me", line, "--scope", "admin")
    assert added.returncode == 0, added.stderr
    assert not (served.data / "ssh" / "first-key").exists()
    add_key(served.folder, "guest")
    guest = (served.folder / "guest.pub").read_text("utf-8")
    assert served.run("ssh", "add", "guest", "-", "--scope", "read", typed=guest).returncode == 0
    shown = json.loads(served.run("ssh", "ls", "--json").stdout)
    assert [(key["name"], key["scope"]) for key in shown] == [("me", "ADMIN"), ("guest", "READ")]
    assert "SHA256:" in served.run("ssh", "ls").stdout
    told = served.run("ssh", "host-key", "--host", "bots.example")
    assert told.stdout.startswith("[bots.example]:")
    assert (served.data / "ssh" / "host_ed25519").stat().st_mode & 0o777 == 0o600
    edited = served.run("ssh", "edit", "guest", "--scope", "operate", "--json")
    assert (edited.returncode, json.loads(edited.stdout)["scope"]) == (0, "OPERATE"), edited.stderr
    assert served.run("ssh", "edit", "guest").returncode == 2
    assert served.run("ssh", "edit", "nobody", "--all").returncode == 3
    assert served.run("ssh", "rm", "guest").returncode == 0
    assert served.run("ssh", "rm", "guest").returncode == 3
    private = served.run("ssh", "add", "wrong", str(served.folder / "me"))
    assert (private.returncode, "private key" in private.stderr) == (2, True)


async def test_a_key_that_is_revoked_ends_its_sessions_in_the_middle_of_output(place: Place) -> None:
    flood = "import sys\nwhile True: sys.stdout.write('flood of output\\n' * 1000)"
    view = await add_bot(place.ctx, place.folder / "bot", flood)
    await instances.start(place.ctx, view.id)
    await trust(place.ctx, "guest", add_key(place.folder, "guest"), Scope.READ)
    async with terminal(place, "bot@127.0.0.1", key="guest") as shown:
        await shown.expect("flood of output")
        await ssh_keys.remove(place.ctx, "guest")
        async with asyncio.timeout(5):
            assert await shown.status() == 255
    status, _, errors = await place.run("-tt", "bot@127.0.0.1", key="guest")
    assert (status, "Permission denied (publickey)" in errors) == (255, True)
    used = await ssh_keys.list_all(place.ctx)
    assert [key.used_from for key in used] == [None]


async def test_a_session_that_may_do_more_than_its_key_from_now_on_ends_and_others_stay(place: Place) -> None:
    view = await add_bot(place.ctx, place.folder / "bot", PATIENT_BOT)
    await instances.start(place.ctx, view.id)
    await trust(place.ctx, "guest", add_key(place.folder, "guest"), Scope.OPERATE)
    async with (
        terminal(place, "bot@127.0.0.1", key="guest") as shown,
        terminal(place, "bot@127.0.0.1") as other,
    ):
        await shown.expect("ready")
        await ssh_keys.edit(
            place.ctx, "guest", Scope.ADMIN, None
        )  # more than the session has: it stays as it is
        shown.type("one\r")
        await shown.expect("heard one")
        await ssh_keys.edit(place.ctx, "guest", Scope.READ, None)
        assert await shown.status() == 255
        other.type("two\r")
        await other.expect("heard two")
        other.type("\x1d")
        assert await other.status() == 0
    async with terminal(place, "bot@127.0.0.1", key="guest") as shown:
        await shown.expect("may only look")


async def test_an_unknown_target_and_an_unknown_key_have_the_same_answer(place: Place) -> None:
    await add_bot(place.ctx, place.folder / "bot", PATIENT_BOT)
    add_key(place.folder, "stranger")
    answers = [
        await place.run("-tt", f"{target}@127.0.0.1", key=key)
        for target, key in (
            ("nobody", "admin"),
            ("bot", "stranger"),
            ("nobody", "stranger"),
            ("bot/x", "admin"),
        )
    ]
    assert {(status, out, errors.partition(": ")[2]) for status, out, errors in answers} == {
        (255, "", "Permission denied (publickey).\r\n")
    }


async def test_a_key_that_may_only_look_types_nothing_and_sees_only_its_instances(place: Place) -> None:
    view = await add_bot(place.ctx, place.folder / "bot", PATIENT_BOT)
    await add_bot(place.ctx, place.folder / "other", PATIENT_BOT)
    await instances.start(place.ctx, view.id)
    await trust(place.ctx, "guest", add_key(place.folder, "guest"), Scope.READ, [view.id])
    async with (
        terminal(place, "bot@127.0.0.1", key="guest") as shown,
        terminal(place, "bot@127.0.0.1") as other,
    ):
        await shown.expect("may only look")
        shown.type("not heard\r")
        await shown.expect("input is ignored")
        other.type("heard by all\r")
        await shown.expect("heard heard by all")
        shown.type("\x1d")
        assert await shown.status() == 0
    assert "not heard" not in await outputs(place.ctx, f"{view.id}_main", "heard by all")
    status, _, errors = await place.run("-tt", "other@127.0.0.1", key="guest")
    assert (status, "Permission denied" in errors) == (255, True)


async def test_a_key_that_may_only_look_gets_no_shell_where_no_bot_runs(place: Place) -> None:
    view = await add_bot(place.ctx, place.folder / "bot", PATIENT_BOT)
    await trust(place.ctx, "guest", add_key(place.folder, "guest"), Scope.READ)
    session_id = f"{view.id}_main"
    for target, chosen in (("bot@127.0.0.1", ""), ("menu@127.0.0.1", "\r")):
        async with terminal(place, target, key="guest") as shown:
            shown.type(chosen)
            await shown.expect("may only look")
            shown.type("touch made-by-guest\r")
            await shown.expect("input is ignored")
            assert terminals.get(place.ctx, session_id).pid is None
    async with terminal(
        place, "bot@127.0.0.1"
    ) as shown:  # one that may operate gets one, in which nothing waits
        shown.type("echo shell of $((6 * 7))\r")
        await shown.expect("shell of 42")
        assert terminals.get(place.ctx, session_id).shell
        shown.type("exit\r")
    assert not (place.folder / "bot" / "made-by-guest").exists()
