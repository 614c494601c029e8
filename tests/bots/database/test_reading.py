"""Reading the databases of every family: intact, locked, damaged or unusual."""

import os
import sqlite3
from pathlib import Path

import pytest

from bots.database import connect, emojis, persons
from bots.database.layout import Family, Layout
from bots.database.rows import BotEmoji, BotPerson
from mailauncher.errors import Code, LauncherError
from tests.support.bot_databases import FAMILIES, BotDatabase, holder, picture

RED, BLUE = picture((255, 0, 0)), picture((0, 0, 255))


def layout_of(folder: Path) -> Layout | None:
    return connect.read(folder, lambda _, found: found)


def emojis_of(folder: Path, limit: int = 100) -> list[BotEmoji]:
    """All of them, page by page."""
    found: list[BotEmoji] = []
    while True:
        after = found[-1].row if found else 0
        page = connect.read(folder, lambda c, shape, after=after: emojis.page(c, shape, after, limit))  # type: ignore[misc]
        if not page:
            return found
        found += page


def persons_of(folder: Path, limit: int = 100) -> list[BotPerson]:
    return connect.read(folder, lambda c, shape: persons.page(c, shape, 0, limit)) or []


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_detected_by_its_columns(tmp_path: Path, family: Family) -> None:
    BotDatabase(tmp_path, family)
    found = layout_of(tmp_path)
    assert found is not None
    assert found.family == family
    assert found.emojis_writable_while_running == (family == "1")


@pytest.mark.parametrize("family", FAMILIES)
def test_emojis_that_the_bot_uses_are_read_page_by_page(tmp_path: Path, family: Family) -> None:
    bot = BotDatabase(tmp_path, family)
    keys = [bot.learn_emoji(picture((n, n, n)), "开心，友好, 开心") for n in range(5)]
    bot.learn_emoji(RED, registered=False)
    bot.learn_emoji(BLUE, banned=True)
    found = emojis_of(tmp_path, limit=2)
    assert [emoji.key for emoji in found] == keys
    assert {emoji.tags for emoji in found} == {("开心", "友好")}
    assert {emoji.description for emoji in found} == {"" if family == "1" else "一张笑脸"}
    assert emojis.image(tmp_path, found[3].path) == picture((3, 3, 3))
    assert connect.read(tmp_path, emojis.count) == 5
    assert all(emoji.recorded_at and emoji.recorded_at > 1_600_000_000_000 for emoji in found)


@pytest.mark.parametrize("family", FAMILIES)
def test_persons_are_read_with_the_fields_of_each_family(tmp_path: Path, family: Family) -> None:
    bot = BotDatabase(tmp_path, family)
    key = bot.learn_person("10001", "小林", "林林")
    (found,) = persons_of(tmp_path)
    assert (found.key, found.platform, found.user_id) == (key, "qq", "10001")
    assert (found.nickname, found.name, found.times) == ("小林", "林林", 4)
    assert ("喜欢猫" in found.memory) == (family != "0.7")
    assert found.known_since is not None
    assert found.known_since > 1_600_000_000_000
    assert persons.key_of("qq", "10001") == key
    assert connect.read(tmp_path, persons.count) == 1


def test_a_platform_with_a_hyphen_counts_by_its_second_part() -> None:
    assert persons.key_of("napcat-qq", "1") == persons.key_of("qq", "1")


@pytest.mark.parametrize("family", FAMILIES)
def test_reading_a_stopped_bot_leaves_no_trace(tmp_path: Path, family: Family) -> None:
    bot = BotDatabase(tmp_path, family)
    bot.learn_emoji(RED)
    before, times = bot.bytes(), bot.file.stat().st_mtime_ns
    assert len(emojis_of(tmp_path)) == 1
    assert bot.bytes() == before
    assert bot.file.stat().st_mtime_ns == times


@pytest.mark.parametrize("family", FAMILIES[1:])
def test_the_log_of_a_running_bot_is_read_while_it_writes(tmp_path: Path, family: Family) -> None:
    bot = BotDatabase(tmp_path, family)
    with holder(bot, "BEGIN IMMEDIATE"), holder(bot):
        assert emojis_of(tmp_path) == []
    with holder(bot):
        bot.learn_person("10001", "小林")
        assert (tmp_path / "data" / "MaiBot.db-wal").stat().st_size > 0
        assert [person.user_id for person in persons_of(tmp_path)] == ["10001"]


