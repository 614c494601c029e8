"""Backups of an instance's configuration and data."""

from collections.abc import Awaitable
from enum import Enum
from typing import cast

import strawberry

from bots.backups.archive import SKIPPED_LISTED
from resolvers.views import InstanceView
from schema.context import Info
from schema.descriptions import OWNER
from schema.scalars import Instant, Long


@strawberry.enum(description="Why a backup was made.")
class BackupReason(Enum):
    MANUAL = strawberry.enum_value("manual", description="A user requested it.")
    UPGRADE = strawberry.enum_value("upgrade", description="Made by an upgrade before its first change.")
    RESTORE = strawberry.enum_value("restore", description="Made before another backup was restored.")


@strawberry.type(description="A backup of an instance's configuration and data.")
class Backup:
    id: strawberry.ID = strawberry.field(description="Unique among the backups of its instance.")
    instance_id: strawberry.ID = strawberry.field(description=OWNER)
    at: Instant = strawberry.field(description="Time when it was made.")
    size: Long = strawberry.field(description="Size on disk in bytes.")
    reason: BackupReason = strawberry.field(description="Why it was made.")
    version: str = strawberry.field(
        description="Version of the bot at that time; `unknown` if the backup does not record it."
    )
    skipped: list[str] = strawberry.field(
        description=f"Paths that could not be included, such as links; at most {SKIPPED_LISTED}. Empty: the backup is complete."
    )


def backups_of(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[list[Backup]]:
    return cast(Awaitable[list[Backup]], info.context.loaders.backups.load(instance.id))
