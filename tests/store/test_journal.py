"""The journal: events by cursor and by instance, pruned beyond a limit."""

import asyncio
import logging
import time
from typing import Any

import pytest
from tortoise import connections

from mailauncher.errors import Text
from mailauncher.events import Bus, JournalWritten
from store import journal as module
from store import models
from store.database import Database
from store.journal import Journal
from store.statements import is_sqlite, set_last_number
from tests.support.databases import refuse


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database, Bus())


async def note(journal: Journal, words: str, instance_id: str | None = None) -> None:
    await journal.note("start", "rest", Text(f"启动 {words}", words), instance_id)


async def words(journal: Journal, cursor: int = 0, limit: int = 100) -> list[str]:
    return [row["en"] for row in await journal.after(cursor, limit)]


async def test_an_event_is_stored_with_all_its_columns(journal: Journal) -> None:
    before = int(time.time() * 1000)
    await note(journal, "one", "a" * 40)
    (row,) = await journal.after(0, 10)
    assert before <= row.pop("at") <= int(time.time() * 1000)
    assert row == {
        "id": 1,
        "instance_id": "a" * 40,
        "kind": "start",
        "caller": "rest",
        "zh": "启动 one",
        "en": "one",
        "session_id": None,
        "offset": None,
    }


async def test_an_event_of_the_launcher_itself_has_no_instance(journal: Journal) -> None:
    await note(journal, "one")
    (row,) = await journal.after(0, 10)
    assert row["instance_id"] is None


async def test_events_after_a_cursor_come_oldest_first(journal: Journal) -> None:
    for number in range(5):
        await note(journal, str(number))
    rows = await journal.after(0, 3)
    assert [row["en"] for row in rows] == ["0", "1", "2"]
    assert await words(journal, rows[-1]["id"]) == ["3", "4"]
    assert await words(journal, 10_000) == []


async def test_a_reader_that_follows_the_cursor_misses_no_concurrent_event(journal: Journal) -> None:
    async def write(name: str) -> None:
        for number in range(10):
            await note(journal, f"{name}{number}")

    writers = asyncio.gather(*(write(name) for name in "abc"))
    seen: list[str] = []
    cursor = 0
    while len(seen) < 30:
        rows = await journal.after(cursor, 4)
        seen += [row["en"] for row in rows]
        cursor = rows[-1]["id"] if rows else cursor
    await writers
    assert sorted(seen) == sorted(f"{name}{number}" for name in "abc" for number in range(10))


async def test_the_last_event_is_known(journal: Journal) -> None:
    assert await journal.last() == 0
    for number in range(3):
        await note(journal, str(number))
    assert await journal.last() == 3


async def test_subscribers_are_notified_after_the_event_can_be_read(database: Database) -> None:
    bus = Bus()
    journal = Journal(database, bus)
    with bus.subscribe(JournalWritten) as news:
        await note(journal, "one")
        async with asyncio.timeout(5):
            await anext(news)
        assert await words(journal) == ["one"]


