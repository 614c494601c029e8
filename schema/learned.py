"""What a bot itself says of an emoji or a person."""

from collections.abc import Awaitable
from typing import cast

import strawberry

from resolvers.views import EmojiView, PersonView
from schema.context import Info
from schema.scalars import Instant, Long


@strawberry.type(description="What the bot says of an emoji, as of the last sync.")
class LearnedEmoji:
    path: str = strawberry.field(description="Its file, relative to the instance's folder.")
    usage: Long = strawberry.field(description="How often the bot used it, by its own count.")
    recorded_at: Instant | None = strawberry.field(
        description="When the bot recorded it. Null: it does not say."
    )


@strawberry.type(description="What the bot says of a person, as of the last sync.")
class LearnedPerson:
    platform: str = strawberry.field(description="Where it met them, such as `qq`.")
    groups: str = strawberry.field(description="Their names in groups, as the bot wrote them; often JSON.")
    memory: str = strawberry.field(
        description="What it remembers of them, as it wrote it, at most 65,536 characters; often JSON."
    )
    times: Long = strawberry.field(description="How often it met them, by its own count.")
    known_since: Instant | None = strawberry.field(
        description="When it first met them. Null: it does not say."
    )
    last_known: Instant | None = strawberry.field(description="When it last met them. Null: it does not say.")


def learned_emoji_of(emoji: strawberry.Parent[EmojiView], info: Info) -> Awaitable[LearnedEmoji | None]:
    return cast(Awaitable[LearnedEmoji | None], info.context.loaders.learned_emojis.load(emoji.id))


def learned_person_of(person: strawberry.Parent[PersonView], info: Info) -> Awaitable[LearnedPerson | None]:
    return cast(Awaitable[LearnedPerson | None], info.context.loaders.learned_persons.load(person.id))
