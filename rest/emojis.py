"""Emojis: create, get, search, update, delete."""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import Code, Text
from resolvers import emojis
from resolvers.context import Context
from resolvers.emojis import EmojiChange, EmojiFilter, NewEmoji
from resolvers.views import EmojiView
from rest.instances import Done
from rest.operation import Call, Operation
from rest.wording import about

GROUP = "emojis"
Value = TypeVar("Value")

Name = Annotated[
    str, about("名称，1-64 个字符，在实例内唯一。", "Its name, 1-64 characters, unique in its instance.")
]
Description = Annotated[str, about("说明，至多 4096 个字符。", "What it shows, at most 4096 characters.")]
Tags = Annotated[
    list[str], about("标签，至多 32 个，各 1-64 个字符。", "Tags, at most 32 of 1-64 characters.")
]
Category = Annotated[str, about("分类，至多 64 个字符。", "Its category, at most 64 characters.")]
ImageUrl = Annotated[
    str,
    about(
        "图片地址，由内容决定；空表示没有图片。",
        "Where its picture is, by content; empty where there is none.",
    ),
]
Id = Annotated[str, about("40 位小写十六进制数字。", "40 lower-case hex digits.")]
CreatedAt = Annotated[
    str, about("创建时间，ISO 8601，UTC。", "When it was created: ISO 8601 in UTC.", format="date-time")
]


class CreateEmoji(msgspec.Struct):
    """A new emoji."""

    name: Name
    image_data: Annotated[
        str,
        about(
            "base64 编码的 PNG、JPEG、GIF 或 WebP，可带 data: 前缀；解码后至多 10 MiB、2500 万像素。",
            "PNG, JPEG, GIF or WebP in base64, with or without a `data:` prefix; at most 10 MiB decoded and 25 megapixels.",
        ),
    ]
    description: Description = ""
    tags: Tags = []
    category: Category = ""


class EmojiCreated(msgspec.Struct):
    """The emoji is there now."""

    success: Annotated[bool, about("总是 true。", "Always true.", const=True)]
    emoji_id: Annotated[str, about("新表情包的 ID。", "The new emoji's id.")]
    message: Annotated[str, about("给人看的说明。", "A sentence for people.")]


class Emoji(msgspec.Struct):
    """An emoji."""

    id: Id
    name: Name
    description: Description
    image_url: ImageUrl
    tags: Tags
    category: Category
    created_at: CreatedAt


class FoundEmoji(msgspec.Struct):
    """An emoji in a list."""

    id: Id
    name: Name
    description: Description
    image_url: ImageUrl
    tags: Tags
    category: Category


class SearchEmojis(msgspec.Struct):
    """What the emojis must have, all of it."""

    query: Annotated[
        str,
        about(
            "名称、说明或标签中的任意一段，不分大小写；空表示不限。",
            "Any part of the name, the description or a tag, case ignored; empty: any.",
        ),
    ] = ""
    tags: Annotated[
        list[str], about("必须全部具有的标签，不分大小写。", "Tags it must all have, case ignored.")
    ] = []
    category: Annotated[
        str | None, about("分类；空或 null 表示不限。", "Its category; empty or null: any.")
    ] = None
    limit: Annotated[int, about("返回多少个，1-200。", "How many are returned, 1-200.")] = 20
    offset: Annotated[int, about("跳过多少个。", "How many are skipped.")] = 0


class FoundEmojis(msgspec.Struct):
    """A page of the emojis that fit, newest first."""

    emojis: Annotated[list[FoundEmoji], about("这一页。", "This page.")]
    total: Annotated[int, about("符合的总数。", "How many fit in all.")]
    limit: Annotated[int, about("同请求。", "As asked.")]
    offset: Annotated[int, about("同请求。", "As asked.")]


