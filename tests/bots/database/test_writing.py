"""Writing to a bot's database and folder: complete rows of every family, no losses, recovery after a kill."""

import io
import os
import signal
import sqlite3
import subprocess
import sys
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from PIL import Image

from bots.backups import archive
from bots.backups.archive import Manifest
from bots.database import connect, emoji_writing, image_files, images, persons, undo
from bots.database.layout import Family
from bots.database.persons import PersonFields
from bots.database.undo import Undo
from mailauncher.beneath import Root
from mailauncher.errors import Code, LauncherError
from mailauncher.interruption import Interrupted
from tests.support.bot_databases import FAMILIES, OLD, BotDatabase, animation, holder, picture

ROOT = Path(__file__).resolve().parents[3]
RED, BLUE = picture((255, 0, 0)), picture((0, 0, 255))
TAGS = ("开心", "友好")


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "undo"


def add(bot: BotDatabase, copies: Path, data: bytes = RED, description: str = "一张红色的图") -> str:
    made = images.converted_for(data, bot.family)
    with connect.writing(bot.folder, alone=not bot.new) as (connection, shape):
        emoji_writing.add(connection, shape, bot.folder, Undo(copies), made, description, TAGS)
    return made.key


def change(bot: BotDatabase, copies: Path, key: str, description: str, tags: tuple[str, ...]) -> bool:
    with connect.writing(bot.folder, alone=not bot.new) as (connection, shape):
        return emoji_writing.change(connection, shape, Undo(copies), key, description, tags)


def remove(bot: BotDatabase, copies: Path, key: str) -> bool:
    with connect.writing(bot.folder, alone=not bot.new) as (connection, shape):
        return emoji_writing.remove(connection, shape, bot.folder, Undo(copies), key)


def put(bot: BotDatabase, copies: Path, person: PersonFields) -> None:
    with connect.writing(bot.folder, alone=True) as (connection, shape):
        persons.put(connection, shape, Undo(copies), person)


