"""Emojis and persons through GraphQL: connections, facets, uploads, bulk commands, import and export."""

from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tortoise import connections

from tests.support.context import add_bot
from tests.support.graphql import ask
from tests.support.pictures import base64_of, picture
from tests.support.server import Launcher

PAGE = """query ($id: ID!, $first: Int! = 20, $after: ID, $skip: Int! = 0, $text: String, $tags: [String!], $category: String) {
  instance(id: $id) { emojis(first: $first, after: $after, skip: $skip, text: $text, tags: $tags, category: $category) {
    edges { cursor node { id name tags category imageUrl thumbnailUrl imageSize { bytes width height } origin pendingChange } }
    pageInfo { hasNextPage endCursor } totalCount } } }"""
CREATE = """mutation ($input: CreateEmojisInput!) { createEmojis(input: $input) {
  message emojis { id name imageUrl thumbnailUrl(size: 64) createdAt } } }"""
UPDATE = "mutation ($input: UpdateEmojisInput!) { updateEmojis(input: $input) { emojis { id name tags } } }"
DELETE = "mutation ($input: DeleteEmojisInput!) { deleteEmojis(input: $input) { ids message } }"


@pytest_asyncio.fixture
async def bot(launcher: Launcher, tmp_path: Path) -> str:
    return (await add_bot(launcher.ctx, tmp_path / "bot")).id


def new(name: str, *tags: str, category: str = "") -> dict[str, Any]:
    return {"name": name, "imageData": base64_of(picture()), "tags": list(tags), "category": category}


async def create(launcher: Launcher, bot: str, *given: dict[str, Any]) -> list[str]:
    answer = await ask(launcher, CREATE, input={"instanceId": bot, "emojis": list(given)})
    return [emoji["id"] for emoji in answer.result["emojis"]]


async def page(launcher: Launcher, bot: str, **variables: Any) -> Any:
    return (await ask(launcher, PAGE, id=bot, **variables)).result["emojis"]


def names(page: Any) -> list[str]:
    return [edge["node"]["name"] for edge in page["edges"]]


async def test_pages_follow_each_other_by_cursor(launcher: Launcher, bot: str) -> None:
    await create(launcher, bot, *(new(f"n{number}") for number in range(5)))
    first = await page(launcher, bot, first=2)
    assert (names(first), first["totalCount"]) == (["n4", "n3"], 5)
    for whole in ({"first": 5}, {"first": 6}, {"first": 6, "after": first["edges"][0]["cursor"]}):
        assert (await page(launcher, bot, **whole))["totalCount"] == 5
    assert first["pageInfo"] == {"hasNextPage": True, "endCursor": first["edges"][-1]["cursor"]}
    await create(launcher, bot, new("newer"))
    second = await page(launcher, bot, first=2, after=first["pageInfo"]["endCursor"])
    last = await page(launcher, bot, first=2, after=second["pageInfo"]["endCursor"])
    assert names(second) + names(last) == ["n2", "n1", "n0"]
    assert last["pageInfo"]["hasNextPage"] is False
    empty = await page(launcher, bot, after=last["pageInfo"]["endCursor"])
    assert (empty["edges"], empty["pageInfo"]) == ([], {"hasNextPage": False, "endCursor": None})


async def test_a_page_may_begin_far_behind_a_cursor(launcher: Launcher, bot: str) -> None:
    await create(launcher, bot, *(new(f"n{number}") for number in range(6)))
    first = await page(launcher, bot, first=1)
    await create(launcher, bot, new("newer"))
    cursor = first["pageInfo"]["endCursor"]
    assert names(await page(launcher, bot, first=2, after=cursor, skip=2)) == ["n2", "n1"]
    assert names(await page(launcher, bot, first=2, skip=1)) == ["n5", "n4"]
    assert names(await page(launcher, bot, skip=7)) == []


async def test_filters_are_combined(launcher: Launcher, bot: str) -> None:
    await create(
        launcher,
        bot,
        new("开心猫", "cat", "x", category="a"),
        new("开心", "cat"),
        new("猫", "x", category="a"),
    )
    assert names(await page(launcher, bot, text="开心")) == ["开心", "开心猫"]
    assert names(await page(launcher, bot, text="猫", tags=["X"], category="a")) == ["猫", "开心猫"]
    assert names(await page(launcher, bot, text="开心", tags=["cat", "x"])) == ["开心猫"]


