"""Emojis: the operations of `resolvers.resources`, and the tags and categories in use."""

import asyncio
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bots.database import emojis as bot_emojis
from bots.database import rows
from mailauncher.errors import DuplicateResource, InvalidParameter, Text
from mailauncher.grants import Scope
from resolvers import image_data, validation
from resolvers.context import Context
from resolvers.resources import ResourceOperations
from resolvers.rights import needs
from resolvers.views import EmojiView
from store import words
from store.emojis import DESCRIPTION_LENGTH, NAME_LENGTH, TAGS_LIMIT, Facet, criteria, tags_of
from store.picture_size import PictureSize
from store.pictures import FORMATS, Picture
from store.resources import Row
from store.search_index import Criteria

FACETS_LIMIT = 200
LABEL_LENGTH = 40
URL = "/static/emojis/"
IMAGE_FORMATS = {found.extension: name.lower() for name, found in FORMATS.items()}
"""The name of each format by the extension of its images."""


@dataclass(frozen=True, slots=True)
class NewEmoji:
    """`image_data` is the file's bytes, or base64. `refuse_same_image`: not if an emoji of the instance has the same image."""

    name: str
    image_data: str | bytes
    description: str = ""
    tags: Sequence[str] = ()
    category: str = ""
    refuse_same_image: bool = False


@dataclass(frozen=True, slots=True)
class EmojiChange:
    """None leaves a value as it is. Tags are replaced, then removed and added (case ignored). `if_match`: the emoji's `etag` must be this
    one, else Conflict."""

    id: str
    name: str | None = None
    description: str | None = None
    tags: Sequence[str] | None = None
    category: str | None = None
    remove_tags: Sequence[str] = ()
    add_tags: Sequence[str] = ()
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class EmojiFilter:
    """An emoji matches if all of these do: `text` is part of its name, description or a tag (case ignored), it has each of
    the tags (case ignored), it is of the category, its description and one of its tags contain their parts (case ignored),
    its image has the format (one of IMAGE_FORMATS), the bot uses it (or will, once told) or not. Empty or None matches every emoji."""

    text: str = ""
    tags: tuple[str, ...] = ()
    category: str | None = None
    description: str = ""
    tag_part: str = ""
    format: str = ""
    registered: bool | None = None


async def _prepare(ctx: Context, new: NewEmoji) -> tuple[Row, Picture | None]:
    """Raises InvalidParameter, InvalidImageFormat, FileTooLarge."""
    row = {
        "name": validation.line(new.name, "name", NAME_LENGTH, least=1),
        "description": validation.paragraph(new.description, "description", DESCRIPTION_LENGTH),
        "tags": _tags(new.tags),
        "category": validation.line(new.category, "category", NAME_LENGTH),
        "pending": "add",
    }
    data = new.image_data
    if isinstance(data, str):
        data = await asyncio.to_thread(image_data.decode, data)
    picture = await ctx.store.images.examine(data)
    return row | {"image": picture.name}, picture


async def _refuse_same_images(
    ctx: Context, instance_id: str, new: Sequence[NewEmoji], rows: Sequence[Row]
) -> None:
    """Raises DuplicateResource, which names the emoji that has the image."""
    images = [row["image"] for one, row in zip(new, rows, strict=True) if one.refuse_same_image]
    shown = (row for row in await ctx.store.emojis.by_key(instance_id, images, "image") if row["search"])
    if other := next(shown, None):
        name = other["name"]
        raise DuplicateResource(
            f"表情包 '{name}' 已有相同的图片", f"The emoji '{name}' has the same image", field="image_data"
        )


def _edit(change: EmojiChange) -> Callable[[Row], Row]:
    new: Row = {}
    if change.name is not None:
        new["name"] = validation.line(change.name, "name", NAME_LENGTH, least=1)
    if change.description is not None:
        new["description"] = validation.paragraph(change.description, "description", DESCRIPTION_LENGTH)
    if change.tags is not None:
        new["tags"] = _tags(change.tags)
    if change.category is not None:
        new["category"] = validation.line(change.category, "category", NAME_LENGTH)
    removed, added = set(_unique(change.remove_tags, "remove_tags")), _unique(change.add_tags, "add_tags")
    if not removed and not added:
        return lambda _: new

    def retagged(row: Row) -> Row:
        present = _unique(tags_of(row | new), "tags")
        kept = {folded: tag for folded, tag in present.items() if folded not in removed}
        return new | {"tags": _tags([*(kept | added | kept).values()], "add_tags")}

    return retagged


def _tags(tags: Sequence[str], field: str = "tags") -> str:
    """The tags as a row has them."""
    unique = _unique(tags, field)
    return json.dumps([*unique.values()], ensure_ascii=False)


