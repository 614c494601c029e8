"""The search index on PostgreSQL: longer parts that many rows have are words of their own in blocks that are complete."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tortoise import connections

from store import words
from store.database import Database
from store.persons import Persons, criteria
from store.postgres_index import BLOCK
from store.records import InstanceRecord
from store.registry import Registry
from store.statements import select, set_last_number
from tests.support import databases, postgres

pytestmark = [pytest.mark.slow, databases.NEEDS_POSTGRESQL]
BOTS = ("a" * 40, "b" * 40)
WORDS = ["panda", "pandas", "mornings", "开心猫猫", "熊猫", "aaaa", "andmo", "x_%", " "]


def new(chance: random.Random, number: int) -> dict[str, Any]:
    name, nick = ("".join(chance.choices(WORDS, k=3)) for _ in range(2))
    return {"user_id": str(number), "username": name, "nickname": nick, "avatar_url": "", "profile": "{}"}


async def opened(tmp_path: Path) -> Database:
    database = await Database.open(tmp_path, postgres.url_for(tmp_path))
    for number, bot in enumerate(BOTS):
        record = InstanceRecord(
            id=bot, name=bot[:4], path=bot, port=number + 1, version="", installed_at=1, recipe="maibot"
        )
        await Registry(database).add(record)
    return database


async def words_at(database: Database, block: int) -> set[int]:
    with database.session():
        found = await select(
            connections.get("default"), "SELECT word FROM person_words WHERE block = ?", [block]
        )
    return {row["word"] for row in found}


async def jump(database: Database, number: int) -> None:
    """The next row gets a higher number."""
    with database.session():
        await set_last_number(connections.get("default"), "person", "seq", number)


async def compare(chance: random.Random, persons: Persons, exact: set[int]) -> Counter[bool]:
    """Requires that searches find what is there. Returns how many were for a part that is in the index as it is, and how many
    were not."""
    done: Counter[bool] = Counter()
    for bot in BOTS:
        rows = [row for row in await persons.oldest_first(bot, 0, 1000) if row["search"]]
        for _ in range(12):
            text = chance.choice(chance.choice(rows)["search"].split(words.FIELD)[1:])
            begin = chance.randrange(len(text))
            part = text[begin : begin + chance.randrange(1, 16)]
            expected = [
                row for row in reversed(rows) if any(part in one for one in row["search"].split(words.FIELD))
            ]
            wanted = criteria(part, None, None)
            assert await persons.count(bot, wanted) == len(expected), part
            assert await persons.page(bot, wanted, 7) == expected[:7], part
            before = chance.choice(expected[:10])["seq"]
            older = [row for row in expected if row["seq"] < before]
            assert await persons.page(bot, wanted, 2, before=before, offset=1) == older[1:3], part
            if len(part) > words.LONGEST:
                done[words.number(bot, part) in exact] += 1
    return done


async def test_parts_of_any_length_are_found_before_and_after_a_block_is_complete(tmp_path: Path) -> None:
    chance = random.Random(7)
    database = await opened(tmp_path)
    try:
        persons = Persons(database)
        for begin, bot in ((0, BOTS[0]), (60, BOTS[1]), (90, BOTS[0])):
            await persons.add(bot, [new(chance, number) for number in range(begin, begin + 30)])
        open_block = await words_at(database, 0)
        assert not (await compare(chance, persons, open_block))[True]
        await jump(database, 9_000_000 * BLOCK + 3)
        await persons.add(BOTS[1], [new(chance, number) for number in range(1000, 1010)])
        complete = await words_at(database, 0)
        assert len(complete) > len(open_block)
        done = await compare(chance, persons, complete)
        assert min(done[True], done[False]) > 2, done
        for number in range(6):
            bot = BOTS[number % 2]
            some = [row["id"] for row in chance.sample(await persons.oldest_first(bot, 0, 1000), 8)]
            await persons.change(bot, some[:5], lambda row: {**new(chance, 0), "user_id": row["user_id"]})
            await persons.remove(bot, some[5:7])
            await persons.put_aside(bot, some[7:], 0, from_bot=False)
            if number % 3 == 0:
                await persons.take_back(bot, some[7:])
            await compare(chance, persons, await words_at(database, 0))
        for bot in BOTS:
            while await persons.remove_batch(bot):
                pass
        assert await words_at(database, 0) == set()
        assert len(await words_at(database, 9_000_000 - 1)) == 1  # that it is complete
        assert await words_at(database, 9_000_000) == set()
    finally:
        await database.close()
