"""Emojis: the pictures that a bot may send."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, cast

import strawberry

from mailauncher.errors import InvalidParameter
from mailauncher.store.thumbnails import SIZES
from resolvers import emojis, texts
from resolvers.emojis import EmojiFilter
from resolvers.views import EmojiView, InstanceView, PersonView
from schema.context import Info
from schema.learned import LearnedEmoji, learned_emoji_of
from schema.paging import Page, PageInfo, itself, require_first
from schema.scalars import Instant, Long

USUAL_FACETS = 20


@strawberry.enum(description="Who made something.")
class Origin(Enum):
    USER = strawberry.enum_value("user", description="A user of the launcher.")
    BOT = strawberry.enum_value("bot", description="The bot itself; the launcher read it from its database.")


@strawberry.enum(description="What the bot has still to be told of something.")
class PendingChange(Enum):
    ADD = strawberry.enum_value("add", description="That it is there.")
    UPDATE = strawberry.enum_value("update", description="That it has changed.")


def origin_of(row: strawberry.Parent[EmojiView | PersonView]) -> Origin:
    return Origin(row.origin)


def pending_of(row: strawberry.Parent[EmojiView | PersonView]) -> PendingChange | None:
    return PendingChange(row.pending) if row.pending in ("add", "update") else None


def _thumbnail_url(
    emoji: strawberry.Parent[EmojiView],
    size: Annotated[int, strawberry.argument(description="Pixels of its longer side: 64, 128 or 256.")] = 128,
) -> str:
    if size not in SIZES:
        sizes = ", ".join(map(str, SIZES))
        raise InvalidParameter(f"size 应为 {sizes} 之一", f"size must be one of {sizes}", field="size")
    return f"{emoji.image_url}?size={size}" if emoji.image_url else ""


@strawberry.type(description="A picture that a bot may send.")
class Emoji:
    id: strawberry.ID = strawberry.field(description="40 lower-case hex digits; REST has the same.")
    instance_id: strawberry.ID = strawberry.field(description="The instance that it belongs to.")
    name: str = strawberry.field(description="1-64 characters, unique in its instance.")
    description: str = strawberry.field(description="What it shows, at most 4096 characters.")
    image_url: str = strawberry.field(
        description="Path of its picture on this server. It comes from the content, so it may be cached for ever. Empty: "
        "there is no picture."
    )
    thumbnail_url: str = strawberry.field(
        resolver=_thumbnail_url,
        description="Path of a smaller picture (WebP), which moves where the picture moves; the picture itself where that "
        "is smaller. Empty: there is no picture.",
    )
    tags: list[str] = strawberry.field(description="At most 32 tags of 1-64 characters, each once.")
    category: str = strawberry.field(description="At most 64 characters. Empty: none.")
    created_at: Instant = strawberry.field(description="When it was created here.")
    updated_at: Instant = strawberry.field(description="When it was last changed here.")
    origin: Origin = strawberry.field(resolver=origin_of, description="Who made it.")
    pending_change: PendingChange | None = strawberry.field(
        resolver=pending_of, description="What the bot has still to be told of it. Null: nothing."
    )
    learned: LearnedEmoji | None = strawberry.field(
        resolver=learned_emoji_of,
        graphql_type=LearnedEmoji | None,
        description="What the bot itself says, as of the last sync. Null: the bot does not have it.",
    )


def shown(view: EmojiView) -> Emoji:
    """The view stands for the type: it has the attributes that plain fields read."""
    return cast(Emoji, view)


@strawberry.type(description="A tag or a category, and how many emojis have it.")
class Facet:
    value: str = strawberry.field(description="The tag or the category.")
    count: int = strawberry.field(description="How many emojis have it.")


@dataclass(frozen=True)
class EmojiPage(Page):
    """A page of an instance's emojis and the filter that it came from."""

    instance_id: str
    wanted: EmojiFilter
    edges: list[EmojiView]
    goes_on: bool

    @property
    def end(self) -> int | None:
        return self.edges[-1].cursor if self.edges else None

    async def more(self, info: Info) -> bool:
        return self.goes_on


