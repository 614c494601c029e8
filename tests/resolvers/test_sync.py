"""Sync with a bot's own database: what it learned is shown, what the user changed reaches it, nothing is lost."""

import asyncio
import base64
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import bots
from bots.database import connect, images
from bots.database.layout import Family
from mailauncher.errors import Code, InstanceNotFound, LauncherError
from resolvers import emojis, instances, persons, sync, terminals
from resolvers.context import Context
from resolvers.emojis import EmojiChange, NewEmoji
from resolvers.persons import NewPerson, PersonChange
from resolvers.sync import When
from resolvers.syncing import pull, synchronizer
from resolvers.views import EmojiView, InstanceView, PersonView
from tests.support.bot_databases import FAMILIES, OLD, BotDatabase, holder, picture
from tests.support.context import add_bot, free_port, outputs, parts

ROOT = Path(__file__).resolve().parents[2]
RED, BLUE, GREEN = (picture(colour) for colour in ((255, 0, 0), (0, 0, 255), (0, 255, 0)))
PATIENCE_S = 30

OLD_BOT = """
import os, signal, sqlite3, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
connection = sqlite3.connect("data/MaiBot.db", timeout=1, isolation_level=None)
folder = os.path.join("data", "emoji_registed")
memory = {}
for path, in connection.execute("SELECT full_path FROM emoji WHERE is_registered").fetchall():
    if os.path.dirname(path) == folder and os.path.exists(path):
        memory[os.path.basename(path)] = path
    else:
        connection.execute("DELETE FROM emoji WHERE full_path = ?", (path,))
print("loaded", len(memory), flush=True)
for line in sys.stdin:
    for name in os.listdir(folder):
        if name not in memory:
            os.unlink(os.path.join(folder, name))
    print("scanned", len(os.listdir(folder)), flush=True)
"""
"""Does with its files what MaiBot does up to 0.12: loads what its rows name, and deletes at each scan what it has not loaded.
Every line that it hears makes it scan."""
NEW_BOT = OLD_BOT.replace("emoji_registed", "emoji").replace("FROM emoji", "FROM images")
NEW_BOT = (
    NEW_BOT.replace("os.path.dirname(path) == folder and ", "").partition("for line")[0]
    + "sys.stdin.read()\n"
)


def script(family: Family) -> str:
    return NEW_BOT if family == "1" else OLD_BOT


async def bot_of(ctx: Context, folder: Path, family: Family) -> tuple[InstanceView, BotDatabase]:
    bot = BotDatabase(folder, family)
    return await add_bot(ctx, folder, script(family)), bot


