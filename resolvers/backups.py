"""Backups of an instance's configuration and data: make, list, restore, remove.

What is in one, is what the `keep` patterns of its recipe name, and of those of its services that stand in its folder.
"""

import asyncio
import re
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from mailauncher.bots import archives, backup
from mailauncher.bots.backup import Manifest
from mailauncher.bots.exchange import Exchange
from mailauncher.errors import (
    CommandFailed,
    DeploymentFailed,
    InstanceAlreadyRunning,
    InvalidParameter,
    ResourceNotFound,
    ServiceUnavailable,
    Text,
)
from mailauncher.store.records import InstanceRecord
from resolvers.context import Context
from resolvers.fleet import Mark
from resolvers.views import InstanceView
from terminals.states import State


class Reason(StrEnum):
    """Who wanted it: a user, or the safety of an upgrade or of a restore that replaces what is there."""

    MANUAL = "manual"
    UPGRADE = "upgrade"
    RESTORE = "restore"


_SUFFIX = ".tar.gz"
_NAME = re.compile(r"([0-9]{8}T[0-9]{6})([0-9]{3})Z-(manual|upgrade|restore)")
_ANY_BYTES, _ANY_ENTRIES = 1 << 62, 1 << 31  # our own archive, of files that were there: no bomb

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class BackupView:
    """One backup. `at` is in milliseconds since 1970, `size` in bytes; `version` the bot's at that time. `skipped` are the
    first names of what it could not hold: links and the like."""

    id: str
    instance_id: str
    at: int
    size: int
    reason: Reason
    version: str
    skipped: tuple[str, ...]


async def create(
    ctx: Context,
    instance_id: str,
    reason: Reason = Reason.MANUAL,
    *,
    on_progress: Progress = lambda _share: None,
) -> BackupView:
    """Makes a backup, also while the bot runs, and drops the oldest beyond `backups_kept`. `on_progress` is called in
    another thread.

    Raises InstanceNotFound, ServiceUnavailable (it is being installed or restored; a database stays locked),
    InvalidParameter (its recipe names nothing to keep), InvalidPath, PermissionDenied, InsufficientSpace.
    """
    record = _record(ctx, instance_id)
    async with ctx.turns.of(instance_id):
        _require_whole(ctx, record, upgrading=reason is Reason.UPGRADE)
        made = await asyncio.to_thread(_create, ctx, record, _patterns(ctx, record), reason, (), on_progress)
    words = Text(f"{record.name}：备份 {made.id}", f"{record.name}: backup {made.id}")
    await ctx.journal.note("backup", ctx.caller, words, instance_id)
    return made


async def list_of(ctx: Context, instance_id: str) -> list[BackupView]:
    """Newest first. Raises InstanceNotFound."""
    _record(ctx, instance_id)
    return await asyncio.to_thread(_list, _folder(ctx, instance_id), instance_id)


async def lists(ctx: Context, instance_ids: Sequence[str]) -> list[list[BackupView]]:
    """Those of each instance, newest first, in one go."""

    def read() -> list[list[BackupView]]:
        return [_list(_folder(ctx, instance_id), instance_id) for instance_id in instance_ids]

    return await asyncio.to_thread(read)


async def restore(
    ctx: Context, instance_id: str, backup_id: str, *, on_progress: Progress = lambda _share: None
) -> InstanceView:
    """Puts a stopped instance's files back as a backup has them, after a backup of them as they are. All or nothing: what a
    kill cuts short is completed when the server starts again.

    Raises InstanceNotFound, ResourceNotFound, InstanceAlreadyRunning, ServiceUnavailable, InvalidParameter, InvalidPath,
    PermissionDenied, InsufficientSpace, CommandFailed (the backup is damaged); then everything is as it was.
    """
    record = _record(ctx, instance_id)
    async with ctx.turns.of(instance_id):
        await _find(ctx, instance_id, backup_id)
        _require_whole(ctx, record)
        _require_stopped(ctx, record)
        ctx.deployer.require_not_copied(record)
        # From here on it cannot be started.
        ctx.fleet.mark(instance_id, Mark(State.INSTALLING))
        try:
            await asyncio.to_thread(_restore, ctx, record, backup_id, _patterns(ctx, record), on_progress)
        finally:
            ctx.fleet.mark(instance_id, None)
    words = Text(f"{record.name}：恢复备份 {backup_id}", f"{record.name}: restored backup {backup_id}")
    await ctx.journal.note("restore", ctx.caller, words, instance_id)
    return ctx.fleet.view(instance_id)


