"""A look for something in a large database of a bot could not be interrupted: the server ended after it."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from bots import sqlite_beneath
from bots.database import connect
from bots.database.layout import Layout
from bots.database.undo import Undo
from mailauncher.beneath import Root
from resolvers.syncing.bot_database import BotDatabase
from tests.support import bot_databases

ENDLESS = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def database(tmp_path: Path) -> BotDatabase:
    bot_databases.BotDatabase(tmp_path / "bot", "1")
    return BotDatabase(tmp_path / "bot", Undo(tmp_path / "undo"))


@pytest.fixture(params=["read", "write"])
async def endless(database: BotDatabase, request: pytest.FixtureRequest) -> "asyncio.Task[object]":
    """A look that would never end, and is at it."""
    begun = threading.Event()

    def look(connection: sqlite3.Connection, _layout: Layout) -> object:
        begun.set()
        return connection.execute(ENDLESS).fetchone()

    looking = database.read(look) if request.param == "read" else database.write(look, alone=False)
    task = asyncio.create_task(looking)
    assert await asyncio.to_thread(begun.wait, 60)
    return task


async def count(database: BotDatabase) -> object:
    return await database.read(lambda c, _: c.execute("SELECT count(*) FROM person_info").fetchone()[0])


async def test_a_look_ends_with_its_caller(database: BotDatabase, endless: "asyncio.Task[object]") -> None:
    endless.cancel()
    await asyncio.wait([endless], timeout=60)
    assert endless.cancelled()
    assert await count(database) == 0


async def test_a_look_ends_at_a_shutdown(database: BotDatabase, endless: "asyncio.Task[object]") -> None:
    async with asyncio.timeout(60):
        await database.close()
        with pytest.raises(asyncio.CancelledError):
            await endless


async def test_a_caller_who_waits_for_the_backup_of_the_database_can_leave(database: BotDatabase) -> None:
    with Root(database.folder) as root, sqlite_beneath.turn(root, connect.PLACE):
        waiting = asyncio.create_task(count(database))
        await asyncio.sleep(0)
        assert not (await asyncio.wait([waiting], timeout=0.3))[0]
        waiting.cancel()
        await asyncio.wait([waiting], timeout=60)
        assert waiting.cancelled()


async def test_a_change_that_has_begun_is_completed(database: BotDatabase) -> None:
    begun, go_on = threading.Event(), threading.Event()
    insert = (
        "INSERT INTO person_info (person_id, user_id, platform, user_nickname, is_known, know_counts)"
        " VALUES (?, ?, 'qq', 'x', 1, 1)"
    )

    def change(connection: sqlite3.Connection, _layout: Layout) -> None:
        with connect.transaction(connection):
            connection.execute(insert, ("a", "a"))
            begun.set()
            assert go_on.wait(60)
            for n in range(connect.CHECKED_EVERY):
                connection.execute(insert, (f"b{n}", f"b{n}"))

    changing = asyncio.create_task(database.write(change, alone=False))
    assert await asyncio.to_thread(begun.wait, 60)
    changing.cancel()
    next_one = asyncio.create_task(count(database))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait([changing], timeout=60)
    assert changing.cancelled()
    assert await next_one == 1 + connect.CHECKED_EVERY
