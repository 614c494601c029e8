"""Backups: what is the user's is kept as it was at one moment, also of a running bot, and comes back whole or not at all."""

import asyncio
import os
import shutil
import signal
import sqlite3
import stat
import sys
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bots import sqlite_beneath
from bots.backups import archive as backup
from bots.backups import restore
from mailauncher.errors import (
    CommandFailed,
    InstanceAlreadyRunning,
    InstanceNotFound,
    InsufficientSpace,
    InvalidParameter,
    InvalidPath,
    LauncherError,
    PermissionDenied,
    ResourceNotFound,
    ServiceUnavailable,
)
from mailauncher.interruption import Interrupted
from resolvers import backups, instances
from resolvers.context import Context
from resolvers.running.live_instances import StatusOverride
from resolvers.views import BackupReason, BackupView, InstanceView
from terminals.states import State
from tests.support.context import add_bot, outputs, parts
from tests.support.small_disk import small_disk
from tests.support.unprivileged import nobodys_folder
from tests.support.waiting import until

MINE = {
    ".env": "KEY=1",
    "config/bot_config.toml": "a = 1",
    "data/emoji/\u732b.png": "cat",
    "eula.confirmed": "abc",
}


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")


def mine(folder: Path) -> dict[str, str]:
    """What is there of the user's: plain files that are no database and not the bot's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and ".db" not in path.name
        and path.name not in ("bot.py", "held")
    }


async def a_bot(ctx: Context, folder: Path) -> InstanceView:
    """A stopped bot with files of its user's."""
    bot = await add_bot(ctx, folder / "bot")
    fill(Path(bot.path), MINE)
    return bot


def archive(ctx: Context, view: BackupView) -> Path:
    return ctx.settings.data_folder / "backups" / view.instance_id / f"{view.id}.tar.gz"


def held(ctx: Context, view: BackupView) -> set[str]:
    """The names of the files in a backup, its manifest apart."""
    with tarfile.open(archive(ctx, view)) as tar:
        return {spec.name for spec in tar if spec.isfile()} - {backup.MANIFEST}


def left(ctx: Context, bot: InstanceView) -> list[str]:
    folder = ctx.settings.data_folder / "backups" / bot.id
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def ids(ctx: Context, bot: InstanceView) -> list[str]:
    return [view.id for view in await backups.list_of(ctx, bot.id)]


# Making


