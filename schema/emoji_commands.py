"""Commands on emojis: create, update, delete, one or several."""

from typing import Annotated

import strawberry

from mailauncher.errors import Text
from resolvers import emojis
from resolvers.emojis import EmojiChange, NewEmoji
from schema.context import Info
from schema.descriptions import (
    ALL_OR_NONE,
    FROM_BOT,
    INSTANCE_ID,
    MESSAGE,
    RESOURCE_IF_MATCH,
    UNCHANGED,
    UNDOABLE,
    UNDOABLE_FOR_S,
)
from schema.emoji import CATEGORY, DESCRIPTION, NAME, TAGS, Emoji, from_view
from store.emojis import TAGS_LIMIT
from store.pictures import MAX_BYTES, MAX_PIXELS

CREATED = Text("表情包已创建", "The emoji was created")
UPDATED = Text("表情包已更新", "The emoji was updated")
DELETED = Text("表情包已删除", "The emoji was deleted")


@strawberry.type(description="Result of a command on an emoji.")
class EmojiPayload:
    emoji: Emoji = strawberry.field(description="The emoji after the command.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="Result of a command on several emojis.")
class EmojisPayload:
    emojis: list[Emoji] = strawberry.field(
        description="The emojis after the command, in the order of the input."
    )
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="Result of deleting emojis.")
class DeleteEmojisPayload:
    ids: list[strawberry.ID] = strawberry.field(description="Ids of the deleted emojis.")
    message: str = strawberry.field(description=MESSAGE)
    undoable_for_s: float | None = strawberry.field(default=None, description=UNDOABLE_FOR_S)


@strawberry.input(description="A new emoji.")
class NewEmojiInput:
    name: str = strawberry.field(description=NAME)
    image_data: str = strawberry.field(
        description="PNG, JPEG, GIF or WebP in base64, with or without a `data:` prefix; at most "
        f"{MAX_BYTES >> 20} MiB decoded and {MAX_PIXELS // 1_000_000} megapixels."
    )
    description: str = strawberry.field(default="", description=DESCRIPTION)
    tags: list[str] = strawberry.field(default_factory=list, description=TAGS)
    category: str = strawberry.field(default="", description=CATEGORY)
    refuse_same_image: bool = strawberry.field(
        default=False,
        description="Whether it fails, with `DUPLICATE_RESOURCE`, if an emoji of the instance has the same image.",
    )


@strawberry.input(description="An emoji to create.")
class CreateEmojiInput(NewEmojiInput):
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="Emojis to create.")
class CreateEmojisInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    emojis: list[NewEmojiInput] = strawberry.field(description=ALL_OR_NONE)


@strawberry.input(description="Changes to an emoji.")
class EmojiChangeInput:
    id: strawberry.ID = strawberry.field(description="Id of the emoji.")
    name: str | None = strawberry.field(default=None, description=f"{NAME} {UNCHANGED}")
    description: str | None = strawberry.field(default=None, description=f"{DESCRIPTION} {UNCHANGED}")
    tags: list[str] | None = strawberry.field(
        default=None, description=f"{TAGS} They replace all present tags. {UNCHANGED}"
    )
    category: str | None = strawberry.field(default=None, description=f"{CATEGORY} {UNCHANGED}")
    remove_tags: list[str] = strawberry.field(
        default_factory=list,
        description="Tags to remove, case-insensitive; those it does not have are ignored.",
    )
    add_tags: list[str] = strawberry.field(
        default_factory=list, description=f"Tags to add to those it has then; at most {TAGS_LIMIT} in all."
    )
    if_match: str | None = strawberry.field(default=None, description=RESOURCE_IF_MATCH)


@strawberry.input(description="An emoji to update.")
class UpdateEmojiInput(EmojiChangeInput):
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="Emojis to update.")
class UpdateEmojisInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    emojis: list[EmojiChangeInput] = strawberry.field(description=f"{ALL_OR_NONE} No emoji twice.")


@strawberry.input(description="An emoji to delete.")
class DeleteEmojiInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    id: strawberry.ID = strawberry.field(description="Id of the emoji.")
    from_bot: bool = strawberry.field(default=False, description=FROM_BOT)


@strawberry.input(description="Emojis to delete.")
class DeleteEmojisInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    ids: list[strawberry.ID] = strawberry.field(description=ALL_OR_NONE)
    from_bot: bool = strawberry.field(default=False, description=FROM_BOT)
    undoable: bool = strawberry.field(default=False, description=UNDOABLE.format("`restoreEmojis`"))


@strawberry.input(description="Deleted emojis to bring back.")
class RestoreEmojisInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    ids: list[strawberry.ID] = strawberry.field(description=ALL_OR_NONE)


def _new(given: NewEmojiInput) -> NewEmoji:
    return NewEmoji(
        given.name,
        given.image_data,
        given.description,
        given.tags,
        given.category,
        refuse_same_image=given.refuse_same_image,
    )


def _change(given: EmojiChangeInput) -> EmojiChange:
    return EmojiChange(
        given.id,
        given.name,
        given.description,
        given.tags,
        given.category,
        remove_tags=given.remove_tags,
        add_tags=given.add_tags,
        if_match=given.if_match,
    )


