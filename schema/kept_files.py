"""What is kept on the disk beside instances."""

from enum import Enum
from typing import Annotated, cast

import strawberry

from mailauncher.errors import Text
from resolvers import kept_files
from schema.context import Info
from schema.descriptions import INSTANCE_ID, MESSAGE, OWNER
from schema.scalars import Long

DROPPED = Text("已清除", "Dropped")


@strawberry.enum(description="Why something is kept.")
class KeptKind(Enum):
    FORMER = strawberry.enum_value(
        "former", description="The version before the last upgrade, to which a rollback returns."
    )
    FAILED = strawberry.enum_value(
        "failed",
        description="What a failed deployment or upgrade has made, from which `retryDeployment` goes on.",
    )
    BACKUPS = strawberry.enum_value("backups", description="All backups of the instance.")


@strawberry.type(description="A folder that is kept for an instance.")
class KeptFiles:
    instance_id: strawberry.ID = strawberry.field(description=OWNER)
    kind: KeptKind = strawberry.field(description="Why it is kept.")
    path: str = strawberry.field(description="Absolute path on the server.")
    size: Long = strawberry.field(
        description="Bytes that are freed if it is dropped; files that it shares with other folders do not count."
    )
    version: str = strawberry.field(description="Version of a former tree; empty for anything else.")


@strawberry.input(description="The instance, and what to drop of it.")
class DropKeptFilesInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    kinds: list[KeptKind] = strawberry.field(description="What to drop.")


@strawberry.type(description="Result of dropping kept files.")
class DropKeptFilesPayload:
    dropped: list[KeptFiles] = strawberry.field(description="What was removed. Empty: there was nothing.")
    message: str = strawberry.field(description=MESSAGE)


async def _kept_files(
    info: Info,
    instance_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Id of the instance. Null: all instances."),
    ] = None,
) -> list[KeptFiles]:
    return cast(list[KeptFiles], await kept_files.list_of(info.context.ctx, instance_id))


async def _drop(
    info: Info,
    input: Annotated[DropKeptFilesInput, strawberry.argument(description="The instance, and what to drop.")],
) -> DropKeptFilesPayload | None:
    kinds = {kept_files.KeptKind[kind.name] for kind in input.kinds}
    found = await info.context.complete(kept_files.drop(info.context.ctx, input.instance_id, kinds))
    message = DROPPED.in_language(info.context.language)
    return DropKeptFilesPayload(dropped=cast(list[KeptFiles], found), message=message)


@strawberry.type
class KeptFilesQuery:
    kept_files: list[KeptFiles] = strawberry.field(
        resolver=_kept_files,
        description="What upgrades, failed deployments and backups keep on the disk; reads all of these folders. Error: "
        "`INSTANCE_NOT_FOUND`.",
    )


@strawberry.type
class KeptFilesMutation:
    drop_kept_files: DropKeptFilesPayload | None = strawberry.mutation(
        resolver=_drop,
        description="Removes what is kept for an instance, for good. Null only with an error: `INSTANCE_NOT_FOUND`, "
        "`INSTANCE_ALREADY_RUNNING` while a deployment of it is in progress, `PERMISSION_DENIED`.",
    )
