"""Backups of an instance's configuration and data: make, list, restore, remove."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mailauncher.errors import InstanceAlreadyRunning, ServiceUnavailable, Text
from mailauncher.grants import Scope
from resolvers.context import Context
from resolvers.deploying.version_changes import require_same
from resolvers.rights import needs
from resolvers.running.live_instances import StatusOverride
from resolvers.views import BackupReason, BackupView, InstanceView
from store.records import InstanceRecord
from terminals.states import State


@needs(Scope.OPERATE)
async def create(ctx: Context, instance_id: str) -> BackupView:
    """Makes a backup, also while the bot runs, and removes the oldest beyond `backups_kept`, but for those that are being
    cloned.

    Raises InstanceNotFound, ServiceUnavailable (it is being installed or restored; a database stays locked),
    InvalidParameter (its recipe names nothing to keep), InvalidPath, PermissionDenied, InsufficientSpace.
    """
    async with _held(ctx, instance_id) as record:
        _require_installed(ctx, record)
        made = await ctx.backups.create(record, BackupReason.MANUAL, ctx.deployer.cloned_backups())
    words = Text(f"{record.name}：备份 {made.id}", f"{record.name}: backup {made.id}")
    await ctx.store.journal.note("backup", ctx.caller, words, instance_id)
    return made


@needs(Scope.READ)
async def list_of(ctx: Context, instance_id: str) -> list[BackupView]:
    """Newest first. Raises InstanceNotFound."""
    _record(ctx, instance_id)
    [found] = await ctx.backups.list_of([instance_id])
    return found


@needs(Scope.READ)
async def lists(ctx: Context, instance_ids: Sequence[str]) -> list[list[BackupView]]:
    """Those of each instance, newest first, in one go."""
    return await ctx.backups.list_of(instance_ids)


@needs(Scope.ADMIN)
async def restore(ctx: Context, instance_id: str, backup_id: str, *, force: bool = False) -> InstanceView:
    """Puts a stopped instance's files back as a backup has them, after a backup of them as they are. All or nothing: the
    next server completes what a kill interrupts. With `force` also a backup of another version.

    Raises InstanceNotFound, ResourceNotFound, InstanceAlreadyRunning, ServiceUnavailable, InvalidParameter, InvalidPath,
    PermissionDenied, InsufficientSpace, CommandFailed (the backup is damaged); then everything is as it was.
    """
    async with _held(ctx, instance_id) as record:
        backup = await ctx.backups.find(instance_id, backup_id)
        _require_installed(ctx, record)
        if not force:
            require_same(record, backup)
        _require_stopped(ctx, record)
        ctx.deployer.require_not_copied(record)
        # From here on it cannot be started.
        async with ctx.locks.changes(instance_id):
            ctx.live.override(instance_id, StatusOverride(State.INSTALLING))
        try:
            await ctx.configs.record_all(instance_id)
            await ctx.backups.restore(record, backup_id)
            await ctx.configs.record_all(instance_id, "restore")
        finally:
            ctx.live.override(instance_id, None)
    words = Text(f"{record.name}：恢复备份 {backup_id}", f"{record.name}: restored backup {backup_id}")
    await ctx.store.journal.note("restore", ctx.caller, words, instance_id)
    return ctx.live.view(instance_id)


@needs(Scope.ADMIN)
async def remove(ctx: Context, instance_id: str, backup_id: str) -> BackupView:
    """Deletes one backup, and returns what it was. Raises InstanceNotFound, ResourceNotFound, ServiceUnavailable (the instance is
    being cloned, perhaps from it)."""
    async with _held(ctx, instance_id) as record:
        found = await ctx.backups.find(instance_id, backup_id)
        ctx.deployer.require_not_copied(record)
        await ctx.backups.remove(found)
    return found


@needs(Scope.ADMIN)
async def forget(ctx: Context, instance_id: str) -> None:
    """Deletes all backups of an instance that is deleted with its files."""
    async with ctx.locks.of(instance_id):
        await ctx.backups.remove_all(instance_id)


@asynccontextmanager
async def _held(ctx: Context, instance_id: str) -> AsyncIterator[InstanceRecord]:
    """The instance, which nobody deletes during the block, or has deleted before it. Raises InstanceNotFound."""
    async with ctx.locks.of(instance_id):
        yield _record(ctx, instance_id)


def _record(ctx: Context, instance_id: str) -> InstanceRecord:
    """Raises InstanceNotFound."""
    ctx.live.view(instance_id)
    record = ctx.store.registry.get(instance_id)
    assert record is not None
    return record


def _require_installed(ctx: Context, record: InstanceRecord) -> None:
    """Raises ServiceUnavailable while a deployment works on it, or where its first one failed."""
    if ctx.live.overridden(record.id) is not None or ctx.deployer.job(record.id) is not None:
        raise ServiceUnavailable(
            f"实例 {record.name} 正在安装或安装未完成，请稍后再试",
            f"Instance {record.name} is being installed, or its installation is not complete: try again later",
        )


def _require_stopped(ctx: Context, record: InstanceRecord) -> None:
    if any(program.wanted or program.lives for program in ctx.live.supervisor(record.id).programs.values()):
        raise InstanceAlreadyRunning(
            f"实例 {record.name} 正在运行，请先停止再恢复备份",
            f"Instance {record.name} is running: stop it before restoring a backup",
        )
