"""Writing to a bot's database and folder: whole rows of every family, nothing lost, an end half-way made good."""

import io
import os
import signal
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from mailauncher.bots.learned import database, emoji_writing, files, persons, pictures, undo
from mailauncher.bots.learned.layout import Family
from mailauncher.bots.learned.persons import Known
from mailauncher.bots.learned.undo import Undo
from mailauncher.errors import Code, LauncherError
from tests.support.bot_databases import FAMILIES, OLD, BotDatabase, animation, holder, picture

ROOT = Path(__file__).resolve().parents[3]
RED, BLUE = picture((255, 0, 0)), picture((0, 0, 255))
TAGS = ("开心", "友好")


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "undo"


def add(bot: BotDatabase, copies: Path, data: bytes = RED, description: str = "一张红色的图") -> str:
    made = pictures.fitting(data, bot.family)
    with database.writing(bot.folder, alone=not bot.new) as (connection, shape):
        emoji_writing.add(connection, shape, bot.folder, Undo(copies), made, description, TAGS)
    return made.key


def change(bot: BotDatabase, copies: Path, key: str, description: str, tags: tuple[str, ...]) -> bool:
    with database.writing(bot.folder, alone=not bot.new) as (connection, shape):
        return emoji_writing.change(connection, shape, Undo(copies), key, description, tags)


def remove(bot: BotDatabase, copies: Path, key: str) -> bool:
    with database.writing(bot.folder, alone=not bot.new) as (connection, shape):
        return emoji_writing.remove(connection, shape, bot.folder, Undo(copies), key)


def put(bot: BotDatabase, copies: Path, person: Known) -> None:
    with database.writing(bot.folder, alone=True) as (connection, shape):
        persons.put(connection, shape, Undo(copies), person)


def kept(copies: Path) -> list[dict[str, object]]:
    """The rows of which there are copies, oldest first."""
    return [msgspec.json.decode(file.read_bytes())["columns"] for file in sorted(copies.glob("*.json"))]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_added_emoji_has_the_file_and_the_row_that_the_family_expects(
    tmp_path: Path, copies: Path, family: Family
) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    key = add(bot, copies)
    assert key == bot.key(RED)
    row = bot.emojis()[key]
    assert (row["is_registered"], row["is_banned"]) == (1, 0)
    path = f"data/emoji/{key}.png" if family == "1" else os.path.join("data", "emoji_registed", f"{key}.png")  # noqa: PTH118 - what the bot compares with
    assert row["full_path"] == path
    assert (bot.folder / path).read_bytes() == RED
    if family == "1":
        assert (row["image_type"], row["description"], row["vlm_processed"], row["no_file_flag"]) == (
            "EMOJI",
            "开心,友好",
            1,
            0,
        )
    else:
        assert (row["format"], row["description"], row["emotion"]) == ("png", "一张红色的图", "开心,友好")
    assert len(bot.files()) == 1
    assert kept(copies) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_adding_twice_comes_to_the_same_as_adding_once(tmp_path: Path, copies: Path, family: Family) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    add(bot, copies)
    before = bot.files()
    add(bot, copies)
    assert len(bot.emojis()) == 1
    assert bot.files() == before


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_that_the_bot_has_already_keeps_its_file_and_its_former_row(
    tmp_path: Path, copies: Path, family: Family
) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    key = bot.learn_emoji(RED, "难过", registered=False)
    before, rows = bot.files(), bot.emojis()
    assert add(bot, copies) == key
    assert bot.files() == before
    now = bot.emojis()[key]
    assert now["is_registered"] == 1
    assert now["full_path"] == rows[key]["full_path"]
    assert kept(copies) == [rows[key]]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_whose_file_is_gone_gets_it_again(tmp_path: Path, copies: Path, family: Family) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    key = bot.learn_emoji(RED)
    bot.execute(f"UPDATE {bot.table} SET full_path = 'data/emoji/gone.png'")  # noqa: S608 - our own name
    (bot.folder / bot.images / f"{key}.png").unlink()
    add(bot, copies)
    assert (bot.folder / bot.emojis()[key]["full_path"]).read_bytes() == RED


