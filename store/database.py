"""Opens the database, migrates it, and turns its failures into `DATABASE_ERROR`."""

import asyncio
import copy
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tortoise import connections
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.context import TortoiseContext
from tortoise.exceptions import BaseORMException, IntegrityError
from tortoise.migrations.executor import MigrationExecutor
from tortoise.transactions import in_transaction

from mailauncher import files, sqlite_copy
from mailauncher.errors import DatabaseError, InstanceNotFound
from mailauncher.interruption import Check
from mailauncher.log import mask
from mailauncher.threads import LongWork
from store.statements import is_sqlite

log = logging.getLogger(__name__)

FILE_NAME = "mailauncher.db"
# NORMAL is safe with WAL: a power cut may lose the last commits, never the file.
# SHMSIZE: of the file that all connections share, which is the first to be made.
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
_SQLITE = "store.sqlite"
_COPY_PATIENCE_S = 10.0
_PRAGMAS = {"journal_mode": "WAL", "synchronous": "NORMAL", "busy_timeout": 5000, "foreign_keys": "ON"}


def configuration(connection: str | dict[str, Any]) -> dict[str, Any]:
    """Tortoise's configuration for a database, given by its URL or as a dictionary of what the URL would say."""
    if isinstance(connection, str) and connection.startswith("sqlite:"):
        connection = {**expand_db_url(connection), "engine": _SQLITE}
    return {
        "connections": {"default": connection},
        "apps": {
            "store": {
                "models": ["store.models"],
                "migrations": "store.migrations",
                "default_connection": "default",
            }
        },
    }


TORTOISE_ORM = configuration("sqlite://:memory:")
"""For `makemigrations` on Tortoise's command line."""


class Database:
    """One open database. It keeps Tortoise's state to itself, so that one process can hold several servers."""

    def __init__(self, context: TortoiseContext) -> None:
        self._context = context

    @classmethod
    async def open(cls, folder: Path, url: str = "") -> "Database":
        """Opens the SQLite file in `folder`, or `url`, and runs missing migrations, after a copy of the file.

        Raises DatabaseError, also for a database that a later version has migrated.
        """
        file = None if url else folder / FILE_NAME
        config = configuration(url or _sqlite(folder / FILE_NAME))
        # A task of its own: Tortoise keeps its connections in context variables, and migrating replaces them.
        await asyncio.create_task(_migrate(config, file))
        context = TortoiseContext()
        with context, _environment_preserved():
            await context.init(config=config)
        return cls(context)

    async def close(self) -> None:
        with self.session():
            await connections.close_all()

    @contextmanager
    def session(self, instance_id: str | None = None, *, retried: bool = False) -> Iterator[None]:
        """Makes models use this database, in the block and in tasks started from it. Raises DatabaseError; InstanceNotFound for
        a row of the instance `instance_id`, if that has been removed meanwhile. `retried`: it has failed before, and the log
        says so.

        Each entry takes a copy of the context: the object remembers one entry only, so that of two requests inside at once
        the one that leaves first would take the other's database away.
        """
        try:
            with copy.copy(self._context):
                yield
        except (BaseORMException, sqlite3.Error) as error:
            if instance_id is not None and isinstance(error, IntegrityError) and _lacks_owner(error):
                raise InstanceNotFound(instance_id) from error
            level = logging.DEBUG if retried else logging.ERROR
            if _is_full(error):  # one line: until there is room, every attempt says so
                log.log(level, "database: %s", error)
                raise DatabaseError(
                    "磁盘空间不足，数据库无法写入",
                    "There is not enough disk space to write to the database",
                    full=True,
                ) from error
            log.log(level, "database failed", exc_info=True)
            raise DatabaseError("数据库错误，详见日志", "Database error; see the log") from error


def _lacks_owner(error: IntegrityError) -> bool:
    return "foreign key" in str(error).lower()


def _is_full(error: BaseException | None) -> bool:
    """Whether there was no room on the disk, for this error or for one while whose handling it was raised: Tortoise raises its
    own, and cannot undo part of a transaction that SQLite has undone already."""
    while error is not None:
        if getattr(error, "sqlite_errorcode", None) in _NO_ROOM:
            return True
        if isinstance(error, OSError) and files.is_full(error):
            return True
        error = error.__context__
    return False


def _sqlite(file: Path) -> dict[str, Any]:
    """Not as a URL, in which `?`, `#` and `%` of a folder's name would have a meaning."""
    return {"engine": _SQLITE, "credentials": {"file_path": str(file), **_PRAGMAS}}


@contextmanager
def _environment_preserved() -> Iterator[None]:
    """Undoes what Tortoise sets in this process's environment, which every bot would inherit. Do not await inside: other
    tasks would see those variables."""
    names = ("TIMEZONE", "USE_TZ")
    former = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


async def _migrate(config: dict[str, Any], file: Path | None) -> None:
    try:
        former = file if file is not None and await asyncio.to_thread(_prepare, file) else None
        async with TortoiseContext() as context:
            with _environment_preserved():
                await context.init(config=config)
            if await _pending(config):
                if former is not None:
                    await LongWork().run(partial(_copy, former))
                # One transaction for the change and the record of it: a server killed between the two would leave a
                # database that is neither the former nor the new one.
                async with in_transaction("default") as connection:
                    if is_sqlite(connection):
                        # Python's `executescript` commits first, and Tortoise makes its own table with it.
                        connection.execute_script = connection.execute_query  # type: ignore[assignment, method-assign]
                    await MigrationExecutor(connection, config["apps"]).migrate()
    except (BaseORMException, sqlite3.Error, OSError, ImportError, ValueError) as error:
        log.debug("database cannot be opened", exc_info=True)
        place = file or mask(str(config["connections"]["default"]))
        full = _is_full(error)
        zh, en = ("磁盘空间不足", "there is not enough disk space") if full else (mask(str(error)),) * 2
        raise DatabaseError(
            f"无法打开数据库 {place}：{zh}", f"Cannot open the database {place}: {en}", full=full
        ) from error


async def _pending(config: dict[str, Any]) -> bool:
    """Whether a migration is missing. Raises DatabaseError if the database has one that this version does not know."""
    connection = connections.get("default")
    await connection.execute_query(
        "SELECT count(*) FROM sqlite_master" if is_sqlite(connection) else "SELECT 1"
    )
    executor = MigrationExecutor(connection, config["apps"])
    await executor.loader.build_graph()
    known, applied = set(executor.loader.graph.nodes), executor.loader.applied_migrations
    if later := applied - known:
        names = ", ".join(sorted(key.name for key in later))
        raise DatabaseError(
            f"数据库来自更新的版本（{names}）：请升级 MaiLauncher，或恢复升级前的副本",
            f"The database is from a later version ({names}): upgrade MaiLauncher, or restore the copy from before the upgrade",
        )
    return known != applied


def _prepare(file: Path) -> bool:
    """Creates the file if need be, readable by its owner alone, as SQLite then makes those beside it. Returns whether it
    has content."""
    file.touch(0o600)
    return file.stat().st_size > 0


def _copy(file: Path, check: Check) -> None:
    """Copies a SQLite database beside itself (`.before-migration.db`), even while others have it open. Replaces an earlier
    copy once this one is complete."""
    target = file.with_suffix(".before-migration.db")
    unfinished = target.with_suffix(".unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(file)) as source:
            sqlite_copy.copy(source, unfinished, check, _COPY_PATIENCE_S)
        shutil.copymode(file, unfinished)
        files.sync(unfinished)
        files.move(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