class UpdateEmoji(msgspec.Struct):
    """What is changed; the rest stays."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    category: Category | UnsetType = UNSET


CREATED = Text("表情包已创建", "The emoji was created")
UPDATED = Text("表情包已更新", "The emoji was updated")
DELETED = Text("表情包已删除", "The emoji was deleted")


async def _create(ctx: Context, call: Call) -> EmojiCreated:
    body: CreateEmoji = call.body
    new = NewEmoji(body.name, body.image_data, body.description, body.tags, body.category)
    made = await emojis.create(ctx, call.path["id"], new)
    return EmojiCreated(True, made.id, CREATED.in_language(call.language))


async def _get(ctx: Context, call: Call) -> Emoji:
    found = await emojis.get(ctx, call.path["id"], call.path["emoji_id"])
    return Emoji(
        found.id,
        found.name,
        found.description,
        found.image_url,
        found.tags,
        found.category,
        moment(found.created_at),
    )


def moment(milliseconds: int) -> str:
    """`2025-07-05T10:30:00Z`."""
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


async def _search(ctx: Context, call: Call) -> FoundEmojis:
    body: SearchEmojis = call.body
    wanted = EmojiFilter(body.query, tuple(body.tags), body.category)
    found, total = await emojis.search(ctx, call.path["id"], wanted, body.limit, body.offset)
    return FoundEmojis([_found(view) for view in found], total, body.limit, body.offset)


def _found(view: EmojiView) -> FoundEmoji:
    return FoundEmoji(view.id, view.name, view.description, view.image_url, view.tags, view.category)


async def _update(ctx: Context, call: Call) -> Done:
    body: UpdateEmoji = call.body
    change = EmojiChange(
        call.path["emoji_id"],
        name=given(body.name),
        description=given(body.description),
        tags=given(body.tags),
        category=given(body.category),
    )
    await emojis.update(ctx, call.path["id"], change)
    return Done(True, UPDATED.in_language(call.language))


def given(value: Value | UnsetType) -> Value | None:
    """None for what was not sent."""
    return None if isinstance(value, UnsetType) else value


async def _delete(ctx: Context, call: Call) -> Done:
    await emojis.delete(ctx, call.path["id"], [call.path["emoji_id"]])
    return Done(True, DELETED.in_language(call.language))


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/resource/{id}/emoji",
        group=GROUP,
        text=Text("创建表情包", "Create an emoji"),
        handler=_create,
        request=(CreateEmoji,),
        response=EmojiCreated,
        codes=(Code.INSTANCE_NOT_FOUND, Code.INVALID_IMAGE_FORMAT, Code.DUPLICATE_RESOURCE),
        changes=True,
    ),
    Operation(
        method="POST",
        path="/api/v1/resource/{id}/emoji/search",
        group=GROUP,
        text=Text("搜索表情包", "Search emojis"),
        handler=_search,
        request=(SearchEmojis,),
        response=FoundEmojis,
        codes=(Code.INSTANCE_NOT_FOUND, Code.DATABASE_ERROR),
    ),
    Operation(
        method="GET",
        path="/api/v1/resource/{id}/emoji/{emoji_id}",
        group=GROUP,
        text=Text("获取表情包", "Get an emoji"),
        handler=_get,
        response=Emoji,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND, Code.DATABASE_ERROR),
    ),
    Operation(
        method="PUT",
        path="/api/v1/resource/{id}/emoji/{emoji_id}",
        group=GROUP,
        text=Text("更新表情包", "Change an emoji"),
        handler=_update,
        request=(UpdateEmoji,),
        response=Done,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND, Code.DUPLICATE_RESOURCE),
        changes=True,
    ),
    Operation(
        method="DELETE",
        path="/api/v1/resource/{id}/emoji/{emoji_id}",
        group=GROUP,
        text=Text("删除表情包", "Delete an emoji"),
        details=Text(
            "Bot 自己收集的只在此处移除，仍归 Bot 所有。",
            "What the bot collected itself is only removed here, and stays the bot's.",
        ),
        handler=_delete,
        response=Done,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND),
        changes=True,
    ),
)