@pytest.mark.parametrize("family", FAMILIES)
def test_a_changed_emoji_has_new_words_and_its_former_row_is_kept(
    tmp_path: Path, copies: Path, family: Family
) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    key, other = bot.learn_emoji(RED, "难过"), bot.learn_emoji(BLUE, "难过")
    before = bot.emojis()
    assert change(bot, copies, key, "新的描述", ("a, b", "c"))
    after = bot.emojis()
    assert after[other] == before[other]
    assert after[key]["description" if bot.new else "emotion"] == "a  b,c"
    assert bot.new or after[key]["description"] == "新的描述"
    assert kept(copies) == [before[key]]
    assert not change(bot, copies, "unknown", "x", ())


@pytest.mark.parametrize("family", FAMILIES)
def test_an_emoji_without_words_never_gets_an_empty_description(
    tmp_path: Path, copies: Path, family: Family
) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    key = bot.learn_emoji(RED)
    change(bot, copies, key, "只有描述", ())
    assert bot.emojis()[key]["description"] == "只有描述"
    change(bot, copies, key, "", ("标签",))
    assert bot.emojis()[key]["description"] == "标签"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_removed_emoji_leaves_a_copy_of_its_row_and_its_file(
    tmp_path: Path, copies: Path, family: Family
) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    key, other = bot.learn_emoji(RED), bot.learn_emoji(BLUE)
    before = bot.emojis()
    assert remove(bot, copies, key)
    assert list(bot.emojis()) == [other]
    assert bot.files() == {f"{Path(bot.images).name}/{other}.png"}
    assert kept(copies) == [before[key]]
    assert [file.read_bytes() for file in copies.glob("*.png")] == [RED]
    assert not remove(bot, copies, key)


def test_a_file_outside_the_folder_stays_when_its_row_is_removed(tmp_path: Path, copies: Path) -> None:
    bot = BotDatabase(tmp_path / "bot", "0.12")
    key = bot.learn_emoji(RED)
    outside = tmp_path / "mine.png"
    outside.write_bytes(BLUE)
    bot.execute("UPDATE emoji SET full_path = ?", str(outside))
    assert remove(bot, copies, key)
    assert outside.read_bytes() == BLUE
    assert bot.emojis() == {}


def test_what_cannot_be_copied_is_not_removed(tmp_path: Path, copies: Path) -> None:
    bot = BotDatabase(tmp_path / "bot", "0.12")
    key = bot.learn_emoji(RED)
    before, files_before = bot.emojis(), bot.files()
    copies.touch()
    for refused in (partial(remove, bot, copies, key), partial(change, bot, copies, key, "x", ())):
        with pytest.raises(LauncherError) as refusal:
            refused()
        assert refusal.value.code is Code.PERMISSION_DENIED
    assert bot.emojis() == before
    assert bot.files() == files_before


def test_copies_are_bounded_in_number_and_size_and_the_newest_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "KEPT", 3)
    monkeypatch.setattr(undo, "_PRUNE_EVERY", 1)
    copies = Undo(tmp_path / "undo")
    file = tmp_path / "image.png"
    file.write_bytes(b"x" * 1000)
    for n in range(6):
        copies.keep("emoji", str(n), {"n": n, "raw": b"\xff\x00"}, file)
    assert sorted(str(row["n"]) for row in kept(tmp_path / "undo")) == ["3", "4", "5"]
    assert len(list((tmp_path / "undo").iterdir())) == 6
    monkeypatch.setattr(undo, "KEPT_BYTES", 1500)
    copies.keep("emoji", "6", {"n": 6}, file)
    assert [row["n"] for row in kept(tmp_path / "undo")] == [6]


def test_a_change_that_is_tried_again_and_again_leaves_one_copy(
    tmp_path: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.01)
    bot = BotDatabase(tmp_path / "bot", "1")
    key = bot.learn_emoji(RED)
    with holder(bot, "BEGIN IMMEDIATE"):
        for _ in range(3):
            with pytest.raises(LauncherError):
                remove(bot, copies, key)
    assert kept(copies) == [bot.emojis()[key]]
    assert len(list(copies.iterdir())) == 2