async def eventually(true: Callable[[], bool]) -> None:
    """Waits until another task has changed a file or a row."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.01)


def is_filled(folder: Path) -> bool:
    """Whether the sample bot has created its tables and rows; between two tables its database has no known layout."""
    try:
        counted = connect.read(
            folder,
            lambda connection, _: connection.execute("SELECT count(*) FROM person_info").fetchone()[0],
        )
    except LauncherError:
        return False
    return bool(counted)


async def nothing_pending(ctx: Context, instance_id: str) -> None:
    """Waits until nothing is pending."""
    async with asyncio.timeout(PATIENCE_S):
        while await ctx.synchronizer.stores.snapshots.count_pending(instance_id):
            await asyncio.sleep(0.01)


async def create(
    ctx: Context, instance_id: str, data: bytes = RED, name: str = "红", **given: Any
) -> EmojiView:
    new = NewEmoji(
        name, base64.b64encode(data).decode(), **({"description": "一张图", "tags": ("颜色",)} | given)
    )
    return await emojis.create(ctx, instance_id, new)


async def all_emojis(ctx: Context, instance_id: str) -> list[EmojiView]:
    return (await emojis.search(ctx, instance_id, emojis.EmojiFilter(), 200, 0))[0]


async def all_persons(ctx: Context, instance_id: str) -> list[PersonView]:
    return (await persons.search(ctx, instance_id, persons.PersonFilter(), 200, 0))[0]


def copies(ctx: Context, instance_id: str) -> list[dict[str, Any]]:
    """The copied rows, oldest first."""
    folder = ctx.settings.data_folder / "undo" / instance_id
    return [msgspec.json.decode(file.read_bytes())["columns"] for file in sorted(folder.glob("*.json"))]


# Pulls


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_pull_shows_what_the_bot_learned_and_does_not_write_to_it(
    ctx: Context, tmp_path: Path, family: Family
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    keys = {bot.learn_emoji(RED, "开心,友好"), bot.learn_emoji(BLUE, "开心")}
    bot.learn_person("10001", "小林", "林林")
    before = bot.bytes()
    report = await sync.sync(ctx, view.id)
    assert (report.complete, report.added, report.applied, report.pending, report.problems) == (
        True,
        3,
        0,
        0,
        (),
    )
    found = await all_emojis(ctx, view.id)
    assert {emoji.origin for emoji in found} == {"bot"}
    assert {tuple(emoji.tags) for emoji in found} == {("开心", "友好"), ("开心",)}
    assert len({emoji.name for emoji in found}) == 2
    assert all(emoji.name.startswith("开心") for emoji in found)
    files = {ctx.store.images.path(emoji.image_url.removeprefix(emojis.URL)).read_bytes() for emoji in found}
    assert files == {RED, BLUE}
    (person,) = await all_persons(ctx, view.id)
    assert (person.user_id, person.nickname, person.username) == ("10001", "小林", "林林")
    assert bot.bytes() == before
    assert set(bot.emojis()) == keys


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_second_sync_changes_nothing(ctx: Context, tmp_path: Path, family: Family) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    bot.learn_emoji(RED)
    bot.learn_person("10001", "小林")
    await sync.sync(ctx, view.id)
    before = await all_emojis(ctx, view.id), await all_persons(ctx, view.id), bot.bytes()
    report = await sync.sync(ctx, view.id)
    assert (report.added, report.changed, report.gone, report.applied) == (0, 0, 0, 0)
    assert (await all_emojis(ctx, view.id), await all_persons(ctx, view.id), bot.bytes()) == before


async def test_a_pull_reads_more_than_one_page(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "PAGE", 7)
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    for n in range(20):
        bot.learn_person(str(n), f"n{n}")
        bot.learn_emoji(picture((n, n, n)))
    assert (await sync.sync(ctx, view.id)).added == 40
    assert len(await all_persons(ctx, view.id)) == 20
    assert len({emoji.name for emoji in await all_emojis(ctx, view.id)}) == 20


async def test_a_clock_that_is_set_back_during_a_sync_makes_no_row_look_gone(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that had just been read seemed to have been read before the sync, and were unlinked from the bot's."""
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    bot.learn_emoji(RED)
    bot.learn_person("10001", "小林")
    falling = itertools.count(10**13, -60_000)
    monkeypatch.setattr(pull, "now_ms", lambda: next(falling))
    for _ in range(2):
        assert (await sync.sync(ctx, view.id)).gone == 0
    bot.execute("DELETE FROM person_info")
    assert (await sync.sync(ctx, view.id)).gone == 1


