"""Filters by one text or column, which no index serves."""

import asyncio
import time
from pathlib import Path

import pytest

from store import persons
from store.database import Database
from store.persons import Persons
from store.records import InstanceRecord
from store.registry import Registry
from tests.support.growth import require_linear

ROWS = 1500


@pytest.mark.slow
def test_a_filter_costs_in_proportion_to_the_rows(location: tuple[Path, str]) -> None:
    """Rows with a name, of 50,000, took 13 s of CPU: each was looked for in the search index."""
    with asyncio.Runner() as runner:
        database = runner.run(Database.open(*location))
        try:
            rows = Persons(database)
            runner.run(filled(database, rows))
            named = persons.criteria("", None, None, named=True, username_part="name")

            def cost(times: int) -> float:
                begun = time.process_time()
                found = runner.run(rows.page(bot(times), named, 100))
                spent = time.process_time() - begun
                assert len(found) == 100
                return spent

            require_linear(cost)
            assert runner.run(rows.count(bot(4), named)) == 4 * ROWS
        finally:
            runner.run(database.close())


def bot(times: int) -> str:
    return f"{times:040x}"


async def filled(database: Database, rows: Persons) -> None:
    registry = Registry(database)
    for times in (1, 2, 4):
        name = f"bot {times}"
        record = InstanceRecord(
            id=bot(times), name=name, path=name, port=1, version="1", installed_at=1, recipe="maibot"
        )
        await registry.add(record)
        new = [
            {"user_id": str(n), "username": f"name{n}", "nickname": "", "avatar_url": "", "profile": "{}"}
            for n in range(times * ROWS)
        ]
        await rows.add(bot(times), new)