def test_a_bot_of_0_7_that_was_killed_while_it_wrote_must_be_started_once(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "0.7")
    bot.learn_person("1", "a")
    row = "1, 'x', 'png', hex(zeroblob(60000)), 'd', 0, 1, 0, 'a', 1, 1, 0, 1"
    statements = (
        "PRAGMA cache_size = 1",
        "BEGIN",
        "UPDATE person_info SET nickname = 'b'",
        f"INSERT INTO emoji SELECT {row}",
    )
    with holder(bot, *statements) as process:
        process.kill()
        process.wait()
    assert (tmp_path / "data" / "MaiBot.db-journal").stat().st_size > 0
    before = bot.bytes()
    with pytest.raises(LauncherError) as refusal:
        persons_of(tmp_path)
    assert refusal.value.code is Code.SERVICE_UNAVAILABLE
    assert "start the bot once" in refusal.value.text.en
    assert bot.bytes() == before


def test_the_log_of_a_killed_bot_is_read_and_kept(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "0.12")
    insert = "INSERT INTO emoji SELECT 9, 'x', 'png', 'k', 'd', 0, 1, 0, 'a', 1, 1, 0, 1"
    with holder(bot, insert) as process:
        process.kill()
        process.wait()
    before = bot.bytes()
    assert before["MaiBot.db-wal"]
    assert [emoji.key for emoji in emojis_of(tmp_path)] == ["k"]
    assert {name: data for name, data in bot.bytes().items() if "shm" not in name} == {
        name: data for name, data in before.items() if "shm" not in name
    }


def test_a_database_under_constant_writing_is_unavailable_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_S", 0.05)
    bot = BotDatabase(tmp_path, "0.7")
    with holder(bot, "BEGIN EXCLUSIVE"), pytest.raises(LauncherError) as refusal:
        emojis_of(tmp_path)
    assert refusal.value.code is Code.SERVICE_UNAVAILABLE
    assert "stop the bot" in refusal.value.text.en


def test_a_folder_without_a_database_is_empty(tmp_path: Path) -> None:
    assert layout_of(tmp_path) is None
    assert not connect.exists(tmp_path)
    (tmp_path / "data").touch()
    assert layout_of(tmp_path) is None


@pytest.mark.parametrize(
    "content", [b"no database at all" * 99, b"SQLite format 3\0" + b"\1" * 4096], ids=["text", "garbage"]
)
def test_a_damaged_database_is_named_and_not_changed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "MaiBot.db"
    file.write_bytes(content)
    with pytest.raises(LauncherError) as refusal:
        emojis_of(tmp_path)
    assert refusal.value.code is Code.DATABASE_ERROR
    assert str(file) in refusal.value.text.en
    assert "damaged" in refusal.value.text.en
    assert file.read_bytes() == content


def test_an_overwritten_page_is_reported_as_damage(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "0.12")
    bot.learn_person("1", "a", memory="x" * 200_000)
    data = bytearray(bot.file.read_bytes())
    data[4096 * 8 :] = b"\xff" * (len(data) - 4096 * 8)
    bot.file.write_bytes(data)
    with pytest.raises(LauncherError) as refusal:
        persons_of(tmp_path, limit=1000)
    assert refusal.value.code is Code.DATABASE_ERROR


@pytest.mark.parametrize(
    "statements, named",
    [
        ("", "no table"),
        ("CREATE TABLE messages (id INTEGER); CREATE TABLE stickers (id INTEGER)", "messages, stickers"),
        ("CREATE TABLE person_info (id INTEGER, soul TEXT)", "person_info (id, soul)"),
        ("CREATE TABLE emoji (id INTEGER, glyph TEXT)", "emoji (glyph, id)"),
    ],
)
def test_an_unknown_layout_is_refused_with_the_tables_found(
    tmp_path: Path, statements: str, named: str
) -> None:
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data" / "MaiBot.db") as connection:
        connection.executescript(statements)
    connection.close()
    with pytest.raises(LauncherError) as refusal:
        layout_of(tmp_path)
    assert refusal.value.code is Code.DATABASE_ERROR
    assert named in refusal.value.text.en


