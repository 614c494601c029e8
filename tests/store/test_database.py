"""The database: migrated when it is opened, without loss of data whatever fails."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from tortoise import connections
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.transactions import in_transaction

from mailauncher.errors import Code, DatabaseError, InstanceNotFound
from store import database as module
from store import models
from store.database import FILE_NAME, TORTOISE_ORM, Database
from store.revisions import Revisions
from store.snapshots import LastSync, Snapshots
from tests.support.small_disk import fill, small_disk
from tests.support.stress import sized
from tests.support.unprivileged import nobodys_folder

COPY = "mailauncher.before-migration.db"
ROW: dict[str, Any] = {
    "name": "麦麦",
    "path": "/srv/bot",
    "port": 8000,
    "version": "1.2.1",
    "installed_at": 1,
    "recipe": "maibot",
}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Database]:
    database = await Database.open(folder)
    try:
        yield database
    finally:
        await database.close()


async def filled(folder: Path) -> None:
    """A closed database with one instance."""
    async with opened(folder) as database:
        with database.session():
            await models.Instance.create(id="1" * 40, **ROW)


def asked(file: Path, statement: str) -> list[Any]:
    """What another program than ours finds in the file."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


def columns(file: Path, table: str) -> set[str]:
    return {row[1] for row in asked(file, f"PRAGMA table_info({table})")}


@pytest.fixture
def upgraded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that puts other migrations in the place of ours, as another version would; no name gives ours back."""
    real = module.configuration

    def put(package: str) -> None:
        def other(connection: dict[str, Any]) -> dict[str, Any]:
            found = real(connection)
            found["apps"]["store"]["migrations"] = f"tests.support.{package}"
            return found

        monkeypatch.setattr(module, "configuration", other if package else real)

    return put


# The first start, and each one after it


async def test_an_empty_folder_gets_a_database_with_every_table(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        with database.session():
            assert await models.Instance.all().count() == 0
            assert await models.Service.all().count() == 0
            assert await models.Event.all().count() == 0
    assert not (tmp_path / COPY).exists()


async def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    """The folder may be one that others can read; the file was then theirs to read as well."""
    async with opened(tmp_path) as database:
        with database.session():
            await models.Instance.create(id="1" * 40, **ROW)
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        assert len(list(tmp_path.iterdir())) > 1


async def test_rows_are_there_after_a_reopen(tmp_path: Path) -> None:
    await filled(tmp_path)
    async with opened(tmp_path) as database:
        with database.session():
            row = await models.Instance.get(id="1" * 40)
            assert (row.name, row.path, row.port, row.wanted) == ("麦麦", "/srv/bot", 8000, False)


async def test_opening_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Tortoise's plan of what to migrate went to standard output, where scripts wait for one line."""
    await filled(tmp_path)
    await filled_again(tmp_path)
    assert capfd.readouterr() == ("", "")


async def filled_again(folder: Path) -> None:
    async with opened(folder):
        pass


async def test_a_database_that_is_up_to_date_is_not_copied(tmp_path: Path) -> None:
    """Every start made a copy, so that after two starts the one from before the migration was gone."""
    await filled(tmp_path)
    (tmp_path / COPY).write_text("the copy from before the last migration")
    await filled_again(tmp_path)
    assert (tmp_path / COPY).read_text() == "the copy from before the last migration"


