"""Who created an emoji or a person, and which change of it the bot does not have yet."""

from enum import Enum

import strawberry

from resolvers.views import EmojiView, PersonView


@strawberry.enum(description="Who created an emoji or a person.")
class Origin(Enum):
    USER = strawberry.enum_value("user", description="A user of the launcher.")
    BOT = strawberry.enum_value("bot", description="The bot itself; it was imported from the bot's database.")


@strawberry.enum(description="A change that has not been pushed to the bot's database yet.")
class PendingChange(Enum):
    ADD = strawberry.enum_value("add", description="It was added.")
    UPDATE = strawberry.enum_value("update", description="It was updated.")


def origin_of(row: strawberry.Parent[EmojiView | PersonView]) -> Origin:
    return Origin(row.origin)


def pending_of(row: strawberry.Parent[EmojiView | PersonView]) -> PendingChange | None:
    return PendingChange(row.pending) if row.pending in ("add", "update") else None