def test_a_database_with_unknown_columns_is_refused(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "1")
    bot.execute("ALTER TABLE images RENAME COLUMN image_hash TO fingerprint")
    with pytest.raises(LauncherError) as refusal:
        layout_of(tmp_path)
    assert "fingerprint" in refusal.value.text.en


def test_an_upgraded_database_with_its_old_table_belongs_to_the_new_family(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "1")
    bot.execute("CREATE TABLE emoji (id INTEGER, glyph TEXT)")
    found = layout_of(tmp_path)
    assert found is not None
    assert found.family == "1"


@pytest.mark.parametrize("missing", ["emoji", "person_info"])
def test_a_missing_table_is_empty(tmp_path: Path, missing: str) -> None:
    bot = BotDatabase(tmp_path, "0.12")
    bot.learn_emoji(RED)
    bot.learn_person("1", "a")
    bot.execute(f"DROP TABLE {missing}")
    assert [len(emojis_of(tmp_path)), len(persons_of(tmp_path))] == ([0, 1] if missing == "emoji" else [1, 0])


@pytest.mark.parametrize("part", ["data", "data/MaiBot.db", "data/MaiBot.db-wal"])
def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path, part: str) -> None:
    stranger = BotDatabase(tmp_path / "stranger", "0.12")
    stranger.learn_person("1", "a")
    mine = BotDatabase(tmp_path / "mine", "0.12")
    place = mine.folder / part
    if place.is_dir():
        place.rename(tmp_path / "former")
    else:
        place.unlink(missing_ok=True)
    place.symlink_to(stranger.folder / part)
    with pytest.raises(LauncherError) as refusal:
        persons_of(mine.folder)
    assert refusal.value.code is Code.INVALID_PATH


def test_a_pipe_in_place_of_the_database_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.mkfifo(tmp_path / "data" / "MaiBot.db")
    with pytest.raises(LauncherError) as refusal:
        layout_of(tmp_path)
    assert refusal.value.code is Code.INVALID_PATH


@pytest.mark.parametrize("path", ["/etc/hostname", "../secret.png", "data/emoji/link.png", ""])
def test_an_image_outside_the_folder_is_not_read(tmp_path: Path, path: str) -> None:
    bot = BotDatabase(tmp_path / "bot", "0.12")
    (tmp_path / "secret.png").write_bytes(RED)
    (tmp_path / "bot" / "data" / "emoji" / "link.png").symlink_to(tmp_path / "secret.png")
    bot.learn_emoji(RED)
    bot.execute("UPDATE emoji SET full_path = ?", path)
    (found,) = emojis_of(bot.folder)
    with pytest.raises(LauncherError) as refusal:
        emojis.image(bot.folder, found.path)
    assert refusal.value.code is Code.INVALID_PATH


def test_paths_with_the_separators_of_windows_are_understood(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "0.12")
    bot.learn_emoji(RED)
    bot.execute("UPDATE emoji SET full_path = replace(full_path, '/', char(92))")
    (found,) = emojis_of(tmp_path)
    assert emojis.image(tmp_path, found.path) == RED


def test_values_of_the_wrong_type_or_encoding_are_read(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "0.12")
    bot.learn_emoji(RED)
    bot.learn_person("1", "a")
    bot.execute(
        "UPDATE emoji SET emotion = x'ff00fe', record_time = 'soon', usage_count = 'often', description = 7"
    )
    bot.execute(
        "UPDATE person_info SET nickname = CAST(x'e5b08fff' AS TEXT), know_times = 1e400, know_since = -1"
    )
    (emoji,) = emojis_of(tmp_path)
    assert (emoji.description, emoji.usage, emoji.recorded_at) == ("7", 0, None)
    (person,) = persons_of(tmp_path)
    assert (person.nickname, person.times, person.known_since) == ("小\ufffd", 0, None)


def test_a_huge_text_is_truncated_without_loading_it(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path, "0.12")
    bot.learn_person("1", "a" * 1_000_000, memory="b" * 1_000_000)
    (person,) = persons_of(tmp_path)
    assert len(person.nickname) == 512
    assert len(person.memory) == 1 << 16


def test_a_folder_name_with_url_characters_is_opened(tmp_path: Path) -> None:
    bot = BotDatabase(tmp_path / "麦麦 #1?mode=rwc&x=%41", "1")
    bot.learn_person("1", "a")
    assert len(persons_of(bot.folder)) == 1
