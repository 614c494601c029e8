"""What a bot's own database says about an emoji or a person."""

from collections.abc import Awaitable
from typing import cast

import strawberry

from bots.database.rows import LONG_TEXT
from resolvers.views import EmojiView, PersonView
from schema.context import Info
from schema.scalars import Instant, Long


@strawberry.type(description="What the bot's database says about an emoji, as of the last sync.")
class LearnedEmoji:
    path: str = strawberry.field(description="Its file, relative to the instance's folder.")
    usage: Long = strawberry.field(description="Number of times the bot has used it, as counted by the bot.")
    queries: Long = strawberry.field(
        description="Number of times the bot has looked it up, as counted by the bot."
    )
    recorded_at: Instant | None = strawberry.field(
        description="Time when the bot recorded it. Null: unknown."
    )


@strawberry.type(description="What the bot's database says about a person, as of the last sync.")
class LearnedPerson:
    platform: str = strawberry.field(description="Platform on which the bot met the person, such as `qq`.")
    groups: str = strawberry.field(
        description="The person's names in groups, as written by the bot; often JSON."
    )
    memory: str = strawberry.field(
        description=f"What the bot remembers, as written by the bot, at most {LONG_TEXT:,} characters; often JSON."
    )
    times: Long = strawberry.field(description="Number of encounters, as counted by the bot.")
    known_since: Instant | None = strawberry.field(description="Time of the first encounter. Null: unknown.")
    last_known: Instant | None = strawberry.field(description="Time of the last encounter. Null: unknown.")


def learned_emoji_of(emoji: strawberry.Parent[EmojiView], info: Info) -> Awaitable[LearnedEmoji | None]:
    return cast(Awaitable[LearnedEmoji | None], info.context.loaders.learned_emojis.load(emoji.id))


def learned_person_of(person: strawberry.Parent[PersonView], info: Info) -> Awaitable[LearnedPerson | None]:
    return cast(Awaitable[LearnedPerson | None], info.context.loaders.learned_persons.load(person.id))