def _unique(tags: Sequence[str], field: str) -> dict[str, str]:
    """Of tags that differ only in case, the first, by what they have in common."""
    _require_few_tags(tags, field)
    unique: dict[str, str] = {}
    for tag in tags:
        valid = validation.line(tag, field, NAME_LENGTH, least=1)
        unique.setdefault(words.fold(valid), valid)
    return unique


def _require_few_tags(tags: Sequence[str], field: str = "tags") -> None:
    if len(tags) > TAGS_LIMIT:
        raise InvalidParameter(
            f"标签不能超过 {TAGS_LIMIT} 个", f"At most {TAGS_LIMIT} tags are allowed", field=field
        )


def _criteria(query: EmojiFilter) -> Criteria:
    validation.require_query(query.text, "query")
    _require_few_tags(query.tags)
    for tag in query.tags:
        validation.require_query(tag, "tags")
    validation.require_query(query.category or "", "category")
    for field in ("description", "tag_part"):
        validation.require_query(getattr(query, field), field)
    return criteria(
        query.text.strip(),
        [tag.strip() for tag in query.tags],
        query.category or None,
        description=query.description.strip(),
        tag_part=query.tag_part.strip(),
        extension=_extension(query.format) if query.format else "",
        registered=query.registered,
    )


def _extension(format: str) -> str:
    """Raises InvalidParameter."""
    name = format.casefold()
    found = next(
        (one.extension for key, one in FORMATS.items() if name in (key.lower(), one.extension)), None
    )
    if found is None:
        known = ", ".join(IMAGE_FORMATS.values())
        raise InvalidParameter(f"format 应为 {known} 之一", f"format must be one of {known}", field="format")
    return found


def view(row: Row) -> EmojiView:
    return EmojiView(
        cursor=row["seq"],
        id=row["id"],
        instance_id=row["instance_id"],
        name=row["name"],
        description=row["description"],
        image_url=URL + row["image"] if row["image"] else "",
        tags=tags_of(row),
        category=row["category"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        origin=row["origin"],
        pending=row["pending"],
        bot_key=row["bot_key"],
    )


_operations = ResourceOperations(
    kind="emoji",
    items="emojis",
    listed_twice=Text("同一表情包出现两次", "An emoji is listed twice"),
    table=lambda ctx: ctx.store.emojis,
    prepare=_prepare,
    refuse=_refuse_same_images,
    edit=_edit,
    criteria=_criteria,
    view=view,
)
create = _operations.create
create_many = _operations.create_many
get = _operations.get
search = _operations.search
batch = _operations.batch
count = _operations.count
pages = _operations.pages
counts = _operations.counts
require_filter = _operations.require_filter
update = _operations.update
update_many = _operations.update_many
delete = _operations.delete
delete_for_now = _operations.delete_for_now
restore = _operations.restore


@needs(Scope.READ)
async def image_sizes(ctx: Context, urls: Sequence[str]) -> list[PictureSize | None]:
    """The sizes of images by their paths on this server; None for one whose file is missing."""
    return await ctx.store.images.sizes([url.removeprefix(URL) for url in urls])


def tags_in(text: str) -> list[str]:
    """The tags in a bot's comma-separated text, each once."""
    return [*rows.split_tags(text)]


@needs(Scope.ADMIN)
async def create_from_file(
    ctx: Context, instance_id: str, path: str, description: str, tags: Sequence[str]
) -> EmojiView:
    """Creates an emoji of an image file in the instance's folder. `path` is relative to that, or absolute. As bots do, it
    goes by its first tag, else by its description.

    Raises as `create` does, InvalidPath for a path that leads out of the folder, ResourceNotFound if there is no such file.
    """
    folder = Path(ctx.live.view(instance_id).path)
    data = await asyncio.to_thread(bot_emojis.image, folder, path)
    texts = (" ".join(text.split())[:LABEL_LENGTH].strip() for text in (*tags, description))
    label = next(filter(None, texts), "emoji")
    taken = await ctx.store.emojis.by_key(instance_id, [label])
    name = f"{label} {secrets.token_hex(4)}" if taken else label
    return await create(ctx, instance_id, NewEmoji(name, data, description, tags))


@needs(Scope.READ)
async def tags(ctx: Context, instance_id: str, query: EmojiFilter, first: int) -> list[Facet]:
    """The most frequent tags of the matches. Raises InvalidParameter."""
    return await ctx.store.emojis.tags(instance_id, _criteria(query), _facets(first))


@needs(Scope.READ)
async def categories(ctx: Context, instance_id: str, query: EmojiFilter, first: int) -> list[Facet]:
    """The most frequent categories of the matches. Raises InvalidParameter."""
    return await ctx.store.emojis.categories(instance_id, _criteria(query), _facets(first))


def _facets(first: int) -> int:
    if not 1 <= first <= FACETS_LIMIT:
        raise InvalidParameter(
            f"first 应在 1 与 {FACETS_LIMIT} 之间",
            f"first must be between 1 and {FACETS_LIMIT}",
            field="first",
        )
    return first
