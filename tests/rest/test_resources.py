"""Emojis and persons over REST: the examples of the reference, and each error code from a real cause."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from PIL import Image
from tortoise import connections

from mailauncher.errors import Code
from store import models
from tests.support.databases import refuse
from tests.support.http import API, add_bot, client, failure, write_bot
from tests.support.pictures import base64_of, moving, picture
from tests.support.server import Launcher

NOBODY = "0" * 40
EMOJI = {
    "name": "happy",
    "description": "开心的表情",
    "image_data": base64_of(picture(size=(300, 200))),
    "tags": ["emotion", "happy"],
    "category": "emotions",
}
EMOJI_SEARCH = {"query": "happy", "tags": ["emotion"], "category": "emotions", "limit": 20, "offset": 0}
EMOJI_CHANGE = {
    "name": "super_happy",
    "description": "超级开心的表情",
    "tags": ["emotion", "happy", "super"],
    "category": "emotions",
}
PERSON = {
    "user_id": "12345",
    "username": "testuser",
    "nickname": "测试用户",
    "avatar_url": "https://example.com/avatar.jpg",
    "profile": {"age": 25, "location": "北京", "bio": "这是一个测试用户"},
}
PERSON_SEARCH = {"query": "test", "user_id": "12345", "username": "testuser", "limit": 20, "offset": 0}
PERSON_CHANGE = {
    "nickname": "新测试用户",
    "profile": {"age": 26, "location": "上海", "bio": "这是一个更新的测试用户"},
}
FOR_CLIENT = {"status": "success"}
"""What the existing web client reads of the answers, beside the documented keys."""
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest_asyncio.fixture
async def http(launcher: Launcher, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an instance's `resource` as base URL."""
    async with client(launcher) as http:
        instance_id = await add_bot(http, write_bot(tmp_path / "bot"))
        http.base_url = httpx.URL(f"{launcher.url}{API}/resource/{instance_id}/")
        yield http


async def created(http: httpx.AsyncClient, kind: str, body: dict[str, Any]) -> str:
    answer = await http.post(kind, json=body)
    assert answer.status_code == 200, answer.text
    made: str = answer.json()[f"{kind}_id"]
    return made


# Examples


def documented(answer: dict[str, Any]) -> dict[str, Any]:
    """The documented part of an answer, after which the web client's comes."""
    assert list(answer)[-2:] == ["status", "data"]
    assert answer["status"] == "success"
    return {key: value for key, value in answer.items() if key not in ("status", "data")}


async def test_the_documented_examples_of_emojis_work(http: httpx.AsyncClient) -> None:
    answer = await http.post("emoji", json=EMOJI)
    emoji_id = answer.json()["emoji_id"]
    assert answer.json() == {"success": True, "emoji_id": emoji_id, "message": "表情包已创建"} | FOR_CLIENT
    found = documented((await http.get(f"emoji/{emoji_id}")).json())
    assert list(found) == ["id", "name", "description", "image_url", "tags", "category", "created_at"]
    assert ISO.fullmatch(found.pop("created_at"))
    assert re.fullmatch(r"/static/emojis/[0-9a-f]{64}\.png", found["image_url"])
    assert found == {"id": emoji_id, "image_url": found["image_url"]} | {
        key: EMOJI[key] for key in ("name", "description", "tags", "category")
    }
    searched = (await http.post("emoji/search", json=EMOJI_SEARCH)).json()
    assert searched == {"emojis": [found], "total": 1, "limit": 20, "offset": 0}
    assert list(searched["emojis"][0]) == ["id", "name", "description", "image_url", "tags", "category"]
    changed = await http.put(f"emoji/{emoji_id}", json=EMOJI_CHANGE)
    assert changed.json() == {"success": True, "message": "表情包已更新"} | FOR_CLIENT
    found = (await http.get(f"emoji/{emoji_id}")).json()
    assert {key: found[key] for key in EMOJI_CHANGE} == EMOJI_CHANGE
    deleted = await http.delete(f"emoji/{emoji_id}")
    assert deleted.json() == {"success": True, "message": "表情包已删除"} | FOR_CLIENT
    failure(await http.get(f"emoji/{emoji_id}"), Code.RESOURCE_NOT_FOUND)
    assert (await http.post("emoji/search", json={})).json() == {
        "emojis": [],
        "total": 0,
        "limit": 20,
        "offset": 0,
    }


