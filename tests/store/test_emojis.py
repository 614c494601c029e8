"""Rows of emojis and persons: search, order, all-or-none writes, and a search index that agrees with the rows."""

import json
from typing import Any

import pytest
import pytest_asyncio
from tortoise import connections

from mailauncher.errors import DuplicateResource, InstanceNotFound, ResourceNotFound
from store import persons as persons_module
from store import words
from store.database import Database
from store.emojis import Emojis, Facet, criteria
from store.persons import Persons
from store.records import InstanceRecord
from store.registry import Registry
from store.resources import PageRequest
from store.search_index import Criteria
from store.statements import is_sqlite

BOT = "a" * 40
OTHER = "b" * 40


def record(instance_id: str) -> InstanceRecord:
    return InstanceRecord(
        id=instance_id,
        name=instance_id[:4],
        path=f"/srv/{instance_id}",
        port=1,
        version="",
        installed_at=1,
        recipe="custom",
    )


@pytest_asyncio.fixture
async def database(database: Database) -> Database:
    """With two instances."""
    registry = Registry(database)
    await registry.add(record(BOT))
    await registry.add(record(OTHER))
    return database


@pytest.fixture
def emojis(database: Database) -> Emojis:
    return Emojis(database)


@pytest.fixture
def persons(database: Database) -> Persons:
    return Persons(database)


def emoji(name: str, description: str = "", tags: tuple[str, ...] = (), category: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "tags": json.dumps(tags, ensure_ascii=False),
        "category": category,
        "image": f"{'0' * 64}.png",
    }


def person(user_id: str, username: str = "", nickname: str = "") -> dict[str, Any]:
    return {
        "user_id": user_id,
        "username": username,
        "nickname": nickname,
        "avatar_url": "",
        "profile": "{}",
    }


async def names(
    emojis: Emojis, what: Criteria | None = None, instance_id: str = BOT, **page: Any
) -> list[str]:
    found = await emojis.page(instance_id, what or Criteria(), page.pop("limit", 200), **page)
    return [row["name"] for row in found]


async def indexed(database: Database) -> list[int]:
    """The rows in the search index, after an integrity check of it."""
    with database.session():
        connection = connections.get("default")
        if not is_sqlite(connection):
            every = "SELECT DISTINCT block * 1024 + place AS seq FROM emoji_words, generate_series(0, 1023) AS place"
            return [
                row["seq"]
                for row in await connection.execute_query_dict(
                    f"{every} WHERE get_bit(members, place) = 1 ORDER BY 1"
                )
            ]
        check = "INSERT INTO emoji_words (emoji_words) VALUES ('integrity-check')"
        await connection.execute_query(check)
        every = f'"{words.scope(BOT)}"* OR "{words.scope(OTHER)}"*'
        found = await connection.execute_query_dict(
            "SELECT rowid AS seq FROM emoji_words WHERE emoji_words MATCH ? ORDER BY rowid", [every]
        )
        return [row["seq"] for row in found]


# Finding


async def test_rows_are_listed_newest_first(emojis: Emojis) -> None:
    await emojis.add(BOT, [emoji("one"), emoji("two")])
    await emojis.add(BOT, [emoji("three")])
    assert await names(emojis) == ["three", "two", "one"]
    assert await names(emojis, limit=1, offset=1) == ["two"]
    assert await emojis.count(BOT, Criteria()) == 3


PARTS = {
    "开": ["开心"],
    "开心": ["开心"],
    "心的猫": ["开心"],
    "一只开心的猫": ["开心"],
    "猫 ": [],
    "PAND": ["panda"],
    "nd": ["panda"],
    "Straße": ["panda"],
    "熊": ["panda"],
    "%": ["100%_a"],
    "_": ["100%_a"],
    "0%_": ["100%_a"],
    '"': ["100%_a"],
    "*": [],
    "OR": ["100%_a"],
    "a": ["100%_a", "panda"],
    "emotions": [],
    "": ["100%_a", "panda", "开心"],
}


async def test_any_part_of_a_name_a_description_or_a_tag_finds_it(emojis: Emojis) -> None:
    await emojis.add(
        BOT,
        [
            emoji("开心", "一只开心的猫", ("快乐",), "emotions"),
            emoji("panda", "STRASSE", ("熊猫",), "emotions"),
            emoji("100%_a", 'say "x" or'),
        ],
    )
    assert {text: await names(emojis, criteria(text, [], None)) for text in PARTS} == PARTS
    for text, found in PARTS.items():
        assert await emojis.count(BOT, criteria(text, [], None)) == len(found)


async def test_a_filter_matches_whole_tags_and_the_exact_category(emojis: Emojis) -> None:
    await emojis.add(
        BOT, [emoji("a", "", ("Cat", "big cat"), "x"), emoji("b", "", ("cat", "dog"), "X"), emoji("c")]
    )
    assert await names(emojis, criteria("", ["cat"], None)) == ["b", "a"]
    assert await names(emojis, criteria("", ["CAT", "dog"], None)) == ["b"]
    assert await names(emojis, criteria("", ["ca"], None)) == []
    assert await names(emojis, criteria("", ["big"], None)) == []
    assert await names(emojis, criteria("", [], "X")) == ["b"]
    assert await names(emojis, criteria("a", ["cat"], "x")) == ["a"]


