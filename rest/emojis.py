"""Emojis: create, get, search, update, delete."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import Code, Text
from resolvers import emojis
from resolvers.context import Context
from resolvers.emojis import EmojiChange, EmojiFilter, NewEmoji
from resolvers.validation import QUERY_CHARACTERS
from resolvers.views import EmojiView
from rest.existing_client import emojis as client_emojis
from rest.existing_client.bot_columns import ResourceDone, resource_done
from rest.existing_client.emojis import ClientEmoji, ClientEmojiChange
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
    timestamp,
    unset_to_none,
)
from store.emojis import DESCRIPTION_LENGTH, NAME_LENGTH, TAGS_LIMIT
from store.pictures import MAX_BYTES, MAX_PIXELS

GROUP = "emojis"

Name = Annotated[
    str,
    about(
        f"名称，1-{NAME_LENGTH} 个字符，在实例内唯一。",
        f"Name, 1-{NAME_LENGTH} characters, unique in the instance.",
    ),
]
Description = Annotated[
    str,
    about(
        f"说明，至多 {DESCRIPTION_LENGTH} 个字符。",
        f"Description, at most {DESCRIPTION_LENGTH} characters.",
    ),
]
Tags = Annotated[
    list[str],
    about(
        f"标签，至多 {TAGS_LIMIT} 个，各 1-{NAME_LENGTH} 个字符。",
        f"Tags, at most {TAGS_LIMIT} of 1-{NAME_LENGTH} characters each.",
    ),
]
Category = Annotated[
    str,
    about(
        f"分类，至多 {NAME_LENGTH} 个字符；空表示没有。",
        f"Category, at most {NAME_LENGTH} characters; empty: none.",
    ),
]
ImageUrl = Annotated[
    str,
    about(
        "图片地址，由内容决定；空表示没有图片。",
        "Path of the image, derived from its content; empty: no image.",
    ),
]


class CreateEmoji(msgspec.Struct):
    """A new emoji."""

    name: Name
    image_data: Annotated[
        str,
        about(
            "base64 编码的 PNG、JPEG、GIF 或 WebP，可带 data: 前缀；"
            f"解码后至多 {MAX_BYTES >> 20} MiB、{MAX_PIXELS // 10_000} 万像素。",
            "PNG, JPEG, GIF or WebP in base64, with or without a `data:` prefix; at most "
            f"{MAX_BYTES >> 20} MiB decoded and {MAX_PIXELS // 1_000_000} megapixels.",
        ),
    ]
    description: Description = ""
    tags: Tags = []
    category: Category = ""


class EmojiCreated(msgspec.Struct):
    """The emoji was created. `status` is for the existing web client."""

    success: Success
    emoji_id: Annotated[str, about("新表情包的 ID。", "Id of the new emoji.")]
    message: Message
    status: StatusSuccess


class Emoji(msgspec.Struct):
    """An emoji. `status` and `data` are for the existing web client."""

    id: Id
    name: Name
    description: Description
    image_url: ImageUrl
    tags: Tags
    category: Category
    created_at: CreatedAt
    status: StatusSuccess
    data: Annotated[ClientEmoji, about("同样的内容，以 MaiBot 的列。", "The same in MaiBot's columns.")]


class FoundEmoji(msgspec.Struct):
    """An emoji in a list."""

    id: Id
    name: Name
    description: Description
    image_url: ImageUrl
    tags: Tags
    category: Category


class SearchEmojis(msgspec.Struct):
    """Search criteria; an emoji must match all of them."""

    query: Annotated[
        str,
        about(
            f"名称、说明或标签中的任意一段，至多 {QUERY_CHARACTERS} 个字符，不分大小写；空表示不限。",
            "Any part of the name, the description or a tag, case-insensitive, at most "
            f"{QUERY_CHARACTERS} characters; empty: any.",
        ),
    ] = ""
    tags: Annotated[
        list[str],
        about("必须全部具有的标签，不分大小写。", "Tags that it must all have, case-insensitive."),
    ] = []
    category: Annotated[str | None, about("分类；空或 null 表示不限。", "Category; empty or null: any.")] = (
        None
    )
    limit: Limit = 20
    offset: Offset = 0


class FoundEmojis(msgspec.Struct):
    """A page of the matching emojis, newest first."""

    emojis: Annotated[list[FoundEmoji], about("这一页。", "Emojis of this page.")]
    total: Total
    limit: PageLimit
    offset: PageOffset


class UpdateEmoji(msgspec.Struct):
    """Fields to change; absent ones stay unchanged."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    category: Category | UnsetType = UNSET


