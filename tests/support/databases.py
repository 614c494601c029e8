"""Databases that have every migration already. Running them all takes longer than most tests.

Tests of the store run on SQLite and on PostgreSQL, and skip the latter where it is not installed, unless
MAILAUNCHER_POSTGRESQL_TESTS is `require`. All others run on SQLite; those of `context` and `server` run on PostgreSQL where
MAILAUNCHER_TESTS_DATABASE is `postgresql`.
"""

import asyncio
import functools
import os
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tortoise import connections

from mailauncher.settings import Settings
from store.database import FILE_NAME, Database
from store.statements import is_sqlite
from tests.support import postgres

_ON_POSTGRESQL = os.environ.get("MAILAUNCHER_TESTS_DATABASE") == "postgresql"
_REQUIRED = _ON_POSTGRESQL or os.environ.get("MAILAUNCHER_POSTGRESQL_TESTS") == "require"
NEEDS_POSTGRESQL = pytest.mark.skipif(
    postgres.programs() is None and not _REQUIRED, reason="PostgreSQL is not installed"
)
KINDS = ["sqlite", pytest.param("postgresql", marks=NEEDS_POSTGRESQL)]


def migrated(folder: Path) -> Path:
    """Gives a data folder an empty SQLite database, as a server leaves it, unless it has one. Returns the folder.

    `tests/store/test_database.py` does without, and so do the servers of `tests/cli/test_serve.py`.
    """
    folder.mkdir(0o700, parents=True, exist_ok=True)
    if not (folder / FILE_NAME).exists():
        with open(folder / FILE_NAME, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(_content())
    return folder


def prepare(settings: Settings) -> None:
    """Gives a server's data folder a database, unless its settings name another one."""
    if not settings.database_url:
        migrated(settings.data_folder)


def location(folder: Path, kind: str) -> tuple[Path, str]:
    """What `Database.open` is given for a data folder: the folder, and a URL if its database is on PostgreSQL."""
    return (migrated(folder), "") if kind == "sqlite" else (folder, postgres.url_for(folder))


def url_for(folder: Path) -> str:
    """The URL of the database of a server's data folder; empty: a file in the folder."""
    return postgres.url_for(folder) if _ON_POSTGRESQL else ""


@functools.cache
def _content() -> bytes:
    """Made once in each process of tests; in a thread, since the caller's may have a running loop."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _make(Path(folder))).result()
        return (Path(folder) / FILE_NAME).read_bytes()


async def _make(folder: Path) -> None:
    await (await Database.open(folder)).close()


async def refuse(database: Database, what: str, table: str) -> None:
    """From now on the database fails to INSERT into, UPDATE or DELETE from a table."""
    with database.session():
        connection = connections.get("default")
        trigger = f"CREATE TRIGGER refuse_{what}_{table} BEFORE {what} ON {table}"
        if is_sqlite(connection):
            await connection.execute_script(f"{trigger} BEGIN SELECT RAISE(ABORT, 'refused'); END")
        else:
            await connection.execute_script(_function("refuse", "raise_exception"))
            await connection.execute_script(f"{trigger} FOR EACH ROW EXECUTE FUNCTION refuse()")


async def permit(database: Database, what: str, table: str) -> None:
    """Undoes `refuse`."""
    with database.session():
        connection = connections.get("default")
        of_table = "" if is_sqlite(connection) else f" ON {table}"
        await connection.execute_script(f"DROP TRIGGER refuse_{what}_{table}{of_table}")


@asynccontextmanager
async def no_room(database: Database, table: str) -> AsyncIterator[None]:
    """In the block there is no room to change rows of a table."""
    with database.session():
        connection = connections.get("default")
        if is_sqlite(connection):
            [limit] = await connection.execute_query_dict("PRAGMA max_page_count")
            begin = "PRAGMA max_page_count = 1"  # as few as there are
            end = f"PRAGMA max_page_count = {limit['max_page_count']}"
        else:
            await connection.execute_script(_function("no_room", "disk_full"))
            begin = f"CREATE TRIGGER no_room BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()"
            end = f"DROP TRIGGER no_room ON {table}"
        await connection.execute_query(begin)
    yield
    with database.session():
        await connections.get("default").execute_query(end)


def _function(name: str, condition: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE {condition} USING MESSAGE = 'refused'; END $$"
    )