async def test_the_documented_examples_of_persons_work(http: httpx.AsyncClient) -> None:
    answer = await http.post("person", json=PERSON)
    person_id = answer.json()["person_id"]
    assert (
        answer.json() == {"success": True, "person_id": person_id, "message": "用户信息已创建"} | FOR_CLIENT
    )
    found = documented((await http.get(f"person/{person_id}")).json())
    assert list(found) == [
        "id",
        "user_id",
        "username",
        "nickname",
        "avatar_url",
        "profile",
        "created_at",
        "updated_at",
    ]
    assert ISO.fullmatch(found["created_at"])
    assert ISO.fullmatch(found["updated_at"])
    assert {key: found[key] for key in PERSON} == PERSON
    searched = (await http.post("person/search", json=PERSON_SEARCH)).json()
    short = {key: found[key] for key in ("id", "user_id", "username", "nickname", "avatar_url")}
    assert searched == {"persons": [short], "total": 1, "limit": 20, "offset": 0}
    changed = await http.put(f"person/{person_id}", json=PERSON_CHANGE)
    assert changed.json() == {"success": True, "message": "用户信息已更新"} | FOR_CLIENT
    found = (await http.get(f"person/{person_id}")).json()
    assert {key: found[key] for key in PERSON} == PERSON | PERSON_CHANGE
    deleted = await http.delete(f"person/{person_id}")
    assert deleted.json() == {"success": True, "message": "用户信息已删除"} | FOR_CLIENT
    failure(await http.get(f"person/{person_id}"), Code.RESOURCE_NOT_FOUND)


async def test_messages_are_english_on_request(http: httpx.AsyncClient) -> None:
    answer = await http.post("emoji", json=EMOJI, headers={"Accept-Language": "en"})
    assert answer.json()["message"] == "The emoji was created"


# Error codes


async def test_an_unknown_instance_is_not_found(http: httpx.AsyncClient, launcher: Launcher) -> None:
    for kind, body in (("emoji", EMOJI), ("person", PERSON)):
        place = f"{launcher.url}{API}/resource/unknown/{kind}"
        answers = [
            await http.post(place, json=body),
            await http.post(f"{place}/search", json={}),
            await http.get(f"{place}/{NOBODY}"),
            await http.put(f"{place}/{NOBODY}", json={}),
            await http.delete(f"{place}/{NOBODY}"),
        ]
        for answer in answers:
            assert failure(answer, Code.INSTANCE_NOT_FOUND) == "未找到实例 'unknown'"


async def test_an_unknown_resource_is_not_found(http: httpx.AsyncClient) -> None:
    for place in (f"emoji/{NOBODY}", f"person/{NOBODY}", "emoji/%2e%2e", "person/" + "x" * 3000):
        for answer in (await http.get(place), await http.put(place, json={}), await http.delete(place)):
            failure(answer, Code.RESOURCE_NOT_FOUND)


async def test_a_resource_of_another_instance_is_not_found(
    http: httpx.AsyncClient, launcher: Launcher, tmp_path: Path
) -> None:
    emoji_id = await created(http, "emoji", EMOJI)
    async with client(launcher) as other:
        instance_id = await add_bot(other, write_bot(tmp_path / "other"))
        place = f"{API}/resource/{instance_id}/emoji/{emoji_id}"
        for answer in (await other.get(place), await other.put(place, json={}), await other.delete(place)):
            failure(answer, Code.RESOURCE_NOT_FOUND)
    assert (await http.get(f"emoji/{emoji_id}")).status_code == 200


