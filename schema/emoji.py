"""Emojis: the images that a bot can send."""

from typing import Annotated, Any, cast

import strawberry

from mailauncher.errors import InvalidParameter
from resolvers import emojis, validation
from resolvers.emojis import EmojiFilter
from resolvers.views import EmojiView, InstanceView
from schema.context import Info
from schema.descriptions import CURSOR, OWNER, RESOURCE_ETAG, RESOURCE_ID, InstanceId
from schema.learned import LearnedEmoji, learned_emoji_of
from schema.origin import Origin, PendingChange, origin_of, pending_of
from schema.paging import After, FilteredPage, First, PageInfo, Skip, identity, require_page
from schema.scalars import Instant, Long
from store.emojis import DESCRIPTION_LENGTH, FACET_ROWS, NAME_LENGTH, TAGS_LIMIT
from store.thumbnails import SIZES, STILL_BYTES

FACETS_DEFAULT = 20


NAME = f"1-{NAME_LENGTH} characters, unique in the instance."
DESCRIPTION = f"What the image shows, at most {DESCRIPTION_LENGTH} characters."
TAGS = f"At most {TAGS_LIMIT} distinct tags of 1-{NAME_LENGTH} characters."
CATEGORY = f"At most {NAME_LENGTH} characters. Empty: none."
_SIZES = ", ".join(map(str, SIZES))


def _thumbnail_url(
    emoji: strawberry.Parent[EmojiView],
    size: Annotated[int, strawberry.argument(description=f"Longer side in pixels: one of {_SIZES}.")] = 128,
    still: Annotated[
        bool,
        strawberry.argument(
            description=f"Whether the thumbnail does not move, and has at most {STILL_BYTES:,} bytes."
        ),
    ] = False,
) -> str:
    if size not in SIZES:
        raise InvalidParameter(f"size 应为 {_SIZES} 之一", f"size must be one of {_SIZES}", field="size")
    return f"{emoji.image_url}?size={size}{'&still=true' if still else ''}" if emoji.image_url else ""


@strawberry.type(description="Size of an image.")
class ImageSize:
    bytes: Long = strawberry.field(description="Size of its file in bytes.")
    width: int | None = strawberry.field(
        description="Width in pixels, before it is turned as its Exif data may say. Null: not known."
    )
    height: int | None = strawberry.field(description="Height in pixels, as `width`. Null: not known.")


async def _image_size(emoji: strawberry.Parent[EmojiView], info: Info) -> ImageSize | None:
    if not emoji.image_url:
        return None
    return cast(ImageSize | None, await info.context.loaders.image_sizes.load(emoji.image_url))


@strawberry.type(description="An image that a bot can send.")
class Emoji:
    id: strawberry.ID = strawberry.field(description=RESOURCE_ID)
    instance_id: strawberry.ID = strawberry.field(description=OWNER)
    name: str = strawberry.field(description=NAME)
    description: str = strawberry.field(description=DESCRIPTION)
    image_url: str = strawberry.field(
        description="Path of the image on this server. It derives from the content, so it may be cached for ever. Empty: no "
        "image."
    )
    thumbnail_url: str = strawberry.field(
        resolver=_thumbnail_url,
        description="Path of a thumbnail (WebP, animated if the image is), or of the image itself if that is smaller. Empty: "
        "no image.",
    )
    image_size: ImageSize | None = strawberry.field(
        resolver=_image_size, description="Size of the image. Null: no image, or its file is missing."
    )
    tags: list[str] = strawberry.field(description=TAGS)
    category: str = strawberry.field(description=CATEGORY)
    etag: str = strawberry.field(description=RESOURCE_ETAG)
    created_at: Instant = strawberry.field(description="Time when it was created here.")
    updated_at: Instant = strawberry.field(description="Time of the last change here.")
    origin: Origin = strawberry.field(resolver=origin_of, description="Who created it.")
    pending_change: PendingChange | None = strawberry.field(
        resolver=pending_of, description="Change that the bot does not have yet. Null: none."
    )
    learned: LearnedEmoji | None = strawberry.field(
        resolver=learned_emoji_of,
        graphql_type=LearnedEmoji | None,
        description="What the bot's database says about it, as of the last sync. Null: the bot does not have it.",
    )