async def test_a_backup_holds_what_the_recipe_keeps_and_nothing_else(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    fill(Path(bot.path), {"logs/x.log": "log"})
    made = await backups.create(ctx, bot.id)
    assert held(ctx, made) == set(MINE)
    assert (made.instance_id, made.reason, made.version) == (bot.id, "manual", bot.version)
    assert made.size == archive(ctx, made).stat().st_size
    assert made.skipped == ()
    assert await backups.list_of(ctx, bot.id) == [made]
    assert left(ctx, bot) == [f"{made.id}.tar.gz"]


async def test_nobody_else_may_read_a_backup(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    path = archive(ctx, await backups.create(ctx, bot.id))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_the_journal_tells_of_backups_and_restores(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    made = await backups.create(ctx, bot.id)
    await backups.restore(ctx, bot.id, made.id)
    noted = (await ctx.store.journal.newest([bot.id], 2))[bot.id]
    assert [(line["kind"], made.id in line["en"], "bot" in line["zh"]) for line in noted] == [
        ("restore", True, True),
        ("backup", True, True),
    ]


async def test_a_backup_includes_the_files_of_services_in_the_same_folder(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", napcat="pass")
    fill(Path(bot.path), {"napcat/config/webui.json": "{}", "napcat/cache/x": "x", "config/a": "a"})
    made = await backups.create(ctx, bot.id)
    assert held(ctx, made) == {"napcat/config/webui.json", "config/a"}


async def test_links_are_neither_stored_nor_followed(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    folder = Path(bot.path)
    fill(tmp_path / "secret", {"key": "secret"})
    (folder / "data/out").symlink_to(tmp_path / "secret")
    (folder / "config/key").symlink_to(tmp_path / "secret/key")
    (folder / "plugins").symlink_to(tmp_path / "secret")
    (folder / "data/round").symlink_to("round")
    (folder / "data" / "odd\udcff").write_text("no text")
    made = await backups.create(ctx, bot.id)
    assert held(ctx, made) == set(MINE)
    # A link in place of a whole folder of the user's went without a word.
    assert made.skipped == ("'config/key'", "'data/odd\\udcff'", "'data/out'", "'data/round'", "'plugins'")


@pytest.mark.slow
async def test_a_database_that_is_written_to_is_kept_as_it_was_at_one_moment(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await a_bot(ctx, tmp_path)
    database = Path(bot.path) / "data/MaiBot.db"
    ended = threading.Event()
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE pair (one INTEGER, two TEXT)")

        def write() -> None:
            number = 0
            while not ended.is_set():
                number += 1
                writer.execute("BEGIN")
                writer.execute("INSERT INTO pair VALUES (?, ?)", (number, "x" * 2000))
                writer.execute("INSERT INTO pair VALUES (?, ?)", (-number, "x" * 2000))
                writer.execute("COMMIT")

        thread = threading.Thread(target=write)
        thread.start()
        made = [await backups.create(ctx, bot.id) for _ in range(5)]
        ended.set()
        thread.join()
    for number, view in enumerate(made):
        assert held(ctx, view) == {*MINE, "data/MaiBot.db"}
        with tarfile.open(archive(ctx, view)) as tar:
            spec = tar.extractfile("data/MaiBot.db")
            assert spec is not None
            (tmp_path / f"{number}.db").write_bytes(spec.read())
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert copy.execute("SELECT sum(one) FROM pair").fetchone()[0] in (0, None)


async def test_a_backup_changes_nothing_of_a_database(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    database = Path(bot.path) / "data/MaiBot.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE a (b)")
        before = {path.name: path.stat().st_size for path in database.parent.glob("MaiBot*")}
        await backups.create(ctx, bot.id)
        assert {path.name: path.stat().st_size for path in database.parent.glob("MaiBot*")} == before


async def test_a_database_that_stays_locked_is_an_error(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "LOCK_PATIENCE_S", 0.05)
    bot = await a_bot(ctx, tmp_path)
    with closing(sqlite3.connect(Path(bot.path) / "data/MaiBot.db", isolation_level=None)) as writer:
        writer.execute("CREATE TABLE a (b)")
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ServiceUnavailable) as caught:
            await backups.create(ctx, bot.id)
    assert "MaiBot.db" in caught.value.text.zh
    assert left(ctx, bot) == []
    await backups.create(ctx, bot.id)


KILLED_IN_A_CHANGE = """
import os, signal, sqlite3, sys
dying = sqlite3.connect(sys.argv[1], isolation_level=None)
dying.execute("PRAGMA cache_size=1")
dying.execute("BEGIN")
dying.execute("UPDATE a SET b = 'half'")
dying.executemany("INSERT INTO a VALUES (?)", [("x" * 4000,)] * 50)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""Its cache is too small for the change, so that half of it is on the disk when it dies."""


async def test_an_interrupted_change_of_a_database_is_rolled_back_in_the_backup(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await a_bot(ctx, tmp_path)
    database = Path(bot.path) / "data/MaiBot.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE a (b)")
        writer.execute("INSERT INTO a VALUES ('whole')")
        dying = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED_IN_A_CHANGE, str(database))
        assert await dying.wait() == -signal.SIGKILL
    assert database.with_name("MaiBot.db-journal").stat().st_size > 0
    made = await backups.create(ctx, bot.id)
    with tarfile.open(archive(ctx, made)) as tar:
        tar.extract("data/MaiBot.db", tmp_path / "out", filter="data")
    with closing(sqlite3.connect(tmp_path / "out/data/MaiBot.db")) as copy:
        assert copy.execute("SELECT b FROM a").fetchall() == [("whole",)]


@pytest.mark.parametrize(
    "content", [b"", b"no database", sqlite_beneath.HEADER + b"broken" * 500], ids=range(3)
)
async def test_a_file_that_only_looks_like_a_database_is_stored_as_it_is(
    ctx: Context, tmp_path: Path, content: bytes
) -> None:
    bot = await a_bot(ctx, tmp_path)
    database = Path(bot.path) / "data/MaiBot.db"
    database.write_bytes(content)
    made = await backups.create(ctx, bot.id)
    database.unlink()
    await backups.restore(ctx, bot.id, made.id)
    assert database.read_bytes() == content


async def test_a_bot_that_has_nothing_yet_can_be_backed_up(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    made = await backups.create(ctx, bot.id)
    assert held(ctx, made) == set()
    fill(Path(bot.path), MINE)
    await backups.restore(ctx, bot.id, made.id)
    assert mine(Path(bot.path)) == {}


async def test_several_backups_at_once_are_all_made(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    made = await asyncio.gather(*(backups.create(ctx, bot.id) for _ in range(4)))
    assert len({view.id for view in made}) == 4
    assert sorted(await ids(ctx, bot)) == sorted(view.id for view in made)


async def test_a_cancelled_backup_ends_its_thread_before_its_lock_and_leaves_nothing(
    ctx: Context, tmp_path: Path
) -> None:
    """A cancelled backup went on in its thread, for minutes: it released the instance's lock all the same, and the end of the
    server waited for it."""
    bot = await a_bot(ctx, tmp_path)
    with closing(sqlite3.connect(Path(bot.path) / "data/MaiBot.db", isolation_level=None)) as bots_own:
        bots_own.execute("CREATE TABLE t (x)")
        bots_own.execute("BEGIN EXCLUSIVE")  # for which the backup waits
        making = asyncio.create_task(backups.create(ctx, bot.id))
        await until(lambda: any(name.endswith(".work") for name in left(ctx, bot)))
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        assert left(ctx, bot) == []
        assert not ctx.locks.of(bot.id).locked()


def test_a_backup_and_a_restore_are_interrupted_within_a_file(tmp_path: Path) -> None:
    """One large file was copied, packed or extracted to its end, whoever had left."""

    def interrupted_at(call: int) -> Callable[[], None]:
        calls = iter(range(1, call + 1))

        def check() -> None:
            if next(calls) == call:
                raise Interrupted

        return check

    folder, saved = tmp_path / "bot", tmp_path / "saved"
    fill(folder, {"data/large": ""})
    (folder / "data/large").write_bytes(os.urandom(3 << 20))
    saved.mkdir()
    manifest = backup.Manifest(instance_id="", version="", recipe="", patterns=("data",), items=())
    for call in (3, 5, 9):
        with pytest.raises(Interrupted):
            backup.write(folder, saved / "a.tar.gz", manifest, interrupted_at(call))
        assert list(saved.iterdir()) == []
    made = backup.write(folder, saved / "a.tar.gz", manifest)
    pending = restore.Restore(folder)
    with pytest.raises(Interrupted):
        pending.extract(saved / "a.tar.gz", interrupted_at(9))
    pending.discard()
    assert made.items == ("data",)
    assert sorted(path.name for path in folder.iterdir()) == ["data"]


async def test_a_deletion_that_a_backup_holds_up_is_answered_and_done_after_it(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DELETE had no answer for as long as the instance was backed up."""
    monkeypatch.setattr(instances, "ANSWER_WITHIN_S", 0.1)
    bot = await a_bot(ctx, tmp_path)
    async with ctx.locks.of(bot.id):
        outcome = await instances.delete(ctx, bot.id)
        assert not outcome.complete
        assert instances.get(ctx, bot.id).status is State.STOPPED
    await until(lambda: not instances.list_all(ctx))


async def test_a_backup_that_waits_for_a_deletion_is_not_made(ctx: Context, tmp_path: Path) -> None:
    """It was made all the same, of an instance that did not exist any more."""
    bot = await a_bot(ctx, tmp_path)
    made = await backups.create(ctx, bot.id)
    async with ctx.locks.of(bot.id):
        late = asyncio.gather(
            backups.create(ctx, bot.id), backups.restore(ctx, bot.id, made.id), return_exceptions=True
        )
        await asyncio.sleep(0)  # both wait for the lock now
        await ctx.live.remove(bot.id)
    assert [type(error) for error in await late] == [InstanceNotFound, InstanceNotFound]
    assert left(ctx, bot) == [f"{made.id}.tar.gz"]


async def test_leftovers_of_a_killed_server_are_removed(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    folder = ctx.settings.data_folder / "backups" / bot.id
    folder.mkdir(parents=True)
    (folder / "x.tar.gz.part").write_text("half")
    (folder / ".x.tar.gz.1234.new").write_text("half")
    fill(folder, {"x.tar.gz.work/copy": "half"})
    assert await ids(ctx, bot) == []
    made = await backups.create(ctx, bot.id)
    assert left(ctx, bot) == [f"{made.id}.tar.gz"]


# Refusals


async def test_an_unknown_instance_has_no_backups(ctx: Context) -> None:
    for command in (backups.create, backups.list_of):
        with pytest.raises(InstanceNotFound):
            await command(ctx, "0" * 40)
    for other in (backups.restore, backups.remove):
        with pytest.raises(InstanceNotFound):
            await other(ctx, "0" * 40, "x")


@pytest.mark.parametrize(
    "wanted",
    ["", "x", "../../../etc/passwd", "../x", "20250101T000000000Z-manual", "a\0b", "\udcff", "x" * 10_000],
)
async def test_an_unknown_backup_id_is_refused(ctx: Context, tmp_path: Path, wanted: str) -> None:
    bot = await a_bot(ctx, tmp_path)
    await backups.create(ctx, bot.id)
    for command in (backups.restore, backups.remove):
        with pytest.raises(ResourceNotFound) as caught:
            await command(ctx, bot.id, wanted)
        assert len(caught.value.text.en) < 200
    assert mine(Path(bot.path)) == MINE


async def test_a_backup_of_another_instance_is_refused(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    other = await add_bot(ctx, tmp_path / "other")
    made = await backups.create(ctx, bot.id)
    with pytest.raises(ResourceNotFound):
        await backups.restore(ctx, other.id, made.id)


async def test_a_link_in_the_folder_of_backups_is_not_a_backup(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    made = await backups.create(ctx, bot.id)
    fake = archive(ctx, made).with_name("20250101T000000000Z-manual.tar.gz")
    fake.symlink_to(archive(ctx, made))
    assert await ids(ctx, bot) == [made.id]


async def test_an_instance_that_is_being_installed_is_refused(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    made = await backups.create(ctx, bot.id)
    ctx.live.override(bot.id, StatusOverride(State.INSTALLING))
    with pytest.raises(ServiceUnavailable):
        await backups.create(ctx, bot.id)
    with pytest.raises(ServiceUnavailable):
        await backups.restore(ctx, bot.id, made.id)
    assert await ids(ctx, bot) == [made.id]


@pytest.mark.slow
async def test_a_running_bot_is_backed_up_and_not_restored(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    await instances.start(ctx, bot.id)
    await outputs(ctx, f"{bot.id}_main", "ready")
    made = await backups.create(ctx, bot.id)
    with pytest.raises(InstanceAlreadyRunning):
        await backups.restore(ctx, bot.id, made.id)
    assert await ids(ctx, bot) == [made.id]
    await instances.stop(ctx, bot.id)
    await backups.restore(ctx, bot.id, made.id)


async def test_a_recipe_that_keeps_nothing_cannot_be_backed_up(ctx: Context, tmp_path: Path) -> None:
    recipes = ctx.bots.catalogue.recipes
    recipes["maibot"] = recipes["custom"]
    bot = await add_bot(ctx, tmp_path / "bot")
    with pytest.raises(InvalidParameter) as caught:
        await backups.create(ctx, bot.id)
    assert "keep" in caught.value.text.en


async def test_a_folder_that_is_gone_is_an_error(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    made = await backups.create(ctx, bot.id)
    shutil.rmtree(bot.path)
    with pytest.raises(InvalidPath):
        await backups.create(ctx, bot.id)
    with pytest.raises(InvalidPath):
        await backups.restore(ctx, bot.id, made.id)


async def test_an_unreadable_file_is_an_error_and_leaves_no_partial_backup() -> None:
    with nobodys_folder() as folder:
        async with parts(folder, database_url="") as ctx:
            bot = await a_bot(ctx, folder)
            (Path(bot.path) / "config/bot_config.toml").chmod(0)
            with pytest.raises(PermissionDenied) as caught:
                await backups.create(ctx, bot.id)
            assert "bot_config.toml" in caught.value.text.en
            assert left(ctx, bot) == []


@pytest.mark.slow
async def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(4096) as disk:
        async with parts(tmp_path, data=str(disk)) as ctx:
            bot = await a_bot(ctx, tmp_path)
            (Path(bot.path) / "data/large").write_bytes(os.urandom(6 << 20))
            with pytest.raises(InsufficientSpace):
                await backups.create(ctx, bot.id)
            assert left(ctx, bot) == []


# Restoring


async def test_a_restore_brings_everything_back(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    folder = Path(bot.path)
    (folder / ".env").chmod(0o600)
    (folder / "config").chmod(0o700)
    made = await backups.create(ctx, bot.id)
    shutil.rmtree(folder / "config")
    fill(
        folder,
        {".env": "KEY=2", "data/new": "new", "plugins/p/x.py": "new", "logs/x": "log", "config": "a file"},
    )
    answer = await backups.restore(ctx, bot.id, made.id)
    assert answer.id == bot.id
    assert answer.status is State.STOPPED
    assert mine(folder) == MINE | {"logs/x": "log"}
    assert [oct(stat.S_IMODE((folder / name).stat().st_mode)) for name in (".env", "config")] == [
        "0o600",
        "0o700",
    ]
    assert not (folder / restore.WORK_FOLDER).exists()
    recorded = await ctx.configs.revisions.older_than(bot.id, "env", None, 9)
    assert [revision.source for revision in recorded] == ["restore", "disk"]


async def test_a_restore_can_be_reverted(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    folder = Path(bot.path)
    first = await backups.create(ctx, bot.id)
    fill(folder, {".env": "KEY=2", "data/new": "new"})
    later = mine(folder)
    await backups.restore(ctx, bot.id, first.id)
    assert mine(folder) == MINE
    undo, known = await backups.list_of(ctx, bot.id)
    assert (undo.reason, known) == (BackupReason.RESTORE, first)
    await backups.restore(ctx, bot.id, undo.id)
    assert mine(folder) == later


async def test_a_database_is_restored_without_the_content_of_its_log(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    database = Path(bot.path) / "data/MaiBot.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE a (b)")
        writer.execute("INSERT INTO a VALUES ('then')")
        made = await backups.create(ctx, bot.id)
        writer.execute("UPDATE a SET b = 'now'")
        assert database.with_name("MaiBot.db-wal").stat().st_size > 0
        await backups.restore(ctx, bot.id, made.id)
    with closing(sqlite3.connect(database)) as restored:
        assert restored.execute("SELECT b FROM a").fetchall() == [("then",)]


async def test_links_are_still_there_after_a_restore(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    fill(tmp_path / "pictures", {"dog.png": "dog"})
    link = Path(bot.path) / "data/pictures"
    link.symlink_to(tmp_path / "pictures")
    made = await backups.create(ctx, bot.id)
    await backups.restore(ctx, bot.id, made.id)
    assert (link / "dog.png").read_text() == "dog"
    assert link.is_symlink()


async def test_a_damaged_backup_changes_nothing(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    (Path(bot.path) / "data/random").write_bytes(b"x" * 100 + os.urandom(50_000).hex().encode())
    made = await backups.create(ctx, bot.id)
    whole = archive(ctx, made).read_bytes()
    fill(Path(bot.path), {".env": "KEY=2"})
    before = mine(Path(bot.path))
    for damaged in (
        b"",
        b"x" * 100,
        whole[: len(whole) // 2],
        whole[:-20],
        whole[:5000] + b"!!!" + whole[5003:],
    ):
        archive(ctx, made).write_bytes(damaged)
        with pytest.raises(CommandFailed) as caught:
            await backups.restore(ctx, bot.id, made.id)
        assert made.id in caught.value.text.en
        assert mine(Path(bot.path)) == before
        assert not (Path(bot.path) / restore.WORK_FOLDER).exists()
        assert instances.get(ctx, bot.id).status is State.STOPPED
    assert await ids(ctx, bot) == [made.id]


async def test_an_interrupted_restore_is_completed_by_the_next_server(
    tmp_path: Path,
) -> None:
    async with parts(tmp_path) as ctx:
        bot = await a_bot(ctx, tmp_path)
    place = Path(bot.path) / restore.WORK_FOLDER
    fill(place, {"new/.env": "KEY=2", "record.json": '{"replaced": [".env"], "removed": ["data"]}'})
    async with parts(tmp_path) as ctx:
        left_over = {name: MINE[name] for name in ("config/bot_config.toml", "eula.confirmed")}
        assert mine(Path(bot.path)) == left_over | {".env": "KEY=2"}
        assert not place.exists()
        (line,) = (await ctx.store.journal.newest([bot.id], 1))[bot.id]
        assert line["kind"] == "restore"


async def test_a_restore_that_cannot_be_completed_does_not_keep_the_server_from_starting(
    tmp_path: Path,
) -> None:
    async with parts(tmp_path) as ctx:
        bot = await a_bot(ctx, tmp_path)
    fill(Path(bot.path) / restore.WORK_FOLDER, {"record.json": "{"})
    async with parts(tmp_path) as ctx:
        made = await backups.create(ctx, bot.id)
        with pytest.raises(InvalidPath):
            await backups.restore(ctx, bot.id, made.id)


async def test_an_instance_cannot_be_started_while_it_is_restored(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await a_bot(ctx, tmp_path)
    made = await backups.create(ctx, bot.id)
    loop = asyncio.get_running_loop()
    seen: list[State] = []

    async def look() -> None:
        seen.append(instances.get(ctx, bot.id).status)
        with pytest.raises(LauncherError):
            await instances.start(ctx, bot.id)

    def write(*given: Any) -> backup.Manifest:
        asyncio.run_coroutine_threadsafe(look(), loop).result(10)
        return written(*given)

    written = backup.write
    monkeypatch.setattr(backup, "write", write)
    await backups.restore(ctx, bot.id, made.id)
    assert seen == [State.INSTALLING]
    assert instances.get(ctx, bot.id).status is State.STOPPED
    assert instances.get(ctx, bot.id).pid is None


# Keeping few


async def test_the_oldest_backups_are_removed(tmp_path: Path) -> None:
    async with parts(tmp_path, backups_kept=3) as ctx:
        bot = await a_bot(ctx, tmp_path)
        made = [(await backups.create(ctx, bot.id)).id for _ in range(5)]
        assert await ids(ctx, bot) == made[:1:-1]


async def for_upgrade(ctx: Context, bot: InstanceView) -> str:
    record = ctx.store.registry.get(bot.id)
    assert record is not None
    return (await ctx.backups.create(record, BackupReason.UPGRADE)).id


async def test_the_newest_backup_made_for_an_upgrade_is_not_removed(tmp_path: Path) -> None:
    async with parts(tmp_path, backups_kept=2) as ctx:
        bot = await a_bot(ctx, tmp_path)
        first = await for_upgrade(ctx, bot)
        later = [(await backups.create(ctx, bot.id)).id for _ in range(3)]
        assert await ids(ctx, bot) == [later[-1], first]
        second = await for_upgrade(ctx, bot)
        assert await ids(ctx, bot) == [second, later[-1]]


async def test_a_restore_does_not_remove_the_backup_that_it_restores(tmp_path: Path) -> None:
    async with parts(tmp_path, backups_kept=1) as ctx:
        bot = await a_bot(ctx, tmp_path)
        made = await backups.create(ctx, bot.id)
        fill(Path(bot.path), {".env": "KEY=2"})
        await backups.restore(ctx, bot.id, made.id)
        assert mine(Path(bot.path)) == MINE
        assert made.id in await ids(ctx, bot)


async def test_a_backup_can_be_removed(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    made = await backups.create(ctx, bot.id)
    assert await backups.remove(ctx, bot.id, made.id) == made
    assert left(ctx, bot) == []
    with pytest.raises(ResourceNotFound):
        await backups.remove(ctx, bot.id, made.id)


async def test_the_backups_of_a_deleted_instance_can_be_removed(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    await backups.create(ctx, bot.id)
    await instances.delete(ctx, bot.id)
    assert len(left(ctx, bot)) == 1
    await backups.forget(ctx, bot.id)
    assert left(ctx, bot) == []


async def test_restores_and_backups_at_the_same_moment_take_turns(ctx: Context, tmp_path: Path) -> None:
    bot = await a_bot(ctx, tmp_path)
    made = await backups.create(ctx, bot.id)
    answers = await asyncio.gather(
        *(backups.restore(ctx, bot.id, made.id) for _ in range(3)),
        *(backups.create(ctx, bot.id) for _ in range(3)),
        return_exceptions=True,
    )
    assert not any(isinstance(answer, BaseException) for answer in answers), answers
    assert mine(Path(bot.path)) == MINE
    assert len(await ids(ctx, bot)) == 7


async def test_backups_of_a_clock_that_was_ahead_do_not_outlive_newer_ones(tmp_path: Path) -> None:
    """After the clock was set back, each new backup was the first to be removed by the next one."""
    async with parts(tmp_path, backups_kept=2) as ctx:
        bot = await a_bot(ctx, tmp_path)
        for year in (2098, 2099):
            ahead = archive(ctx, await backups.create(ctx, bot.id))
            ahead.rename(ahead.with_name(f"{year}{ahead.name[4:]}"))
        made = [(await backups.create(ctx, bot.id)).id for _ in range(2)]
        assert await ids(ctx, bot) == made[::-1]
