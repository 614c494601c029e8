"""A disk that is full from any moment of an operation on: nothing untrue is said, nothing is lost that was acknowledged, and
all is well once there is room."""

import asyncio
import base64
import errno
import json
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from dotenv import dotenv_values
from tortoise import connections

from mailauncher.errors import Code
from resolvers import backups, instances
from resolvers.views import InstanceView
from terminals.states import State
from tests.support.context import add_bot, lives, processes_in, settings_for
from tests.support.graphql import ask
from tests.support.http import API, client
from tests.support.pictures import picture
from tests.support.preloaded import COMMAND, run
from tests.support.server import Launcher, running
from tests.support.small_disk import fill
from tests.support.stress import sized

pytestmark = [pytest.mark.slow, pytest.mark.stress]

LEFT_KIB = range(0, 80, 4)
"""What is left on the disk when an operation begins: it decides how far that gets. One of them in the short form."""
OPERATIONS = ("start", "save", "person", "emoji", "death", "stop", "backup")
PATIENCE_S = 30

Refusal = str | None
"""The code of an error, None after a success."""
Door = Callable[[Launcher, str, str, int, Path], Awaitable[Refusal]]


def image(number: int) -> bytes:
    return picture(colour=(number, 0, 0))


async def rest(launcher: Launcher, instance_id: str, operation: str, number: int, _: Path) -> Refusal:
    method, path, body = {
        "start": ("GET", f"/instance/{instance_id}/start", None),
        "stop": ("GET", f"/instance/{instance_id}/stop", None),
        "save": ("PUT", f"/config/{instance_id}/env", {"NOTE": str(number)}),
        "person": ("POST", f"/resource/{instance_id}/person", {"user_id": f"p{number}"}),
        "emoji": (
            "POST",
            f"/resource/{instance_id}/emoji",
            {"name": f"e{number}", "image_data": base64.b64encode(image(number)).decode()},
        ),
    }[operation]
    async with client(launcher) as http:
        answer = (await http.request(method, f"{API}{path}", json=body)).json()
    return None if answer["success"] else str(answer["error"]["code"])


async def graphql(launcher: Launcher, instance_id: str, operation: str, number: int, _: Path) -> Refusal:
    mutation, given = {
        "start": ("startInstance", {"id": instance_id}),
        "stop": ("stopInstance", {"id": instance_id}),
        "save": (
            "setConfigValue",
            {"instanceId": instance_id, "name": "env", "path": ["NOTE"], "value": str(number)},
        ),
        "person": ("createPerson", {"instanceId": instance_id, "userId": f"p{number}"}),
        "emoji": (
            "createEmoji",
            {
                "instanceId": instance_id,
                "name": f"e{number}",
                "imageData": base64.b64encode(image(number)).decode(),
            },
        ),
        "backup": ("createBackup", {"instanceId": instance_id}),
    }[operation]
    kind = mutation[0].upper() + mutation[1:]
    document = f"mutation ($input: {kind}Input!) {{ {mutation}(input: $input) {{ message }} }}"
    answer = await ask(launcher, document, input=given)
    return answer.code if answer.errors else None


async def command_line(
    launcher: Launcher, instance_id: str, operation: str, number: int, folder: Path
) -> Refusal:
    (folder / f"e{number}.png").write_bytes(image(number))
    (folder / "people.jsonl").write_text(json.dumps({"user_id": f"p{number}"}))
    words = {
        "start": ["start", "bot"],
        "stop": ["stop", "bot"],
        "save": ["config", "set", "bot", "env", "NOTE", str(number)],
        "person": ["person", "import", "bot", str(folder / "people.jsonl")],
        "emoji": ["emoji", "add", "bot", str(folder / f"e{number}.png")],
        "backup": ["backup", "bot"],
    }[operation]
    command = [*COMMAND, "--lang", "en", *words, "--url", launcher.url]
    done = await asyncio.to_thread(run, command, os.environ)
    if done.returncode == 0:
        return None
    named = [code for code in Code if code in done.stderr]
    assert len(named) == 1, done.stderr
    return named[0]


