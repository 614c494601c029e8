"""PostgreSQL beside SQLite: lists and searches in 200,000 emojis, in the same process and in turn.

    python benchmarks/databases.py postgres://user@host/an_empty_database [--rows 200000] [--rounds 30]

Needs the extra `postgres`, and an empty database, best with the collation `C`. Design target: a search, first page and
total, takes at most twice the time that it takes on SQLite. Without HTTP and resolvers, which cost the same for both.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from search import BATCH, INSTANCE, emoji

from store.database import Database
from store.emojis import Emojis, criteria
from store.records import InstanceRecord
from store.registry import Registry
from store.search_index import Criteria

SEARCHES = {
    "everything": Criteria(),
    "one character and a tag": criteria("熊", ["cat"], None),
    "two characters": criteria("开心", [], None),
    "two characters and a tag": criteria("开心", ["猫猫"], None),
    "two that none has": criteria("鲸鱼", [], None),
    "three characters": criteria("打工人", [], None),
    "three characters and a tag": criteria("打工人", ["猫猫"], None),
    "four characters": criteria("开心猫猫", [], None),
    "four characters and a tag": criteria("开心猫猫", ["cat"], None),
    "eight characters": criteria("开心猫猫难过狗狗", [], None),
    "one letter": criteria("e", [], None),
    "two letters": criteria("pa", [], None),
    "three letters": criteria("cat", [], None),
    "three letters and a tag": criteria("cat", ["猫猫"], None),
    "four letters": criteria("love", [], None),
    "four letters and a tag": criteria("love", ["猫猫"], None),
    "five letters": criteria("panda", [], None),
    "five letters and a tag": criteria("panda", ["猫猫"], None),
    "seven letters": criteria("morning", [], None),
    "seven letters and a tag": criteria("morning", ["猫猫"], None),
    "eight letters": criteria("pandacat", [], None),
    "two words": criteria("happy sad", [], None),
    "a word and a digit": criteria("panda1", [], None),
    "thirteen characters": criteria("good morning ", [], None),
    "a rare text": criteria("猫99123", [], None),
    "a tag alone": criteria("", ["cat"], None),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(folder), options.url, options.rows, options.rounds))


async def compare(folder: Path, url: str, rows: int, rounds: int) -> None:
    async with AsyncExitStack() as opened:
        both = []
        for place in (
            "",
            url,
        ):  # the second is opened after the first has rows: Tortoise keeps statements in one dialect
            database = await Database.open(folder, place)
            opened.push_async_callback(database.close)
            both.append(await filled(database, rows))
        await measure(*both, rows, rounds)


async def measure(sqlite: Emojis, postgresql: Emojis, rows: int, rounds: int) -> None:
    print(f"\n{'page and total':28} {'SQLite ms':>16} {'PostgreSQL ms':>16} {'ratio':>6} {'total':>8}")
    print(f"{'':28} {'median (least)':>16} {'median (least)':>16}")
    for name, wanted in SEARCHES.items():
        report(name, await in_turn(sqlite, postgresql, rounds, lambda e, w=wanted: search(e, w)))  # type: ignore[misc]
    one = (await sqlite.page(INSTANCE, Criteria(), 1, offset=rows // 2))[0]
    same = (await postgresql.page(INSTANCE, Criteria(), 1, offset=rows // 2))[0]
    ids = {sqlite: one["id"], postgresql: same["id"]}
    report(
        "by id, without a total", await in_turn(sqlite, postgresql, rounds, lambda e: e.get(INSTANCE, ids[e]))
    )


async def filled(database: Database, rows: int) -> Emojis:
    bot = InstanceRecord(
        id=INSTANCE, name="bot", path="/srv/bot", port=20000, version="", installed_at=1, recipe="maibot"
    )
    await Registry(database).add(bot)
    emojis, chance, begun = Emojis(database), random.Random(1), time.perf_counter()
    for begin in range(0, rows, BATCH):
        await emojis.add(INSTANCE, [emoji(chance, n) for n in range(begin, min(begin + BATCH, rows))])
    took = time.perf_counter() - begun
    print(f"{rows} rows in {took:.0f} s", flush=True)
    return emojis


async def search(emojis: Emojis, wanted: Criteria) -> int:
    """As the doors do it: a first page that is not full has the total."""
    found = await emojis.page(INSTANCE, wanted, 20)
    return len(found) if len(found) < 20 else await emojis.count(INSTANCE, wanted)


async def in_turn(
    first: Emojis, second: Emojis, rounds: int, work: Callable[[Emojis], Awaitable[Any]]
) -> tuple[list[float], list[float], Any]:
    """Times in ms; the first round is for warming up."""
    took: dict[Emojis, list[float]] = {first: [], second: []}
    result = None
    for number in range(rounds + 1):
        for emojis, times in took.items():
            begun = time.perf_counter()
            result = await work(emojis)
            if number:
                times.append((time.perf_counter() - begun) * 1000)
    return took[first], took[second], result


def report(name: str, measured: tuple[list[float], list[float], Any]) -> None:
    """The ratio is of the medians."""
    *both, total = measured
    shown = " ".join(f"{statistics.median(times):7.2f} ({min(times):6.2f})" for times in both)
    sqlite, postgresql = map(statistics.median, both)
    print(
        f"{name:28} {shown} {postgresql / sqlite:6.2f} {total if isinstance(total, int) else '':>8}",
        flush=True,
    )


if __name__ == "__main__":
    main()
