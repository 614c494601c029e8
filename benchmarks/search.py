"""Searches in 200,000 emojis and persons: against a look-up by id through the same door, and against `LIKE '%..%'`.

    python benchmarks/search.py [--rows 200000] [--rounds 30]

Design targets: a text search with tags, first page and total, within 10 times a look-up by id; at least 20 times faster than
LIKE at that size; a page deep in the list for the price of the first one; memory that does not grow with the corpus. All of
it over HTTP, one request after the other, in turn. LIKE is what SQLite alone takes for it, without any server, over the same
file: the page and the total, as the route gives both.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from served import Connection, DataFolder, Served, body, launcher, request

from store.database import Database
from store.emojis import Emojis
from store.persons import Persons
from store.records import InstanceRecord
from store.registry import Registry

INSTANCE = "a" * 40
BATCH = 500
CHINESE = (
    "开心 难过 生气 无语 惊讶 可爱 猫猫 狗狗 熊猫头 哭泣 大笑 比心 加油 晚安 早上好 吃饭 睡觉 上班 下班 摸鱼 打工人 表情 "
    "震惊 害羞 点赞 再见 谢谢 对不起 没关系 好的 不行 快来 别走 想你 爱你 讨厌 走开 嘿嘿 哈哈 呜呜 离谱 绝了 厉害 佩服 吃瓜"
)
ENGLISH = (
    "happy sad angry cute cat dog panda laugh cry heart cheer night morning eat sleep work relax fish shock shy like bye thanks "
    "sorry okay come stay miss love hate leave heaven help great amazing respect worship melon"
)
WORDS = f"{CHINESE} {ENGLISH}".split()
SEARCHES: dict[str, dict[str, Any]] = {
    "two characters and a tag": {"query": "开心", "tags": ["猫猫"]},
    "one character and a tag": {"query": "熊", "tags": ["cat"]},
    "three and two tags": {"query": "打工人", "tags": ["猫猫", "happy"]},
    "an English word and a tag": {"query": "panda", "tags": ["猫猫"]},
    "one letter and a tag": {"query": "e", "tags": ["cat"]},
    "words in a row, tag, category": {"query": "happy sad", "tags": ["cat"], "category": "work"},
    "a rare text": {"query": "猫99123", "tags": []},
    "a tag alone": {"query": "", "tags": ["cat"]},
    "everything": {"query": "", "tags": []},
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with DataFolder() as folder:
        some = asyncio.run(fill(folder.data, options.rows))
        size = (folder.data / "mailauncher.db").stat().st_size >> 20
        print(f"{options.rows} emojis and as many persons, {size} MiB")
        with launcher(folder) as server:
            memory = rss(server)
            emojis(server, folder.data, some, options.rounds)
            persons(server, some, options.rounds)
            paging(server, options.rounds)
            print(f"\nRSS of the server: {memory >> 20} MiB at first, {rss(server) >> 20} MiB at the end")


# The corpus


async def fill(data: Path, count: int) -> dict[str, str]:
    """The rows, straight into the database; an id of each kind, from the middle."""
    data.mkdir(mode=0o700)
    database = await Database.open(data)
    bot = InstanceRecord(
        id=INSTANCE, name="bot", path="/srv/bot", port=20000, version="", installed_at=1, recipe="maibot"
    )
    await Registry(database).add(bot)
    chance = random.Random(1)
    some = {}
    for begin in range(0, count, BATCH):
        numbers = range(begin, min(begin + BATCH, count))
        made = await Emojis(database).add(INSTANCE, [emoji(chance, number) for number in numbers])
        known = await Persons(database).add(INSTANCE, [person(chance, number) for number in numbers])
        if begin <= count // 2:
            some = {"emoji": made[0]["id"], "person": known[0]["id"]}
    await database.close()
    return some


def emoji(chance: random.Random, number: int) -> dict[str, Any]:
    words = chance.choices(WORDS, k=chance.randrange(3, 10))
    return {
        "name": f"{words[0]}{words[1]}{number}",
        "description": (" " if chance.random() < 0.4 else "").join(words),
        "tags": json.dumps(chance.sample(WORDS, 3), ensure_ascii=False),
        "category": chance.choice(["emotions", "animals", "work", ""]),
        "image": f"{number:064x}.png",
    }


def person(chance: random.Random, number: int) -> dict[str, Any]:
    words = chance.choices(WORDS, k=3)
    return {
        "user_id": str(10_000_000 + 7 * number),
        "username": f"{words[0]}_{number}",
        "nickname": f"{words[1]}{words[2]}",
        "avatar_url": "",
        "profile": json.dumps({"note": words[0]}, ensure_ascii=False),
    }


# Measuring


def compare(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Medians in ms, in turn; the first round is for warming up."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            begin = time.perf_counter()
            contestant()
            if number:
                took[name].append((time.perf_counter() - begin) * 1000)
    return {name: statistics.median(times) for name, times in took.items()}


def asked(port: int, method: str, path: str, body: object = None) -> Callable[[], object]:
    connection = Connection(port, request(method, path, body))

    def ask() -> None:
        connection.ask()
        while not connection.whole():
            pass

    return ask


def emojis(server: Served, data: Path, some: dict[str, str], rounds: int) -> None:
    place = f"/api/v1/resource/{INSTANCE}/emoji"
    database = sqlite3.connect(f"file:{data / 'mailauncher.db'}?mode=ro", uri=True)
    print(f"\n{'emojis':32} {'ms':>8} {'to by id':>9} {'LIKE ms':>9} {'times faster':>13} {'total':>8}")
    for name, search in SEARCHES.items():
        ask = asked(server.port, "POST", f"{place}/search", search)
        by_id = asked(server.port, "GET", f"{place}/{some['emoji']}")
        # Apart from LIKE, and with it a look-up before: whoever comes after a tenth of a second of nothing finds the server
        # asleep and its caches cold.
        near = compare({"id": by_id, "search": ask}, rounds * 4)
        total = like(database, search)
        far = compare(
            {"id": by_id, "search": ask, "like": partial(like, database, search)}, max(5, rounds // 2)
        )
        ratio, faster = near["search"] / near["id"], far["like"] / far["search"]
        print(f"{name:32} {near['search']:8.2f} {ratio:9.1f} {far['like']:9.1f} {faster:13.1f} {total:8}")
    print(f"{'by id':32} {near['id']:8.2f}")
    database.close()


def like(database: sqlite3.Connection, search: dict[str, Any]) -> int:
    """The total, after the first page: what a search without an index does."""
    part = f"%{search['query']}%"
    conditions = ["instance_id = ?", "(name LIKE ? OR description LIKE ? OR tags LIKE ?)"]
    values: list[Any] = [INSTANCE, part, part, part]
    for tag in search["tags"]:
        conditions.append("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)")
        values.append(tag)
    if "category" in search:
        conditions.append("category = ?")
        values.append(search["category"])
    where = " AND ".join(conditions)
    database.execute(f"SELECT * FROM emoji WHERE {where} ORDER BY seq DESC LIMIT 20", values).fetchall()  # noqa: S608 - our own words
    total: int = database.execute(f"SELECT count(*) FROM emoji WHERE {where}", values).fetchone()[0]  # noqa: S608 - the same
    return total


def persons(server: Served, some: dict[str, str], rounds: int) -> None:
    place = f"/api/v1/resource/{INSTANCE}/person"
    searches: dict[str, dict[str, Any]] = {
        "two characters": {"query": "熊猫"},
        "part of a number": {"query": "123456"},
        "a name and a part": {"query": "cat", "username": "cat_777"},
        "everything": {},
    }
    contestants = {"by id": asked(server.port, "GET", f"{place}/{some['person']}")}
    contestants |= {name: asked(server.port, "POST", f"{place}/search", s) for name, s in searches.items()}
    found = compare(contestants, rounds)
    print(f"\n{'persons':32} {'ms':>8} {'to by id':>9}")
    for name, took in found.items():
        print(f"{name:32} {took:8.2f} {took / found['by id']:9.1f}")


def paging(server: Served, rounds: int) -> None:
    """By cursor, through GraphQL: the first page and one that lies behind nine tenths of the list."""
    query = """query ($after: ID, $text: String) { instance(id: "%s") {
      emojis(first: 20, after: $after, text: $text) { edges { node { id name tags } } pageInfo { endCursor } } } }"""
    text = query % INSTANCE
    last = max(21, int(emoji_count(server) * 0.1))
    for label, filtered in (("all", None), ("found", "猫")):
        found = compare(
            {
                "first": asked(
                    server.port, "POST", "/graphql", {"query": text, "variables": {"text": filtered}}
                ),
                "deep": asked(
                    server.port,
                    "POST",
                    "/graphql",
                    {"query": text, "variables": {"text": filtered, "after": str(last)}},
                ),
            },
            rounds,
        )
        print(
            f"\npages of {label}: first {found['first']:.2f} ms, deep {found['deep']:.2f} ms, "
            f"ratio {found['deep'] / found['first']:.2f}"
        )
    facets = """query ($text: String) { instance(id: "%s") { emojis(first: 1, text: $text) {
      facets { tags { value count } categories { value count } } } } }"""
    bodies = [{"query": facets % INSTANCE, "variables": {"text": text}} for text in (None, "开心", "a")]
    found = compare(
        {str(b["variables"]["text"]): asked(server.port, "POST", "/graphql", b) for b in bodies},  # type: ignore[index]
        max(3, rounds // 6),
    )
    print("\nfacets of all {:.1f} ms, of 开心 {:.1f} ms, of a {:.1f} ms".format(*found.values()))


def emoji_count(server: Served) -> int:
    asked = request("POST", f"/api/v1/resource/{INSTANCE}/emoji/search", {"limit": 1})
    return int(json.loads(body(server.port, asked))["total"])


def rss(server: Served) -> int:
    assert server.process is not None
    return int(psutil.Process(server.process.pid).memory_info().rss)


if __name__ == "__main__":
    main()
