"""The command that changes what people call an instance, and note about it."""

from typing import Annotated

import strawberry

from resolvers import labels
from resolvers.views import CommandOutcome
from schema.context import Info
from schema.descriptions import INSTANCE_ID, NAME, NOTES, TAGS
from schema.instance_commands import InstancePayload, instance_payload


@strawberry.input(description="Changes to the labels of an instance; null leaves one unchanged.")
class EditInstanceInput:
    id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    name: str | None = strawberry.field(default=None, description=f"{NAME} Its folder keeps its name.")
    notes: str | None = strawberry.field(
        default=None, description=f"{NOTES} At most {labels.NOTES_CHARACTERS:,} characters."
    )
    tags: list[str] | None = strawberry.field(
        default=None,
        description=f"{TAGS} At most {labels.TAGS_LIMIT} of at most {labels.TAG_CHARACTERS} characters each.",
    )


async def _edit(
    info: Info,
    input: Annotated[EditInstanceInput, strawberry.argument(description="The instance and the changes.")],
) -> InstancePayload | None:
    work = labels.edit(info.context.ctx, input.id, name=input.name, notes=input.notes, tags=input.tags)
    return instance_payload(CommandOutcome(await info.context.complete(work), labels.EDITED), info)


@strawberry.type
class LabelMutation:
    edit_instance: InstancePayload | None = strawberry.mutation(
        resolver=_edit,
        description="Renames an instance, and changes its notes and tags. Null only with an error: `INSTANCE_NOT_FOUND`, "
        "`INVALID_PARAMETER`, `DUPLICATE_RESOURCE`.",
    )