async def test_the_next_sync_pulls_what_the_bot_has_changed(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    bot.learn_emoji(RED)
    bot.learn_person("10001", "小林")
    await sync.sync(ctx, view.id)
    bot.execute("UPDATE emoji SET emotion = '难过', description = '新的描述'")
    bot.execute("UPDATE person_info SET nickname = '大林', memory_points = 'x'")
    bot.learn_emoji(BLUE)
    report = await sync.sync(ctx, view.id)
    assert (report.added, report.changed) == (1, 2)
    assert [e.tags for e in await all_emojis(ctx, view.id) if e.description == "新的描述"] == [["难过"]]
    assert [p.nickname for p in await all_persons(ctx, view.id)] == ["大林"]


async def test_rows_gone_from_the_bot_stay_here_and_are_counted(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "1")
    bot.learn_emoji(RED)
    bot.learn_person("10001", "小林")
    await sync.sync(ctx, view.id)
    bot.execute("DELETE FROM images")
    bot.execute("DELETE FROM person_info")
    report = await sync.sync(ctx, view.id)
    assert (report.gone, report.pending) == (2, 0)
    assert len(await all_emojis(ctx, view.id)) == len(await all_persons(ctx, view.id)) == 1
    assert (await sync.sync(ctx, view.id)).gone == 0
    bot.learn_emoji(RED)  # learned again, it is the same one
    assert (await sync.sync(ctx, view.id)).added == 0
    assert len(await all_emojis(ctx, view.id)) == 1


async def test_invalid_rows_are_reported_and_the_others_are_pulled(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    for n in range(4):
        bot.learn_emoji(picture((n, 0, 0)), f"tag{n}")
    bot.execute("UPDATE emoji SET emoji_hash = '' WHERE id = 1")
    bot.execute("UPDATE emoji SET full_path = '../../x.png' WHERE id = 2")
    (bot.folder / bot.emojis()[bot.key(picture((2, 0, 0)))]["full_path"]).write_bytes(b"no image")
    bot.learn_person("", "nobody")
    bot.learn_person("10001", "a\x07b" + "长" * 500)
    report = await sync.sync(ctx, view.id)
    assert report.added == 2
    assert sorted((problem.kind, problem.code) for problem in report.problems) == [
        ("emoji", Code.INVALID_IMAGE_FORMAT),
        ("emoji", Code.INVALID_PARAMETER),
        ("emoji", Code.INVALID_PATH),
        ("person", Code.INVALID_PARAMETER),
    ]
    assert (await all_persons(ctx, view.id))[0].nickname.startswith("a b长")
    assert (await sync.status(ctx, view.id)).problems == report.problems


async def test_persons_on_two_platforms_may_have_the_same_user_id(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    bot.learn_person("10001", "小林")
    row = {"person_id": "x" * 32, "platform": "webui", "user_id": "10001", "nickname": "Echo", "is_known": 1}
    bot.insert("person_info", row)
    await sync.sync(ctx, view.id)
    found = {person.user_id: person.nickname for person in await all_persons(ctx, view.id)}
    assert found == {"10001": "小林", "webui:10001": "Echo"}
    assert (await sync.sync(ctx, view.id)).added == 0


# Additions


@pytest.mark.parametrize("family", FAMILIES)
async def test_additions_reach_a_stopped_bot_at_once_and_are_not_pulled_again(
    ctx: Context, tmp_path: Path, family: Family
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    await create(ctx, view.id)
    await persons.create(ctx, view.id, NewPerson("10001", "名", "小林"))
    await nothing_pending(ctx, view.id)
    (row,) = bot.emojis().values()
    assert (bot.folder / row["full_path"]).read_bytes() == RED
    assert row["description" if family == "1" else "emotion"] == "颜色"
    assert bot.persons()["10001"]["person_name"] == "名"
    assert (await sync.sync(ctx, view.id)).added == 0
    assert [emoji.origin for emoji in await all_emojis(ctx, view.id)] == ["user"]
    assert copies(ctx, view.id) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
async def test_additions_reach_a_running_bot_when_that_is_safe_and_survive(
    ctx: Context, tmp_path: Path, family: Family
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    bot.learn_emoji(BLUE)
    await instances.start(ctx, view.id)
    await outputs(ctx, f"{view.id}_main", "loaded 1")
    await create(ctx, view.id)
    await persons.create(ctx, view.id, NewPerson("10001", "名", "小林"))
    if family == "1":
        await eventually(lambda: len(bot.emojis()) == 2)
    status = await sync.status(ctx, view.id)
    waiting = {(change.kind, change.change, change.when) for change in status.changes}
    assert ("person", "add", When.AT_STOP) in waiting
    assert (("emoji", "add", When.AT_STOP) in waiting) == (family != "1")
    report = await sync.sync(ctx, view.id)
    assert report.added == 1  # the bot's own
    assert report.pending == (1 if family == "1" else 2)
    assert len(bot.emojis()) == (2 if family == "1" else 1)
    await instances.stop(ctx, view.id)
    await nothing_pending(ctx, view.id)
    assert len(bot.emojis()) == 2
    assert list(bot.persons()) == ["10001"]
    await instances.start(ctx, view.id)
    await outputs(ctx, f"{view.id}_main", "loaded 2")
    if family != "1":
        await terminals.send_input(ctx, f"{view.id}_main", "scan\n")
        await outputs(ctx, f"{view.id}_main", "scanned 2")


@pytest.mark.slow
async def test_a_restart_pushes_between_the_two_processes(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    await instances.start(ctx, view.id)
    await outputs(ctx, f"{view.id}_main", "loaded 0")
    await create(ctx, view.id)
    assert bot.emojis() == {}
    await instances.restart(ctx, view.id)
    await outputs(ctx, f"{view.id}_main", "loaded 1")
    assert await ctx.synchronizer.stores.snapshots.count_pending(view.id) == 0


@pytest.mark.slow
async def test_a_start_does_not_wait_long_for_a_locked_database(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_S", 0.1)
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    with holder(bot):
        await create(ctx, view.id)
        outcome = await instances.start(ctx, view.id)
        assert outcome.complete
        assert bot.emojis() == {}
    assert (await sync.status(ctx, view.id)).pending == 1
    await instances.stop(ctx, view.id)
    await nothing_pending(ctx, view.id)
    assert len(bot.emojis()) == 1


async def test_additions_wait_until_the_bot_has_a_database(ctx: Context, tmp_path: Path) -> None:
    view = await add_bot(ctx, tmp_path / "bot")
    await create(ctx, view.id)
    status = await sync.status(ctx, view.id)
    assert (status.database, status.family, status.problem) == (False, None, None)
    assert [change.when for change in status.changes] == [When.WITH_DATABASE]
    report = await sync.sync(ctx, view.id)
    assert (report.complete, report.pending) == (True, 1)
    assert not (tmp_path / "bot" / "data").exists()
    bot = BotDatabase(tmp_path / "bot", "0.10")
    await sync.sync(ctx, view.id)
    assert len(bot.emojis()) == 1


@pytest.mark.parametrize("family", OLD)
async def test_a_webp_becomes_a_png_for_an_old_bot_and_stays_one_emoji(
    ctx: Context, tmp_path: Path, family: Family
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    await create(ctx, view.id, picture((1, 2, 3), "WEBP"))
    await nothing_pending(ctx, view.id)
    (row,) = bot.emojis().values()
    assert row["format"] == "png"
    report = await sync.sync(ctx, view.id)
    assert (report.added, report.changed) == (0, 0)
    assert len(await all_emojis(ctx, view.id)) == 1


async def test_an_image_that_the_bot_cannot_take_stays_pending_with_a_reason(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "LIMIT_BYTES", len(RED) - 1)
    view, bot = await bot_of(ctx, tmp_path / "bot", "1")
    await create(ctx, view.id, RED)
    other = picture((9, 9, 9), "GIF")
    assert len(other) < len(RED)
    await create(ctx, view.id, other, "小")
    report = await sync.sync(ctx, view.id)
    assert [(problem.name, problem.code) for problem in report.problems] == [("红", Code.FILE_TOO_LARGE)]
    assert report.pending == 1
    assert list(bot.emojis()) == [bot.key(other)]


# The same on both sides


@pytest.mark.parametrize("family", FAMILIES)
async def test_the_same_image_on_both_sides_is_one_emoji_of_the_bot(
    ctx: Context, tmp_path: Path, family: Family
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    key = bot.learn_emoji(RED, "难过")
    bot.learn_person("10001", "小林")
    was, person_was = bot.emojis()[key], bot.persons()["10001"]
    emoji = await create(ctx, view.id)
    person = await persons.create(ctx, view.id, NewPerson("10001", "名", "新"))
    await nothing_pending(ctx, view.id)
    await sync.sync(ctx, view.id)
    assert [e.origin for e in await all_emojis(ctx, view.id)] == ["bot"]
    assert [p.origin for p in await all_persons(ctx, view.id)] == ["bot"]
    assert bot.emojis()[key]["description" if family == "1" else "emotion"] == "颜色"
    assert copies(ctx, view.id) == [was, person_was]
    await emojis.delete(ctx, view.id, [emoji.id])
    await persons.delete(ctx, view.id, [person.id])
    await sync.sync(ctx, view.id)
    assert list(bot.emojis()) == [key]
    assert list(bot.persons()) == ["10001"]
    assert not await all_emojis(ctx, view.id)
    assert not await all_persons(ctx, view.id)


@pytest.mark.slow
async def test_the_bot_learning_a_pending_addition_makes_it_one_with_the_users_values(
    ctx: Context, tmp_path: Path
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    await instances.start(ctx, view.id)
    await outputs(ctx, f"{view.id}_main", "loaded 0")
    await create(ctx, view.id)
    await persons.create(ctx, view.id, NewPerson("10001", "名", "用户"))
    key = bot.learn_emoji(RED, "Bot")
    bot.learn_person("10001", "Bot")
    report = await sync.sync(ctx, view.id)
    assert (report.added, report.pending) == (0, 2)
    changes = {change.change for change in (await sync.status(ctx, view.id)).changes}
    assert changes == {"update"}
    assert [(e.tags, e.origin) for e in await all_emojis(ctx, view.id)] == [(["颜色"], "bot")]
    assert [(p.nickname, p.origin) for p in await all_persons(ctx, view.id)] == [("用户", "bot")]
    await instances.stop(ctx, view.id)
    await nothing_pending(ctx, view.id)
    assert bot.emojis()[key]["emotion"] == "颜色"
    assert bot.persons()["10001"]["nickname"] == "用户"
    assert [row.get("emotion", row.get("nickname")) for row in copies(ctx, view.id)] == ["Bot", "Bot"]


async def test_one_image_under_two_names_is_pushed_once(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    await create(ctx, view.id, RED, "a")
    await create(ctx, view.id, RED, "b")
    await nothing_pending(ctx, view.id)
    assert len(bot.emojis()) == 1
    assert len(await all_emojis(ctx, view.id)) == 2
    report = await sync.sync(ctx, view.id)
    assert (report.added, report.pending, report.problems) == (0, 0, ())


# Changes


@pytest.mark.parametrize("family", FAMILIES)
async def test_changes_reach_the_bot_and_its_former_row_is_copied(
    ctx: Context, tmp_path: Path, family: Family
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    key = bot.learn_emoji(RED)
    bot.learn_person("10001", "小林")
    await sync.sync(ctx, view.id)
    was, person_was = bot.emojis()[key], bot.persons()["10001"]
    (emoji,) = await all_emojis(ctx, view.id)
    (person,) = await all_persons(ctx, view.id)
    await emojis.update(ctx, view.id, EmojiChange(emoji.id, name="新名", tags=("新", "标签"), category="类"))
    await persons.update(ctx, view.id, PersonChange(person.id, nickname="新", profile={"age": 25}))
    await nothing_pending(ctx, view.id)
    assert bot.emojis()[key] == was | {"description" if family == "1" else "emotion": "新,标签"}
    assert bot.persons()["10001"] == person_was | {"user_nickname" if family == "1" else "nickname": "新"}
    assert copies(ctx, view.id) == [was, person_was]
    report = await sync.sync(ctx, view.id)
    assert (report.changed, report.pending) == (0, 0)
    (emoji,) = await all_emojis(ctx, view.id)
    assert (emoji.name, emoji.tags, emoji.category) == ("新名", ["新", "标签"], "类")


@pytest.mark.slow
async def test_a_merge_takes_the_bots_change_and_the_users_on_conflict(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    key = bot.learn_emoji(RED, "旧", "旧的描述")
    bot.learn_person("10001", "小林", "林林")
    await sync.sync(ctx, view.id)
    (emoji,) = await all_emojis(ctx, view.id)
    (person,) = await all_persons(ctx, view.id)
    await instances.start(ctx, view.id)
    await emojis.update(ctx, view.id, EmojiChange(emoji.id, tags=("用户",)))
    await persons.update(ctx, view.id, PersonChange(person.id, nickname="用户"))
    bot.execute("UPDATE emoji SET emotion = 'Bot', description = 'Bot 的描述'")
    bot.execute("UPDATE person_info SET person_name = 'Bot'")
    await sync.sync(ctx, view.id)
    assert [e.tags for e in await all_emojis(ctx, view.id)] == [["用户"]]
    await instances.stop(ctx, view.id)
    await nothing_pending(ctx, view.id)
    row = bot.emojis()[key]
    assert (row["emotion"], row["description"]) == ("用户", "Bot 的描述")
    (emoji,) = await all_emojis(ctx, view.id)
    assert (emoji.tags, emoji.description) == (["用户"], "Bot 的描述")
    assert bot.persons()["10001"]["nickname"] == "用户"
    (person,) = await all_persons(ctx, view.id)
    assert (person.nickname, person.username) == ("用户", "Bot")
    assert [copy["emotion"] for copy in copies(ctx, view.id) if "emotion" in copy] == ["Bot"]


async def test_a_conflict_is_reported_and_in_the_journal(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_S", 0.05)
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    bot.learn_emoji(RED, "旧")
    await sync.sync(ctx, view.id)
    (emoji,) = await all_emojis(ctx, view.id)
    with holder(bot):  # no push can write now
        await emojis.update(ctx, view.id, EmojiChange(emoji.id, tags=("用户",)))
        bot.execute("UPDATE emoji SET emotion = 'Bot'")
        await eventually(lambda: not ctx.synchronizer._tasks)
        with pytest.raises(LauncherError) as refusal:
            await sync.sync(ctx, view.id)
    assert refusal.value.code is Code.SERVICE_UNAVAILABLE
    status = await sync.status(ctx, view.id)
    assert status.last_error == refusal.value.text
    report = await sync.sync(ctx, view.id)
    assert [(problem.name, problem.code) for problem in report.problems] == [(emoji.name, None)]
    assert "tags" in report.problems[0].text.en
    assert (await sync.status(ctx, view.id)).last_error is None
    noted = [row["en"] for row in await ctx.store.journal.after(0, 100) if row["kind"] == "conflict"]
    assert [emoji.name in words for words in noted] == [True]


async def test_a_change_of_a_row_gone_from_the_bot_stays_here(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    bot.learn_emoji(RED)
    await sync.sync(ctx, view.id)
    (emoji,) = await all_emojis(ctx, view.id)
    bot.execute("DELETE FROM emoji")
    await emojis.update(ctx, view.id, EmojiChange(emoji.id, tags=("用户",)))
    await nothing_pending(ctx, view.id)
    assert bot.emojis() == {}
    assert [e.tags for e in await all_emojis(ctx, view.id)] == [["用户"]]


async def test_what_a_bot_has_learned_is_here_once_it_is_ready(ctx: Context, tmp_path: Path) -> None:
    """The lists of emojis and persons stayed empty until somebody knew that there is a sync."""
    view, bot = await bot_of(ctx, tmp_path / "bot", "1")
    bot.learn_emoji(RED, "学到的")
    listens = f"import socket\nserver = socket.create_server(('127.0.0.1', {view.port}))\nwhile True:\n    server.accept()\n"
    (tmp_path / "bot" / "bot.py").write_text(listens)
    await instances.start(ctx, view.id)
    await eventually_there(ctx, view.id, 1)


async def eventually_there(ctx: Context, instance_id: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(await all_emojis(ctx, instance_id)) < count:
            await asyncio.sleep(0.02)


async def test_what_a_bot_has_learned_without_a_server_is_here_with_the_next_one(tmp_path: Path) -> None:
    async with parts(tmp_path) as ctx:
        view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    bot.learn_emoji(RED, "学到的")
    async with parts(tmp_path) as ctx:
        await eventually_there(ctx, view.id, 1)


# Deletions


@pytest.mark.parametrize("family", FAMILIES)
async def test_deleting_a_row_of_the_bot_hides_it_here_only(
    ctx: Context, tmp_path: Path, family: Family
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    bot.learn_emoji(RED)
    bot.learn_person("10001", "小林")
    await sync.sync(ctx, view.id)
    before = bot.bytes()
    await emojis.delete(ctx, view.id, [emoji.id for emoji in await all_emojis(ctx, view.id)])
    await persons.delete(ctx, view.id, [person.id for person in await all_persons(ctx, view.id)])
    report = await sync.sync(ctx, view.id)
    assert (report.added, report.pending) == (0, 0)
    assert not await all_emojis(ctx, view.id)
    assert not await all_persons(ctx, view.id)
    assert bot.bytes() == before
    await create(ctx, view.id)  # added again after all
    await nothing_pending(ctx, view.id)
    assert [emoji.origin for emoji in await all_emojis(ctx, view.id)] == ["bot"]


@pytest.mark.parametrize("family", FAMILIES)
async def test_deleting_from_the_bot_leaves_copies(ctx: Context, tmp_path: Path, family: Family) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    key = bot.learn_emoji(RED)
    other = bot.learn_emoji(BLUE, "别的")
    bot.learn_person("10001", "小林")
    await sync.sync(ctx, view.id)
    was, person_was = bot.emojis()[key], bot.persons()["10001"]
    chosen = [emoji.id for emoji in await all_emojis(ctx, view.id) if emoji.tags == ["开心"]]
    await emojis.delete(ctx, view.id, chosen, from_bot=True)
    await persons.delete(ctx, view.id, [p.id for p in await all_persons(ctx, view.id)], from_bot=True)
    await nothing_pending(ctx, view.id)
    assert list(bot.emojis()) == [other]
    assert bot.persons() == {}
    assert copies(ctx, view.id) == [was, person_was]
    kept = ctx.settings.data_folder / "undo" / view.id
    assert [file.read_bytes() for file in kept.glob("*.png")] == [RED]
    assert (await sync.sync(ctx, view.id)).added == 0


@pytest.mark.slow
@pytest.mark.parametrize("family", ["0.12", "1"])
async def test_deleting_an_addition_deletes_it_from_the_bot_when_that_is_safe(
    ctx: Context, tmp_path: Path, family: Family
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", family)
    emoji = await create(ctx, view.id)
    await nothing_pending(ctx, view.id)
    await instances.start(ctx, view.id)
    await outputs(ctx, f"{view.id}_main", "loaded 1")
    await emojis.delete(ctx, view.id, [emoji.id])
    if family == "0.12":
        assert len(bot.emojis()) == 1
        (change,) = (await sync.status(ctx, view.id)).changes
        assert (change.change, change.name, change.when) == ("delete", "", When.AT_STOP)
        await instances.stop(ctx, view.id)
    await nothing_pending(ctx, view.id)
    assert bot.emojis() == {}
    assert bot.files() == set()
    assert len(copies(ctx, view.id)) == 1


# Failures


async def test_an_unreadable_database_is_in_the_status_and_fails_a_sync(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    bot.learn_emoji(RED)
    await sync.sync(ctx, view.id)
    bot.execute("ALTER TABLE person_info RENAME COLUMN person_id TO soul")
    status = await sync.status(ctx, view.id)
    assert (status.database, status.family) == (True, None)
    assert status.problem is not None
    assert "soul" in status.problem.en
    with pytest.raises(LauncherError) as refusal:
        await sync.sync(ctx, view.id)
    assert refusal.value.code is Code.DATABASE_ERROR
    bot.file.write_bytes(b"garbage" * 1000)
    with pytest.raises(LauncherError) as refusal:
        await sync.sync(ctx, view.id)
    assert "damaged" in refusal.value.text.en
    assert bot.file.read_bytes() == b"garbage" * 1000
    assert len(await all_emojis(ctx, view.id)) == 1


async def test_a_link_out_of_the_folder_is_refused_for_reading_and_writing(
    ctx: Context, tmp_path: Path
) -> None:
    stranger = BotDatabase(tmp_path / "stranger", "0.12")
    stranger.learn_person("10001", "小林")
    view = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "data").symlink_to(stranger.folder / "data")
    before = stranger.bytes()
    await create(ctx, view.id)
    with pytest.raises(LauncherError) as refusal:
        await sync.sync(ctx, view.id)
    assert refusal.value.code is Code.INVALID_PATH
    assert stranger.bytes() == before


async def test_an_unknown_instance_is_not_found(ctx: Context) -> None:
    for ask in (sync.sync, sync.status):
        with pytest.raises(InstanceNotFound):
            await ask(ctx, "0" * 40)


async def test_concurrent_syncs_are_one(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    bot.learn_emoji(RED)
    reports = await asyncio.gather(*(sync.sync(ctx, view.id) for _ in range(5)))
    assert {report.added for report in reports} == {1}
    assert len(await all_emojis(ctx, view.id)) == 1


async def test_a_long_sync_is_answered_and_continues(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    bot.learn_emoji(RED)
    monkeypatch.setattr(sync, "ANSWER_WITHIN_S", 0)
    assert not (await sync.sync(ctx, view.id)).complete
    await ctx.synchronizer.sync(view.id, "test")
    assert len(await all_emojis(ctx, view.id)) == 1


async def test_deleting_an_instance_deletes_its_snapshots(ctx: Context, tmp_path: Path) -> None:
    view, bot = await bot_of(ctx, tmp_path / "bot", "0.12")
    key = bot.learn_emoji(RED)
    before = bot.bytes()
    await sync.sync(ctx, view.id)
    assert await ctx.synchronizer.stores.snapshots.get(view.id, "emoji", [key])
    await instances.delete(ctx, view.id)
    assert await ctx.synchronizer.stores.snapshots.get(view.id, "emoji", [key]) == {}
    assert bot.bytes() == before


@pytest.mark.slow
async def test_the_sample_bot_is_pulled_while_it_runs_and_pushed_to_when_it_stops(
    ctx: Context, tmp_path: Path
) -> None:
    folder = tmp_path / "bot"
    shutil.copytree(Path(bots.__file__).parent / "sample", folder)
    (folder / "sample.args").write_text("--no-consent --quiet --slow-start 0 --slow-stop 0")
    command = [sys.executable, "bot.py", "--setup"]
    subprocess.run(
        command, cwd=folder, check=True, timeout=60, env={**os.environ, "MAIBOT_WORKER_PROCESS": "1"}
    )
    port = free_port()
    ports = f"PORT={port}\nWEBUI_PORT={free_port()}\n"
    (folder / ".env").write_text(f"HOST=127.0.0.1\n{ports}", "utf-8")
    new = instances.NewInstance("bot", str(folder), port, services=())
    view = await instances.add(ctx, new)
    await instances.start(ctx, view.id)
    await eventually(lambda: is_filled(folder))
    report = await sync.sync(ctx, view.id)
    assert (report.added, report.problems) == (6, ())
    await create(ctx, view.id)
    assert (await sync.status(ctx, view.id)).pending == 1
    await instances.stop(ctx, view.id)
    await nothing_pending(ctx, view.id)
    assert len(list((folder / "data" / "emoji_registed").iterdir())) == 4
    assert (await sync.sync(ctx, view.id)).pending == 0


# Killed servers

_KILLED = """
import asyncio, base64, os, signal, sys
from pathlib import Path
from bots.database import statements
from store.snapshots import Snapshots
from resolvers import emojis, sync
from resolvers.syncing import push
from tests.support.context import settings_for
from resolvers.lifespan import open_context

folder, url, instance_id, image, moment, act = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

async def die_soon(*_, **__):
    die()

async def main():
    async with open_context(settings_for(Path(folder), database_url=url)) as ctx:
        await sync.sync(ctx, instance_id)  # that of the start would die of it
        if moment == "row":
            statements.insert = statements.delete = die
        elif moment == "note":
            Snapshots.save = Snapshots.delete = die_soon
        elif moment == "settle":
            push.Push._settle = die_soon
        if act == "add":
            data = base64.b64encode(Path(image).read_bytes()).decode()
            await emojis.create(ctx, instance_id, emojis.NewEmoji("红", data, "一张图", ("颜色",)))
        else:
            found, _ = await emojis.search(ctx, instance_id, emojis.EmojiFilter(), 10, 0)
            await emojis.delete(ctx, instance_id, [emoji.id for emoji in found], from_bot=True)
        await sync.sync(ctx, instance_id)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "act, moment", [("add", "row"), ("add", "note"), ("add", "settle"), ("delete", "row"), ("delete", "note")]
)
@pytest.mark.parametrize("family", ["0.12", "1"])
async def test_the_next_server_completes_a_push_that_a_kill_cut_short(
    tmp_path: Path, family: Family, act: str, moment: str
) -> None:
    async with parts(tmp_path) as ctx:
        view, bot = await bot_of(ctx, tmp_path / "bot", family)
        url = ctx.settings.database_url
        other = bot.learn_emoji(BLUE, "别的")
        await sync.sync(ctx, view.id)
        (kept,) = await all_emojis(ctx, view.id)
        if act == "delete":
            await emojis.delete(ctx, view.id, [kept.id])
            await create(ctx, view.id)
            await nothing_pending(ctx, view.id)
    image = tmp_path / "image"
    image.write_bytes(RED)
    command = [sys.executable, "-c", _KILLED, str(tmp_path), url, view.id, str(image), moment, act]
    ended = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, check=False, timeout=60, env=dict(os.environ)
    )
    assert ended.returncode == -signal.SIGKILL
    async with parts(tmp_path) as ctx:
        await nothing_pending(ctx, view.id)  # pushed by the new server at its start
        report = await sync.sync(ctx, view.id)
        assert (report.added, report.pending, report.problems) == (0, 0, ())
        shown = {emoji.name: emoji.origin for emoji in await all_emojis(ctx, view.id)}
    red = bot.key(RED)
    assert set(bot.emojis()) == ({other, red} if act == "add" else {other})
    assert shown == ({kept.name: "bot", "红": "user"} if act == "add" else {})
    assert bot.files() == {f"{Path(bot.images).name}/{key}.png" for key in bot.emojis()}


async def test_nothing_is_pushed_after_the_close(tmp_path: Path) -> None:
    async with parts(tmp_path) as ctx:
        view, bot = await bot_of(ctx, tmp_path / "bot", "1")
    ctx.synchronizer.schedule_push(view.id)
    await ctx.synchronizer.before_start(view.id)
    assert not ctx.synchronizer._tasks
    assert bot.emojis() == {}
    assert synchronizer.BEFORE_START_S < 8