async def test_names_and_user_ids_are_unique(http: httpx.AsyncClient) -> None:
    await created(http, "emoji", EMOJI)
    second = await created(http, "emoji", EMOJI | {"name": "second"})
    failure(await http.post("emoji", json=EMOJI), Code.DUPLICATE_RESOURCE, "name")
    failure(await http.put(f"emoji/{second}", json={"name": "happy"}), Code.DUPLICATE_RESOURCE, "name")
    assert (await http.put(f"emoji/{second}", json={"name": "second"})).status_code == 200
    await created(http, "person", PERSON)
    other = await created(http, "person", {"user_id": "2"})
    failure(await http.post("person", json=PERSON), Code.DUPLICATE_RESOURCE, "user_id")
    failure(await http.put(f"person/{other}", json={"user_id": "12345"}), Code.DUPLICATE_RESOURCE, "user_id")


BAD_EMOJIS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": " "}, "name"),
    ({"name": "x" * 65}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"name": "a\0b"}, "name"),
    ({"name": None}, "name"),
    ({"name": 5}, "name"),
    ({"description": "x" * 4097}, "description"),
    ({"description": None}, "description"),
    ({"tags": "emotion"}, "tags"),
    ({"tags": [1]}, "tags[0]"),
    ({"tags": [""]}, "tags"),
    ({"tags": ["x" * 65]}, "tags"),
    ({"tags": ["x"] * 33}, "tags"),
    ({"category": "x" * 65}, "category"),
    ({"category": ["x"]}, "category"),
    ({"image_data": 5}, "image_data"),
]


async def test_an_invalid_value_is_refused_with_its_field(http: httpx.AsyncClient) -> None:
    emoji_id = await created(http, "emoji", EMOJI | {"name": "stays"})
    for change, field in BAD_EMOJIS:
        failure(await http.post("emoji", json=EMOJI | change), Code.INVALID_PARAMETER, field)
        if "image_data" not in change:
            answer = await http.put(f"emoji/{emoji_id}", json=change)
            failure(answer, Code.INVALID_PARAMETER, field)
    for missing in ("name", "image_data"):
        body = {key: value for key, value in EMOJI.items() if key != missing}
        failure(await http.post("emoji", json=body), Code.INVALID_PARAMETER, missing)
    assert (await http.post("emoji/search", json={})).json()["total"] == 1


BAD_PERSONS: list[tuple[dict[str, Any], str]] = [
    ({"user_id": ""}, "user_id"),
    ({"user_id": 12345}, "user_id"),
    ({"user_id": "x" * 65}, "user_id"),
    ({"username": "x" * 129}, "username"),
    ({"nickname": "a\x1bb"}, "nickname"),
    ({"avatar_url": "javascript:alert(1)"}, "avatar_url"),
    ({"avatar_url": "https://"}, "avatar_url"),
    ({"avatar_url": "https://x/" + "x" * 2048}, "avatar_url"),
    ({"profile": []}, "profile"),
    ({"profile": "x"}, "profile"),
    ({"profile": {"x": "x" * 70_000}}, "profile"),
]


async def test_an_invalid_person_is_refused_with_its_field(http: httpx.AsyncClient) -> None:
    person_id = await created(http, "person", PERSON | {"user_id": "stays"})
    for change, field in BAD_PERSONS:
        failure(await http.post("person", json=PERSON | change), Code.INVALID_PARAMETER, field)
        failure(await http.put(f"person/{person_id}", json=change), Code.INVALID_PARAMETER, field)
    failure(await http.post("person", json={}), Code.INVALID_PARAMETER, "user_id")
    huge = b'{"user_id": "1", "profile": {"x": 1e999}}'
    failure(await http.post("person", content=huge), Code.INVALID_PARAMETER, "profile")
    assert (await http.post("person/search", json={})).json()["total"] == 1


BAD_SEARCHES: list[tuple[dict[str, Any], str]] = [
    ({"limit": 0}, "limit"),
    ({"limit": 201}, "limit"),
    ({"limit": -1}, "limit"),
    ({"limit": "20"}, "limit"),
    ({"limit": 1.5}, "limit"),
    ({"limit": True}, "limit"),
    ({"limit": None}, "limit"),
    ({"offset": -1}, "offset"),
    ({"offset": 1 << 60}, "offset"),
    ({"offset": "0"}, "offset"),
    ({"query": 5}, "query"),
    ({"query": "x" * 257}, "query"),
]


