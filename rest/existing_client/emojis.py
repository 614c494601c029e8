"""Emojis in MaiBot's own columns. The documented routes for one emoji take and return them beside the documented keys."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import InvalidParameter, Text
from resolvers import emojis, sync
from resolvers.context import Context
from resolvers.emojis import IMAGE_FORMATS, EmojiChange, EmojiFilter
from resolvers.sync import LearnedEmoji
from resolvers.views import EmojiView
from rest.existing_client.bot_columns import (
    BatchSize,
    Counted,
    Flag,
    as_flag,
    batch_response,
    changes,
    counted,
    naming,
    operations,
)
from rest.field_docs import about
from rest.operation import Call
from rest.responses import StreamedResponse
from rest.values import Id, Offset, StatusSuccess

WRITABLE = ("description", "emotion")
FIXED = ("is_registered", "is_banned")
_COLUMNS = {"image_data": "full_path", "name": "emotion", "tags": "emotion"}
_FILTERS = {"description": "description_like", "tag_part": "emotion"}

FULL_PATH = about(
    "图片文件，相对于实例文件夹；Bot 还没有时为空。创建时必需。",
    "Image file, relative to the instance's folder; empty: the bot does not have it yet. Required for creating.",
)
FORMAT = about("图片格式，如 png、jpeg。", "Format of the image, such as `png` or `jpeg`.")
EMOJI_HASH = about(
    "Bot 所用的散列值；Bot 还没有时为空。", "The bot's hash; empty: the bot does not have it yet."
)
DESCRIPTION = about("说明。", "Description.")
EMOTION = about("标签，以逗号分隔。", "Tags, separated by commas.")
QUERY_COUNT = about("Bot 查询过的次数。", "Number of times the bot has looked it up.")
IS_REGISTERED = about("Bot 在使用它，或将会使用。", "Whether the bot uses it, or will once it has been told.")
IS_BANNED = about("总是 false：不列出 Bot 禁用的。", "Always false: banned ones are not listed.")
USAGE_COUNT = about("Bot 使用过的次数。", "Number of times the bot has used it.")


class ClientEmoji(msgspec.Struct):
    """An emoji in MaiBot's columns, as of the last sync."""

    id: Id
    full_path: Annotated[str, FULL_PATH]
    format: Annotated[str, FORMAT]
    emoji_hash: Annotated[str, EMOJI_HASH]
    description: Annotated[str, DESCRIPTION]
    emotion: Annotated[str, EMOTION]
    query_count: Annotated[int, QUERY_COUNT]
    is_registered: Annotated[Flag, IS_REGISTERED]
    is_banned: Annotated[Flag, IS_BANNED]
    usage_count: Annotated[int, USAGE_COUNT]


class ClientEmojiChange(msgspec.Struct):
    """An emoji to create or change, in MaiBot's columns. Only `description` and `emotion` can be changed; a new one gets
    those and the image at `full_path`, and the bot keeps the other columns itself."""

    id: Id | UnsetType = UNSET
    full_path: Annotated[str | UnsetType | None, FULL_PATH] = UNSET
    format: Annotated[str | UnsetType | None, FORMAT] = UNSET
    emoji_hash: Annotated[str | UnsetType | None, EMOJI_HASH] = UNSET
    description: Annotated[str | UnsetType | None, DESCRIPTION] = UNSET
    emotion: Annotated[str | UnsetType | None, EMOTION] = UNSET
    query_count: Annotated[int | UnsetType, QUERY_COUNT] = UNSET
    is_registered: Annotated[Flag | UnsetType, IS_REGISTERED] = UNSET
    is_banned: Annotated[Flag | UnsetType, IS_BANNED] = UNSET
    usage_count: Annotated[int | UnsetType, USAGE_COUNT] = UNSET


