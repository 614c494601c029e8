"""The existing Vue client of 2025, sentence by sentence: what it sends, as its axios sends it from a page on another port,
and what it reads of the answers. Tried elsewhere: its deployment (`tests/rest/test_deployments.py`), its routes of
configuration files (`tests/rest/test_configuration.py`), its terminal type (`tests/terminals/test_socket.py`), a preflight
of every route (`tests/rest/test_guard.py`)."""

import base64
import json
import platform
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from bots.database.layout import Family
from mailauncher.errors import Code
from mailauncher.system_text import to_json
from resolvers import services, sync
from resolvers.running.metrics import MachineSampler
from rest.existing_client import bot_columns
from tests.support.bot_databases import BotDatabase, picture
from tests.support.context import free_port
from tests.support.http import API, add_bot, client, failure, write_bot
from tests.support.server import Launcher

pytestmark = pytest.mark.slow

PAGE = "http://localhost:5173"
SERVING = "import time\nprint('ready', flush=True)\ntime.sleep(600)\n"


@pytest_asyncio.fixture
async def http(launcher: Launcher) -> AsyncIterator[httpx.AsyncClient]:
    async with client(launcher, Origin=PAGE, Accept="application/json, text/plain, */*") as http:
        yield http


# Health and metrics


async def test_only_its_own_check_is_told_success(http: httpx.AsyncClient) -> None:
    """That client took a healthy server for a dead one: it tests for `success`. Both answers are cached, apart."""
    for _ in range(2):
        own = await http.get(f"{API}/system/health", headers={"X-Client-Name": "MaiLauncher"})
        other = await http.get(f"{API}/system/health")
        assert (own.json()["status"], other.json()["status"]) == ("success", "healthy")
        assert list(own.json()) == list(other.json()) == ["status", "uptime", "version", "timestamp"]
        assert own.headers["etag"] != other.headers["etag"]