@dataclass
class Bot:
    """An instance, and what is true of it."""

    launcher: Launcher
    id: str

    @property
    def view(self) -> InstanceView:
        return instances.get(self.launcher.ctx, self.id)

    async def count(self, operation: str, number: int) -> int:
        """How often an operation has had its effect. Fails where it has had half of it."""
        if operation in ("start", "stop", "death"):
            view, processes = self.view, processes_in(Path(self.view.path))
            assert (view.status is State.RUNNING) == bool(processes) == lives(view.pid), (view, processes)
            return (view.status is State.RUNNING) is (operation != "stop")
        if operation == "save":
            return dotenv_values(Path(self.view.path) / ".env") == {"NOTE": str(number)}
        if operation == "backup":
            return len(await backups.list_of(self.launcher.ctx, self.id))
        return (await self.resources(operation)).count(f"{operation[0]}{number}")

    async def resources(self, kind: str) -> list[str]:
        async with client(self.launcher) as http:
            answer = await http.post(f"{API}/resource/{self.id}/{kind}/search", json={"limit": 200})
            found = answer.json()[f"{kind}s"]
            for one in found if kind == "emoji" else ():
                assert (await http.get(one["image_url"])).content == image(int(one["name"][1:]))
        return [one["name" if kind == "emoji" else "user_id"] for one in found]

    async def die(self) -> None:
        """Its main program is killed, and runs again."""
        pid = self.view.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            while self.view.pid == pid or self.view.status is not State.RUNNING:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "door, left_kib",
    sized(
        [(rest, 0), (graphql, 24), (command_line, 8)],
        [(door, kib) for door in (rest, graphql, command_line) for kib in LEFT_KIB],
    ),
)
async def test_what_finds_no_room_is_refused_and_what_is_done_stays_done(
    door: Door, left_kib: int, disk: Path, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, data=str(disk / "data"))
    mine = disk / "bot" / "data" / "mine"
    counts = {}
    async with running(settings) as launcher:
        bot = Bot(launcher, (await add_bot(launcher.ctx, disk / "bot")).id)
        await instances.supervise(launcher.ctx, bot.id, restart="on-failure", restart_delay_s=0.05)
        mine.parent.mkdir()
        mine.write_bytes(os.urandom(20 << 10))
        (disk / "bot" / ".env").write_text("NOTE=0\n")
        for number, operation in enumerate(OPERATIONS, 1):
            if operation == "backup" and door is rest:  # it has no route for that
                continue
            before = await bot.count(operation, number)
            filler = fill(disk, left_kib)
            if operation == "death":
                refusal = None
                await bot.die()
            else:
                refusal = await door(launcher, bot.id, operation, number, tmp_path)
            counts[operation] = await bot.count(operation, number)
            what = (operation, left_kib, refusal)
            assert refusal in (None, Code.INSUFFICIENT_SPACE), what
            if operation != "death":
                assert counts[operation] == before + (refusal is None), what
            filler.unlink()
            if refusal:
                assert await door(launcher, bot.id, operation, number, tmp_path) is None, what
                counts[operation] = await bot.count(operation, number)
                assert counts[operation] == before + 1, what
    async with running(settings) as launcher:
        again = Bot(launcher, bot.id)
        for number, operation in enumerate(counts, 1):
            if operation not in ("start", "death"):  # a stop came after these
                assert await again.count(operation, number) == counts[operation], (operation, left_kib)
        kinds = [event["kind"] for event in await launcher.ctx.store.journal.after(0, 100)]
        assert [kind for kind in kinds if kind in ("start", "stop")] == ["start", "stop"]
        for backup in await backups.list_of(launcher.ctx, bot.id):
            content = mine.read_bytes()
            mine.unlink()
            await backups.restore(launcher.ctx, bot.id, backup.id)
            assert mine.read_bytes() == content


@pytest.mark.parametrize("door", [rest, graphql])
async def test_where_nothing_can_be_mounted_errors_of_writing_are_lack_of_space_as_well(
    door: Door, launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    bot = Bot(launcher, (await add_bot(launcher.ctx, tmp_path / "bot")).id)
    (tmp_path / "bot" / ".env").write_text("NOTE=0\n")
    with launcher.ctx.store.registry._database.session():
        await connections.get("default").execute_query("PRAGMA max_page_count = 1")  # as few as there are
    refused = set()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_room)  # where a file system allocates late, it says so here
        for number, operation in enumerate(("save", "person", "emoji"), 1):
            before = await bot.count(operation, number)
            refusal = await door(launcher, bot.id, operation, number, tmp_path)
            assert refusal in (None, Code.INSUFFICIENT_SPACE), operation
            assert await bot.count(operation, number) == before + (refusal is None)
            refused |= {operation} if refusal else set()
    assert refused >= {"save", "emoji"}
    with launcher.ctx.store.registry._database.session():
        await connections.get("default").execute_query(f"PRAGMA max_page_count = {1 << 30}")
    for number, operation in enumerate(("save", "person", "emoji"), 1):
        if operation in refused:
            assert await door(launcher, bot.id, operation, number, tmp_path) is None
        assert await bot.count(operation, number) == 1
