"""What is PostgreSQL's alone: one server on one database, connections that are lost, and what cannot be opened."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest
from tortoise import connections
from tortoise.transactions import in_transaction

from mailauncher.errors import Code, DatabaseError, Text
from mailauncher.events import Bus
from store import database as module
from store import models
from store.database import Database
from store.database_status import unsuitable, without_password
from store.failures import Away
from store.journal import Journal
from store.statements import select
from tests.store.test_database import ROW
from tests.support import databases, postgres

pytestmark = databases.NEEDS_POSTGRESQL


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with every migration."""
    return postgres.url_for(tmp_path)


def sessions(url: str) -> list[object]:
    """The server's processes for our connections to a database."""
    name = url.rpartition("@/")[2].partition("?")[0]
    every = postgres.cluster().execute("SELECT pid, datname, application_name FROM pg_stat_activity")
    return [pid for pid, where, who in every if where == name and str(who).startswith("mailauncher")]


async def test_an_empty_database_gets_every_table_and_is_migrated_once(tmp_path: Path) -> None:
    url = postgres.empty(tmp_path)
    for _ in range(2):
        database = await Database.open(tmp_path, url)
        with database.session():
            assert await models.Instance.all().count() == 0
        await database.close()
    assert list(tmp_path.iterdir()) == []
    assert sessions(url) == []


