"""Emojis: create, get, search, update, delete, one or many of them, and what tags and categories there are."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from mailauncher.errors import InvalidParameter, LauncherError
from mailauncher.store import emojis as store
from mailauncher.store import words
from mailauncher.store.emojis import Facet
from mailauncher.store.pictures import Picture
from mailauncher.store.resources import Asked, Row, Wanted
from resolvers import image_data, texts
from resolvers.context import Context
from resolvers.views import EmojiView

NAME_LENGTH = 64
DESCRIPTION_LENGTH = 4096
TAGS = 32
FACETS = 200
URL = "/static/emojis/"


@dataclass(frozen=True, slots=True)
class NewEmoji:
    """`image_data` is base64."""

    name: str
    image_data: str
    description: str = ""
    tags: Sequence[str] = ()
    category: str = ""


@dataclass(frozen=True, slots=True)
class EmojiChange:
    """What is None stays as it is."""

    id: str
    name: str | None = None
    description: str | None = None
    tags: Sequence[str] | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class EmojiFilter:
    """All of it must be true of an emoji: a part of its name, description or a tag (case ignored), each of the tags (case
    ignored), its category. What is empty or None is not asked for."""

    text: str = ""
    tags: tuple[str, ...] = ()
    category: str | None = None


async def create(ctx: Context, instance_id: str, new: NewEmoji) -> EmojiView:
    """Raises InstanceNotFound, InvalidParameter, InvalidImageFormat, FileTooLarge, DuplicateResource."""
    ctx.fleet.view(instance_id)
    row, picture = await _new(ctx, new)
    made = await ctx.images.store([picture], lambda: ctx.emojis.add(instance_id, [row]))
    ctx.steps.nudge(instance_id)
    return view(made[0])


async def create_many(ctx: Context, instance_id: str, new: Sequence[NewEmoji]) -> list[EmojiView]:
    """All of them or none, in this order; at most 200. Raises as `create`, with the item's place in `field`."""
    ctx.fleet.view(instance_id)
    texts.require_bulk(new, "emojis")
    rows: list[Row] = []
    pictures: list[Picture] = []
    for place, one in enumerate(new):
        try:
            row, picture = await _new(ctx, one)
        except LauncherError as error:
            raise _placed(error, place) from None
        rows.append(row)
        pictures.append(picture)
    made = await ctx.images.store(pictures, lambda: ctx.emojis.add(instance_id, rows))
    ctx.steps.nudge(instance_id)
    return [view(row) for row in made]


async def _new(ctx: Context, new: NewEmoji) -> tuple[Row, Picture]:
    row = {
        "name": texts.line(new.name, "name", NAME_LENGTH, least=1),
        "description": texts.paragraph(new.description, "description", DESCRIPTION_LENGTH),
        "tags": _tags(new.tags),
        "category": texts.line(new.category, "category", NAME_LENGTH),
        "pending": "add",
    }
    picture = await ctx.images.examine(await asyncio.to_thread(image_data.decode, new.image_data))
    return row | {"image": picture.name}, picture


def _placed(error: LauncherError, place: int) -> LauncherError:
    error.field = f"emojis.{place}" + (f".{error.field}" if error.field else "")
    return error


def _tags(tags: Sequence[str]) -> str:
    if len(tags) > TAGS:
        raise InvalidParameter(
            f"标签不能超过 {TAGS} 个", f"There can be no more than {TAGS} tags", field="tags"
        )
    kept = {
        words.fold(tag): tag for tag in (texts.line(t, "tags", NAME_LENGTH, least=1) for t in reversed(tags))
    }
    return json.dumps([*reversed(kept.values())], ensure_ascii=False)


async def get(ctx: Context, instance_id: str, id: str) -> EmojiView:
    """Raises InstanceNotFound, ResourceNotFound."""
    ctx.fleet.view(instance_id)
    return view(await ctx.emojis.get(instance_id, id))


async def search(
    ctx: Context, instance_id: str, wanted: EmojiFilter, limit: int, offset: int
) -> tuple[list[EmojiView], int]:
    """A page of the emojis that fit, newest first, and how many fit in all. Raises InstanceNotFound, InvalidParameter."""
    ctx.fleet.view(instance_id)
    texts.require_page(limit, offset)
    found = _wanted(wanted)
    rows = await ctx.emojis.page(instance_id, found, limit, offset=offset)
    if offset == 0 and len(rows) < limit:
        return [view(row) for row in rows], len(rows)
    return [view(row) for row in rows], await ctx.emojis.count(instance_id, found)


async def pages(
    ctx: Context, asked: Sequence[tuple[str, EmojiFilter, int, int | None]]
) -> list[list[EmojiView]]:
    """For each (instance id, filter, first, after) up to `first` emojis that fit, newest first, from the one with the cursor
    `after` on; few queries for all. Raises InvalidParameter."""
    found = await ctx.emojis.pages(
        [
            Asked(instance_id, _wanted(wanted), first, before=after)
            for instance_id, wanted, first, after in asked
        ]
    )
    return [[view(row) for row in page] for page in found]