async def test_closing_leaves_only_the_database_file(tmp_path: Path) -> None:
    await filled(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


async def test_opening_does_not_change_the_environment_of_bots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tortoise sets TIMEZONE and USE_TZ in our process; every bot inherited them."""
    monkeypatch.delenv("USE_TZ", raising=False)
    monkeypatch.setenv("TIMEZONE", "Asia/Shanghai")
    await filled(tmp_path)
    assert (os.environ.get("TIMEZONE"), os.environ.get("USE_TZ")) == ("Asia/Shanghai", None)


async def test_connections_use_the_write_ahead_log_and_check_foreign_keys(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        with database.session():
            connection = connections.get("default")
            found = {
                name: dict((await connection.execute_query(f"PRAGMA {name}"))[1][0]).popitem()[1]
                for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
            }
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 5000}


@pytest.mark.parametrize("name", ["two words", "数据", "50%41", "a?mode=memory", "a#b", "a@[b]:c"])
async def test_any_name_of_the_data_folder_works(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    await filled(folder)
    assert asked(folder / FILE_NAME, "SELECT name FROM instance") == [("麦麦",)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


# Migrations


async def test_migrations_match_the_models() -> None:
    async with TortoiseContext() as context:
        with module._environment_preserved():
            await context.init(config=TORTOISE_ORM)
        assert context.apps is not None
        writers = await MigrationAutodetector(context.apps, TORTOISE_ORM["apps"]).changes()
    assert [operation.describe() for writer in writers for operation in writer.operations] == []


async def test_an_older_database_is_migrated_with_its_rows(tmp_path: Path, upgraded: Any) -> None:
    await filled(tmp_path)
    upgraded("later_migrations")
    await filled_again(tmp_path)
    assert "note" in columns(tmp_path / FILE_NAME, "instance")
    assert asked(tmp_path / FILE_NAME, "SELECT name, port, note FROM instance") == [("麦麦", 8000, None)]


async def test_an_older_database_is_copied_before_it_is_changed(tmp_path: Path, upgraded: Any) -> None:
    await filled(tmp_path)
    upgraded("later_migrations")
    await filled_again(tmp_path)
    assert "note" not in columns(tmp_path / COPY, "instance")
    assert asked(tmp_path / COPY, "SELECT name FROM instance") == [("麦麦",)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([FILE_NAME, COPY])


async def test_the_copy_includes_the_write_ahead_log_of_a_killed_server(
    tmp_path: Path, upgraded: Any
) -> None:
    """With a write-ahead log, the newest rows stand in a second file until it is merged."""
    await filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("UPDATE instance SET port = 8001")
        upgraded("later_migrations")
        await filled_again(tmp_path)
    assert asked(tmp_path / COPY, "SELECT port FROM instance") == [(8001,)]


async def test_the_copy_has_the_mode_of_the_database(tmp_path: Path, upgraded: Any) -> None:
    await filled(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o600)
    upgraded("later_migrations")
    await filled_again(tmp_path)
    assert (tmp_path / COPY).stat().st_mode & 0o777 == 0o600


async def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path, upgraded: Any) -> None:
    await filled(tmp_path)
    upgraded("broken_migrations")
    with pytest.raises(DatabaseError, match="no_such_table"):
        await Database.open(tmp_path)
    assert "note" not in columns(tmp_path / FILE_NAME, "instance")
    assert asked(tmp_path / FILE_NAME, "SELECT name FROM instance") == [("麦麦",)]
    upgraded("")
    await filled_again(tmp_path)


async def test_a_database_of_a_later_version_is_refused_and_unchanged(tmp_path: Path, upgraded: Any) -> None:
    """It was opened as if nothing were the matter, to be written to by code that does not know its tables."""
    upgraded("later_migrations")
    await filled(tmp_path)
    upgraded("")
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(DatabaseError, match="9999_note") as caught:
        await Database.open(tmp_path)
    assert caught.value.code is Code.DATABASE_ERROR
    assert (tmp_path / FILE_NAME).read_bytes() == before


# What cannot be opened


async def test_a_file_that_is_not_a_database_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    (tmp_path / COPY).write_text("the last good copy")
    with pytest.raises(DatabaseError) as caught:
        await Database.open(tmp_path)
    assert caught.value.code is Code.DATABASE_ERROR
    assert str(tmp_path / FILE_NAME) in caught.value.text.en
    assert (tmp_path / FILE_NAME).read_bytes() == b"no database" * 1000
    assert (tmp_path / COPY).read_text() == "the last good copy"


async def test_a_truncated_database_is_refused_and_unchanged(tmp_path: Path, upgraded: Any) -> None:
    await filled(tmp_path)
    whole = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(whole[: len(whole) // 2])
    (tmp_path / COPY).write_text("the last good copy")
    upgraded("later_migrations")
    with pytest.raises(DatabaseError):
        await Database.open(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == whole[: len(whole) // 2]
    assert (tmp_path / COPY).read_text() == "the last good copy"


async def test_a_folder_instead_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(DatabaseError):
        await Database.open(tmp_path)


async def test_a_read_only_folder_is_refused() -> None:
    with nobodys_folder() as folder:
        folder.chmod(0o500)
        with pytest.raises(DatabaseError):
            await Database.open(folder)


async def test_a_read_only_file_is_not_migrated_and_unchanged(upgraded: Any) -> None:
    with nobodys_folder() as folder:
        await filled(folder)
        before = (folder / FILE_NAME).read_bytes()
        (folder / FILE_NAME).chmod(0o400)
        folder.chmod(0o500)
        upgraded("later_migrations")
        with pytest.raises(DatabaseError):
            await Database.open(folder)
        assert (folder / FILE_NAME).read_bytes() == before


async def test_a_disk_too_full_for_the_copy_prevents_the_migration(
    tmp_path: Path, upgraded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    upgraded("later_migrations")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copymode", full)  # the last that is done before the copy takes its name
    with pytest.raises(DatabaseError, match="not enough disk space"):
        await Database.open(tmp_path)
    assert "note" not in columns(tmp_path / FILE_NAME, "instance")
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("url", ["nonsense://somewhere", "mysql://user:pass-word@localhost:1/x", "not a url"])
async def test_an_unreachable_url_is_a_database_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        await Database.open(tmp_path, url)
    assert "pass-word" not in caught.value.text.en
    assert list(tmp_path.iterdir()) == []


async def test_a_database_that_cannot_be_opened_is_not_left_open(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseError):
        await Database.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


# Use


async def test_a_failure_reveals_no_internals(tmp_path: Path) -> None:
    await filled(tmp_path)
    async with opened(tmp_path) as database:
        with pytest.raises(DatabaseError) as caught, database.session():
            await models.Instance.create(id="1" * 40, **ROW)
    shown = caught.value.text.zh + caught.value.text.en
    assert "UNIQUE" not in shown
    assert "instance" not in shown


async def test_other_exceptions_pass_through_a_session(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        with pytest.raises(KeyError), database.session():
            raise KeyError


async def test_two_databases_in_one_process_are_independent(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()

    async def use(database: Database, number: int) -> None:
        for turn in range(20):
            with database.session():
                await models.Event.create(at=turn, kind="x", caller=str(number), zh="", en="")
                await asyncio.sleep(0)
                found = await models.Event.all().distinct().values("caller")
                assert found == [{"caller": str(number)}]

    async with opened(folders[0]) as first, opened(folders[1]) as second:
        await asyncio.gather(use(first, 1), use(second, 2))
        with first.session():
            with second.session():
                assert await models.Event.first().values("caller") == {"caller": "2"}
            assert await models.Event.first().values("caller") == {"caller": "1"}
    for number, folder in enumerate(folders, 1):
        assert asked(folder / FILE_NAME, "SELECT DISTINCT caller FROM event") == [(str(number),)]


async def test_closing_one_database_leaves_the_other_open(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    async with opened(folders[1]) as second:
        async with opened(folders[0]):
            pass
        with second.session():
            assert await models.Instance.all().count() == 0


async def test_a_failed_transaction_is_rolled_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        with contextlib.suppress(KeyError), database.session():
            async with in_transaction():
                await models.Instance.create(id="1" * 40, **ROW)
                raise KeyError
        with database.session():
            assert await models.Instance.all().count() == 0


async def test_a_rollback_does_not_undo_concurrent_writes(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        inside = asyncio.Event()

        async def fail() -> None:
            with database.session():
                async with in_transaction():
                    await models.Instance.create(id="1" * 40, **ROW)
                    inside.set()
                    await asyncio.sleep(0.01)  # long enough for the other to have written, if it could
                    raise KeyError

        async def write() -> None:
            await inside.wait()
            with database.session():
                await models.Event.create(at=1, kind="x", caller="x", zh="", en="")

        failed, written = await asyncio.gather(fail(), write(), return_exceptions=True)
        assert isinstance(failed, KeyError)
        assert written is None
        with database.session():
            assert await models.Instance.all().count() == 0
            assert await models.Event.all().count() == 1


async def test_a_cancelled_transaction_is_rolled_back_and_blocks_nobody(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        inside = asyncio.Event()

        async def wait() -> None:
            with database.session():
                async with in_transaction():
                    await models.Instance.create(id="1" * 40, **ROW)
                    inside.set()
                    await asyncio.Event().wait()

        task = asyncio.create_task(wait())
        await inside.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with database.session():
            assert await models.Instance.all().count() == 0


@pytest.mark.parametrize("loops", range(6))
async def test_a_transaction_cancelled_at_any_moment_blocks_nobody(tmp_path: Path, loops: int) -> None:
    """Cancelled while it began, it kept the lock of the only connection: no statement was ever carried out again, and the
    server did not end."""

    async def write(identity: str) -> None:
        with database.session():
            async with in_transaction():
                await models.Instance.create(id=identity, **ROW)

    async with asyncio.timeout(20), opened(tmp_path) as database:
        for number in range(20):
            task = asyncio.create_task(write(f"{number:040}"))
            for _ in range(loops):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with database.session():
                await models.Event.create(at=1, kind="x", caller="x", zh="", en="")
        assert (
            len(asked(tmp_path / FILE_NAME, "SELECT id FROM event")) == 20
        )  # none of them in an open transaction


async def test_a_cancelled_change_of_many_rows_is_none(tmp_path: Path) -> None:
    """It left its transaction open: what others wrote after it was lost with it."""

    async def write() -> None:
        with database.session():
            await connections.get("default").execute_many(
                "INSERT INTO event (at, kind, caller, zh, en) VALUES (?, 'many', '', '', '')",
                [[number] for number in range(50_000)],
            )

    async with asyncio.timeout(20), opened(tmp_path) as database:
        task = asyncio.create_task(write())
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with database.session():
            await models.Event.create(at=1, kind="x", caller="x", zh="", en="")
        assert asked(tmp_path / FILE_NAME, "SELECT DISTINCT kind FROM event") == [("x",)]


async def test_transactions_that_find_no_room_block_nobody_and_take_nothing_of_others_with_them() -> None:
    long = {**ROW, "path": "x" * 5000}

    async def write(number: int) -> None:
        with database.session():
            async with in_transaction():
                for part in range(100):
                    await models.Instance.create(id=f"{number:020}{part:020}", **long)

    with small_disk(1 << 10) as disk:
        async with asyncio.timeout(20), opened(disk) as database:
            filler = fill(disk)
            for number in range(5):
                with pytest.raises(DatabaseError):
                    await write(number)
            filler.unlink()
            with database.session():
                await models.Event.create(at=1, kind="x", caller="x", zh="", en="")
                assert await connections.get("default").execute_query_dict("PRAGMA foreign_keys") == [
                    {"foreign_keys": 1}
                ]
            assert asked(disk / FILE_NAME, "SELECT count(*) FROM event") == [(1,)]
            assert asked(disk / FILE_NAME, "SELECT count(*) FROM instance") == [(0,)]


async def test_deleting_an_instance_deletes_its_services(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        with database.session():
            instance = await models.Instance.create(id="1" * 40, **ROW)
            await models.Service.create(instance=instance, name="napcat", path="/srv/bot/napcat", port=8095)
            await models.Instance.filter(id="1" * 40).delete()
            assert await models.Service.all().count() == 0


@pytest.mark.slow
@pytest.mark.stress
async def test_a_disk_that_is_full_at_any_moment_of_a_migration_prevents_no_later_start() -> None:
    """Tables were there whose migration was not recorded, and no server could be started any more: Python had ended the
    transaction, and each migration and the record of it were stored one after the other."""
    for left_kib in sized((0, 32, 100, 128, 160), tuple(range(0, 200, 4))):
        with small_disk(4 << 10) as disk:
            filler = fill(disk, left_kib)
            with pytest.raises(DatabaseError) as caught:
                await Database.open(disk)
            assert caught.value.code is Code.INSUFFICIENT_SPACE
            filler.unlink()
            await filled(disk)
            await filled_again(disk)


async def test_a_row_of_an_instance_that_was_removed_meanwhile_says_that_there_is_no_such_instance(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A change of configuration beside a deletion ended with "database error", and two tracebacks in the log."""
    async with opened(tmp_path) as database:
        revisions, snapshots = Revisions(database), Snapshots(database)
        for writing in (
            revisions.add("1" * 40, "bot", b"", "", caller="rest", source="api"),
            snapshots.save("1" * 40, "person", {"key": {}}, 1),
            snapshots.save_last_sync("1" * 40, LastSync(1, None)),
        ):
            with pytest.raises(InstanceNotFound):
                await writing
    assert caplog.records == []
