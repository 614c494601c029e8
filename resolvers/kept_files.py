"""What upgrades, failed deployments and backups keep on the disk for each instance: listed, and dropped when asked."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path

import msgspec

from bots.deploying.staging import remove
from mailauncher.errors import InstanceAlreadyRunning, PermissionDenied, Text
from mailauncher.files import is_folder
from mailauncher.grants import Scope
from mailauncher.interruption import Check
from resolvers import instances
from resolvers.context import Context
from resolvers.deploying import folders
from resolvers.deploying.upgrade import FORMER_FILE, read_former
from resolvers.rights import needs
from store.records import InstanceRecord

BLOCK_BYTES = 512
"""The unit of `st_blocks`."""


class KeptKind(StrEnum):
    """`FORMER`: the version before the last upgrade, to which a rollback returns. `FAILED`: what a deployment or an upgrade
    that failed has made, from which a retry goes on. `BACKUPS`: all backups."""

    FORMER = "former"
    FAILED = "failed"
    BACKUPS = "backups"


class Kept(msgspec.Struct, frozen=True):
    """Something that is kept for an instance. `size` is in bytes: what its files take that no other folder shares, so what is
    freed when it is dropped. `version` is that of a former tree, else empty."""

    instance_id: str
    kind: KeptKind
    path: str
    size: int
    version: str = ""


@needs(Scope.READ)
async def list_of(ctx: Context, instance_id: str | None = None) -> list[Kept]:
    """Everything that is kept for an instance, or for all of them in the order of their list. Raises InstanceNotFound."""
    records = [_record(ctx, instance_id)] if instance_id is not None else list(ctx.store.registry)

    def read(check: Check) -> list[Kept]:
        return [found for record in records for found in _kept(ctx, record, check)]

    return await ctx.deployer.measurements.run(read)


@needs(Scope.ADMIN)
async def drop(ctx: Context, instance_id: str, kinds: Collection[KeptKind]) -> list[Kept]:
    """Removes what is kept of these kinds, and returns it. Raises InstanceNotFound, InstanceAlreadyRunning while a deployment
    of the instance is under way, PermissionDenied for what cannot be removed."""
    record = _record(ctx, instance_id)
    async with ctx.locks.of(instance_id):
        if ctx.deployer.job(instance_id) is not None:
            raise InstanceAlreadyRunning(
                f"实例 {record.name} 的部署正在进行，请等待完成或取消",
                f"A deployment of instance {record.name} is under way: wait for it, or cancel it",
            )
        dropped = await ctx.deployer.removals.run(partial(_drop, ctx, record, kinds))
    if dropped:
        names = ", ".join(dict.fromkeys(dropped_one.kind.value for dropped_one in dropped))
        words = Text(f"{record.name}：清除 {names}", f"{record.name}: dropped {names}")
        await ctx.store.journal.note("drop", ctx.caller, words, instance_id)
    return dropped


def _record(ctx: Context, instance_id: str) -> InstanceRecord:
    instances.get(ctx, instance_id)
    record = ctx.store.registry.get(instance_id)
    assert record is not None
    return record


# Blocking


def _places(ctx: Context, record: InstanceRecord) -> Iterator[tuple[KeptKind, Path]]:
    folder = Path(record.path)
    yield KeptKind.FORMER, folders.former(folder, record.id)
    yield KeptKind.FORMER, folders.earlier(folder, record.id)
    yield KeptKind.FAILED, folders.reverted(folder, record.id)
    yield KeptKind.FAILED, folders.staging(folder, record.id)
    yield KeptKind.BACKUPS, ctx.backups.folder(record.id)


def _kept(ctx: Context, record: InstanceRecord, check: Check) -> Iterator[Kept]:
    for kind, place in _places(ctx, record):
        if is_folder(place) and not place.is_symlink():
            former = read_former(ctx.deployer.folder(record.id)) if kind is KeptKind.FORMER else None
            yield Kept(record.id, kind, str(place), _freed(place, check), former.version if former else "")


def _drop(ctx: Context, record: InstanceRecord, kinds: Collection[KeptKind], check: Check) -> list[Kept]:
    found = [kept for kept in _kept(ctx, record, check) if kept.kind in kinds]
    try:
        # The record first: one that is left without its tree would promise a rollback.
        if KeptKind.FORMER in kinds:
            (ctx.deployer.folder(record.id) / FORMER_FILE).unlink(missing_ok=True)
        for kept in found:
            remove(Path(kept.path), check)
    except OSError as error:
        raise PermissionDenied(
            f"{error.filename} 无法删除：{error.strerror}",
            f"{error.filename} cannot be removed: {error.strerror}",
        ) from error
    return found


def _freed(folder: Path, check: Check) -> int:
    """Bytes of files that have no other name. What vanishes meanwhile, or cannot be read, counts as nothing."""
    taken = 0
    for _, _, names, at in os.fwalk(folder):
        check()
        for name in names:
            with suppress(OSError):
                status = os.stat(name, dir_fd=at, follow_symlinks=False)
                taken += status.st_blocks * BLOCK_BYTES if status.st_nlink == 1 else 0
    return taken