async def counts(ctx: Context, asked: Sequence[tuple[str, EmojiFilter]]) -> list[int]:
    """How many emojis fit, for each (instance id, filter); few queries for all. Raises InvalidParameter."""
    return await ctx.emojis.counts([(instance_id, _wanted(wanted)) for instance_id, wanted in asked])


async def tags(ctx: Context, instance_id: str, wanted: EmojiFilter, first: int) -> list[Facet]:
    """The most frequent tags of the emojis that fit. Raises InvalidParameter."""
    return await ctx.emojis.tags(instance_id, _wanted(wanted), _facets(first))


async def categories(ctx: Context, instance_id: str, wanted: EmojiFilter, first: int) -> list[Facet]:
    """The most frequent categories of the emojis that fit. Raises InvalidParameter."""
    return await ctx.emojis.categories(instance_id, _wanted(wanted), _facets(first))


def _facets(first: int) -> int:
    if not 1 <= first <= FACETS:
        raise InvalidParameter(
            f"first 应在 1 与 {FACETS} 之间", f"first must be between 1 and {FACETS}", field="first"
        )
    return first


def require_filter(wanted: EmojiFilter) -> None:
    """Raises InvalidParameter for one that `pages` and `counts` would not take."""
    _wanted(wanted)


def _wanted(wanted: EmojiFilter) -> Wanted:
    texts.require_query(wanted.text, "query")
    if len(wanted.tags) > TAGS:
        raise InvalidParameter(
            f"标签不能超过 {TAGS} 个", f"There can be no more than {TAGS} tags", field="tags"
        )
    for tag in wanted.tags:
        texts.require_query(tag, "tags")
    texts.require_query(wanted.category or "", "category")
    return store.wanted(wanted.text.strip(), [tag.strip() for tag in wanted.tags], wanted.category or None)


async def update(ctx: Context, instance_id: str, change: EmojiChange) -> EmojiView:
    """Raises InstanceNotFound, ResourceNotFound, InvalidParameter, DuplicateResource."""
    return (await _update(ctx, instance_id, [change], [_columns(change)]))[0]


async def update_many(ctx: Context, instance_id: str, changes: Sequence[EmojiChange]) -> list[EmojiView]:
    """All of them or none, in this order; at most 200, each emoji once. Raises as `update`."""
    texts.require_bulk(changes, "emojis")
    if len({change.id for change in changes}) < len(changes):
        raise InvalidParameter("同一表情包出现两次", "An emoji is named twice", field="emojis")
    columns = []
    for place, change in enumerate(changes):
        try:
            columns.append(_columns(change))
        except LauncherError as error:
            raise _placed(error, place) from None
    return await _update(ctx, instance_id, changes, columns)


async def _update(
    ctx: Context, instance_id: str, changes: Sequence[EmojiChange], columns: Sequence[Row]
) -> list[EmojiView]:
    ctx.fleet.view(instance_id)
    by_id = {change.id: new for change, new in zip(changes, columns, strict=True)}

    def changed(row: Row) -> Row:
        new = by_id[row["id"]]
        told = any(new.get(name, row[name]) != row[name] for name in ("description", "tags"))
        return new | ({"pending": "update"} if told and row["bot_key"] and not row["pending"] else {})

    done = await ctx.emojis.change(instance_id, list(by_id), changed)
    ctx.steps.nudge(instance_id)
    return [view(row) for _, row in done]


def _columns(change: EmojiChange) -> Row:
    new: Row = {}
    if change.name is not None:
        new["name"] = texts.line(change.name, "name", NAME_LENGTH, least=1)
    if change.description is not None:
        new["description"] = texts.paragraph(change.description, "description", DESCRIPTION_LENGTH)
    if change.tags is not None:
        new["tags"] = _tags(change.tags)
    if change.category is not None:
        new["category"] = texts.line(change.category, "category", NAME_LENGTH)
    return new


async def delete(ctx: Context, instance_id: str, ids: Sequence[str], *, from_bot: bool = False) -> None:
    """All of them or none; at most 200. What the bot made itself is only forgotten here and stays the bot's, unless
    `from_bot`. Raises InstanceNotFound, ResourceNotFound, InvalidParameter."""
    ctx.fleet.view(instance_id)
    texts.require_bulk(ids, "ids")
    gone = await ctx.emojis.take_away(
        instance_id, list(dict.fromkeys(ids)), lambda row: fate(row, from_bot=from_bot)
    )
    await ctx.images.release(row["image"] for row in gone)
    ctx.steps.nudge(instance_id)


def fate(row: Row, *, from_bot: bool) -> str | None:
    """What becomes of a deleted row: nothing is left of one that the bot never knew. Else it is kept, hidden: `delete`
    until the bot has deleted its own, `gone` so that what the bot still has is not shown again."""
    if row["bot_key"] is None:
        return None
    return "delete" if from_bot or row["origin"] == "user" else "gone"


def view(row: Row) -> EmojiView:
    return EmojiView(
        cursor=row["seq"],
        id=row["id"],
        instance_id=row["instance_id"],
        name=row["name"],
        description=row["description"],
        image_url=URL + row["image"] if row["image"] else "",
        tags=store.tags_of(row),
        category=row["category"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        origin=row["origin"],
        pending=row["pending"],
    )