async def test_limit_and_offset_of_a_search_are_validated(http: httpx.AsyncClient) -> None:
    for change, field in BAD_SEARCHES:
        for kind in ("emoji", "person"):
            failure(await http.post(f"{kind}/search", json=change), Code.INVALID_PARAMETER, field)
    failure(await http.post("emoji/search", json={"tags": "x"}), Code.INVALID_PARAMETER, "tags")
    failure(await http.post("emoji/search", content=b""), Code.INVALID_PARAMETER)
    for kind in ("emoji", "person"):
        for good in ({"limit": 1}, {"limit": 200}, {"offset": (1 << 53) - 1}, {"query": "x" * 256}):
            assert (await http.post(f"{kind}/search", json=good)).status_code == 200


async def test_the_path_of_the_search_is_not_an_emoji(http: httpx.AsyncClient) -> None:
    failure(await http.get("emoji/search"), Code.INVALID_PARAMETER, status=405)


async def test_a_failing_database_is_reported_and_leaves_no_image(
    http: httpx.AsyncClient, launcher: Launcher, caplog: pytest.LogCaptureFixture
) -> None:
    database = launcher.ctx.store.emojis._database
    await refuse(database, "INSERT", "emoji")
    assert "refused" not in failure(await http.post("emoji", json=EMOJI), Code.DATABASE_ERROR)
    assert "refused" in caplog.text
    images = launcher.ctx.settings.data_folder / "emojis"
    assert not [file for file in images.rglob("*") if file.is_file()]
    with database.session():
        await connections.get("default").execute_script("ALTER TABLE emoji RENAME TO lost")
    failure(await http.post("emoji/search", json={"query": "x"}), Code.DATABASE_ERROR)