async def remove(ctx: Context, instance_id: str, backup_id: str) -> BackupView:
    """Deletes one backup; what it was. Raises InstanceNotFound, ResourceNotFound."""
    async with ctx.turns.of(instance_id):
        found = await _find(ctx, instance_id, backup_id)
        await asyncio.to_thread(_path(ctx, found).unlink, missing_ok=True)
    return found


async def forget(ctx: Context, instance_id: str) -> None:
    """Deletes all backups of an instance that is deleted with its files."""
    async with ctx.turns.of(instance_id):
        await asyncio.to_thread(shutil.rmtree, _folder(ctx, instance_id), ignore_errors=True)


# What may be done


def _record(ctx: Context, instance_id: str) -> InstanceRecord:
    """Raises InstanceNotFound."""
    ctx.fleet.view(instance_id)
    record = ctx.registry.get(instance_id)
    assert record is not None
    return record


def _require_whole(ctx: Context, record: InstanceRecord, *, upgrading: bool = False) -> None:
    """Raises ServiceUnavailable while a deployment works on it; an upgrade itself makes backups."""
    if ctx.fleet.marked(record.id) is not None or (ctx.deployer.job(record.id) is not None and not upgrading):
        raise ServiceUnavailable(
            f"实例 {record.name} 正在安装或安装未完成，请稍后再试",
            f"Instance {record.name} is being installed, or was not to its end: try again later",
        )


def _require_stopped(ctx: Context, record: InstanceRecord) -> None:
    if any(program.wanted or program.alive for program in ctx.fleet.crew(record.id).programs.values()):
        raise InstanceAlreadyRunning(
            f"实例 {record.name} 正在运行，请先停止再恢复备份",
            f"Instance {record.name} is running: stop it before restoring a backup",
        )


def _patterns(ctx: Context, record: InstanceRecord) -> tuple[str, ...]:
    """Raises ResourceNotFound (no such recipe), InvalidParameter."""
    patterns = list(ctx.catalogue.get(record.recipe).of(record.version).keep)
    for service in record.services:
        recipe = ctx.catalogue.recipes.get(service.name)
        path = Path(service.path)
        if recipe and path.is_relative_to(record.path) and path != Path(record.path):
            place = path.relative_to(record.path).as_posix()
            patterns += [f"{_literal(place)}/{pattern}" for pattern in recipe.of(record.version).keep]
    if not patterns:
        raise InvalidParameter(
            f"配方 {record.recipe} 没有用 keep 说明哪些文件属于用户，无法备份",
            f"The recipe {record.recipe} does not say by `keep` which files are the user's: nothing can be backed up",
        )
    return tuple(patterns)


def _literal(path: str) -> str:
    """A path as a pattern that matches nothing else."""
    return re.sub(r"([*?[])", r"[\1]", path)


# Files


def _folder(ctx: Context, instance_id: str) -> Path:
    return ctx.settings.data_folder / "backups" / instance_id


def _path(ctx: Context, view: BackupView) -> Path:
    return _folder(ctx, view.instance_id) / (view.id + _SUFFIX)