async def test_an_event_that_cannot_be_written_is_logged(
    database: Database, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    await refuse(database, "INSERT", "event")
    with caplog.at_level(logging.ERROR):
        await note(journal, "the disk is full")
    assert "the disk is full" in caplog.text


async def test_after_a_restart_the_newest_events_are_read_once_for_all_who_come_back(
    database: Database, journal: Journal
) -> None:
    """Each of them took a query of its own: half of the time in which a crowd was served again."""
    for number in range(5):
        await note(journal, str(number))
    queries = 0

    class Counting(Journal):
        async def page(self, *args: Any, **given: Any) -> list[dict[str, Any]]:
            nonlocal queries
            queries += 1
            return await super().page(*args, **given)

    restarted = Counting(database, Bus())
    *found, _ = await asyncio.gather(*(words(restarted, 2) for _ in range(20)), note(restarted, "new"))
    assert all(rows in (["2", "3", "4"], ["2", "3", "4", "new"]) for rows in found)
    assert await words(restarted) == ["0", "1", "2", "3", "4", "new"]
    assert queries == 1


async def test_events_older_than_those_in_memory_are_read_too(
    database: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEWEST_KEPT", 3)
    for number in range(6):
        await note(journal, str(number))
    restarted = Journal(database, Bus())
    await note(restarted, "6")
    assert await words(restarted, 3) == ["3", "4", "5", "6"]
    assert await words(restarted, 4) == ["4", "5", "6"]
    assert await words(restarted) == ["0", "1", "2", "3", "4", "5", "6"]


# By instance


async def test_the_newest_events_of_each_instance_come_newest_first(journal: Journal) -> None:
    for number in range(4):
        await note(journal, f"a{number}", "a")
        await note(journal, f"b{number}", "b")
    await note(journal, "of nobody")
    found = await journal.newest(["b", "a", "c"], 2)
    assert {key: [row["en"] for row in rows] for key, rows in found.items()} == {
        "a": ["a3", "a2"],
        "b": ["b3", "b2"],
        "c": [],
    }


async def test_every_query_returns_the_same_rows(journal: Journal) -> None:
    await note(journal, "one", "a")
    (by_cursor,) = await journal.after(0, 1)
    (by_instance,) = (await journal.newest(["a"], 1))["a"]
    assert {key: by_instance[key] for key in by_cursor} == by_cursor


@pytest.mark.parametrize("count", [1, 50, 1000])
async def test_one_query_is_enough_for_any_number_of_instances(
    database: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    ids = [f"{number:040x}" for number in range(count)]
    await note(journal, "one", ids[-1])
    asked = []
    with database.session():
        connection = type(connections.get("default"))
    real = connection.execute_query_dict

    async def counted(self: object, query: str, values: list[object]) -> list[dict[str, object]]:
        asked.append(query)
        found: list[dict[str, object]] = await real(self, query, values)
        return found

    monkeypatch.setattr(connection, "execute_query_dict", counted)
    found = await journal.newest(ids, 5)
    assert len(asked) == 1
    assert len(found) == count
    assert [row["en"] for row in found[ids[-1]]] == ["one"]


async def test_no_instances_need_no_query(journal: Journal) -> None:
    assert await journal.newest([], 5) == {}


async def test_an_instance_listed_twice_is_answered_once(journal: Journal) -> None:
    await note(journal, "one", "a")
    assert [row["en"] for row in (await journal.newest(["a", "a"], 5))["a"]] == ["one"]


async def test_an_id_is_never_part_of_the_query(journal: Journal) -> None:
    await note(journal, "one", "a")
    strange = "a') OR 1=1 --"
    assert await journal.newest([strange], 5) == {strange: []}


# What is kept


async def test_the_oldest_events_are_pruned_beyond_the_limit(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_KEPT", 5)
    monkeypatch.setattr(module, "_PRUNE_EVERY", 4)
    for number in range(21):
        await note(journal, str(number))
    assert await words(journal) == ["16", "17", "18", "19", "20"]


async def test_as_many_events_are_kept_where_their_ids_have_gaps(
    journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit was counted in ids, of which each event that is not committed takes one on PostgreSQL."""
    monkeypatch.setattr(module, "EVENTS_KEPT", 5)
    monkeypatch.setattr(module, "_PRUNE_EVERY", 1)
    with database.session():
        for number in range(1, 20):
            words_of = {"zh": str(number), "en": str(number)}
            await models.Event(id=10 * number, at=number, kind="start", caller="rest", **words_of).save()
        if not is_sqlite(connections.get("default")):
            await set_last_number(connections.get("default"), "event", "id", 190)
    await note(journal, "newest")
    assert await words(journal) == ["16", "17", "18", "19", "newest"]
    assert await words(Journal(database, Bus()), 175) == ["18", "19", "newest"]


async def test_servers_that_run_shortly_prune_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted from each start anew, a server that was restarted often enough kept everything for ever."""
    monkeypatch.setattr(module, "EVENTS_KEPT", 5)
    for number in range(20):
        await note(Journal(database, Bus()), str(number))
    with database.session():
        assert await models.Event.all().count() == 5


async def test_a_cursor_stays_valid_after_pruning(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    await note(journal, "first")
    (first,) = await journal.after(0, 1)
    monkeypatch.setattr(module, "EVENTS_KEPT", 2)
    monkeypatch.setattr(module, "_PRUNE_EVERY", 1)
    for number in range(4):
        await note(journal, str(number))
    assert await words(journal, first["id"]) == ["2", "3"]