class ClientEmojiFilter(msgspec.Struct, kw_only=True):
    """Filters, all of which an emoji must match; empty or null: any."""

    emotion: Annotated[str | None, about("任一标签的一段。", "Any part of a tag.")] = None
    is_registered: Annotated[Flag | None, IS_REGISTERED] = None
    is_banned: Annotated[
        Flag | None,
        about("是否被 Bot 禁用；禁用的不列出。", "Whether it is banned; banned ones are not listed."),
    ] = None
    format: Annotated[str | None, about("png、jpeg、gif 或 webp。", "`png`, `jpeg`, `gif` or `webp`.")] = None
    description_like: Annotated[str | None, about("说明中的一段。", "Any part of the description.")] = None

    def as_filter(self) -> EmojiFilter:
        return EmojiFilter(
            description=self.description_like or "",
            tag_part=self.emotion or "",
            format=self.format or "",
            registered=as_flag(self.is_registered),
        )


class ClientEmojiBatch(ClientEmojiFilter, kw_only=True):
    """A part of the emojis, newest first."""

    batch_size: BatchSize = 100
    offset: Offset = 0


class ClientEmojis(msgspec.Struct):
    """A batch of emojis, newest first."""

    status: StatusSuccess
    data: Annotated[list[ClientEmoji], about("这一批。", "The batch.")]


async def columns(ctx: Context, found: Sequence[EmojiView]) -> list[ClientEmoji]:
    learned = await sync.learned_emojis(ctx, [view.id for view in found])
    return [_columns(view, known) for view, known in zip(found, learned, strict=True)]


def _columns(view: EmojiView, known: LearnedEmoji | None) -> ClientEmoji:
    return ClientEmoji(
        id=view.id,
        full_path=known.path if known else "",
        format=IMAGE_FORMATS.get(view.image_url.rpartition(".")[2], ""),
        emoji_hash=view.bot_key or "",
        description=view.description,
        emotion=",".join(view.tags),
        query_count=known.queries if known else 0,
        is_registered=view.bot_key is not None or view.pending == "add",
        is_banned=False,
        usage_count=known.usage if known else 0,
    )


async def create(ctx: Context, instance_id: str, given: ClientEmojiChange) -> EmojiView:
    if not given.full_path:
        raise InvalidParameter("缺少字段 full_path", "Missing field full_path", field="full_path")
    if given.is_banned:
        raise InvalidParameter("不能添加已禁用的表情包", "A banned emoji cannot be added", field="is_banned")
    description, emotion = given.description or "", given.emotion or ""
    with naming(_COLUMNS):
        return await emojis.create_from_file(
            ctx, instance_id, given.full_path, description, emojis.tags_in(emotion)
        )


async def update(ctx: Context, instance_id: str, emoji_id: str, given: ClientEmojiChange) -> None:
    (current,) = await columns(ctx, [await emojis.get(ctx, instance_id, emoji_id)])
    changed = changes(given, current, WRITABLE, FIXED)
    tags = emojis.tags_in(changed["emotion"]) if "emotion" in changed else None
    with naming(_COLUMNS):
        await emojis.update(ctx, instance_id, EmojiChange(emoji_id, None, changed.get("description"), tags))


async def _count_emojis(ctx: Context, call: Call) -> Counted:
    await sync.refresh(ctx, call.path["id"])
    with naming(_FILTERS):
        total = await emojis.count(ctx, call.path["id"], call.body.as_filter())
    return counted(0 if call.body.is_banned else total)


async def _batch_emojis(ctx: Context, call: Call) -> StreamedResponse:
    body: ClientEmojiBatch = call.body
    with naming(_FILTERS):
        found = await emojis.batch(ctx, call.path["id"], body.as_filter(), body.batch_size, body.offset)
    return await batch_response(ctx, () if body.is_banned else found, columns)


OPERATIONS = operations(
    "emoji",
    Text("表情包", "emojis"),
    count=_count_emojis,
    filters=ClientEmojiFilter,
    batch=_batch_emojis,
    batches=ClientEmojiBatch,
    response=ClientEmojis,
)