async def test_the_processor_is_never_empty(
    http: httpx.AsyncClient, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was empty in containers, where the system names no processor."""
    found = (await http.get(f"{API}/system/metrics")).json()["data"]["system_info"]
    assert found["processor"]
    settings, folder = launcher.ctx.settings, launcher.ctx.settings.data_folder
    for machine, named in (("riscv64", "riscv64"), ("", "unknown")):
        monkeypatch.setattr(platform, "processor", str)
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        sampler = MachineSampler(launcher.ctx.bus, folder, settings.metrics_interval_s)
        assert sampler.machine.processor == named


# Versions


async def test_it_learns_the_version(http: httpx.AsyncClient) -> None:
    current = (await http.get(f"{API}/version/current")).json()
    assert list(current) == ["status", "data"]
    assert current["status"] == "success"
    assert list(current["data"]) == ["version", "internal_version", "release_date", "release_notes"]
    assert current["data"]["internal_version"] > 0
    # One of its pages looks into `data`, another into `data.data`.
    check = (await http.get(f"{API}/version/check", params={"current_version": "0.1.0"})).json()
    assert check["status"] == check["data"]["status"] == "success"
    assert check["data"]["has_update"] is check["data"]["data"]["has_update"] is False


# Instances


async def test_it_adds_starts_and_deletes_a_folder(
    http: httpx.AsyncClient, launcher: Launcher, tmp_path: Path
) -> None:
    """Its page of an instance had no tab of the adapter: that is there for a service called as it calls the adapter."""
    folder = write_bot(tmp_path / "bot", SERVING)
    adapter = write_bot(tmp_path / "adapter" / "main", SERVING).parent
    (adapter / "main.py").write_text(SERVING, "utf-8")
    body = {
        "instance_name": "mine",
        "maibot_path": str(folder),
        "adapter_path": str(adapter),
        "install_services": [
            {"name": "napcat-ada", "path": str(adapter), "port": free_port(), "run_cmd": "python main.py"}
        ],
        "install_path": str(folder),
        "port": free_port(),
        "version": "unknown",
        "host": "localhost",
        "token": "",
    }
    added = (await http.post(f"{API}/instances/add", json=body)).json()
    assert list(added) == ["success", "instance_id", "message"]
    (found,) = (await http.get(f"{API}/instances")).json()["instances"]
    assert found["id"] == added["instance_id"]
    # It shows the adapter's tab for a service of this name, which means the adapter in every door.
    assert services.get(launcher.ctx, found["id"], "napcat-ada").name == "nonebot-ada"
    assert [(s["name"], s["path"]) for s in found["services"]] == [("napcat-ada", str(adapter.resolve()))]
    assert (await http.get(f"{API}/start/{found['id']}/nonebot")).json()["success"] is True
    for command in ("start", "restart", "stop"):
        assert (await http.get(f"{API}/instance/{found['id']}/{command}")).json()["success"] is True
    # axios sends `null` as the body of its DELETE.
    url = f"{API}/instance/{found['id']}/delete"
    deleted = await http.request("DELETE", url, content=b"null", headers={"content-type": "application/json"})
    assert deleted.json()["success"] is True


async def test_a_folder_may_be_given_from_the_workspace_and_with_backslashes(
    http: httpx.AsyncClient, launcher: Launcher
) -> None:
    write_bot(launcher.ctx.settings.workspace_folder / "mine" / "bot", SERVING)
    body = {"name": "mine", "path": "~\\mine\\bot", "port": free_port()}
    assert (await http.post(f"{API}/instances/add", json=body)).json()["success"] is True


# The resource manager

EMOJI_COLUMNS = [
    "id",
    "full_path",
    "format",
    "emoji_hash",
    "description",
    "emotion",
    "query_count",
    "is_registered",
    "is_banned",
    "usage_count",
]
PERSON_COLUMNS = [
    "id",
    "person_id",
    "person_name",
    "platform",
    "user_id",
    "nickname",
    "impression",
    "short_impression",
    "points",
    "last_know",
]


@dataclass
class Manager:
    """The resource manager of one instance, whose bot is not running, and the bot's database."""

    http: httpx.AsyncClient
    id: str
    bot: BotDatabase

    async def ask(self, path: str, body: object = None, method: str = "POST") -> Any:
        """The answer, which says `success`."""
        answer = await self.http.request(method, f"{API}/resource/{self.id}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "success"
        return answer.json()

    async def refused(self, path: str, body: object, code: Code, field: str | None, method: str) -> str:
        return failure(
            await self.http.request(method, f"{API}/resource/{self.id}/{path}", json=body), code, field
        )

    async def total(self, kind: str, **filters: object) -> int:
        total: int = (await self.ask(f"{kind}/count", filters))["data"]["total_count"]
        return total

    async def rows(self, kind: str, **asked: object) -> list[dict[str, Any]]:
        """A batch. Its filters must count as many rows."""
        found: list[dict[str, Any]] = (
            await self.ask(f"{kind}/batch", {"batch_size": 50, "offset": 0} | asked)
        )["data"]
        if not {"batch_size", "offset"} & asked.keys():
            assert await self.total(kind, **asked) == len(found)
        return found


@asynccontextmanager
async def managing(http: httpx.AsyncClient, folder: Path, family: Family) -> AsyncIterator[Manager]:
    bot = BotDatabase(write_bot(folder), family)
    yield Manager(http, await add_bot(http, folder), bot)


@pytest_asyncio.fixture
async def manager(http: httpx.AsyncClient, tmp_path: Path) -> AsyncIterator[Manager]:
    async with managing(http, tmp_path / "bot", "1") as found:
        yield found


async def test_a_batch_is_made_in_parts_and_has_every_row_once(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of persons with long profiles was read and encoded in one piece: 1,000 took the event loop over a second."""
    sizes = []

    def in_part(rows: Sequence[object]) -> bytes:
        sizes.append(len(rows))
        return to_json(rows)

    monkeypatch.setattr(bot_columns, "to_json", in_part)
    monkeypatch.setattr(bot_columns, "PART_ROWS", 2)
    for number in "12345":
        await manager.ask("person", {"user_id": number, "impression": f"印象{number}", "nickname": "n"})
    found = await manager.rows("person")
    assert [row["user_id"] for row in found] == [*"54321"]
    assert (found[-1]["impression"], found[-1]["points"]) == ("印象1", "")
    assert sizes == [2, 2, 1]
    assert await manager.rows("person", nickname_like="x") == []


@pytest.mark.parametrize("family", ["0.8", "0.12", "1"])
async def test_it_shows_what_the_bot_has_in_maibots_own_columns(
    http: httpx.AsyncClient, tmp_path: Path, family: Family
) -> None:
    """It showed nothing of a bot that nobody had synchronised, and it has no command for that."""
    async with managing(http, tmp_path / "bot", family) as manager:
        bot = manager.bot
        keys = [bot.learn_emoji(picture((n, 0, 0)), f"笑,n{n}", "笑脸") for n in range(3)]
        bot.learn_emoji(picture((9, 9, 9)), banned=True)
        known = bot.learn_person("10001", "阿树", "树", "喜欢猫")
        info = (await manager.ask("info", method="GET"))["data"]["database"]
        size = bot.file.stat().st_size
        assert info == {"exists": True, "valid": True, "size": size, "path": str(bot.file)}
        # Its first requests have no filter, and axios sends no body for that.
        counted = await http.post(f"{API}/resource/{manager.id}/emoji/count")
        assert counted.json() == {"status": "success", "data": {"total_count": 3}}
        assert await manager.total("person") == 1
        found = await manager.rows("emoji")
        first = found[-1]
        assert list(first) == EMOJI_COLUMNS
        assert first == {
            "id": first["id"],
            "full_path": f"{bot.images}/{keys[0]}.png",
            "format": "png",
            "emoji_hash": keys[0],
            "description": "" if bot.new else "笑脸",
            "emotion": "笑,n0",
            "query_count": 2,
            "is_registered": True,
            "is_banned": False,
            "usage_count": 2 if bot.new else 3,
        }
        assert (await manager.ask(f"emoji/{first['id']}", method="GET"))["data"] == first
        assert await manager.rows("emoji", batch_size=2, offset=1) == found[1:]
        (person,) = await manager.rows("person")
        assert list(person) == PERSON_COLUMNS
        remembered = {"impression": "喜欢猫", "points": ""}
        if family != "0.8":
            remembered = {"impression": "", "points": json.dumps(["喜欢猫"], ensure_ascii=False)}
        assert person == remembered | {
            "id": person["id"],
            "person_id": known,
            "person_name": "树",
            "platform": "qq",
            "user_id": "10001",
            "nickname": "阿树",
            "short_impression": "",
            "last_know": pytest.approx(bot.file.stat().st_mtime, abs=60),
        }
        assert (await manager.ask(f"person/{person['id']}", method="GET"))["data"] == person


async def test_each_filter_of_emojis_finds_what_it_names(manager: Manager, launcher: Launcher) -> None:
    for number, (tags, kind) in enumerate([("开心,Happy", "PNG"), ("生气", "PNG"), ("50%_\\", "PNG")]):
        manager.bot.learn_emoji(picture((number, 0, 0), kind), tags)
    assert await manager.total("emoji") == 3
    image = base64.b64encode(picture((7, 0, 0), "JPEG")).decode()
    ours = {"name": "笑", "description": "第一行\n第二行 happy", "image_data": image, "tags": ["新"]}
    manager.bot.execute("DELETE FROM images WHERE description = ?", "开心,Happy")
    assert (await sync.sync(launcher.ctx, manager.id)).gone == 1
    await manager.ask("emoji", ours)
    filters: Mapping[str, object]
    for filters, emotions in (
        ({}, ["新", "50%_\\", "生气", "开心,Happy"]),
        ({"emotion": "happy"}, ["开心,Happy"]),
        ({"emotion": "气"}, ["生气"]),
        ({"emotion": "%"}, ["50%_\\"]),
        ({"emotion": "0%_\\"}, ["50%_\\"]),
        ({"emotion": "开心,"}, []),
        ({"description_like": "HAPPY"}, ["新"]),
        ({"description_like": "行 第"}, ["新"]),
        ({"description_like": "笑"}, []),
        ({"description_like": "第", "emotion": "新"}, ["新"]),
        ({"description_like": "第", "emotion": "气"}, []),
        ({"is_registered": True}, ["新", "50%_\\", "生气"]),
        ({"is_registered": 0}, ["开心,Happy"]),
        ({"is_banned": False}, ["新", "50%_\\", "生气", "开心,Happy"]),
        ({"is_banned": 1}, []),
        ({"format": "jpeg"}, ["新"]),
        ({"format": "jpg", "is_registered": False}, []),
        ({"format": "", "emotion": None, "description_like": ""}, ["新", "50%_\\", "生气", "开心,Happy"]),
    ):
        assert [row["emotion"] for row in await manager.rows("emoji", **filters)] == emotions, filters


async def test_each_filter_of_persons_finds_what_it_names(manager: Manager) -> None:
    manager.bot.learn_person("1", "阿树", "树")
    manager.bot.learn_person("2", "Bob", None)
    manager.bot.insert(
        "person_info",
        dict.fromkeys(("person_name", "user_nickname"), 'x"platform": "qq"')
        | {"person_id": "t", "platform": "telegram", "user_id": "3", "is_known": 1, "know_counts": 1},
    )
    assert await manager.total("person") == 3
    await manager.ask("person", {"user_id": "4", "nickname": "树苗"})
    filters: Mapping[str, object]
    for filters, users in (
        ({}, ["4", "3", "2", "1"]),
        ({"platform": "qq"}, ["4", "2", "1"]),
        ({"platform": "telegram"}, ["3"]),
        ({"platform": "tele"}, []),
        ({"person_name_like": "树"}, ["1"]),
        ({"nickname_like": "树"}, ["4", "1"]),
        ({"nickname_like": "BO", "platform": "qq"}, ["2"]),
        ({"nickname_like": "树", "person_name_like": "树"}, ["1"]),
        ({"has_person_name": True}, ["3", "1"]),
        ({"has_person_name": False}, ["4", "2"]),
        ({"has_person_name": None, "platform": ""}, ["4", "3", "2", "1"]),
    ):
        assert [row["user_id"] for row in await manager.rows("person", **filters)] == users, filters


async def test_it_creates_changes_and_deletes_in_maibots_own_columns(
    manager: Manager, launcher: Launcher
) -> None:
    bot = manager.bot
    place = bot.folder / "data" / "emoji" / "new.png"
    place.write_bytes(picture((1, 2, 3)))
    new: dict[str, object]
    new = {"full_path": "data\\emoji\\new.png", "format": "png", "emoji_hash": "?", "description": ""}
    new |= {
        "emotion": "笑，大笑",
        "is_registered": False,
        "is_banned": False,
        "query_count": 0,
        "usage_count": 0,
    }
    # The second one has the same tags, and so another name.
    made = [(await manager.ask("emoji", new))["emoji_id"] for _ in range(2)]
    names = [(await manager.ask(f"emoji/{one}", method="GET"))["name"] for one in made]
    assert names[0] == "笑"
    assert names[1].startswith("笑 ")
    await manager.ask(f"emoji/{made[1]}", method="DELETE")
    row = (await manager.rows("emoji"))[0]
    assert row["emotion"] == "笑,大笑"
    await manager.ask(f"emoji/{row['id']}", row | {"emotion": "哭", "description": "泪"}, "PUT")
    changed = (await manager.ask(f"emoji/{row['id']}", method="GET"))["data"]
    assert (changed["emotion"], changed["description"]) == ("哭", "泪")
    await sync.sync(launcher.ctx, manager.id)
    assert [(found["description"], found["is_registered"]) for found in bot.emojis().values()] == [("哭", 1)]

    made = await manager.ask(
        "person", {"person_name": "树", "platform": "qq", "user_id": "5", "points": "[1]"}
    )
    (person,) = await manager.rows("person")
    assert person["id"] == made["person_id"]
    assert (person["person_name"], person["points"], person["impression"]) == ("树", "[1]", "")
    change = person | {"nickname": "阿树", "impression": "好", "points": None}
    await manager.ask(f"person/{person['id']}", change, "PUT")
    changed = await manager.ask(f"person/{person['id']}", method="GET")
    assert (changed["nickname"], changed["profile"]) == ("阿树", {"impression": "好"})
    assert changed["data"]["impression"] == "好"
    await manager.ask(f"person/{person['id']}", method="DELETE")
    assert await manager.total("person") == 0


async def test_what_the_bot_remembers_is_not_copied_by_a_change(manager: Manager) -> None:
    """The client sends back the whole row: what the bot had remembered would have stayed as it was then, for ever."""
    manager.bot.learn_person("1", "阿树")
    await manager.total("person")
    (person,) = await manager.rows("person")
    await manager.ask(f"person/{person['id']}", person | {"person_name": "树"}, "PUT")
    changed = await manager.ask(f"person/{person['id']}", method="GET")
    assert (changed["username"], changed["profile"]) == ("树", {})


async def test_what_only_the_bot_changes_is_refused_or_ignored(manager: Manager) -> None:
    """The client sends back counts that may have changed since it read them, and lets its user change flags."""
    manager.bot.learn_emoji(picture((1, 1, 1)))
    manager.bot.learn_person("1", "阿树")
    for kind, refused, ignored in (
        ("emoji", ({"is_banned": True}, {"is_registered": 0}), {"usage_count": 99, "full_path": "x"}),
        ("person", ({"platform": "telegram"},), {"person_id": "x", "last_know": 1.5}),
    ):
        await manager.total(kind)
        (row,) = await manager.rows(kind)
        place = f"{kind}/{row['id']}"
        for change in refused:
            await manager.refused(place, row | change, Code.INVALID_PARAMETER, next(iter(change)), "PUT")
        await manager.ask(place, row | ignored, "PUT")
        assert await manager.rows(kind) == [row]


async def test_bad_input_is_refused(manager: Manager) -> None:
    body: Mapping[str, object]
    for path, body, code, field in (
        ("emoji", {"full_path": "../secret.png", "emotion": "x"}, Code.INVALID_PATH, None),
        ("emoji", {"full_path": "/etc/passwd", "emotion": "x"}, Code.INVALID_PATH, None),
        ("emoji", {"full_path": "data/none.png", "emotion": "x"}, Code.RESOURCE_NOT_FOUND, None),
        ("emoji", {"full_path": "bot.py", "emotion": "x"}, Code.INVALID_IMAGE_FORMAT, "full_path"),
        ("emoji", {"emotion": "x", "format": "png"}, Code.INVALID_PARAMETER, "full_path"),
        ("emoji", {"full_path": "bot.py", "is_banned": 1}, Code.INVALID_PARAMETER, "is_banned"),
        ("person", {"person_name": "x", "platform": "qq"}, Code.INVALID_PARAMETER, "user_id"),
        ("person", {"user_id": "1", "platform": "telegram"}, Code.INVALID_PARAMETER, "platform"),
        ("emoji/batch", {"batch_size": 0}, Code.INVALID_PARAMETER, "batch_size"),
        ("emoji/batch", {"batch_size": 1001}, Code.INVALID_PARAMETER, "batch_size"),
        ("person/batch", {"offset": -1}, Code.INVALID_PARAMETER, "offset"),
        ("emoji/count", {"format": "bmp"}, Code.INVALID_PARAMETER, "format"),
        ("emoji/count", {"emotion": "x" * 300}, Code.INVALID_PARAMETER, "emotion"),
        ("person/count", {"nickname_like": "x" * 300}, Code.INVALID_PARAMETER, "nickname_like"),
        ("person", {"person_name": "x" * 200, "user_id": "1"}, Code.INVALID_PARAMETER, "person_name"),
        ("person/count", {"has_person_name": "yes"}, Code.INVALID_PARAMETER, "has_person_name"),
    ):
        message = await manager.refused(path, body, code, field, "POST")
        assert "_part" not in message


async def test_a_database_that_is_absent_or_damaged_is_told_and_hides_nothing(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    for name, content in (("absent", None), ("damaged", b"no database" * 100)):
        folder = write_bot(tmp_path / name)
        file = folder / "data" / "MaiBot.db"
        if content is not None:
            file.parent.mkdir()
            file.write_bytes(content)
        instance = await add_bot(http, folder)
        await http.post(f"{API}/resource/{instance}/person", json={"user_id": "1"})
        info = (await http.get(f"{API}/resource/{instance}/info")).json()["data"]["database"]
        size = len(content or b"")
        assert info == {"exists": content is not None, "valid": False, "size": size, "path": str(file)}
        counted = await http.post(f"{API}/resource/{instance}/person/count", json={})
        assert counted.json()["data"] == {"total_count": 1}
    for path in ("emoji/count", "emoji/batch", "person/count", "person/batch"):
        failure(await http.post(f"{API}/resource/{'0' * 40}/{path}", json={}), Code.INSTANCE_NOT_FOUND)
    failure(await http.get(f"{API}/resource/{'0' * 40}/info"), Code.INSTANCE_NOT_FOUND)
