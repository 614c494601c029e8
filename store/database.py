"""Opens the database, migrates it, and turns its failures into `DATABASE_ERROR`."""

import asyncio
import copy
import logging
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tortoise import connections
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor
from tortoise.transactions import in_transaction

from mailauncher import files, sqlite_copy
from mailauncher.errors import Code, DatabaseError, InstanceNotFound
from mailauncher.interruption import Check
from mailauncher.log import mask
from mailauncher.outage import Outage
from mailauncher.threads import LongWork
from store.database_status import (
    ANSWER_S,
    NOT_AN_ADDRESS,
    POSTGRESQL,
    SQLITE,
    DatabaseStatus,
    Problem,
    problem_of,
    version_of,
    without_password,
)
from store.failures import FAILURES, Away, Taken, as_database_error, is_full, lacks_owner
from store.statements import is_sqlite

log = logging.getLogger(__name__)

FILE_NAME = "mailauncher.db"
# FULL: what was committed is on the disk. With NORMAL a power cut would take the last commits, and later events would get the ids
# of those that clients have seen.
_PRAGMAS = {"journal_mode": "WAL", "synchronous": "FULL", "busy_timeout": 5000, "foreign_keys": "ON"}
_COPY_PATIENCE_S = 10.0
_TAKEN_PATIENCE_S = 5.0
"""A server that has just ended may hold its PostgreSQL database a moment longer."""


def configuration(connection: dict[str, Any]) -> dict[str, Any]:
    """Tortoise's configuration for a database."""
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


TORTOISE_ORM = configuration({"engine": "store.sqlite", "credentials": {"file_path": ":memory:"}})
"""For `makemigrations` on Tortoise's command line."""


class Database:
    """One open database. It keeps Tortoise's state to itself, so that one process can hold several servers."""

    def __init__(self, context: TortoiseContext, place: str) -> None:
        """`place` is for people: a file, or a URL without its password."""
        self._context = context
        self._place = place
        self._outage = Outage(log, "reaching the database")

    @classmethod
    async def open(cls, folder: Path, url: str = "", *, patient: bool = False) -> "Database":
        """Opens the SQLite file in `folder`, or `url`, and runs missing migrations, after a copy of the file. `patient`: for
        statements that may take long.

        Raises DatabaseError, also for a database that a later version has migrated, or that another server uses.
        """
        file = None if url else folder / FILE_NAME
        # A task of its own: Tortoise keeps its connections in context variables, and migrating replaces them.
        await asyncio.create_task(_migrate(_connection(folder, url, patient=True), file, url))
        # Tortoise keeps statements by table, in the dialect of the database that was opened before.
        EXECUTOR_CACHE.clear()
        context = TortoiseContext()
        with context, _environment_preserved():
            await context.init(config=configuration(_connection(folder, url, patient=patient)))
        return cls(context, str(file or without_password(url)))

    async def close(self) -> None:
        with self.session():
            await connections.close_all()

    async def status(self) -> DatabaseStatus:
        """What it is, and whether it answers now."""
        with self.session():
            system = SQLITE if is_sqlite(connections.get("default")) else POSTGRESQL
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(ANSWER_S):
                with self.session():
                    version = await version_of(connections.get("default"))
        except (DatabaseError, TimeoutError):
            return DatabaseStatus(system, self._place, None, None)
        return DatabaseStatus(system, self._place, version, round((time.perf_counter() - begun) * 1000, 2))

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
        except FAILURES as error:
            if instance_id is not None and lacks_owner(error):
                raise InstanceNotFound(instance_id) from error
            level = logging.DEBUG if retried else logging.ERROR
            if passing := as_database_error(error):
                if isinstance(error, (Away, Taken)):
                    self._outage.failed(error)
                else:  # one line: until there is room, every attempt says so
                    log.log(level, "database: %s", error)
                raise passing from error
            log.log(level, "database failed", exc_info=True)
            raise DatabaseError("数据库错误，详见日志", "Database error; see the log") from error
        self._outage.worked()


