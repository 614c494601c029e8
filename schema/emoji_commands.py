"""Commands to emojis: create, update, delete, one or many."""

from typing import Annotated

import strawberry

from mailauncher.errors import Text
from resolvers import emojis
from resolvers.emojis import EmojiChange, NewEmoji
from schema.context import Info
from schema.emoji import Emoji, shown
from schema.instance_commands import MESSAGE

CREATED = Text("表情包已创建", "The emoji was created")
UPDATED = Text("表情包已更新", "The emoji was updated")
DELETED = Text("表情包已删除", "The emoji was deleted")
NAME = "1-64 characters, unique in its instance."
FROM_BOT = "Whether the bot loses what it collected itself, too. If not, that is only forgotten here, and not shown again."
ALL_OR_NONE = "1-200 of them. All are done, or none."


@strawberry.type(description="An emoji after a command.")
class EmojiPayload:
    emoji: Emoji = strawberry.field(description="The emoji as it is now.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="Emojis after a command.")
class EmojisPayload:
    emojis: list[Emoji] = strawberry.field(description="The emojis as they are now, in the order asked for.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="What is left of deleted emojis.")
class DeleteEmojisPayload:
    ids: list[strawberry.ID] = strawberry.field(description="The ids that they had.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.input(description="A new emoji.")
class NewEmojiInput:
    name: str = strawberry.field(description=NAME)
    image_data: str = strawberry.field(
        description="PNG, JPEG, GIF or WebP in base64, with or without a `data:` prefix; at most 10 MiB decoded and 25 "
        "megapixels."
    )
    description: str = strawberry.field(default="", description="What it shows, at most 4096 characters.")
    tags: list[str] = strawberry.field(
        default_factory=list, description="At most 32 tags of 1-64 characters."
    )
    category: str = strawberry.field(default="", description="At most 64 characters. Empty: none.")


@strawberry.input(description="The emoji that is to be created.")
class CreateEmojiInput(NewEmojiInput):
    instance_id: strawberry.ID = strawberry.field(description="The instance that it is for.")


@strawberry.input(description="The emojis that are to be created.")
class CreateEmojisInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that they are for.")
    emojis: list[NewEmojiInput] = strawberry.field(description=ALL_OR_NONE)


@strawberry.input(description="A change of an emoji.")
class EmojiChangeInput:
    id: strawberry.ID = strawberry.field(description="Which emoji.")
    name: str | None = strawberry.field(default=None, description=f"{NAME} Null: it stays.")
    description: str | None = strawberry.field(
        default=None, description="What it shows, at most 4096 characters. Null: it stays."
    )
    tags: list[str] | None = strawberry.field(
        default=None, description="All of its tags, at most 32 of 1-64 characters. Null: they stay."
    )
    category: str | None = strawberry.field(
        default=None, description="At most 64 characters; empty: none. Null: it stays."
    )


@strawberry.input(description="The emoji that is to be changed.")
class UpdateEmojiInput(EmojiChangeInput):
    instance_id: strawberry.ID = strawberry.field(description="The instance that it belongs to.")


@strawberry.input(description="The emojis that are to be changed.")
class UpdateEmojisInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that they belong to.")
    emojis: list[EmojiChangeInput] = strawberry.field(description=f"{ALL_OR_NONE} Each emoji once.")


@strawberry.input(description="The emoji that is to be deleted.")
class DeleteEmojiInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that it belongs to.")
    id: strawberry.ID = strawberry.field(description="Which emoji.")
    from_bot: bool = strawberry.field(default=False, description=FROM_BOT)


@strawberry.input(description="The emojis that are to be deleted.")
class DeleteEmojisInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that they belong to.")
    ids: list[strawberry.ID] = strawberry.field(description=ALL_OR_NONE)
    from_bot: bool = strawberry.field(default=False, description=FROM_BOT)


def _new(given: NewEmojiInput) -> NewEmoji:
    return NewEmoji(given.name, given.image_data, given.description, given.tags, given.category)


def _change(given: EmojiChangeInput) -> EmojiChange:
    return EmojiChange(given.id, given.name, given.description, given.tags, given.category)


async def _create(
    info: Info, input: Annotated[CreateEmojiInput, strawberry.argument(description="The new emoji.")]
) -> EmojiPayload | None:
    call = info.context
    made = await call.carry_out(emojis.create(call.ctx, input.instance_id, _new(input)))
    return EmojiPayload(emoji=shown(made), message=CREATED.in_language(call.language))


async def _create_many(
    info: Info, input: Annotated[CreateEmojisInput, strawberry.argument(description="The new emojis.")]
) -> EmojisPayload | None:
    call = info.context
    new = [_new(given) for given in input.emojis]
    made = await call.carry_out(emojis.create_many(call.ctx, input.instance_id, new))
    message = Text(f"已创建 {len(made)} 个表情包", f"{len(made)} emojis were created")
    return EmojisPayload(emojis=[shown(one) for one in made], message=message.in_language(call.language))


async def _update(
    info: Info, input: Annotated[UpdateEmojiInput, strawberry.argument(description="The change.")]
) -> EmojiPayload | None:
    call = info.context
    changed = await call.carry_out(emojis.update(call.ctx, input.instance_id, _change(input)))
    return EmojiPayload(emoji=shown(changed), message=UPDATED.in_language(call.language))


async def _update_many(
    info: Info, input: Annotated[UpdateEmojisInput, strawberry.argument(description="The changes.")]
) -> EmojisPayload | None:
    call = info.context
    changes = [_change(given) for given in input.emojis]
    changed = await call.carry_out(emojis.update_many(call.ctx, input.instance_id, changes))
    message = Text(f"已更新 {len(changed)} 个表情包", f"{len(changed)} emojis were updated")
    return EmojisPayload(emojis=[shown(one) for one in changed], message=message.in_language(call.language))


async def _delete(
    info: Info, input: Annotated[DeleteEmojiInput, strawberry.argument(description="Which emoji.")]
) -> DeleteEmojisPayload | None:
    call = info.context
    await call.carry_out(emojis.delete(call.ctx, input.instance_id, [input.id], from_bot=input.from_bot))
    return DeleteEmojisPayload(ids=[input.id], message=DELETED.in_language(call.language))


async def _delete_many(
    info: Info, input: Annotated[DeleteEmojisInput, strawberry.argument(description="Which emojis.")]
) -> DeleteEmojisPayload | None:
    call = info.context
    await call.carry_out(emojis.delete(call.ctx, input.instance_id, input.ids, from_bot=input.from_bot))
    message = Text(f"已删除 {len(input.ids)} 个表情包", f"{len(input.ids)} emojis were deleted")
    return DeleteEmojisPayload(ids=input.ids, message=message.in_language(call.language))


_NEW = "`INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`, `INVALID_IMAGE_FORMAT`, `FILE_TOO_LARGE`, `DUPLICATE_RESOURCE`."
_CHANGED = "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INVALID_PARAMETER`, `DUPLICATE_RESOURCE`."
_GONE = "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`."


@strawberry.type
class EmojiMutation:
    create_emoji: EmojiPayload | None = strawberry.mutation(
        resolver=_create, description=f"Creates an emoji. Null only together with an error: {_NEW}"
    )
    create_emojis: EmojisPayload | None = strawberry.mutation(
        resolver=_create_many,
        description=f"Creates many emojis, all or none. Null only together with an error: {_NEW}",
    )
    update_emoji: EmojiPayload | None = strawberry.mutation(
        resolver=_update, description=f"Changes an emoji. Null only together with an error: {_CHANGED}"
    )
    update_emojis: EmojisPayload | None = strawberry.mutation(
        resolver=_update_many,
        description=f"Changes many emojis, all or none. Null only together with an error: {_CHANGED}",
    )
    delete_emoji: DeleteEmojisPayload | None = strawberry.mutation(
        resolver=_delete, description=f"Deletes an emoji. Null only together with an error: {_GONE}"
    )
    delete_emojis: DeleteEmojisPayload | None = strawberry.mutation(
        resolver=_delete_many,
        description=f"Deletes many emojis, all or none. Null only together with an error: {_GONE}",
    )