async def _create(
    info: Info, input: Annotated[CreateEmojiInput, strawberry.argument(description="The new emoji.")]
) -> EmojiPayload | None:
    context = info.context
    made = await context.complete(emojis.create(context.ctx, input.instance_id, _new(input)))
    return EmojiPayload(emoji=from_view(made), message=CREATED.in_language(context.language))


async def _create_many(
    info: Info, input: Annotated[CreateEmojisInput, strawberry.argument(description="The new emojis.")]
) -> EmojisPayload | None:
    context = info.context
    new = [_new(given) for given in input.emojis]
    made = await context.complete(emojis.create_many(context.ctx, input.instance_id, new))
    message = Text(f"已创建 {len(made)} 个表情包", f"{len(made)} emojis were created")
    return EmojisPayload(
        emojis=[from_view(one) for one in made], message=message.in_language(context.language)
    )


async def _update(
    info: Info, input: Annotated[UpdateEmojiInput, strawberry.argument(description="The changes.")]
) -> EmojiPayload | None:
    context = info.context
    changed = await context.complete(emojis.update(context.ctx, input.instance_id, _change(input)))
    return EmojiPayload(emoji=from_view(changed), message=UPDATED.in_language(context.language))


async def _update_many(
    info: Info, input: Annotated[UpdateEmojisInput, strawberry.argument(description="The changes.")]
) -> EmojisPayload | None:
    context = info.context
    changes = [_change(given) for given in input.emojis]
    changed = await context.complete(emojis.update_many(context.ctx, input.instance_id, changes))
    message = Text(f"已更新 {len(changed)} 个表情包", f"{len(changed)} emojis were updated")
    return EmojisPayload(
        emojis=[from_view(after) for _, after in changed], message=message.in_language(context.language)
    )


async def _delete(
    info: Info, input: Annotated[DeleteEmojiInput, strawberry.argument(description="The emoji.")]
) -> DeleteEmojisPayload | None:
    context = info.context
    await context.complete(emojis.delete(context.ctx, input.instance_id, [input.id], from_bot=input.from_bot))
    return DeleteEmojisPayload(ids=[input.id], message=DELETED.in_language(context.language))


async def _delete_many(
    info: Info, input: Annotated[DeleteEmojisInput, strawberry.argument(description="The emojis.")]
) -> DeleteEmojisPayload | None:
    context = info.context
    delete = emojis.delete_for_now if input.undoable else emojis.delete
    undoable_for = await context.complete(
        delete(context.ctx, input.instance_id, input.ids, from_bot=input.from_bot)
    )
    message = Text(f"已删除 {len(input.ids)} 个表情包", f"{len(input.ids)} emojis were deleted")
    return DeleteEmojisPayload(
        ids=input.ids,
        message=message.in_language(context.language),
        undoable_for_s=undoable_for,
    )


async def _restore(
    info: Info, input: Annotated[RestoreEmojisInput, strawberry.argument(description="The emojis.")]
) -> EmojisPayload | None:
    context = info.context
    back = await context.complete(emojis.restore(context.ctx, input.instance_id, input.ids))
    message = Text(f"已恢复 {len(back)} 个表情包", f"{len(back)} emojis were restored")
    return EmojisPayload(
        emojis=[from_view(one) for one in back], message=message.in_language(context.language)
    )


_NEW = (
    "`INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`, `INVALID_IMAGE_FORMAT`, `FILE_TOO_LARGE`, `DUPLICATE_RESOURCE`, "
    "`SERVICE_UNAVAILABLE`, `INSUFFICIENT_SPACE`."
)
_CHANGED = (
    "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INVALID_PARAMETER`, `DUPLICATE_RESOURCE`, `CONFLICT`."
)
_GONE = "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`."


@strawberry.type
class EmojiMutation:
    create_emoji: EmojiPayload | None = strawberry.mutation(
        resolver=_create, description=f"Creates an emoji. Null only with an error: {_NEW}"
    )
    create_emojis: EmojisPayload | None = strawberry.mutation(
        resolver=_create_many,
        description=f"Creates several emojis, all or none. Null only with an error: {_NEW}",
    )
    update_emoji: EmojiPayload | None = strawberry.mutation(
        resolver=_update, description=f"Updates an emoji. Null only with an error: {_CHANGED}"
    )
    update_emojis: EmojisPayload | None = strawberry.mutation(
        resolver=_update_many,
        description=f"Updates several emojis, all or none. Null only with an error: {_CHANGED}",
    )
    delete_emoji: DeleteEmojisPayload | None = strawberry.mutation(
        resolver=_delete, description=f"Deletes an emoji. Null only with an error: {_GONE}"
    )
    delete_emojis: DeleteEmojisPayload | None = strawberry.mutation(
        resolver=_delete_many,
        description=f"Deletes several emojis, all or none. Null only with an error: {_GONE}",
    )
    restore_emojis: EmojisPayload | None = strawberry.mutation(
        resolver=_restore,
        description="Undoes `deleteEmojis` with `undoable`, of all of them or none: they are what they were. Null only with an "
        "error: `INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`, `RESOURCE_NOT_FOUND` if it is too late, `DUPLICATE_RESOURCE` if "
        "another one has its name now.",
    )