async def test_of_concurrent_creations_one_gets_the_name(http: httpx.AsyncClient) -> None:
    for kind, body in (("emoji", EMOJI), ("person", PERSON)):
        answers = await asyncio.gather(*(http.post(kind, json=body) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
        assert (await http.post(f"{kind}/search", json={})).json()["total"] == 1


async def test_concurrent_changes_are_all_applied(http: httpx.AsyncClient) -> None:
    person_id = await created(http, "person", PERSON | {"profile": {}})
    changes = ({"profile": {str(number): number}} for number in range(20))
    await asyncio.gather(*(http.put(f"person/{person_id}", json=change) for change in changes))
    found = (await http.get(f"person/{person_id}")).json()
    assert found["profile"] == {str(number): number for number in range(20)}


# Search and update


async def test_pages_are_newest_first_and_total_counts_all_matches(http: httpx.AsyncClient) -> None:
    for number in range(7):
        await created(http, "person", {"user_id": f"u{number}", "nickname": "小林"})
    seen = []
    for offset in (0, 3, 6, 9):
        page = (await http.post("person/search", json={"query": "林", "limit": 3, "offset": offset})).json()
        assert (page["total"], page["limit"], page["offset"]) == (7, 3, offset)
        seen += [person["user_id"] for person in page["persons"]]
    assert seen == [f"u{number}" for number in reversed(range(7))]


async def test_only_given_fields_change_and_profiles_are_merged_key_by_key(http: httpx.AsyncClient) -> None:
    person_id = await created(http, "person", PERSON)
    change = {"profile": {"age": None, "bio": {"a": [1, None]}, "new": "x", "missing": None}}
    await http.put(f"person/{person_id}", json=change)
    await http.put(f"person/{person_id}", json={})
    found = (await http.get(f"person/{person_id}")).json()
    assert found["profile"] == {"location": "北京", "bio": {"a": [1, None]}, "new": "x"}
    assert {key: found[key] for key in PERSON if key != "profile"} == {
        key: PERSON[key] for key in PERSON if key != "profile"
    }


async def test_tags_are_distinct(http: httpx.AsyncClient) -> None:
    emoji_id = await created(http, "emoji", EMOJI | {"tags": ["b", "a", "B", " a "]})
    assert (await http.get(f"emoji/{emoji_id}")).json()["tags"] == ["b", "a"]


async def test_base64_may_have_a_prefix_and_line_breaks(http: httpx.AsyncClient) -> None:
    data = base64_of(picture())
    folded = "\r\n".join(data[at : at + 76] for at in range(0, len(data), 76))
    for place, text in enumerate(
        (f"data:image/jpeg;base64,{data}", f"data:image/svg+xml;charset=utf-8;base64,{data}", folded + "\n")
    ):
        emoji_id = await created(http, "emoji", EMOJI | {"name": str(place), "image_data": text})
        assert (await http.get(f"emoji/{emoji_id}")).json()["image_url"].endswith(".png")


# Images


async def image_url(http: httpx.AsyncClient, data: bytes) -> str:
    emoji_id = await created(http, "emoji", EMOJI | {"image_data": base64_of(data)})
    url: str = (await http.get(f"emoji/{emoji_id}")).json()["image_url"]
    return url


@pytest.mark.parametrize("kind, media", [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif"), ("WEBP", "webp")])
async def test_an_image_is_served_with_its_type_and_cached_for_ever(
    http: httpx.AsyncClient, launcher: Launcher, kind: str, media: str
) -> None:
    url = launcher.url + await image_url(http, picture(kind))
    answer = await http.get(url)
    assert answer.content == picture(kind)
    assert answer.headers["content-type"] == f"image/{media}"
    assert answer.headers["content-length"] == str(len(picture(kind)))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "sandbox" in answer.headers["content-security-policy"]
    known = await http.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = await http.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


async def test_thumbnails_are_selected_by_size(http: httpx.AsyncClient, launcher: Launcher) -> None:
    url = launcher.url + await image_url(http, moving(size=(300, 150)))
    answer = await http.get(url, params={"size": "128"})
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert shown.size == (128, 64)
        assert getattr(shown, "n_frames", 1) == 4
    whole = await http.get(url)
    assert answer.headers["etag"] != whole.headers["etag"]
    for size in ("", "0", "65", "1e2", "128.0", "-64", "64&size=128"):
        failure(await http.get(f"{url}?size={size}"), Code.INVALID_PARAMETER, "size")
    still = await http.get(url, params={"size": "128", "still": "true"})
    with Image.open(io.BytesIO(still.content)) as shown:
        assert (shown.size, getattr(shown, "n_frames", 1)) == ((128, 64), 1)
    assert still.headers["etag"] != answer.headers["etag"]
    for given in ("still=true", "size=128&still=false", "size=128&still=true&still=true"):
        failure(await http.get(f"{url}?{given}"), Code.INVALID_PARAMETER, "still")


async def test_only_names_of_images_are_looked_up(http: httpx.AsyncClient, launcher: Launcher) -> None:
    url = await image_url(http, picture())
    name = url.rpartition("/")[2]
    for path in (
        "x.png",
        "a" * 64 + ".png",
        name.upper(),
        name + ".part",
        f"{name}.64.webp",
        "..%2f..%2fmailauncher.db",
        "%2e%2e",
        "%00",
        f"{name}%00.txt",
        f"{name[:2]}%2f{name}",
    ):
        failure(await http.get(f"{launcher.url}/static/emojis/{path}"), Code.RESOURCE_NOT_FOUND)
    failure(await http.post(launcher.url + url), Code.INVALID_PARAMETER, status=405)


async def test_deleting_an_instance_deletes_its_resources_and_their_images(
    launcher: Launcher, tmp_path: Path
) -> None:
    ctx = launcher.ctx
    async with client(launcher) as http:
        instance_id = await add_bot(http, write_bot(tmp_path / "gone"))
        place = f"{API}/resource/{instance_id}"
        await http.post(f"{place}/emoji", json=EMOJI)
        await http.post(f"{place}/person", json=PERSON)
        await http.delete(f"{API}/instance/{instance_id}/delete")
    await ctx.live.close()  # waits for tasks that nobody awaits
    assert not [file for file in (ctx.settings.data_folder / "emojis").rglob("*") if file.is_file()]
    with ctx.store.emojis._database.session():
        assert [await table.all().count() for table in (models.Emoji, models.Person)] == [0, 0]