async def test_each_instance_has_its_own_rows(emojis: Emojis) -> None:
    await emojis.add(BOT, [emoji("one")])
    await emojis.add(OTHER, [emoji("one")])
    assert await names(emojis, instance_id=OTHER) == ["one"]
    assert await emojis.count(BOT, criteria("one", [], None)) == 1


async def test_a_cursor_continues_after_its_page_although_rows_are_added(emojis: Emojis) -> None:
    await emojis.add(BOT, [emoji(f"n{number}") for number in range(10)])
    first = await emojis.page(BOT, Criteria(), 4)
    await emojis.add(BOT, [emoji("newer")])
    assert await names(emojis, limit=4, before=first[-1]["seq"]) == ["n5", "n4", "n3", "n2"]
    assert await names(emojis, criteria("n", [], None), limit=2, before=first[-1]["seq"]) == ["n5", "n4"]


async def test_many_pages_and_counts_are_one_query(
    database: Database, emojis: Emojis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await emojis.add(BOT, [emoji("one"), emoji("two")])
    await emojis.add(OTHER, [emoji("three")])
    asked = []
    with database.session():
        kind = type(connections.get("default"))
    original = kind.execute_query_dict

    async def counted(self: Any, query: str, values: Any = None) -> Any:
        asked.append(query)
        return await original(self, query, values)

    monkeypatch.setattr(kind, "execute_query_dict", counted)
    pages = await emojis.pages(
        [PageRequest(OTHER, Criteria(), 5), PageRequest(BOT, Criteria(), 5), PageRequest(BOT, Criteria(), 1)]
    )
    assert [[row["name"] for row in page] for page in pages] == [["three"], ["two", "one"], ["two"]]
    assert await emojis.counts([(BOT, Criteria()), (OTHER, criteria("x", [], None))]) == [2, 0]
    assert len(asked) == 2
    assert len(await emojis.pages([PageRequest(BOT, Criteria(), 1)] * 230)) == 230


async def test_persons_are_found_by_their_names_and_their_id(persons: Persons) -> None:
    await persons.add(BOT, [person("12345", "TestUser", "测试用户"), person("123456", "other", "小林")])

    async def found(text: str = "", user_id: str | None = None, username: str | None = None) -> list[str]:
        rows = await persons.page(BOT, persons_module.criteria(text, user_id, username), 10)
        return [row["user_id"] for row in rows]

    assert await found("2345") == ["123456", "12345"]
    assert await found("测试") == ["12345"]
    assert await found(user_id="12345") == ["12345"]
    assert await found(user_id="1234") == []
    assert await found(username="testuser") == ["12345"]
    assert await found(username="test") == []
    assert await found("test", "12345", "TESTUSER") == ["12345"]
    assert await found("小", "12345") == []


# Facets


async def test_tags_and_categories_are_counted(emojis: Emojis) -> None:
    await emojis.add(
        BOT,
        [
            emoji("a", "", ("Cat", "x"), "one"),
            emoji("b", "", ("cat",), "one"),
            emoji("c", "", ("dog & cat", "x"), "Two"),
            emoji("d"),
        ],
    )
    await emojis.add(OTHER, [emoji("a", "", ("cat",), "one")])
    first, *others = await emojis.tags(BOT, Criteria(), 10)
    assert (words.fold(first.value), first.count) == ("cat", 2)
    assert others == [Facet("x", 2), Facet("dog & cat", 1)]
    assert await emojis.tags(BOT, Criteria(), 1) == [first]
    assert await emojis.categories(BOT, Criteria(), 10) == [Facet("one", 2), Facet("Two", 1)]


async def test_facets_of_a_search_count_its_matches(emojis: Emojis) -> None:
    await emojis.add(
        BOT, [emoji("a", "find", ("Cat",), "one"), emoji("b", "find", ("cat", "x")), emoji("c", "", ("x",))]
    )
    assert await emojis.tags(BOT, criteria("find", [], None), 10) == [Facet("Cat", 2), Facet("x", 1)]
    assert await emojis.categories(BOT, criteria("find", [], None), 10) == [Facet("one", 1)]


# Writing


async def test_a_name_is_unique_within_its_instance(emojis: Emojis, database: Database) -> None:
    await emojis.add(BOT, [emoji("one")])
    with pytest.raises(DuplicateResource):
        await emojis.add(BOT, [emoji("two"), emoji("one")])
    with pytest.raises(DuplicateResource):
        await emojis.add(BOT, [emoji("two"), emoji("two")])
    assert await names(emojis) == ["one"]
    assert len(await indexed(database)) == 1


async def test_nothing_can_be_added(emojis: Emojis) -> None:
    """A bot whose new persons are all known adds none: PostgreSQL has no number for no row."""
    assert await emojis.add(BOT, []) == []


async def test_no_row_is_added_to_a_removed_instance(emojis: Emojis) -> None:
    with pytest.raises(InstanceNotFound):
        await emojis.add("c" * 40, [emoji("one")])


async def test_a_change_is_found_by_its_new_words_and_not_by_the_old(
    emojis: Emojis, database: Database
) -> None:
    (made,) = await emojis.add(BOT, [emoji("one", "before", ("old",))])
    ((before, after),) = await emojis.change(
        BOT, [made["id"]], lambda _: {"description": "after", "tags": '["new"]'}
    )
    assert (before["description"], after["description"]) == ("before", "after")
    assert after["updated_at"] >= before["updated_at"]
    assert await names(emojis, criteria("befor", [], None)) == []
    assert await names(emojis, criteria("after", ["new"], None)) == ["one"]
    assert await emojis.tags(BOT, Criteria(), 5) == [Facet("new", 1)]
    assert len(await indexed(database)) == 1


async def test_changes_are_all_or_none(emojis: Emojis) -> None:
    one, two = await emojis.add(BOT, [emoji("one"), emoji("two")])
    new = {one["id"]: {"name": "x"}, two["id"]: {"name": "x"}}
    with pytest.raises(DuplicateResource):
        await emojis.change(BOT, list(new), lambda row: new[row["id"]])
    with pytest.raises(ResourceNotFound):
        await emojis.change(BOT, [one["id"], "0"], lambda _: {"description": "x"})
    assert await names(emojis, criteria("x", [], None)) == []
    assert await names(emojis) == ["two", "one"]


async def test_a_removed_row_is_not_found(emojis: Emojis, database: Database) -> None:
    one, _two = await emojis.add(BOT, [emoji("one"), emoji("two")])
    with pytest.raises(ResourceNotFound):
        await emojis.remove(BOT, [one["id"], "0"])
    assert [row["name"] for row in await emojis.remove(BOT, [one["id"]])] == ["one"]
    assert await names(emojis) == ["two"]
    with pytest.raises(ResourceNotFound):
        await emojis.get(BOT, one["id"])
    assert len(await indexed(database)) == 1


async def test_sequence_numbers_are_never_reused(emojis: Emojis) -> None:
    (one,) = await emojis.add(BOT, [emoji("one")])
    await emojis.remove(BOT, [one["id"]])
    (two,) = await emojis.add(BOT, [emoji("two")])
    assert two["seq"] > one["seq"]


async def test_a_hidden_row_is_not_listed_and_its_name_is_free(emojis: Emojis) -> None:
    one, two = await emojis.add(BOT, [emoji("one"), emoji("two")])
    await emojis.hide_or_remove(
        BOT, [one["id"], two["id"]], lambda row: "gone" if row["name"] == "one" else None
    )
    assert await names(emojis) == []
    assert await emojis.count(BOT, Criteria()) == 0
    with pytest.raises(ResourceNotFound):
        await emojis.get(BOT, one["id"])
    with pytest.raises(ResourceNotFound):
        await emojis.hide_or_remove(BOT, [one["id"]], lambda _: None)
    (kept,) = await emojis.by_key(BOT, [one["id"], two["id"]], "id")
    assert (kept["pending"], kept["image"], kept["search"]) == ("gone", "", "")
    await emojis.add(BOT, [emoji("one")])
    assert await names(emojis) == ["one"]


async def test_pending_rows_are_listed(emojis: Emojis) -> None:
    made = await emojis.add(
        BOT, [emoji("one") | {"pending": "add"}, emoji("two"), emoji("three") | {"bot_key": "k"}]
    )
    await emojis.hide_or_remove(BOT, [made[2]["id"]], lambda _: "delete")
    assert [row["pending"] for row in await emojis.pending(BOT, 10)] == ["add", "delete"]
    await emojis.set_columns(BOT, {made[0]["id"]: {"pending": "", "bot_key": "x"}})
    assert [row["id"] for row in await emojis.by_key(BOT, ["x"], "bot_key")] == [made[0]["id"]]
    assert [row["id"] for row in await emojis.pending(BOT, 10)] == [made[2]["id"]]


async def test_rows_are_removed_in_batches_with_their_index_words(emojis: Emojis, database: Database) -> None:
    await emojis.add(BOT, [emoji(f"n{number}") for number in range(30)])
    await emojis.add(OTHER, [emoji("one")])
    assert len(await emojis.remove_batch(BOT)) == 30
    assert await emojis.remove_batch(BOT) == []
    assert len(await indexed(database)) == 1


async def test_removed_instances_that_still_have_rows_are_listed(emojis: Emojis, database: Database) -> None:
    await emojis.add(BOT, [emoji("one")])
    assert await emojis.orphaned_instances() == []
    await Registry(database).remove(BOT)
    assert await emojis.orphaned_instances() == [BOT]
