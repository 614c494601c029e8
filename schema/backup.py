"""Backups of an instance's configuration and data, as they stand."""

from collections.abc import Awaitable
from enum import Enum
from typing import cast

import strawberry

from resolvers.views import InstanceView
from schema.context import Info
from schema.scalars import Instant, Long


@strawberry.enum(description="Who wanted a backup.")
class BackupReason(Enum):
    MANUAL = strawberry.enum_value("manual", description="A user.")
    UPGRADE = strawberry.enum_value("upgrade", description="An upgrade, before it changed anything.")
    RESTORE = strawberry.enum_value(
        "restore", description="The restoring of another backup, before it changed anything."
    )


@strawberry.type(
    description="A backup of what is the user's in an instance's folder: configuration and data."
)
class Backup:
    id: strawberry.ID = strawberry.field(description="Unique among the backups of its instance.")
    instance_id: strawberry.ID = strawberry.field(description="The instance that it is of.")
    at: Instant = strawberry.field(description="When it was made.")
    size: Long = strawberry.field(description="Its size on disk in bytes.")
    reason: BackupReason = strawberry.field(description="Who wanted it.")
    version: str = strawberry.field(
        description="Version of the bot at that time; `unknown` when the backup does not say."
    )
    skipped: list[str] = strawberry.field(
        description="The first paths of what it could not hold, such as links. Empty: it holds everything."
    )


def backups_of(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[list[Backup]]:
    return cast(Awaitable[list[Backup]], info.context.loaders.backups.load(instance.id))