FacetCount = Annotated[int, strawberry.argument(description="How many at most, 1-200.")]


async def _tags(
    page: strawberry.Parent[EmojiPage], info: Info, first: FacetCount = USUAL_FACETS
) -> list[Facet]:
    found = await emojis.tags(info.context.ctx, page.instance_id, page.wanted, first)
    return cast(list[Facet], found)


async def _categories(
    page: strawberry.Parent[EmojiPage], info: Info, first: FacetCount = USUAL_FACETS
) -> list[Facet]:
    found = await emojis.categories(info.context.ctx, page.instance_id, page.wanted, first)
    return cast(list[Facet], found)


@strawberry.type(description="What tags and categories the emojis of a list have.")
class EmojiFacets:
    tags: list[Facet] = strawberry.field(
        resolver=_tags,
        description="Their tags, the most frequent first; those that differ in case alone count as one.",
    )
    categories: list[Facet] = strawberry.field(
        resolver=_categories,
        description="Their categories, the most frequent first; emojis without one do not count.",
    )


@strawberry.type(description="An emoji in its place in the list.")
class EmojiEdge:
    cursor: strawberry.ID = strawberry.field(description="Give it as `after` to get what follows.")
    node: Emoji = strawberry.field(resolver=itself, description="The emoji.")


def _total(page: strawberry.Parent[EmojiPage], info: Info) -> Any:
    return info.context.loaders.emoji_counts.load((page.instance_id, page.wanted))


@strawberry.type(description="A page of an instance's emojis, newest first.")
class EmojiConnection:
    edges: list[EmojiEdge] = strawberry.field(description="The emojis of this page.")
    page_info: PageInfo = strawberry.field(resolver=itself, description="Where the page stands in the list.")
    total_count: Long = strawberry.field(
        resolver=_total,
        graphql_type=Long,
        description="How many emojis fit in all; counted only when asked for.",
    )
    facets: EmojiFacets = strawberry.field(
        resolver=itself,
        description="What tags and categories the emojis that fit have; where there are filters, the newest 20,000 of them.",
    )


First = Annotated[int, strawberry.argument(description="How many at most, 1-100.")]
After = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Cursor of the last one known already. Null: from the newest."),
]


async def emojis_of(
    instance: strawberry.Parent[InstanceView],
    info: Info,
    first: First = 10,
    after: After = None,
    text: Annotated[
        str | None,
        strawberry.argument(
            description="Only those with this text in their name, description or a tag, at most 256 characters; any part of "
            "a word, case ignored. Null: any."
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        strawberry.argument(description="Only those with all of these tags, case ignored. Null: any."),
    ] = None,
    category: Annotated[
        str | None, strawberry.argument(description="Only those of this category. Null or empty: any.")
    ] = None,
) -> EmojiConnection:
    require_first(first)
    wanted = EmojiFilter(text or "", tuple(tags or ()), category)
    emojis.require_filter(wanted)  # the loader asks for several at once: one must not fail for another
    key = (instance.id, wanted, first + 1, texts.cursor(after))
    found = await info.context.loaders.emoji_pages.load(key)
    page = EmojiPage(instance.id, wanted, found[:first], len(found) > first)
    return cast(EmojiConnection, page)


async def _emoji(
    info: Info,
    instance_id: Annotated[strawberry.ID, strawberry.argument(description="Its instance.")],
    id: Annotated[strawberry.ID, strawberry.argument(description="Which emoji.")],
) -> Emoji | None:
    return shown(await emojis.get(info.context.ctx, instance_id, id))


@strawberry.type
class EmojiQuery:
    emoji: Emoji | None = strawberry.field(
        resolver=_emoji,
        description="One emoji. Null only together with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`.",
    )