async def test_a_second_server_is_told_who_uses_the_database(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TAKEN_PATIENCE_S", 0.0)
    first = await Database.open(tmp_path, url)
    with first.session():
        await models.Instance.all().count()
    with pytest.raises(DatabaseError, match=r"another MaiLauncher uses it \(mailauncher \d+ on ") as caught:
        await Database.open(tmp_path, url)
    assert caught.value.code is Code.CONFLICT
    await first.close()
    await (await Database.open(tmp_path, url)).close()


async def test_a_server_waits_for_its_predecessor_that_is_just_ending(tmp_path: Path, url: str) -> None:
    first = await Database.open(tmp_path, url)
    with first.session():
        await models.Instance.all().count()
    opening = asyncio.create_task(Database.open(tmp_path, url))
    while not len(sessions(url)) > 2:
        await asyncio.sleep(0)
    await first.close()
    await (await opening).close()


async def test_a_server_whose_lock_is_lost_gets_it_back_before_anything_else(
    tmp_path: Path, url: str
) -> None:
    database = await Database.open(tmp_path, url)
    with database.session():
        await models.Instance.create(id="1" * 40, **ROW)
    for pid in sessions(url):
        postgres.cluster().execute(f"SELECT pg_terminate_backend({pid})")
    found = None
    async with asyncio.timeout(60):
        while found is None:
            with contextlib.suppress(DatabaseError), database.session():
                found = await models.Instance.all().count()
            await asyncio.sleep(0.05)
    assert found == 1
    assert len(sessions(url)) == 2
    await database.close()


async def test_an_event_whose_answer_was_lost_is_in_the_journal_once(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await Database.open(tmp_path, url)
    journal = Journal(database, Bus())
    await journal.note("add", "cli", Text("一", "one"))
    real = models.Event.create

    async def unanswered(**columns: Any) -> models.Event:
        await real(**columns)
        raise Away("connection was closed in the middle of operation")

    monkeypatch.setattr(models.Event, "create", unanswered)
    await journal.note("start", "cli", Text("二", "two"))
    monkeypatch.setattr(models.Event, "create", real)
    await journal.note("stop", "cli", Text("三", "three"))
    with database.session():
        assert [event.en for event in await models.Event.all().order_by("id")] == ["one", "two", "three"]
    await database.close()


async def test_transactions_come_one_after_the_other_and_reading_waits_for_none(
    tmp_path: Path, url: str
) -> None:
    database = await Database.open(tmp_path, url)
    order: list[str] = []
    inside, go = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        with database.session():
            async with in_transaction():
                await models.Instance.create(id="1" * 40, **ROW)
                inside.set()
                await go.wait()
                order.append("first")

    async def second() -> None:
        await inside.wait()
        with database.session():
            async with in_transaction():
                order.append("second")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(first())
        tasks.create_task(second())
        await inside.wait()
        with database.session():
            assert await models.Instance.all().count() == 0
        go.set()
    assert order == ["first", "second"]
    await database.close()


@pytest.mark.parametrize("loops", range(6))
async def test_a_transaction_cancelled_at_any_moment_blocks_nobody(
    tmp_path: Path, url: str, loops: int
) -> None:
    database = await Database.open(tmp_path, url)

    async def write(identity: str) -> None:
        with database.session():
            async with in_transaction():
                await models.Instance.create(id=identity, **ROW)

    async with asyncio.timeout(60):
        for number in range(10):
            task = asyncio.create_task(write(f"{number:040}"))
            for _ in range(loops * 3):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with database.session():
                await models.Event.create(at=1, kind="x", caller="x", zh="", en="")
        with database.session():
            assert await models.Event.all().count() == 10
    await database.close()


async def test_a_text_that_postgresql_cannot_hold_is_held_all_the_same(tmp_path: Path, url: str) -> None:
    database = await Database.open(tmp_path, url)
    with database.session():
        [row] = await select(connections.get("default"), "SELECT ?::text AS said", ["a\0b"])
    assert row == {"said": "a\ufffdb"}
    await database.close()


async def test_a_database_of_another_encoding_is_refused(tmp_path: Path) -> None:
    postgres.cluster().execute(
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    with pytest.raises(DatabaseError, match="encoding LATIN1 instead of UTF8"):
        await Database.open(tmp_path, postgres.cluster().url("latin"))
    postgres.cluster().execute("DROP DATABASE latin")


async def test_a_server_that_is_away_or_a_database_that_is_missing_is_named_without_the_password(
    tmp_path: Path,
) -> None:
    for url, code in (
        (f"postgres://user:pass-word@/x?host={tmp_path}", Code.SERVICE_UNAVAILABLE),
        (postgres.cluster().url("missing").replace("unused", "pass-word"), Code.DATABASE_ERROR),
    ):
        with pytest.raises(DatabaseError) as caught:
            await Database.open(tmp_path, url)
        assert caught.value.code is code
        assert "postgres://" in caught.value.text.en
        assert "pass-word" not in caught.value.text.en + caught.value.text.zh


async def test_the_status_says_whether_it_answers(tmp_path: Path) -> None:
    own = postgres.Cluster()
    try:
        database = await Database.open(tmp_path, own.url())
        try:
            answering = await database.status()
            assert answering.version is not None
            assert answering.answer_ms is not None
            assert own.execute("SHOW server_version")[0][0].startswith(answering.version)  # type: ignore[attr-defined]
            assert answering[:2] == ("PostgreSQL", own.url().replace(":unused", "").replace("%2F", "/"))
            own.stop()
            assert await database.status() == answering._replace(version=None, answer_ms=None)
        finally:
            await database.close()
    finally:
        own.remove()


@pytest.mark.parametrize(
    "url, shown",
    [
        ("postgres://u:p@h:1/x?sslmode=require&password=q", "postgres://u@h:1/x?sslmode=require"),
        ("postgres://u@[::1]:5432,h2:1/x", "postgres://u@[::1]:5432,h2:1/x"),
        ("postgres://u:p%40@/x?host=/run/a%20b", "postgres://u@/x?host=/run/a b"),
        ("postgres://u:p/q@h/x", "postgres://***"),
        ("postgres://u:p@q@h/x", "postgres://***"),
        ("postgres://u:p?q@h/x", "postgres://***"),
        ("postgres://u:p#q@h/x", "postgres://***"),
        ("postgres://h/x?password=p@q", "postgres://***"),
        ("postgres://u:secret", "postgres://***"),
        ("postgres://[u:p@h/x", "postgres://***"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_what_a_database_lacks_is_said_with_the_way_out() -> None:
    assert unsuitable(140000, "UTF8", "public", may_create=True) is None
    for given, what in (
        ((130012, "UTF8", "public", True), "PostgreSQL 13, and 14 or newer"),
        ((150000, "LATIN1", "public", True), "encoding LATIN1 instead of UTF8"),
        ((150000, "UTF8", None, True), "may not create tables"),
        ((150000, "UTF8", "public", False), "may not create tables"),
    ):
        *others, may_create = given
        problem = unsuitable(*others, may_create=may_create)  # type: ignore[arg-type]
        assert problem is not None
        assert what in problem.what.en


async def test_without_asyncpg_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "asyncpg" or name == "store.postgres"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(DatabaseError, match=r"install mailauncher\[postgres\]"):
        await Database.open(tmp_path, "postgres://nobody@localhost/x")


async def test_whoever_tries_to_reach_it_and_leaves_does_not_keep_others_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were told for 15 seconds that it is away, without another attempt."""
    from store import postgres as client_module  # noqa: PLC0415 - only where asyncpg is

    monkeypatch.setattr(client_module, "RETRY_PAUSE_S", 0.0)
    tries: asyncio.Queue[None] = asyncio.Queue()
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.put_nowait(None)
        await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        ended.put_nowait(None)

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = client_module.Client(
            f"postgres://x@127.0.0.1:{port}/x?sslmode=disable", "test", connection_name="default"
        )
        client._outage.failed(OSError("away"))
        for _ in range(2):
            trying = asyncio.create_task(client.take())
            await asyncio.wait(
                {trying, waiting := asyncio.ensure_future(tries.get())}, return_when="FIRST_COMPLETED"
            )
            assert waiting.done(), trying.exception()
            trying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await trying
            await ended.get()