def _connection(folder: Path, url: str, *, patient: bool = False) -> dict[str, Any]:
    """What Tortoise connects with: the file in the folder without a URL, else what that names. `patient`: for statements that
    take long. Raises DatabaseError for another kind of database."""
    if not url:
        # Not as a URL, in which `?`, `#` and `%` of a folder's name would have a meaning.
        return {"engine": "store.sqlite", "credentials": {"file_path": str(folder / FILE_NAME), **_PRAGMAS}}
    if url.startswith("sqlite:"):
        return {**expand_db_url(url), "engine": "store.sqlite"}
    if is_postgresql(url):
        name = f"mailauncher {os.getpid()} on {socket.gethostname()}"
        return {"engine": "store.postgres", "credentials": {"dsn": url, "name": name, "patient": patient}}
    raise DatabaseError(
        f"无法使用数据库 {without_password(url)}：应为 postgres://… 或 sqlite://…",
        f"The database {without_password(url)} cannot be used: it is neither postgres://... nor sqlite://...",
        field="database_url",
    )


def is_postgresql(url: str) -> bool:
    return url.startswith(("postgres://", "postgresql://"))


def sqlite_file(folder: Path, url: str) -> Path | None:
    """The file of the database that a URL names, in the data folder without one; None if that is of another kind."""
    if not url:
        return folder / FILE_NAME
    return Path(expand_db_url(url)["credentials"]["file_path"]) if url.startswith("sqlite:") else None


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


async def _migrate(connection: dict[str, Any], file: Path | None, url: str) -> None:
    config = configuration(connection)
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
                async with in_transaction("default") as transaction:
                    if is_sqlite(transaction):
                        # Python's `executescript` commits first, and Tortoise makes its own table with it.
                        transaction.execute_script = transaction.execute_query  # type: ignore[assignment, method-assign]
                    executor = MigrationExecutor(transaction, config["apps"])
                    # Before it looks into its table: PostgreSQL gives up a transaction at the first statement that fails.
                    await executor.recorder.ensure_schema(executor._schema_editor(atomic=False))
                    await executor.migrate()
    except (*FAILURES, OSError, ImportError, ValueError) as error:
        log.debug("database cannot be opened", exc_info=True)
        raise _not_opened(file or without_password(url), error) from error


def _not_opened(place: object, error: Exception) -> DatabaseError:
    zh = en = mask(str(error))
    code = Code.DATABASE_ERROR
    if is_full(error):
        code, zh, en = Code.INSUFFICIENT_SPACE, "磁盘空间不足", "there is not enough disk space"
    elif isinstance(error, Away):
        code = Code.SERVICE_UNAVAILABLE
    elif type(error) is ValueError:  # of a URL; its text may have a part of the password
        (what, remedy) = NOT_AN_ADDRESS
        zh, en = f"{what.zh}。{remedy.zh}", f"{what.en}. {remedy.en}"
    elif isinstance(error, Taken):
        code = Code.CONFLICT
        zh = f"另一个 MaiLauncher 正在使用它（{en}）。请先停止那一个，或为这一个换一个数据库"
        en = f"another MaiLauncher uses it ({en}). Stop that one first, or give this one another database"
    elif isinstance(error, ModuleNotFoundError) and error.name == "asyncpg":
        zh = "缺少 asyncpg，请安装 mailauncher[postgres]"
        en = "asyncpg is missing; install mailauncher[postgres]"
    return DatabaseError(
        f"无法打开数据库 {place}：{zh}", f"Cannot open the database {place}: {en}", code=code
    )


async def _pending(config: dict[str, Any]) -> bool:
    """Whether a migration is missing. Raises DatabaseError if the database has one that this version does not know."""
    connection = connections.get("default")
    if is_sqlite(connection):
        await connection.execute_query("SELECT count(*) FROM sqlite_master")
    else:
        await _require_suitable(connection)
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


async def _require_suitable(connection: Any) -> None:
    """Connects, once a server that is just ending has left. Raises DatabaseError if the database cannot hold all that it must."""
    problem = await _first_look(connection)
    if problem is not None:
        what, remedy = problem
        raise DatabaseError(f"{what.zh}：{remedy.zh}", f"{what.en}: {remedy.en}")


async def _first_look(connection: Any) -> Problem | None:
    deadline = asyncio.get_running_loop().time() + _TAKEN_PATIENCE_S
    while True:
        try:
            return await problem_of(connection)
        except Taken:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.1)


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