def kept(copies: Path) -> list[dict[str, object]]:
    """The copied rows, oldest first."""
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
def test_adding_is_idempotent(tmp_path: Path, copies: Path, family: Family) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    add(bot, copies)
    before = bot.files()
    add(bot, copies)
    assert len(bot.emojis()) == 1
    assert bot.files() == before


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_that_the_bot_has_keeps_its_file_and_a_copy_of_its_row(
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
def test_a_row_without_its_file_gets_it_again(tmp_path: Path, copies: Path, family: Family) -> None:
    bot = BotDatabase(tmp_path / "bot", family)
    key = bot.learn_emoji(RED)
    bot.execute(f"UPDATE {bot.table} SET full_path = 'data/emoji/gone.png'")  # noqa: S608 - our own name
    (bot.folder / bot.images / f"{key}.png").unlink()
    add(bot, copies)
    assert (bot.folder / bot.emojis()[key]["full_path"]).read_bytes() == RED


@pytest.mark.parametrize("family", FAMILIES)
def test_a_changed_emoji_has_new_texts_and_a_copy_of_its_former_row(
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
def test_the_description_of_an_emoji_is_never_empty(tmp_path: Path, copies: Path, family: Family) -> None:
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
    for n in range(6):
        copies.keep("emoji", str(n), {"n": n, "raw": b"\xff\x00"}, BytesIO(b"x" * 1000), ".png")
    assert sorted(str(row["n"]) for row in kept(tmp_path / "undo")) == ["3", "4", "5"]
    assert len(list((tmp_path / "undo").iterdir())) == 6
    for copy in (tmp_path / "undo").iterdir():
        copy.rename(copy.with_name(f"9{copy.name[1:]}"))  # of before the clock was set back
    for n in range(6, 9):
        copies.keep("emoji", str(n), {"n": n})
    assert sorted(str(row["n"]) for row in kept(tmp_path / "undo")) == ["6", "7", "8"]
    monkeypatch.setattr(undo, "KEPT_BYTES", 1500)
    copies.keep("emoji", "9", {"n": 9, "raw": "x" * 600}, BytesIO(b"x" * 1000), ".png")
    assert [row["n"] for row in kept(tmp_path / "undo")] == [9]


def test_a_repeated_change_leaves_one_copy(
    tmp_path: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_S", 0.01)
    bot = BotDatabase(tmp_path / "bot", "1")
    key = bot.learn_emoji(RED)
    with holder(bot, "BEGIN IMMEDIATE"):
        for _ in range(3):
            with pytest.raises(LauncherError):
                remove(bot, copies, key)
    assert kept(copies) == [bot.emojis()[key]]
    assert len(list(copies.iterdir())) == 2


@pytest.mark.parametrize("family", FAMILIES[1:])
def test_an_unsafe_write_requires_that_no_other_process_has_the_database_open(
    tmp_path: Path, copies: Path, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_S", 0.05)
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


def test_a_writer_waits_for_a_running_bot_and_gives_up_without_partial_changes(
    tmp_path: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_S", 0.05)
    bot = BotDatabase(tmp_path / "bot", "1")
    key = bot.learn_emoji(RED)
    before = bot.emojis()
    with holder(bot, "BEGIN IMMEDIATE"), pytest.raises(LauncherError) as refusal:
        change(bot, copies, key, "", ("x",))
    assert refusal.value.code is Code.SERVICE_UNAVAILABLE
    assert bot.emojis() == before


def test_a_bot_without_a_database_is_told_to_be_started_once(tmp_path: Path) -> None:
    with pytest.raises(LauncherError) as refusal, connect.writing(tmp_path, alone=True):
        pass
    assert refusal.value.code is Code.SERVICE_UNAVAILABLE
    assert not (tmp_path / "data").exists()


def test_a_table_that_requires_unknown_columns_is_not_changed(tmp_path: Path, copies: Path) -> None:
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
    put(bot, copies, PersonFields(platform="qq", user_id="10002", nickname="阿树", name="树"))
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
        put(bot, copies, PersonFields(platform="qq", user_id="10001", nickname="新", name="名"))
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
    with connect.writing(bot.folder, alone=True) as (connection, shape):
        assert persons.remove(connection, shape, Undo(copies), key)
        assert not persons.remove(connection, shape, Undo(copies), key)
    assert list(bot.persons()) == ["10002"]
    assert kept(copies) == [before]


# Pictures


def test_the_conversion_of_an_animation_can_be_interrupted_between_its_frames() -> None:
    """It takes minutes for the largest, and the server ended after it."""
    frames = []

    def check() -> None:
        frames.append(1)
        if len(frames) == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        images.converted_for(animation("WEBP", 9), "0.12", check)
    assert len(frames) == 3


@pytest.mark.parametrize("family", OLD)
def test_webp_is_converted_for_old_bots(family: Family) -> None:
    still = images.converted_for(picture((1, 2, 3), "WEBP"), family)
    moving = images.converted_for(animation("WEBP", 3), family)
    assert (still.extension, moving.extension) == ("png", "gif")
    with Image.open(io.BytesIO(moving.data)) as image:
        assert getattr(image, "n_frames", 1) == 3
        assert image.info["duration"] == 80


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_formats_that_every_bot_accepts_are_not_changed(kind: str) -> None:
    data = picture((1, 2, 3), kind)
    for family in FAMILIES:
        made = images.converted_for(data, family)
        assert (made.data, made.extension) == (data, kind.lower())


def test_new_bots_get_webp_up_to_their_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = picture((1, 2, 3), "WEBP")
    assert images.converted_for(data, "1").data == data
    monkeypatch.setattr(images, "LIMIT_BYTES", 10)
    with pytest.raises(LauncherError) as refusal:
        images.converted_for(data, "1")
    assert refusal.value.code is Code.FILE_TOO_LARGE


def test_an_animation_that_would_be_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "FRAMES_LIMIT", 2)
    with pytest.raises(LauncherError) as refusal:
        images.converted_for(animation("WEBP", 3), "0.12")
    assert refusal.value.code is Code.FILE_TOO_LARGE


@pytest.mark.parametrize("data", [b"", b"no image", picture((1, 2, 3), "WEBP")[:20]])
def test_data_that_is_not_an_image_is_refused(data: bytes) -> None:
    with pytest.raises(LauncherError) as refusal:
        images.converted_for(data, "0.12")
    assert refusal.value.code is Code.INVALID_IMAGE_FORMAT


# Kills

_KILLED = """
import os, signal, sys
from pathlib import Path
from bots.database import connect, emoji_writing, images, statements
from bots.database.undo import Undo
from mailauncher import descriptors
folder, copies, image, family, moment, act = sys.argv[1:]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if moment == "file":
    descriptors.sync_names = die
elif moment == "part":
    os.fsync = die
elif moment == "row":
    kind = "insert" if act == "add" else "delete"
    former = getattr(statements, kind)
    setattr(statements, kind, lambda *given: (former(*given), die()))
elif moment == "unlink":
    os.unlink = die
made = images.converted_for(Path(image).read_bytes(), family)
with connect.writing(Path(folder), alone=family != "1") as (connection, shape):
    if act == "add":
        emoji_writing.add(connection, shape, Path(folder), Undo(Path(copies)), made, "d", ("t",))
    else:
        emoji_writing.remove(connection, shape, Path(folder), Undo(Path(copies)), made.key)
"""


def killed(bot: BotDatabase, copies: Path, moment: str, act: str) -> None:
    """Runs an action in another process, which is killed at a given moment."""
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
def test_repeating_a_killed_addition_completes_it(
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
def test_repeating_a_killed_removal_completes_it_with_copies(
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


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "data").mkdir()
    with Root(tmp_path) as root, pytest.raises(LauncherError) as refusal:
        image_files.put(root, "emoji/a.png", RED, "data")
    assert refusal.value.code is Code.INSUFFICIENT_SPACE
    assert list(tmp_path.rglob("*.png")) == []
    assert not any(file.is_file() for file in tmp_path.rglob("*"))


def test_a_failed_transaction_changes_no_rows(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "0.12")
    bot.learn_person("1", "a")
    before = bot.persons()

    def fail() -> None:
        with connect.writing(tmp_path, alone=True) as (connection, _), connect.transaction(connection):
            connection.execute("DELETE FROM person_info")
            raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(LauncherError):
        fail()
    assert bot.persons() == before


LOCKED = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
"""


@pytest.mark.slow
def test_no_other_thread_takes_the_lock_from_a_transaction(tmp_path: Path) -> None:
    """Whoever closes a descriptor of a file ends all locks of the process on it: a backup, or a read, that looked at the head
    of the database let the bot write into the midst of a transaction."""
    bot = BotDatabase(tmp_path / "bot", "0.7")
    manifest = Manifest(instance_id="0" * 40, version="1", recipe="maibot", patterns=("data",), items=())
    with connect.writing(bot.folder, alone=False) as (connection, _), connect.transaction(connection):
        readers = [
            Thread(target=connect.read, args=(bot.folder, lambda *_: None)),
            Thread(target=archive.write, args=(bot.folder, tmp_path / "backup", manifest)),
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(0.3)  # they wait for their turn
        other = [sys.executable, "-c", LOCKED, str(bot.file)]
        tried = subprocess.run(other, capture_output=True, text=True, check=True)
    for reader in readers:
        reader.join(30)
    assert tried.stdout == "database is locked\n"
    assert (tmp_path / "backup").is_file()
