"""Commands on backups: create, restore, delete."""

from typing import Annotated, cast

import strawberry

from mailauncher.errors import Text
from resolvers import backups
from resolvers.views import CommandOutcome
from schema.backup import Backup
from schema.context import Info
from schema.descriptions import INSTANCE_ID, MESSAGE
from schema.instance_commands import InstancePayload, instance_payload

CREATED = Text("备份已完成", "The backup was made")
DELETED = Text("备份已删除", "The backup was deleted")
RESTORED = Text("备份已恢复", "The backup was restored")
_BACKUP_ID = "Id of the backup."


@strawberry.type(description="Result of a command on a backup.")
class BackupPayload:
    backup: Backup = strawberry.field(description="The backup; after `deleteBackup` the deleted one.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.input(description="The instance to back up.")
class CreateBackupInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="The backup to restore.")
class RestoreBackupInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    backup_id: strawberry.ID = strawberry.field(description=_BACKUP_ID)
    force: bool = strawberry.field(
        default=False,
        description="Whether to restore it also if it is of another version, which may not be able to use its data.",
    )


@strawberry.input(description="The backup to delete.")
class DeleteBackupInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    backup_id: strawberry.ID = strawberry.field(description=_BACKUP_ID)


async def _create(
    info: Info, input: Annotated[CreateBackupInput, strawberry.argument(description="The instance.")]
) -> BackupPayload | None:
    view = await info.context.complete(backups.create(info.context.ctx, input.instance_id))
    return BackupPayload(backup=cast(Backup, view), message=CREATED.in_language(info.context.language))


async def _restore(
    info: Info, input: Annotated[RestoreBackupInput, strawberry.argument(description="The backup.")]
) -> InstancePayload | None:
    command = backups.restore(info.context.ctx, input.instance_id, input.backup_id, force=input.force)
    return instance_payload(CommandOutcome(await info.context.complete(command), RESTORED), info)


async def _delete(
    info: Info, input: Annotated[DeleteBackupInput, strawberry.argument(description="The backup.")]
) -> BackupPayload | None:
    command = backups.remove(info.context.ctx, input.instance_id, input.backup_id)
    return BackupPayload(
        backup=cast(Backup, await info.context.complete(command)),
        message=DELETED.in_language(info.context.language),
    )


@strawberry.type
class BackupMutation:
    create_backup: BackupPayload | None = strawberry.mutation(
        resolver=_create,
        description="Backs up an instance's configuration and data, running or not; responds when the backup is complete, "
        "which takes as long as copying the files. Beyond the setting `backups_kept` the oldest ones are deleted. Null only "
        "with an error: `INSTANCE_NOT_FOUND`, `SERVICE_UNAVAILABLE` while it is being installed, `INSUFFICIENT_SPACE`, "
        "`INVALID_PATH`, `INVALID_PARAMETER` if its recipe names nothing to back up.",
    )
    restore_backup: InstancePayload | None = strawberry.mutation(
        resolver=_restore,
        description="Restores the files of a stopped instance from a backup, after a backup of the present ones; all or "
        "nothing. Null only with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INSTANCE_ALREADY_RUNNING`, "
        "`SERVICE_UNAVAILABLE`, `INSUFFICIENT_SPACE`, `COMMAND_FAILED` for a damaged backup, `INVALID_PARAMETER` with the "
        "field `force` for one of another version.",
    )
    delete_backup: BackupPayload | None = strawberry.mutation(
        resolver=_delete,
        description="Deletes a backup. Null only with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, "
        "`SERVICE_UNAVAILABLE` while the instance is being cloned.",
    )