def _create(
    ctx: Context,
    record: InstanceRecord,
    patterns: Iterable[str],
    reason: Reason,
    spared: Iterable[str],
    on_progress: Progress,
) -> BackupView:
    folder = _folder(ctx, record.id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in list(backup.stale(folder)):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    manifest = Manifest(
        instance_id=record.id,
        version=record.version,
        recipe=record.recipe,
        patterns=tuple(dict.fromkeys(patterns)),
        items=(),
    )
    at, path = _free_name(folder, reason)
    manifest = backup.write(Path(record.path), path, manifest, on_progress)
    made = _view(path, record.id, at, reason, manifest)
    _prune(ctx, record.id, {made.id, *spared})
    return made


def _free_name(folder: Path, reason: Reason) -> tuple[int, Path]:
    at = time.time_ns() // 1_000_000
    while True:
        moment = datetime.fromtimestamp(at // 1000, UTC)
        path = folder / f"{moment:%Y%m%dT%H%M%S}{at % 1000:03d}Z-{reason}{_SUFFIX}"
        if not path.exists():
            return at, path
        at += 1


def _prune(ctx: Context, instance_id: str, spared: set[str]) -> None:
    """Drops the oldest, but not those that are needed now, nor the newest that an upgrade can be taken back with."""
    found = _list(_folder(ctx, instance_id), instance_id)
    for_upgrade = next((view.id for view in found if view.reason is Reason.UPGRADE), "")
    surplus = len(found) - ctx.settings.backups_kept
    droppable = [view for view in reversed(found) if view.id not in spared and view.id != for_upgrade]
    for view in droppable[: max(surplus, 0)]:
        _path(ctx, view).unlink(missing_ok=True)


def _list(folder: Path, instance_id: str) -> list[BackupView]:
    found = []
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            match = _NAME.fullmatch(path.name.removesuffix(_SUFFIX))
            if match is None or not path.name.endswith(_SUFFIX) or path.is_symlink() or not path.is_file():
                continue
            with suppress(FileNotFoundError, ValueError):
                moment = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
                at = int(moment.timestamp()) * 1000 + int(match[2])
                found.append(_view(path, instance_id, at, Reason(match[3]), backup.read_manifest(path)))
    return sorted(found, key=lambda view: view.at, reverse=True)


def _view(path: Path, instance_id: str, at: int, reason: Reason, manifest: Manifest | None) -> BackupView:
    return BackupView(
        id=path.name.removesuffix(_SUFFIX),
        instance_id=instance_id,
        at=at,
        size=path.stat().st_size,
        reason=reason,
        version=manifest.version if manifest else "unknown",
        skipped=manifest.skipped if manifest else (),
    )


async def _find(ctx: Context, instance_id: str, backup_id: str) -> BackupView:
    for view in await list_of(ctx, instance_id):
        if view.id == backup_id:
            return view
    raise ResourceNotFound(f"未找到备份 '{backup_id[:64]}'", f"Backup '{backup_id[:64]}' not found")


def _restore(
    ctx: Context, record: InstanceRecord, backup_id: str, patterns: Iterable[str], on_progress: Progress
) -> None:
    archive = _folder(ctx, record.id) / (backup_id + _SUFFIX)
    manifest = backup.read_manifest(archive)
    if manifest is None:
        raise _damaged(backup_id, Text("没有清单", "it has no manifest"))
    # What it was made by then counts too: all that may be replaced is in the backup that is made before.
    patterns = tuple(dict.fromkeys((*patterns, *manifest.patterns)))
    exchange = Exchange(Path(record.path))
    try:
        archives.unpack(
            archive,
            "tar",
            exchange.new,
            limit_bytes=_ANY_BYTES,
            limit_entries=_ANY_ENTRIES,
            limit_ratio=None,
            on_progress=lambda share: on_progress(share / 2),
        )
        (exchange.new / backup.MANIFEST).unlink(missing_ok=True)
        exchange.prepare(patterns)
        _create(
            ctx, record, patterns, Reason.RESTORE, (backup_id,), lambda share: on_progress(0.5 + share / 2)
        )
        exchange.carry_out(manifest.items, patterns)
    except DeploymentFailed as error:
        raise _damaged(backup_id, error.text) from error
    finally:
        exchange.abandon()


def _damaged(backup_id: str, reason: Text) -> CommandFailed:
    return CommandFailed(
        f"备份 {backup_id} 无法恢复：{reason.zh}", f"Backup {backup_id} cannot be restored: {reason.en}"
    )