async def test_the_total_is_counted_only_on_request_and_where_the_page_has_not_all(
    launcher: Launcher, bot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    kind = type(launcher.ctx.store.emojis)

    async def counts(self: Any, asked: Any) -> list[int]:
        counted.append(len(asked))
        return [0] * len(asked)

    monkeypatch.setattr(kind, "counts", counts)
    await ask(launcher, "query ($id: ID!) { instance(id: $id) { emojis { edges { cursor } } } }", id=bot)
    assert counted == []
    await page(launcher, bot)
    assert counted == []
    await page(launcher, bot, after="1")
    assert counted == [1]


async def test_a_list_of_instances_costs_as_many_queries_as_one(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bots = [(await add_bot(launcher.ctx, tmp_path / f"bot{number}")).id for number in range(4)]
    for place, bot in enumerate(bots):
        if place:
            await create(launcher, bot, *(new(f"n{number}") for number in range(place)))
    queries = []
    with launcher.ctx.store.emojis._database.session():
        kind = type(connections.get("default"))
    original = kind.execute_query_dict

    async def counted(self: Any, query: str, values: Any = None) -> Any:
        queries.append(query)
        return await original(self, query, values)

    monkeypatch.setattr(kind, "execute_query_dict", counted)
    found = await ask(
        launcher,
        """{ instances { emojis(first: 2) { totalCount edges { node { name } } }
             persons { totalCount edges { node { userId } } } } }""",
    )
    assert [one["emojis"]["totalCount"] for one in found.result] == [0, 1, 2, 3]
    assert [names(one["emojis"]) for one in found.result] == [[], ["n0"], ["n1", "n0"], ["n2", "n1"]]
    assert len(queries) == 3  # pages of both, and the totals of those emojis that one page does not have


async def test_facets_are_those_of_the_matching_emojis(launcher: Launcher, bot: str) -> None:
    await create(
        launcher,
        bot,
        new("one", "Cat", "x", category="a"),
        new("two", "cat", category="a"),
        new("three", "x", category="b"),
    )
    query = """query ($id: ID!, $text: String) { instance(id: $id) { emojis(text: $text) { facets {
      tags { value count } categories(first: 1) { value count } } } } }"""
    facets = (await ask(launcher, query, id=bot)).result["emojis"]["facets"]
    cat, x = facets["tags"]  # spelt as one of those that differ only in case
    assert (cat["value"] in ("Cat", "cat"), cat["count"], x) == (True, 2, {"value": "x", "count": 2})
    assert facets["categories"] == [{"value": "a", "count": 2}]
    facets = (await ask(launcher, query, id=bot, text="o")).result["emojis"]["facets"]
    assert [(tag["value"].lower(), tag["count"]) for tag in facets["tags"]] == [("cat", 2), ("x", 1)]


async def test_an_uploaded_emoji_has_its_image(launcher: Launcher, bot: str) -> None:
    answer = await ask(
        launcher,
        """mutation ($input: CreateEmojiInput!) { createEmoji(input: $input) { message emoji {
             id name description tags category imageUrl thumbnailUrl imageSize { bytes width height }
             origin pendingChange instanceId } } }""",
        input={"instanceId": bot, "description": "说明"} | new("one", "a"),
    )
    made = answer.result["emoji"]
    assert answer.result["message"] == "表情包已创建"
    assert made["thumbnailUrl"] == f"{made['imageUrl']}?size=128"
    assert (made["origin"], made["pendingChange"], made["instanceId"]) == ("USER", "ADD", bot)
    size = {"bytes": len(picture()), "width": 48, "height": 32}
    assert made["imageSize"] == size
    (listed,) = (await page(launcher, bot))["edges"]
    assert (listed["node"]["imageSize"], listed["node"]["thumbnailUrl"]) == (size, made["thumbnailUrl"])
    launcher.ctx.store.images.path(made["imageUrl"].rpartition("/")[2]).unlink()
    (listed,) = (await page(launcher, bot))["edges"]
    assert listed["node"]["imageSize"] is None
    found = await ask(
        launcher,
        "query ($bot: ID!, $id: ID!) { emoji(instanceId: $bot, id: $id) { name description tags } }",
        bot=bot,
        id=made["id"],
    )
    assert found.result == {"name": "one", "description": "说明", "tags": ["a"]}


# All or nothing


async def test_several_emojis_are_created_all_or_none_and_the_invalid_one_is_named(
    launcher: Launcher, bot: str
) -> None:
    bad = [new("one"), new("two") | {"imageData": "x"}]
    answer = await ask(launcher, CREATE, input={"instanceId": bot, "emojis": bad})
    assert (answer.code, answer.error["extensions"]["field"]) == (
        "INVALID_IMAGE_FORMAT",
        "emojis.1.image_data",
    )
    answer = await ask(launcher, CREATE, input={"instanceId": bot, "emojis": [new("one"), new("one")]})
    assert answer.code == "DUPLICATE_RESOURCE"
    assert (await page(launcher, bot))["totalCount"] == 0
    folder = launcher.ctx.settings.data_folder / "emojis"
    assert not [file for file in folder.rglob("*") if file.is_file()]


async def test_several_emojis_are_updated_all_or_none(launcher: Launcher, bot: str) -> None:
    one, two = await create(launcher, bot, new("one"), new("two"))
    taken = [{"id": one, "tags": ["x"]}, {"id": two, "name": "one"}]
    assert (
        await ask(launcher, UPDATE, input={"instanceId": bot, "emojis": taken})
    ).code == "DUPLICATE_RESOURCE"
    unknown = [{"id": one, "tags": ["x"]}, {"id": "0"}]
    assert (
        await ask(launcher, UPDATE, input={"instanceId": bot, "emojis": unknown})
    ).code == "RESOURCE_NOT_FOUND"
    twice = [{"id": one, "name": "a"}, {"id": one, "name": "b"}]
    assert (
        await ask(launcher, UPDATE, input={"instanceId": bot, "emojis": twice})
    ).code == "INVALID_PARAMETER"
    assert [edge["node"]["tags"] for edge in (await page(launcher, bot))["edges"]] == [[], []]
    good = [{"id": two, "name": "three"}, {"id": one, "tags": ["x"], "category": "c"}]
    answer = await ask(launcher, UPDATE, input={"instanceId": bot, "emojis": good})
    assert answer.result["emojis"] == [
        {"id": two, "name": "three", "tags": []},
        {"id": one, "name": "one", "tags": ["x"]},
    ]


async def test_tags_of_several_emojis_are_added_and_removed(launcher: Launcher, bot: str) -> None:
    one, two = await create(launcher, bot, new("one", "Cat", "x"), new("two"))
    change = {"addTags": ["CAT", "new"], "removeTags": ["X", "none"]}
    answer = await ask(
        launcher, UPDATE, input={"instanceId": bot, "emojis": [{"id": one} | change, {"id": two} | change]}
    )
    assert [emoji["tags"] for emoji in answer.result["emojis"]] == [["Cat", "new"], ["CAT", "new"]]
    many = {"id": two, "addTags": [f"t{number}" for number in range(31)]}
    answer = await ask(
        launcher, UPDATE, input={"instanceId": bot, "emojis": [{"id": one, "addTags": ["y"]}, many]}
    )
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", "emojis.1.add_tags")
    assert [edge["node"]["tags"] for edge in (await page(launcher, bot))["edges"]] == [
        ["CAT", "new"],
        ["Cat", "new"],
    ]


async def test_an_image_that_is_there_already_is_refused_on_request(launcher: Launcher, bot: str) -> None:
    (one,) = await create(launcher, bot, new("one"))
    once = {"refuseSameImage": True}
    answer = await ask(launcher, CREATE, input={"instanceId": bot, "emojis": [new("two") | once]})
    assert (answer.code, answer.error["extensions"]["field"]) == ("DUPLICATE_RESOURCE", "image_data")
    assert "'one'" in answer.error["message"]
    await create(launcher, bot, new("two"))
    other = {"imageData": base64_of(picture(colour=(1, 2, 3)))} | once
    await create(launcher, bot, new("three") | other)
    both = [new("four") | other, new("five")]
    assert (
        await ask(launcher, CREATE, input={"instanceId": bot, "emojis": both})
    ).code == "DUPLICATE_RESOURCE"
    await ask(launcher, DELETE, input={"instanceId": bot, "ids": [one]})
    assert (await page(launcher, bot))["totalCount"] == 2


async def test_several_emojis_are_deleted_all_or_none(launcher: Launcher, bot: str) -> None:
    ids = await create(launcher, bot, new("one"), new("two"), new("three"))
    answer = await ask(launcher, DELETE, input={"instanceId": bot, "ids": [*ids, "0"]})
    assert answer.code == "RESOURCE_NOT_FOUND"
    assert (await page(launcher, bot))["totalCount"] == 3
    answer = await ask(launcher, DELETE, input={"instanceId": bot, "ids": ids[:2]})
    assert answer.result == {"ids": ids[:2], "message": "已删除 2 个表情包"}
    assert names(await page(launcher, bot)) == ["three"]


async def test_a_deletion_can_be_undone_on_request(launcher: Launcher, bot: str) -> None:
    one, two, three = await create(launcher, bot, new("one"), new("two"), new("three"))
    delete = """mutation ($input: DeleteEmojisInput!) { deleteEmojis(input: $input) { ids message undoableForS } }"""
    restore = "mutation ($input: RestoreEmojisInput!) { restoreEmojis(input: $input) { emojis { id name } message } }"
    answer = await ask(launcher, delete, input={"instanceId": bot, "ids": [one]})
    assert answer.result["undoableForS"] is None
    answer = await ask(launcher, delete, input={"instanceId": bot, "ids": [two, three], "undoable": True})
    assert 0 < answer.result["undoableForS"] <= 60
    assert answer.result["message"] == "已删除 2 个表情包"
    assert names(await page(launcher, bot)) == []
    answer = await ask(launcher, restore, input={"instanceId": bot, "ids": [two, one]})
    assert answer.code == "RESOURCE_NOT_FOUND"
    answer = await ask(launcher, restore, input={"instanceId": bot, "ids": [two, three]})
    assert answer.result == {
        "emojis": [{"id": two, "name": "two"}, {"id": three, "name": "three"}],
        "message": "已恢复 2 个表情包",
    }
    assert names(await page(launcher, bot)) == ["three", "two"]


async def test_a_bulk_has_1_to_200_items(launcher: Launcher, bot: str) -> None:
    for ids in ([], ["0"] * 201):
        answer = await ask(launcher, DELETE, input={"instanceId": bot, "ids": ids})
        assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", "ids")
    answer = await ask(launcher, CREATE, input={"instanceId": bot, "emojis": []})
    assert answer.code == "INVALID_PARAMETER"


@pytest.mark.parametrize(
    "variables, field",
    [
        ({"first": 0}, "first"),
        ({"first": 101}, "first"),
        ({"after": "x"}, "after"),
        ({"skip": -1}, "skip"),
        ({"skip": 10_000_001}, "skip"),
        ({"text": "x" * 257}, "query"),
        ({"tags": ["x"] * 33}, "tags"),
    ],
)
async def test_invalid_page_arguments_are_refused(
    launcher: Launcher, bot: str, variables: dict[str, Any], field: str
) -> None:
    answer = await ask(launcher, PAGE, id=bot, **variables)
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", field)


# Persons


async def test_a_person_is_created_found_updated_and_deleted(launcher: Launcher, bot: str) -> None:
    made = await ask(
        launcher,
        "mutation ($input: CreatePersonInput!) { createPerson(input: $input) { person { id profile } } }",
        input={
            "instanceId": bot,
            "userId": "12345",
            "nickname": "小林",
            "profile": {"age": 25, "city": "北京"},
        },
    )
    person_id = made.result["person"]["id"]
    assert made.result["person"]["profile"] == {"age": 25, "city": "北京"}
    changed = await ask(
        launcher,
        """mutation ($bot: ID!, $id: ID!) { updatePerson(input: {instanceId: $bot, id: $id, username: "lin",
             profile: {age: null, list: [1, {deep: true}]}}) { person { username nickname profile } } }""",
        bot=bot,
        id=person_id,
    )
    assert changed.result["person"] == {
        "username": "lin",
        "nickname": "小林",
        "profile": {"city": "北京", "list": [1, {"deep": True}]},
    }
    found = await ask(
        launcher,
        """query ($id: ID!) { instance(id: $id) { persons(text: "234", username: "LIN") {
             totalCount edges { node { id userId } } } } }""",
        id=bot,
    )
    assert found.result["persons"] == {
        "totalCount": 1,
        "edges": [{"node": {"id": person_id, "userId": "12345"}}],
    }
    gone = await ask(
        launcher,
        "mutation ($input: DeletePersonInput!) { deletePerson(input: $input) { ids } }",
        input={"instanceId": bot, "id": person_id},
    )
    assert gone.result == {"ids": [person_id]}
    lost = await ask(
        launcher,
        "query ($bot: ID!, $id: ID!) { person(instanceId: $bot, id: $id) { id } }",
        bot=bot,
        id=person_id,
    )
    assert lost.code == "RESOURCE_NOT_FOUND"


async def test_a_profile_is_an_object(launcher: Launcher, bot: str) -> None:
    wrong: list[Any] = [[], "x", 5, True]
    for profile in wrong:
        answer = await ask(
            launcher,
            "mutation ($input: CreatePersonInput!) { createPerson(input: $input) { message } }",
            input={"instanceId": bot, "userId": "1", "profile": profile},
        )
        assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", "profile")


async def test_several_persons_are_created_updated_and_deleted_all_or_none(
    launcher: Launcher, bot: str
) -> None:
    create_many = "mutation ($input: CreatePersonsInput!) { createPersons(input: $input) { persons { id } } }"
    bad = [{"userId": "1"}, {"userId": "2", "avatarUrl": "javascript:x"}]
    answer = await ask(launcher, create_many, input={"instanceId": bot, "persons": bad})
    assert answer.error["extensions"]["field"] == "persons.1.avatar_url"
    made = await ask(
        launcher,
        create_many,
        input={"instanceId": bot, "persons": [{"userId": str(number)} for number in range(200)]},
    )
    ids = [person["id"] for person in made.result["persons"]]
    update = "mutation ($input: UpdatePersonsInput!) { updatePersons(input: $input) { persons { nickname } former { nickname } } }"
    changes = [{"id": ids[0], "nickname": "x"}, {"id": ids[1], "nickname": "y" * 129}]
    answer = await ask(launcher, update, input={"instanceId": bot, "persons": changes})
    assert answer.error["extensions"]["field"] == "persons.1.nickname"
    answer = await ask(launcher, update, input={"instanceId": bot, "persons": changes[:1]})
    assert answer.result["persons"] == [{"nickname": "x"}]
    delete = "mutation ($input: DeletePersonsInput!) { deletePersons(input: $input) { message } }"
    answer = await ask(launcher, delete, input={"instanceId": bot, "ids": ids})
    assert answer.result["message"] == "已删除 200 条用户信息"


async def test_persons_are_imported_and_exported_as_text(launcher: Launcher, bot: str) -> None:
    load = """mutation ($input: ImportPersonsInput!) { importPersons(input: $input) {
      created updated skipped failed message lines { number status code field message personId } } }"""
    text = '{"user_id": "1", "nickname": "小林"}\n{"user_id": 2}\n'
    answer = await ask(launcher, load, input={"instanceId": bot, "format": "JSONL", "text": text})
    assert (answer.result["created"], answer.result["failed"]) == (1, 1)
    first, second = answer.result["lines"]
    assert (first["status"], first["code"], second["status"], second["code"], second["field"]) == (
        "CREATED",
        None,
        "FAILED",
        "INVALID_PARAMETER",
        "user_id",
    )
    again = {"instanceId": bot, "format": "CSV", "text": "user_id,nickname\n1,阿树\n", "existing": "UPDATE"}
    assert (await ask(launcher, load, input=again)).result["updated"] == 1
    dump = """query ($id: ID!, $after: ID) {
      exportPersons(instanceId: $id, format: CSV, after: $after) { text endCursor } }"""
    found = (await ask(launcher, dump, id=bot)).result
    assert found["text"].splitlines() == ["user_id,username,nickname,avatar_url,profile", "1,,阿树,,{}"]
    assert (await ask(launcher, dump, id=bot, after=found["endCursor"])).result["endCursor"] is None
    long = {"instanceId": bot, "format": "CSV", "text": "x" * ((1 << 20) + 1)}
    assert (await ask(launcher, load, input=long)).code == "INVALID_PARAMETER"
