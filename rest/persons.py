"""Persons: create, get, search, update, delete."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import Code, Text
from resolvers import persons
from resolvers.context import Context
from resolvers.persons import NewPerson, PersonChange, PersonFilter
from resolvers.validation import QUERY_CHARACTERS
from resolvers.views import PersonView
from rest.existing_client import persons as client_persons
from rest.existing_client.bot_columns import ResourceDone, resource_done
from rest.existing_client.persons import ClientPerson, ClientPersonChange
from rest.field_docs import about
from rest.operation import Call, Operation
from rest.values import (
    CreatedAt,
    Id,
    Limit,
    Message,
    Offset,
    PageLimit,
    PageOffset,
    StatusSuccess,
    Success,
    Total,
    UpdatedAt,
    timestamp,
    unset_to_none,
)
from store.persons import NAME_LENGTH, USER_ID_LENGTH

GROUP = "persons"

UserId = Annotated[
    str,
    about(
        f"平台上的用户 ID，1-{USER_ID_LENGTH} 个字符，在实例内唯一。",
        f"User id on the platform, 1-{USER_ID_LENGTH} characters, unique in the instance.",
    ),
]
Username = Annotated[
    str,
    about(
        f"用户名，至多 {NAME_LENGTH} 个字符。",
        f"User name, at most {NAME_LENGTH} characters.",
    ),
]
Nickname = Annotated[
    str,
    about(f"昵称，至多 {NAME_LENGTH} 个字符。", f"Nickname, at most {NAME_LENGTH} characters."),
]
AvatarUrl = Annotated[
    str,
    about(
        f"头像的 http(s) 地址，至多 {persons.URL_LENGTH} 个字符，或空。",
        f"HTTP(S) URL of the avatar, at most {persons.URL_LENGTH} characters, or empty.",
    ),
]
Profile = Annotated[
    dict[str, Any],
    about(
        f"任意 JSON 对象，至多 {persons.PROFILE_CHARACTERS} 个字符。",
        f"Any JSON object, at most {persons.PROFILE_CHARACTERS:,} characters.",
    ),
]


class CreatePerson(msgspec.Struct):
    """A new person."""

    user_id: UserId
    username: Username = ""
    nickname: Nickname = ""
    avatar_url: AvatarUrl = ""
    profile: Profile = {}


class PersonCreated(msgspec.Struct):
    """The person was created. `status` is for the existing web client."""

    success: Success
    person_id: Annotated[str, about("新用户信息的 ID。", "Id of the new person.")]
    message: Message
    status: StatusSuccess


class Person(msgspec.Struct):
    """A person. `status` and `data` are for the existing web client."""

    id: Id
    user_id: UserId
    username: Username
    nickname: Nickname
    avatar_url: AvatarUrl
    profile: Profile
    created_at: CreatedAt
    updated_at: UpdatedAt
    status: StatusSuccess
    data: Annotated[ClientPerson, about("同样的内容，以 MaiBot 的列。", "The same in MaiBot's columns.")]


class FoundPerson(msgspec.Struct):
    """A person in a list."""

    id: Id
    user_id: UserId
    username: Username
    nickname: Nickname
    avatar_url: AvatarUrl


class SearchPersons(msgspec.Struct):
    """Search criteria; a person must match all of them."""

    query: Annotated[
        str,
        about(
            f"用户 ID、用户名或昵称中的任意一段，至多 {QUERY_CHARACTERS} 个字符，不分大小写；空表示不限。",
            "Any part of the user id, the user name or the nickname, case-insensitive, at most "
            f"{QUERY_CHARACTERS} characters; empty: any.",
        ),
    ] = ""
    user_id: Annotated[
        str | None, about("完整的用户 ID；空或 null 表示不限。", "Exact user id; empty or null: any.")
    ] = None
    username: Annotated[
        str | None,
        about(
            "完整的用户名，不分大小写；空或 null 表示不限。",
            "Exact user name, case-insensitive; empty or null: any.",
        ),
    ] = None
    limit: Limit = 20
    offset: Offset = 0


class FoundPersons(msgspec.Struct):
    """A page of the matching persons, newest first."""

    persons: Annotated[list[FoundPerson], about("这一页。", "Persons of this page.")]
    total: Total
    limit: PageLimit
    offset: PageOffset


class UpdatePerson(msgspec.Struct):
    """Fields to change; absent ones stay unchanged."""

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
    body: CreatePerson | ClientPersonChange = call.body
    if isinstance(body, ClientPersonChange):
        made = await client_persons.create(ctx, call.path["id"], body)
    else:
        new = NewPerson(body.user_id, body.username, body.nickname, body.avatar_url, body.profile)
        made = await persons.create(ctx, call.path["id"], new)
    return PersonCreated(True, made.id, CREATED.in_language(call.language), "success")


async def _get(ctx: Context, call: Call) -> Person:
    found = await persons.get(ctx, call.path["id"], call.path["person_id"])
    return Person(
        found.id,
        found.user_id,
        found.username,
        found.nickname,
        found.avatar_url,
        msgspec.Raw(found.profile.encode()),  # type: ignore[arg-type]  # it is JSON already
        timestamp(found.created_at),
        timestamp(found.updated_at),
        "success",
        (await client_persons.columns(ctx, [found]))[0],
    )


async def _search(ctx: Context, call: Call) -> FoundPersons:
    body: SearchPersons = call.body
    wanted = PersonFilter(body.query, body.user_id, body.username)
    found, total = await persons.search(ctx, call.path["id"], wanted, body.limit, body.offset)
    return FoundPersons([_found(view) for view in found], total, body.limit, body.offset)


def _found(view: PersonView) -> FoundPerson:
    return FoundPerson(view.id, view.user_id, view.username, view.nickname, view.avatar_url)


async def _update(ctx: Context, call: Call) -> ResourceDone:
    body: UpdatePerson | ClientPersonChange = call.body
    if isinstance(body, ClientPersonChange):
        await client_persons.update(ctx, call.path["id"], call.path["person_id"], body)
        return resource_done(UPDATED, call)
    change = PersonChange(
        call.path["person_id"],
        user_id=unset_to_none(body.user_id),
        username=unset_to_none(body.username),
        nickname=unset_to_none(body.nickname),
        avatar_url=unset_to_none(body.avatar_url),
        profile=unset_to_none(body.profile),
    )
    await persons.update(ctx, call.path["id"], change)
    return resource_done(UPDATED, call)


async def _delete(ctx: Context, call: Call) -> ResourceDone:
    await persons.delete(ctx, call.path["id"], [call.path["person_id"]])
    return resource_done(DELETED, call)


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/resource/{id}/person",
        group=GROUP,
        text=Text("创建用户信息", "Create a person"),
        handler=_create,
        request=(CreatePerson, ClientPersonChange),
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
        text=Text("更新用户信息", "Update a person"),
        handler=_update,
        request=(UpdatePerson, ClientPersonChange),
        response=ResourceDone,
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
            "A person whom the bot met itself is removed only here; the bot keeps them.",
        ),
        handler=_delete,
        response=ResourceDone,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND),
        changes=True,
    ),
)
