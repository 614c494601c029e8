"""The labels of an instance: its name, notes and tags."""

import unicodedata
from collections.abc import Sequence

from mailauncher.errors import InvalidParameter, Text
from mailauncher.grants import Scope
from resolvers import instances
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.validation import line, paragraph
from resolvers.views import InstanceView

NOTES_CHARACTERS = 4000
TAGS_LIMIT = 20
TAG_CHARACTERS = 32
EDITED = Text("已修改", "changed")


@needs(Scope.ADMIN)
async def edit(
    ctx: Context,
    instance_id: str,
    *,
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
) -> InstanceView:
    """Changes what is given; None leaves it. Folders and running programs keep the former name. Raises InstanceNotFound,
    InvalidParameter, DuplicateResource."""
    if name is not None:
        instances.require_name(name)
    new_notes = None if notes is None else paragraph(notes, "notes", NOTES_CHARACTERS)
    new_tags = None if tags is None else _tags(tags)
    async with ctx.locks.claims:
        before = instances.get(ctx, instance_id)
        if name not in (None, before.name):
            instances.require_name_free(ctx, name or "")
        await ctx.live.set_labels(
            instance_id,
            before.name if name is None else name,
            before.notes if new_notes is None else new_notes,
            before.tags if new_tags is None else new_tags,
        )
    after = instances.get(ctx, instance_id)
    await ctx.store.journal.note("edit", ctx.caller, _change(before, after), instance_id)
    return after


def _tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Without spaces at their ends and without repetition. Raises InvalidParameter."""
    if len(tags) > TAGS_LIMIT:
        raise InvalidParameter(
            f"tags 最多 {TAGS_LIMIT} 个", f"tags must have at most {TAGS_LIMIT} items", field="tags"
        )
    cleaned = (line(unicodedata.normalize("NFC", tag), "tags", TAG_CHARACTERS, least=1) for tag in tags)
    return tuple(dict.fromkeys(cleaned))


def _change(before: InstanceView, after: InstanceView) -> Text:
    if before.name != after.name:
        return Text(f"{before.name} 改名为 {after.name}", f"renamed {before.name} to {after.name}")
    return Text(f"修改 {after.name} 的备注和标签", f"changed notes and tags of {after.name}")