def from_view(view: EmojiView) -> Emoji:
    """The view serves as the type: it has the attributes that fields without a resolver read."""
    return cast(Emoji, view)


@strawberry.type(description="A tag or a category, and the number of emojis that have it.")
class Facet:
    value: str = strawberry.field(description="Tag or category.")
    count: int = strawberry.field(description="Number of emojis that have it.")


EmojiPage = FilteredPage[EmojiView, EmojiFilter]

FacetCount = Annotated[
    int, strawberry.argument(description=f"Maximum number of values, 1-{emojis.FACETS_LIMIT}.")
]


async def _tags(
    page: strawberry.Parent[EmojiPage], info: Info, first: FacetCount = FACETS_DEFAULT
) -> list[Facet]:
    found = await emojis.tags(info.context.ctx, page.instance_id, page.wanted, first)
    return cast(list[Facet], found)


async def _categories(
    page: strawberry.Parent[EmojiPage], info: Info, first: FacetCount = FACETS_DEFAULT
) -> list[Facet]:
    found = await emojis.categories(info.context.ctx, page.instance_id, page.wanted, first)
    return cast(list[Facet], found)


@strawberry.type(description="Tags and categories of the emojis of a list.")
class EmojiFacets:
    tags: list[Facet] = strawberry.field(
        resolver=_tags,
        description="Tags, most frequent first; tags that differ only in case are counted as one.",
    )
    categories: list[Facet] = strawberry.field(
        resolver=_categories,
        description="Categories, most frequent first; emojis without one are not counted.",
    )


@strawberry.type(description="An emoji and its position in the list.")
class EmojiEdge:
    cursor: strawberry.ID = strawberry.field(description=CURSOR)
    node: Emoji = strawberry.field(resolver=identity, description="The emoji.")


def _total(page: strawberry.Parent[EmojiPage], info: Info) -> Any:
    if page.total is not None:
        return page.total
    return info.context.loaders.emoji_counts.load((page.instance_id, page.wanted))


@strawberry.type(description="A page of an instance's emojis, newest first.")
class EmojiConnection:
    edges: list[EmojiEdge] = strawberry.field(description="Emojis of this page.")
    page_info: PageInfo = strawberry.field(resolver=identity, description="Position of the page in the list.")
    total_count: Long = strawberry.field(
        resolver=_total,
        graphql_type=Long,
        description="Total number of matching emojis; counted only when requested.",
    )
    facets: EmojiFacets = strawberry.field(
        resolver=identity,
        description=f"Tags and categories of the matching emojis; with filters, of the newest {FACET_ROWS:,} of them.",
    )


async def emojis_of(
    instance: strawberry.Parent[InstanceView],
    info: Info,
    first: First = 10,
    after: After = None,
    skip: Skip = 0,
    text: Annotated[
        str | None,
        strawberry.argument(
            description="Only emojis with this text in the name, the description or a tag: any part of a word, case-"
            f"insensitive, at most {validation.QUERY_CHARACTERS} characters. Null: any."
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        strawberry.argument(description="Only emojis with all of these tags, case-insensitive. Null: any."),
    ] = None,
    category: Annotated[
        str | None, strawberry.argument(description="Only emojis of this category. Null or empty: any.")
    ] = None,
) -> EmojiConnection:
    require_page(first, skip)
    wanted = EmojiFilter(text or "", tuple(tags or ()), category)
    emojis.require_filter(
        wanted
    )  # before the loader combines it with others, which must not fail because of it
    key = (instance.id, wanted, first + 1, validation.cursor(after), skip)
    found = await info.context.loaders.emoji_pages.load(key)
    skipped = after is not None or skip > 0
    page = EmojiPage.of(found, first, instance.id, wanted, skipped=skipped)
    return cast(EmojiConnection, page)


async def _emoji(
    info: Info,
    instance_id: InstanceId,
    id: Annotated[strawberry.ID, strawberry.argument(description="Id of the emoji.")],
) -> Emoji | None:
    return from_view(await emojis.get(info.context.ctx, instance_id, id))


@strawberry.type
class EmojiQuery:
    emoji: Emoji | None = strawberry.field(
        resolver=_emoji,
        description="One emoji. Null only with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`.",
    )
