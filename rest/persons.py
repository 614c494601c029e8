"""Persons: create, get, search, update, delete."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import Code, Text
from resolvers import persons
from resolvers.context import Context
from resolvers.persons import NewPerson, PersonChange, PersonFilter
from resolvers.views import PersonView
from rest.emojis import CreatedAt, Id, given, moment
from rest.instances import Done
from rest.operation import Call, Operation
from rest.wording import about

GROUP = "persons"

UserId = Annotated[
    str,
    about(
        "平台上的用户 ID，1-64 个字符，在实例内唯一。",
        "The user's id on the platform, 1-64 characters, unique in its instance.",
    ),
]
Username = Annotated[str, about("用户名，至多 128 个字符。", "The user name, at most 128 characters.")]
Nickname = Annotated[str, about("昵称，至多 128 个字符。", "The nickname, at most 128 characters.")]
AvatarUrl = Annotated[
    str, about("头像的 http(s) 地址，或空。", "The avatar's http or https address, or empty.")
]
Profile = Annotated[
    dict[str, Any],
    about("任意 JSON 对象，至多 65536 个字符。", "Any JSON object of at most 65,536 characters."),
]


class CreatePerson(msgspec.Struct):
    """A new person."""

    user_id: UserId
    username: Username = ""
    nickname: Nickname = ""
    avatar_url: AvatarUrl = ""
    profile: Profile = {}


class PersonCreated(msgspec.Struct):
    """The person is there now."""

    success: Annotated[bool, about("总是 true。", "Always true.", const=True)]
    person_id: Annotated[str, about("新用户信息的 ID。", "The new person's id.")]
    message: Annotated[str, about("给人看的说明。", "A sentence for people.")]


class Person(msgspec.Struct):
    """A person."""

    id: Id
    user_id: UserId
    username: Username
    nickname: Nickname
    avatar_url: AvatarUrl
    profile: Profile
    created_at: CreatedAt
    updated_at: Annotated[
        str,
        about("更新时间，ISO 8601，UTC。", "When it was last changed: ISO 8601 in UTC.", format="date-time"),
    ]


class FoundPerson(msgspec.Struct):
    """A person in a list."""

    id: Id
    user_id: UserId
    username: Username
    nickname: Nickname
    avatar_url: AvatarUrl


class SearchPersons(msgspec.Struct):
    """What the persons must have, all of it."""

    query: Annotated[
        str,
        about(
            "用户 ID、用户名或昵称中的任意一段，不分大小写；空表示不限。",
            "Any part of the user id, the user name or the nickname, case ignored; empty: any.",
        ),
    ] = ""
    user_id: Annotated[
        str | None, about("完整的用户 ID；空或 null 表示不限。", "The whole user id; empty or null: any.")
    ] = None
    username: Annotated[
        str | None,
        about(
            "完整的用户名，不分大小写；空或 null 表示不限。",
            "The whole user name, case ignored; empty or null: any.",
        ),
    ] = None
    limit: Annotated[int, about("返回多少个，1-200。", "How many are returned, 1-200.")] = 20
    offset: Annotated[int, about("跳过多少个。", "How many are skipped.")] = 0


class FoundPersons(msgspec.Struct):
    """A page of the persons that fit, newest first."""

    persons: Annotated[list[FoundPerson], about("这一页。", "This page.")]
    total: Annotated[int, about("符合的总数。", "How many fit in all.")]
    limit: Annotated[int, about("同请求。", "As asked.")]
    offset: Annotated[int, about("同请求。", "As asked.")]


class UpdatePerson(msgspec.Struct):
    """What is changed; the rest stays."""

    user_id: UserId | UnsetType = UNSET
    username: Username | UnsetType = UNSET
    nickname: Nickname | UnsetType = UNSET
    avatar_url: AvatarUrl | UnsetType = UNSET
    profile: Annotated[
        dict[str, Any] | UnsetType,
        about("逐键合并；null 删除该键。", "Merged key by key; null removes a key."),
    ] = UNSET


CREATED = Text("用户信息已创建", "The person was created")
UPDATED = Text("用户信息已更新", "The person was updated")
DELETED = Text("用户信息已删除", "The person was deleted")


async def _create(ctx: Context, call: Call) -> PersonCreated:
    body: CreatePerson = call.body
    new = NewPerson(body.user_id, body.username, body.nickname, body.avatar_url, body.profile)
    made = await persons.create(ctx, call.path["id"], new)
    return PersonCreated(True, made.id, CREATED.in_language(call.language))


async def _get(ctx: Context, call: Call) -> Person:
    found = await persons.get(ctx, call.path["id"], call.path["person_id"])
    return Person(
        found.id,
        found.user_id,
        found.username,
        found.nickname,
        found.avatar_url,
        msgspec.Raw(found.profile.encode()),  # type: ignore[arg-type]  # it is JSON already
        moment(found.created_at),
        moment(found.updated_at),
    )


async def _search(ctx: Context, call: Call) -> FoundPersons:
    body: SearchPersons = call.body
    wanted = PersonFilter(body.query, body.user_id, body.username)
    found, total = await persons.search(ctx, call.path["id"], wanted, body.limit, body.offset)
    return FoundPersons([_found(view) for view in found], total, body.limit, body.offset)


def _found(view: PersonView) -> FoundPerson:
    return FoundPerson(view.id, view.user_id, view.username, view.nickname, view.avatar_url)


async def _update(ctx: Context, call: Call) -> Done:
    body: UpdatePerson = call.body
    change = PersonChange(
        call.path["person_id"],
        user_id=given(body.user_id),
        username=given(body.username),
        nickname=given(body.nickname),
        avatar_url=given(body.avatar_url),
        profile=given(body.profile),
    )
    await persons.update(ctx, call.path["id"], change)
    return Done(True, UPDATED.in_language(call.language))


async def _delete(ctx: Context, call: Call) -> Done:
    await persons.delete(ctx, call.path["id"], [call.path["person_id"]])
    return Done(True, DELETED.in_language(call.language))


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/resource/{id}/person",
        group=GROUP,
        text=Text("创建用户信息", "Create a person"),
        handler=_create,
        request=(CreatePerson,),
        response=PersonCreated,
        codes=(Code.INSTANCE_NOT_FOUND, Code.DUPLICATE_RESOURCE),
        changes=True,
    ),
    Operation(
        method="POST",
        path="/api/v1/resource/{id}/person/search",
        group=GROUP,
        text=Text("搜索用户信息", "Search persons"),
        handler=_search,
        request=(SearchPersons,),
        response=FoundPersons,
        codes=(Code.INSTANCE_NOT_FOUND, Code.DATABASE_ERROR),
    ),
    Operation(
        method="GET",
        path="/api/v1/resource/{id}/person/{person_id}",
        group=GROUP,
        text=Text("获取用户信息", "Get a person"),
        handler=_get,
        response=Person,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND, Code.DATABASE_ERROR),
    ),
    Operation(
        method="PUT",
        path="/api/v1/resource/{id}/person/{person_id}",
        group=GROUP,
        text=Text("更新用户信息", "Change a person"),
        handler=_update,
        request=(UpdatePerson,),
        response=Done,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND, Code.DUPLICATE_RESOURCE),
        changes=True,
    ),
    Operation(
        method="DELETE",
        path="/api/v1/resource/{id}/person/{person_id}",
        group=GROUP,
        text=Text("删除用户信息", "Delete a person"),
        details=Text(
            "Bot 自己认识的人只在此处移除，仍归 Bot 所有。",
            "Somebody whom the bot came to know itself is only removed here, and stays the bot's.",
        ),
        handler=_delete,
        response=Done,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND),
        changes=True,
    ),
)