CREATED = Text("表情包已创建", "The emoji was created")
UPDATED = Text("表情包已更新", "The emoji was updated")
DELETED = Text("表情包已删除", "The emoji was deleted")


async def _create(ctx: Context, call: Call) -> EmojiCreated:
    body: CreateEmoji | ClientEmojiChange = call.body
    if isinstance(body, ClientEmojiChange):
        made = await client_emojis.create(ctx, call.path["id"], body)
    else:
        new = NewEmoji(body.name, body.image_data, body.description, body.tags, body.category)
        made = await emojis.create(ctx, call.path["id"], new)
    return EmojiCreated(True, made.id, CREATED.in_language(call.language), "success")


async def _get(ctx: Context, call: Call) -> Emoji:
    found = await emojis.get(ctx, call.path["id"], call.path["emoji_id"])
    return Emoji(
        found.id,
        found.name,
        found.description,
        found.image_url,
        found.tags,
        found.category,
        timestamp(found.created_at),
        "success",
        (await client_emojis.columns(ctx, [found]))[0],
    )


async def _search(ctx: Context, call: Call) -> FoundEmojis:
    body: SearchEmojis = call.body
    wanted = EmojiFilter(body.query, tuple(body.tags), body.category)
    found, total = await emojis.search(ctx, call.path["id"], wanted, body.limit, body.offset)
    return FoundEmojis([_found(view) for view in found], total, body.limit, body.offset)


def _found(view: EmojiView) -> FoundEmoji:
    return FoundEmoji(view.id, view.name, view.description, view.image_url, view.tags, view.category)


async def _update(ctx: Context, call: Call) -> ResourceDone:
    body: UpdateEmoji | ClientEmojiChange = call.body
    if isinstance(body, ClientEmojiChange):
        await client_emojis.update(ctx, call.path["id"], call.path["emoji_id"], body)
        return resource_done(UPDATED, call)
    change = EmojiChange(
        call.path["emoji_id"],
        name=unset_to_none(body.name),
        description=unset_to_none(body.description),
        tags=unset_to_none(body.tags),
        category=unset_to_none(body.category),
    )
    await emojis.update(ctx, call.path["id"], change)
    return resource_done(UPDATED, call)


async def _delete(ctx: Context, call: Call) -> ResourceDone:
    await emojis.delete(ctx, call.path["id"], [call.path["emoji_id"]])
    return resource_done(DELETED, call)


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/resource/{id}/emoji",
        group=GROUP,
        text=Text("创建表情包", "Create an emoji"),
        handler=_create,
        request=(CreateEmoji, ClientEmojiChange),
        response=EmojiCreated,
        codes=(
            Code.INSTANCE_NOT_FOUND,
            Code.INVALID_IMAGE_FORMAT,
            Code.DUPLICATE_RESOURCE,
            Code.SERVICE_UNAVAILABLE,
            Code.INSUFFICIENT_SPACE,
        ),
        ends_with_caller=True,
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
        text=Text("更新表情包", "Update an emoji"),
        handler=_update,
        request=(UpdateEmoji, ClientEmojiChange),
        response=ResourceDone,
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
            "An emoji that the bot collected itself is removed only here; the bot keeps it.",
        ),
        handler=_delete,
        response=ResourceDone,
        codes=(Code.INSTANCE_NOT_FOUND, Code.RESOURCE_NOT_FOUND),
        changes=True,
    ),
)