@pytest.mark.parametrize("family", FAMILIES[1:])
def test_nobody_else_may_have_the_database_open_where_that_would_not_be_safe(
    tmp_path: Path, copies: Path, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    bot = BotDatabase(tmp_path / "bot", family)
    with holder(bot):
        if bot.new:
            add(bot, copies)
        else:
            before = bot.bytes()
            with pytest.raises(LauncherError) as refusal:
                add(bot, copies)
            assert refusal.value.code is Code.SERVICE_UNAVAILABLE
            assert bot.files() == {name for name in before if not name.startswith("MaiBot.db")}
    assert len(bot.emojis()) == bot.new


def test_a_writer_waits_for_a_live_bot_and_gives_up_with_nothing_half_done(
    tmp_path: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    bot = BotDatabase(tmp_path / "bot", "1")
    key = bot.learn_emoji(RED)
    before = bot.emojis()
    with holder(bot, "BEGIN IMMEDIATE"), pytest.raises(LauncherError) as refusal:
        change(bot, copies, key, "", ("x",))
    assert refusal.value.code is Code.SERVICE_UNAVAILABLE
    assert bot.emojis() == before


def test_a_bot_without_a_database_is_told_to_be_started_once(tmp_path: Path) -> None:
    with pytest.raises(LauncherError) as refusal, database.writing(tmp_path, alone=True):
        pass
    assert refusal.value.code is Code.SERVICE_UNAVAILABLE
    assert not (tmp_path / "data").exists()


def test_a_table_with_columns_that_nobody_knows_is_not_written_to(tmp_path: Path, copies: Path) -> None:
    bot = BotDatabase(tmp_path / "bot", "1")
    bot.execute("DROP TABLE images")
    bot.execute(
        "CREATE TABLE images (id INTEGER PRIMARY KEY, image_hash, description, full_path, image_type, is_registered, "
        "is_banned, record_time, aura TEXT NOT NULL)"
    )
    with pytest.raises(LauncherError) as refusal:
        add(bot, copies)
    assert "aura" in refusal.value.text.en
    assert bot.emojis() == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_new_person_has_every_column_that_the_family_needs(
    tmp_path: Path, copies: Path, family: Family
) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    bot.learn_person("10001", "小林")
    put(bot, copies, Known(platform="qq", user_id="10002", nickname="阿树", name="树"))
    learned, added = bot.persons()["10001"], bot.persons()["10002"]
    nickname = "user_nickname" if bot.new else "nickname"
    assert (added[nickname], added["person_name"], added["platform"]) == ("阿树", "树", "qq")
    assert added["person_id"] == persons.key_of("qq", "10002")
    empty = {name for name, value in added.items() if value is None}
    assert empty <= {name for name, value in learned.items() if value is None} | {
        "name_reason",
        "group_nick_name",
        "group_cardname",
        "memory_points",
        "impression",
        "short_impression",
        "points",
        "forgotten_points",
        "info_list",
    }
    assert kept(copies) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_known_person_keeps_what_the_bot_remembers_when_the_names_change(
    tmp_path: Path, copies: Path, family: Family
) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    bot.learn_person("10001", "小林")
    before = bot.persons()["10001"]
    for _ in range(2):
        put(bot, copies, Known(platform="qq", user_id="10001", nickname="新", name="名"))
    after = bot.persons()["10001"]
    nickname = "user_nickname" if bot.new else "nickname"
    assert after == before | {nickname: "新", "person_name": "名"}
    assert kept(copies) == [before]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_removed_person_leaves_a_copy(tmp_path: Path, copies: Path, family: Family) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    key = bot.learn_person("10001", "小林")
    bot.learn_person("10002", "阿树")
    before = bot.persons()["10001"]
    with database.writing(bot.folder, alone=True) as (connection, shape):
        assert persons.remove(connection, shape, Undo(copies), key)
        assert not persons.remove(connection, shape, Undo(copies), key)
    assert list(bot.persons()) == ["10002"]
    assert kept(copies) == [before]


# Pictures


@pytest.mark.parametrize("family", OLD)
def test_webp_becomes_what_old_bots_take(family: Family) -> None:
    still = pictures.fitting(picture((1, 2, 3), "WEBP"), family)
    moving = pictures.fitting(animation("WEBP", 3), family)
    assert (still.extension, moving.extension) == ("png", "gif")
    with Image.open(io.BytesIO(moving.data)) as image:
        assert getattr(image, "n_frames", 1) == 3
        assert image.info["duration"] == 80


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_what_every_bot_takes_stays_byte_for_byte(kind: str) -> None:
    data = picture((1, 2, 3), kind)
    for family in FAMILIES:
        made = pictures.fitting(data, family)
        assert (made.data, made.extension) == (data, kind.lower())


def test_new_bots_take_webp_and_refuse_what_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    data = picture((1, 2, 3), "WEBP")
    assert pictures.fitting(data, "1").data == data
    monkeypatch.setattr(pictures, "LIMIT_BYTES", 10)
    with pytest.raises(LauncherError) as refusal:
        pictures.fitting(data, "1")
    assert refusal.value.code is Code.FILE_TOO_LARGE


def test_an_animation_that_would_be_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "FRAMES_LIMIT", 2)
    with pytest.raises(LauncherError) as refusal:
        pictures.fitting(animation("WEBP", 3), "0.12")
    assert refusal.value.code is Code.FILE_TOO_LARGE


@pytest.mark.parametrize("data", [b"", b"no image", picture((1, 2, 3), "WEBP")[:20]])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(LauncherError) as refusal:
        pictures.fitting(data, "0.12")
    assert refusal.value.code is Code.INVALID_IMAGE_FORMAT


# Ends half-way

_KILLED = """
import os, signal, sys
from pathlib import Path
from mailauncher.bots.learned import database, emoji_writing, files, pictures, statements
from mailauncher.bots.learned.undo import Undo
folder, copies, image, family, moment, act = sys.argv[1:]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if moment == "file":
    files.sync_folder = die
elif moment == "part":
    files.os.fsync = die
elif moment == "row":
    kind = "insert" if act == "add" else "delete"
    former = getattr(statements, kind)
    setattr(statements, kind, lambda *given: (former(*given), die()))
elif moment == "unlink":
    Path.unlink = die
made = pictures.fitting(Path(image).read_bytes(), family)
with database.writing(Path(folder), alone=family != "1") as (connection, shape):
    if act == "add":
        emoji_writing.add(connection, shape, Path(folder), Undo(Path(copies)), made, "d", ("t",))
    else:
        emoji_writing.remove(connection, shape, Path(folder), Undo(Path(copies)), made.key)
"""


def killed(bot: BotDatabase, copies: Path, moment: str, act: str) -> None:
    """Another process does it, and is killed at a moment."""
    image = bot.folder / "image"
    image.write_bytes(RED)
    command = [
        sys.executable,
        "-c",
        _KILLED,
        str(bot.folder),
        str(copies),
        str(image),
        bot.family,
        moment,
        act,
    ]
    ended = subprocess.run(command, cwd=ROOT, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["part", "file", "row"])
@pytest.mark.parametrize("family", ["0.7", "0.12", "1"])
def test_an_addition_that_was_killed_is_completed_by_doing_it_again(
    tmp_path: Path, copies: Path, family: Family, moment: str
) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    other = bot.learn_emoji(BLUE)
    killed(bot, copies, moment, "add")
    assert list(bot.emojis()) == [other]
    key = add(bot, copies)
    assert list(bot.emojis()) == [other, key]
    assert bot.files() == {f"{Path(bot.images).name}/{name}.png" for name in (key, other)}


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["row", "unlink"])
@pytest.mark.parametrize("family", ["0.7", "0.12", "1"])
def test_a_removal_that_was_killed_is_completed_and_never_without_a_copy(
    tmp_path: Path, copies: Path, family: Family, moment: str
) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    key, other = bot.learn_emoji(RED), bot.learn_emoji(BLUE)
    killed(bot, copies, moment, "remove")
    assert [file.read_bytes() for file in copies.glob("*.png")] == [RED]
    assert bot.files() == {f"{Path(bot.images).name}/{name}.png" for name in (key, other)}
    assert remove(bot, copies, key)
    assert list(bot.emojis()) == [other]
    assert bot.files() == {f"{Path(bot.images).name}/{other}.png"}


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "emoji" / "a.png"

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LauncherError) as refusal:
        files.put(target, RED, tmp_path)
    assert refusal.value.code is Code.INSUFFICIENT_SPACE
    assert list(tmp_path.rglob("*.png")) == []
    assert not any(file.is_file() for file in tmp_path.rglob("*"))


def test_the_rows_are_as_they_were_when_the_transaction_fails(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "0.12")
    bot.learn_person("1", "a")
    before = bot.persons()

    def fail() -> None:
        with database.writing(tmp_path, alone=True) as (connection, _), database.transaction(connection):
            connection.execute("DELETE FROM person_info")
            raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(LauncherError):
        fail()
    assert bot.persons() == before
