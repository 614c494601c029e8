"""Opens the database, brings it up to date, and turns its failures into `DATABASE_ERROR`."""

import asyncio
import copy
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tortoise import connections
from tortoise.context import TortoiseContext
from tortoise.exceptions import BaseORMException
from tortoise.migrations.executor import MigrationExecutor
from tortoise.transactions import in_transaction

from mailauncher.errors import DatabaseError
from mailauncher.log import mask

log = logging.getLogger(__name__)

FILE_NAME = "mailauncher.db"
# NORMAL is safe with WAL: a power cut may lose the last commits, never the file.
_PRAGMAS = {"journal_mode": "WAL", "synchronous": "NORMAL", "busy_timeout": 5000, "foreign_keys": "ON"}


def configuration(connection: str | dict[str, Any]) -> dict[str, Any]:
    """Tortoise's configuration for a database, by its URL or as a dictionary of what the URL would say; also what its
    command line is given for `makemigrations`."""
    return {
        "connections": {"default": connection},
        "apps": {
            "store": {
                "models": ["mailauncher.store.models"],
                "migrations": "mailauncher.store.migrations",
                "default_connection": "default",
            }
        },
    }


TORTOISE_ORM = configuration("sqlite://:memory:")


class Database:
    """One open database. Its Tortoise state belongs to this object alone, so several servers fit in one process."""

    def __init__(self, context: TortoiseContext) -> None:
        self._context = context

    @classmethod
    async def open(cls, folder: Path, url: str = "") -> "Database":
        """Opens the SQLite file in `folder`, or `url`, after running what migrations it lacks.

        A file is copied before that. Raises DatabaseError, also for a database that a later version has changed.
        """
        file = None if url else folder / FILE_NAME
        config = configuration(url or _sqlite(folder / FILE_NAME))
        # A task of its own: Tortoise keeps its connections in context variables, and migrating replaces them.
        await asyncio.create_task(_migrate(config, file))
        context = TortoiseContext()
        with context, _environment_kept():
            await context.init(config=config)
        return cls(context)

    async def close(self) -> None:
        with self.session():
            await connections.close_all()

    @contextmanager
    def session(self) -> Iterator[None]:
        """Makes this database the one that models use, for the block and the tasks started in it.

        A copy, because a context object remembers one entry only and requests enter at the same moment.
        """
        try:
            with copy.copy(self._context):
                yield
        except (BaseORMException, sqlite3.Error) as error:
            log.exception("database failed")
            raise DatabaseError("数据库错误，详见日志", "Database error; the log says more") from error


def _sqlite(file: Path) -> dict[str, Any]:
    """Not as a URL, in which a folder's `?`, `#` or `%` would mean something."""
    return {"engine": "tortoise.backends.sqlite", "credentials": {"file_path": str(file), **_PRAGMAS}}


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Tortoise sets variables of this process, which every bot would inherit. Nothing may be waited for inside."""
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
            with _environment_kept():
                await context.init(config=config)
            if await _pending(config):
                if former is not None:
                    await asyncio.to_thread(_copy, former)
                # In one transaction with the note that it was done, or an end in between would leave neither state.
                async with in_transaction("default") as connection:
                    await MigrationExecutor(connection, config["apps"]).migrate()
    except (BaseORMException, sqlite3.Error, OSError, ImportError, ValueError) as error:
        log.debug("database cannot be opened", exc_info=True)
        place = file or mask(str(config["connections"]["default"]))
        reason = mask(str(error))
        raise DatabaseError(
            f"无法打开数据库 {place}：{reason}", f"Cannot open the database {place}: {reason}"
        ) from error


async def _pending(config: dict[str, Any]) -> bool:
    """Whether a migration is missing. Raises DatabaseError for a database that has some which this version lacks."""
    connection = connections.get("default")
    await connection.execute_query(
        "SELECT count(*) FROM sqlite_master" if _is_sqlite(connection) else "SELECT 1"
    )
    executor = MigrationExecutor(connection, config["apps"])
    await executor.loader.build_graph()
    known, applied = set(executor.loader.graph.nodes), executor.loader.applied_migrations
    if later := applied - known:
        names = ", ".join(sorted(key.name for key in later))
        raise DatabaseError(
            f"数据库来自更新的版本（{names}）：请升级 MaiLauncher，或恢复升级前的副本",
            f"The database is of a later version ({names}): upgrade MaiLauncher, or restore the copy made before",
        )
    return known != applied


def _is_sqlite(connection: Any) -> bool:
    return bool(connection.capabilities.dialect == "sqlite")


def _prepare(file: Path) -> bool:
    """Whether the file holds anything. A new one is its owner's alone, and so are those that SQLite puts beside it."""
    file.touch(0o600)
    return file.stat().st_size > 0


def _copy(file: Path) -> None:
    """Copies a SQLite database beside itself (`.before-migration.db`), whatever else has it open. An earlier copy is
    there until this one is whole."""
    target = file.with_suffix(".before-migration.db")
    unfinished = target.with_suffix(".unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as copied:
            source.backup(copied)
        shutil.copymode(file, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
