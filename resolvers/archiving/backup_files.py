"""The backups of every instance as files: make, list, restore, remove.

A backup holds what the `keep` patterns of the instance's recipe name, and those of its services that stand in its folder.
"""

import asyncio
import re
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from bots.backups import archive
from bots.backups.archive import Manifest
from bots.backups.restore import restore
from bots.catalogue import Catalogue
from bots.deploying import plan as plans
from mailauncher import clock, files
from mailauncher.errors import CommandFailed, DeploymentFailed, InvalidParameter, ResourceNotFound, Text
from mailauncher.interruption import Check
from mailauncher.settings import Settings
from mailauncher.threads import LongWork
from resolvers.views import BackupReason, BackupView
from store.records import InstanceRecord

_SUFFIX = ".tar.gz"
_NAME = re.compile(r"([0-9]{8}T[0-9]{6})([0-9]{3})Z-(manual|upgrade|restore)")


class BackupFiles:
    """Where backups are, and how they are made. Whoever makes, restores or removes one holds the instance's lock."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._folder = settings.data_folder / "backups"
        self._kept = settings.backups_kept
        self._catalogue = catalogue
        self._work = LongWork()

    async def close(self) -> None:
        """Interrupts backups and restores, as the cancellation of their callers does."""
        await self._work.close()

    async def create(
        self, record: InstanceRecord, reason: BackupReason, spared: Iterable[str] = ()
    ) -> BackupView:
        """Makes a backup, also while the bot runs, and removes the oldest beyond `backups_kept`, but for those `spared`, by id.
        Nothing of it is left if the caller is cancelled.

        Raises ServiceUnavailable (a database stays locked), InvalidParameter (the recipe names nothing to keep),
        ResourceNotFound (no such recipe), InvalidPath, PermissionDenied, InsufficientSpace.
        """
        patterns = self._patterns(record)
        return await self._work.run(lambda check: self._create(record, patterns, reason, spared, check))

    async def list_of(self, instance_ids: Sequence[str]) -> list[list[BackupView]]:
        """Those of each instance, newest first."""

        def read() -> list[list[BackupView]]:
            return [self._list(instance_id) for instance_id in instance_ids]

        return await asyncio.to_thread(read)

    async def find(self, instance_id: str, backup_id: str) -> BackupView:
        """Raises ResourceNotFound."""
        [found] = await self.list_of([instance_id])
        for view in found:
            if view.id == backup_id:
                return view
        raise ResourceNotFound(f"未找到备份 '{backup_id[:64]}'", f"Backup '{backup_id[:64]}' not found")

    async def restore(self, record: InstanceRecord, backup_id: str) -> None:
        """Puts a stopped instance's files back as a backup has them, after a backup of them as they are. All or nothing, also
        if the caller is cancelled: `resolvers.archiving.recovery` completes what a kill interrupts.

        Raises as `create` does, and CommandFailed (the backup is damaged); then everything is as it was.
        """
        patterns = self._patterns(record)
        await self._work.run(lambda check: self._restore(record, backup_id, patterns, check))

    def source(self, record: InstanceRecord, view: BackupView) -> plans.Backup:
        """A backup of the instance as a clone takes it. Raises as `create` does for the recipe."""
        return plans.Backup(file=str(self._path(view)), patterns=self._patterns(record))

    async def remove(self, view: BackupView) -> None:
        await asyncio.to_thread(self._path(view).unlink, missing_ok=True)

    async def remove_all(self, instance_id: str) -> None:
        """What cannot be removed stays."""
        await asyncio.to_thread(shutil.rmtree, self.folder(instance_id), ignore_errors=True)

    def folder(self, instance_id: str) -> Path:
        """Where the backups of an instance are; there is none before the first."""
        return self._folder / instance_id

    def _path(self, view: BackupView) -> Path:
        return self.folder(view.instance_id) / (view.id + _SUFFIX)

    def _patterns(self, record: InstanceRecord) -> tuple[str, ...]:
        """Raises ResourceNotFound (no such recipe), InvalidParameter."""
        patterns = list(self._catalogue.get(record.recipe).of(record.version).keep)
        for service in record.services:
            recipe = self._catalogue.recipes.get(service.name)
            path = Path(service.path)
            if recipe and path.is_relative_to(record.path) and path != Path(record.path):
                place = path.relative_to(record.path).as_posix()
                patterns += [f"{_literal(place)}/{pattern}" for pattern in recipe.of(record.version).keep]
        if not patterns:
            raise InvalidParameter(
                f"配方 {record.recipe} 没有用 keep 说明哪些文件属于用户，无法备份",
                f"The recipe {record.recipe} has no `keep` that says which files are the user's: nothing can be backed up",
            )
        return tuple(patterns)

    # Blocking

    def _create(
        self,
        record: InstanceRecord,
        patterns: Iterable[str],
        reason: BackupReason,
        spared: Iterable[str],
        check: Check,
    ) -> BackupView:
        folder = self.folder(record.id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in list(archive.stale(folder)):
            shutil.rmtree(path) if files.is_folder(path) and not path.is_symlink() else path.unlink()
        manifest = Manifest(
            instance_id=record.id,
            version=record.version,
            recipe=record.recipe,
            patterns=tuple(dict.fromkeys(patterns)),
            items=(),
        )
        at, path = _free_name(folder, reason)
        manifest = archive.write(Path(record.path), path, manifest, check)
        made = _view(path, record.id, at, reason, manifest)
        self._prune(record.id, {made.id, *spared})
        return made

    def _prune(self, instance_id: str, spared: set[str]) -> None:
        """Removes the oldest, but neither those that are needed now nor the newest that an upgrade can be taken back with."""
        found = self._list(instance_id)
        for_upgrade = next((view.id for view in found if view.reason is BackupReason.UPGRADE), "")
        surplus = len(found) - self._kept
        removable = [view for view in reversed(found) if view.id not in spared and view.id != for_upgrade]
        for view in removable[: max(surplus, 0)]:
            self._path(view).unlink(missing_ok=True)

    def _list(self, instance_id: str) -> list[BackupView]:
        found = []
        with suppress(FileNotFoundError):
            for path in self.folder(instance_id).iterdir():
                match = _NAME.fullmatch(path.name.removesuffix(_SUFFIX))
                if (
                    match is None
                    or not path.name.endswith(_SUFFIX)
                    or path.is_symlink()
                    or not files.is_file(path)
                ):
                    continue
                with suppress(FileNotFoundError, ValueError):
                    moment = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
                    at = int(moment.timestamp()) * 1000 + int(match[2])
                    manifest = archive.read_manifest(path)
                    found.append(_view(path, instance_id, at, BackupReason(match[3]), manifest))
        return clock.newest_first(found, lambda view: view.at)

    def _restore(self, record: InstanceRecord, backup_id: str, patterns: Iterable[str], check: Check) -> None:
        def back_up(replaced: tuple[str, ...]) -> None:
            self._create(record, replaced, BackupReason.RESTORE, (backup_id,), check)

        backup = self.folder(record.id) / (backup_id + _SUFFIX)
        try:
            restore(Path(record.path), backup, patterns, check, before=back_up, discarding=self._work.check)
        except DeploymentFailed as error:
            raise _damaged(backup_id, error.text) from error


def backup_id_of(source: plans.Backup) -> str:
    """The id of the backup that a clone is made from."""
    return Path(source.file).name.removesuffix(_SUFFIX)


def _literal(path: str) -> str:
    """A path as a pattern that matches nothing else."""
    return re.sub(r"([*?[])", r"[\1]", path)


def _free_name(folder: Path, reason: BackupReason) -> tuple[int, Path]:
    at = clock.now_ms()
    while True:
        moment = datetime.fromtimestamp(at // 1000, UTC)
        path = folder / f"{moment:%Y%m%dT%H%M%S}{at % 1000:03d}Z-{reason}{_SUFFIX}"
        if not files.exists(path):
            return at, path
        at += 1


def _view(
    path: Path, instance_id: str, at: int, reason: BackupReason, manifest: Manifest | None
) -> BackupView:
    return BackupView(
        id=path.name.removesuffix(_SUFFIX),
        instance_id=instance_id,
        at=at,
        size=path.stat().st_size,
        reason=reason,
        version=manifest.version if manifest else "unknown",
        skipped=manifest.skipped if manifest else (),
    )


def _damaged(backup_id: str, reason: Text) -> CommandFailed:
    return CommandFailed(
        f"备份 {backup_id} 无法恢复：{reason.zh}", f"Backup {backup_id} cannot be restored: {reason.en}"
    )
