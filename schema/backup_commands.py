"""Commands to backups: create, restore, delete."""

from typing import Annotated, cast

import strawberry

from mailauncher.errors import Text
from resolvers import backups
from resolvers.views import Outcome
from schema.backup import Backup
from schema.context import Info
from schema.instance_commands import MESSAGE, InstancePayload, payload

CREATED = Text("备份已完成", "The backup was made")
DELETED = Text("备份已删除", "The backup was deleted")
RESTORED = Text("备份已恢复", "The backup was restored")
_WHICH = "Which backup: its `id`."


@strawberry.type(description="A backup after a command.")
class BackupPayload:
    backup: Backup = strawberry.field(description="The backup; after `deleteBackup` what it was.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.input(description="The instance of which a backup is to be made.")
class CreateBackupInput:
    instance_id: strawberry.ID = strawberry.field(description="Which instance.")


@strawberry.input(description="The backup that is to be put back.")
class RestoreBackupInput:
    instance_id: strawberry.ID = strawberry.field(description="Which instance.")
    backup_id: strawberry.ID = strawberry.field(description=_WHICH)


@strawberry.input(description="The backup that is to be deleted.")
class DeleteBackupInput:
    instance_id: strawberry.ID = strawberry.field(description="Which instance.")
    backup_id: strawberry.ID = strawberry.field(description=_WHICH)


async def _create(
    info: Info, input: Annotated[CreateBackupInput, strawberry.argument(description="Which instance.")]
) -> BackupPayload | None:
    view = await info.context.carry_out(backups.create(info.context.ctx, input.instance_id))
    return BackupPayload(backup=cast(Backup, view), message=CREATED.in_language(info.context.language))


async def _restore(
    info: Info, input: Annotated[RestoreBackupInput, strawberry.argument(description=_WHICH)]
) -> InstancePayload | None:
    command = backups.restore(info.context.ctx, input.instance_id, input.backup_id)
    return payload(Outcome(await info.context.carry_out(command), RESTORED), info)


async def _delete(
    info: Info, input: Annotated[DeleteBackupInput, strawberry.argument(description=_WHICH)]
) -> BackupPayload | None:
    command = backups.remove(info.context.ctx, input.instance_id, input.backup_id)
    return BackupPayload(
        backup=cast(Backup, await info.context.carry_out(command)),
        message=DELETED.in_language(info.context.language),
    )


@strawberry.type
class BackupMutation:
    create_backup: BackupPayload | None = strawberry.mutation(
        resolver=_create,
        description="Makes a backup of what is the user's in an instance's folder, also while it runs; answers when it is "
        "made, which takes as long as copying it. The oldest beyond the setting `backups_kept` are dropped. Null only together "
        "with an error: `INSTANCE_NOT_FOUND`, `SERVICE_UNAVAILABLE` while it is being installed, `INSUFFICIENT_SPACE`, "
        "`INVALID_PATH`, `INVALID_PARAMETER` where its recipe names nothing to keep.",
    )
    restore_backup: InstancePayload | None = strawberry.mutation(
        resolver=_restore,
        description="Puts a stopped instance's files back as a backup has them, after a backup of them as they are; all or "
        "nothing. Null only together with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INSTANCE_ALREADY_RUNNING`, "
        "`SERVICE_UNAVAILABLE`, `INSUFFICIENT_SPACE`, `COMMAND_FAILED` for a damaged backup.",
    )
    delete_backup: BackupPayload | None = strawberry.mutation(
        resolver=_delete,
        description="Deletes a backup. Null only together with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`.",
    )
