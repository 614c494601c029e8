"""Restoring a backup: replaces an instance's files with those of the backup, all of them or none, even if killed midway.

Everything happens by renames inside the instance's folder, in `.mailauncher-restore/`. First `new/` is extracted, then
`record.json` is written. From that moment on the restore is completed, if need be by `recover`, before anything else
happens to the folder. Replaced files go to `old/`, which is deleted at the end.
"""

import errno
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import msgspec

from bots.backups import selection
from bots.backups.archive import MANIFEST, read_manifest
from bots.fetching import archives
from bots.fetching.extract import safe_parts
from mailauncher import files, mounts
from mailauncher.beneath import LeadsOutside, Root
from mailauncher.errors import (
    DeploymentFailed,
    InsufficientSpace,
    InvalidPath,
    LauncherError,
    PermissionDenied,
)
from mailauncher.interruption import Check, Interrupted, proceed

WORK_FOLDER = ".mailauncher-restore"
_ANY_BYTES, _ANY_ENTRIES = 1 << 62, 1 << 31  # our own archive, of files that were there: no bomb
_NEW, _OLD, _RECORD = (f"{WORK_FOLDER}/{name}" for name in ("new", "old", "record.json"))


def restore(
    folder: Path,
    backup: Path,
    patterns: Iterable[str],
    check: Check,
    *,
    before: Callable[[tuple[str, ...]], None] = lambda _patterns: None,
    discarding: Check = proceed,
) -> None:
    """Puts the files in a folder that match `patterns` back as a backup has them. `before` is called with all patterns whose files may
    be replaced, before any is. `check` is called often, and may raise; so is `discarding` while what is left is removed.

    Raises DeploymentFailed if the backup is damaged, InvalidPath, PermissionDenied, InsufficientSpace; then every file is as it was.
    """
    manifest = read_manifest(backup)
    if manifest is None:
        raise DeploymentFailed("没有清单", "it has no manifest")
    # Its own patterns count too: the recipe may have had others when it was made.
    patterns = tuple(dict.fromkeys((*patterns, *manifest.patterns)))
    pending = Restore(folder)
    try:
        pending.extract(backup, check)
        pending.link_unarchivable(patterns, check)
        before(patterns)
        pending.apply(manifest.items, patterns, check)
    finally:
        pending.discard(discarding)


class _RestoreRecord(msgspec.Struct, frozen=True):
    """Paths relative to the instance's folder: those that are replaced from `new/`, and those that are only removed."""

    replaced: tuple[str, ...]
    removed: tuple[str, ...]


class Restore:
    """One restore: `extract`, then `link_unarchivable`, then `apply`. Blocks."""

    def __init__(self, folder: Path) -> None:
        """Completes an interrupted restore first. Raises InvalidPath, PermissionDenied, InsufficientSpace."""
        self._folder = folder
        recover(folder)
        with _opened(folder) as root:
            root.make_folder(WORK_FOLDER, 0o700)
            root.make_folder(_NEW, 0o700)

    def extract(self, backup: Path, check: Check) -> None:
        """Fills `new`; `check` is called often, and may raise. Raises DeploymentFailed if the backup is damaged, InvalidPath,
        InsufficientSpace."""
        with _opened(self._folder) as root, root.below(_NEW) as new:
            archives.extract_into(
                new,
                backup,
                "tar",
                limit_bytes=_ANY_BYTES,
                limit_entries=_ANY_ENTRIES,
                limit_ratio=None,
                on_progress=lambda _share: check(),
            )
            new.remove(MANIFEST)

    def link_unarchivable(self, patterns: Iterable[str], check: Check = proceed) -> None:
        """After extracting: adds to `new` what a backup cannot hold (links, sockets, odd names) from its present place."""
        with _opened(self._folder) as root:
            for entry in selection.walk(root, _present(root, patterns), check):
                if not entry.archivable and not entry.is_folder and _has_room(root, entry.path):
                    root.link(str(entry.path), f"{_NEW}/{entry.path}")

    def apply(self, items: Iterable[str], patterns: Iterable[str], check: Check = proceed) -> None:
        """Replaces the backup's `items`, and removes what matches `patterns` but is not in the backup, unless its own name is
        one that no backup can hold.

        Raises PermissionDenied, InvalidPath, InsufficientSpace; then every file is back in its place. `check` is called once
        only the replaced files are left to be removed; if it interrupts that, the next restore does it.
        """
        with _opened(self._folder) as root:
            units = selection.outermost([*_present(root, patterns), *map(PurePosixPath, items)])
            units += [beside for unit in units for beside in selection.sidecars(unit)]
            replaced = tuple(str(unit) for unit in units if root.exists(f"{_NEW}/{unit}"))
            removed = tuple(str(unit) for unit in units if str(unit) not in replaced)
            record = _RestoreRecord(replaced, removed)
            _require_inside(root, record)
            _require_unmounted(root, units)
            try:
                # The record decides what a kill means: before it is written, `recover` discards `new/`; afterwards,
                # `recover` moves whatever has not been moved yet.
                _write(root, record)
                _apply(root, record)
            except OSError:
                with suppress(OSError):
                    _roll_back(root, record)
                    _clear(root)
                raise
            with suppress(OSError, Interrupted):
                _clear(root, check)

    def discard(self, check: Check = proceed) -> None:
        """Removes everything, unless `apply` has begun. `check` may interrupt that: see `apply`."""
        with suppress(OSError, Interrupted), Root(self._folder) as root:
            if not root.exists(_RECORD):
                _clear(root, check)


def recover(folder: Path) -> bool:
    """Completes a restore that was interrupted in `apply`, or removes one that was interrupted before. Returns whether one
    was completed.

    Raises PermissionDenied, InvalidPath, InsufficientSpace; it can be called again.
    """
    if not files.may_be_folder(folder):
        return False
    with _opened(folder) as root:
        if not root.exists(WORK_FOLDER):
            return False
        if not stat.S_ISDIR(root.status(WORK_FOLDER).st_mode):
            place = folder / WORK_FOLDER
            raise InvalidPath(f"{place} 不是文件夹：请移走它", f"{place} is not a folder: move it away")
        record = _read(root)
        if record is not None:
            _require_inside(root, record)
            _apply(root, record)
        _clear(root)
    return record is not None


@contextmanager
def _opened(folder: Path) -> Iterator[Root]:
    """An instance's folder; errors of the block become the errors that this module raises."""
    try:
        root = Root(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidPath(
            f"实例文件夹不存在：{folder}", f"The instance's folder does not exist: {folder}", field="path"
        ) from None
    except OSError as error:
        raise _as_launcher_error(error) from error
    with root:
        try:
            yield root
        except OSError as error:
            raise _as_launcher_error(error) from error


def _present(root: Root, patterns: Iterable[str]) -> list[PurePosixPath]:
    """What a backup could hold of what matches: the rest stays in its place."""
    return [item for item in selection.items(root, patterns) if selection.has_safe_name(item)]


def _has_room(root: Root, path: PurePosixPath) -> bool:
    """Whether `new` has neither that name nor a file or link in place of a folder above it."""
    if root.exists(f"{_NEW}/{path}"):
        return False
    above = [f"{_NEW}/{parent}" for parent in path.parents]
    return all(not root.exists(name) or stat.S_ISDIR(root.status(name).st_mode) for name in above)


def _apply(root: Root, record: _RestoreRecord) -> None:
    """Each step checks what exists, so that all steps can be repeated after an interruption."""
    for name in record.replaced:
        if not root.exists(f"{_NEW}/{name}"):
            continue
        if root.exists(name):
            root.rename(name, _unused_name(root, f"{_OLD}/{name}"))
        root.rename(f"{_NEW}/{name}", name)
    for name in record.removed:
        if root.exists(name) and not root.exists(f"{_OLD}/{name}"):
            root.rename(name, f"{_OLD}/{name}")
    root.sync()


def _roll_back(root: Root, record: _RestoreRecord) -> None:
    for name in (*record.replaced, *record.removed):
        if name in record.replaced and not root.exists(f"{_NEW}/{name}") and root.exists(name):
            root.rename(name, f"{_NEW}/{name}")
        if root.exists(f"{_OLD}/{name}"):
            root.rename(f"{_OLD}/{name}", name)
    root.sync()


def _unused_name(root: Root, path: str) -> str:
    """A free name: if a new file has appeared in place of one that was moved already, both are kept."""
    while root.exists(path):
        path += "~"
    return path


def _require_inside(root: Root, record: _RestoreRecord) -> None:
    """Raises InvalidPath unless every path stays in the folder, through no link."""
    for name in (*record.replaced, *record.removed):
        try:
            parts = safe_parts(name)
        except DeploymentFailed:
            parts = ()
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        linked = any(root.exists(place) and stat.S_ISLNK(root.status(place).st_mode) for place in above)
        if not parts or parts[0] == WORK_FOLDER or linked:
            raise InvalidPath(
                f"备份中的 {name[:200]} 会被写到实例文件夹之外",
                f"The backup's {name[:200]} would be written outside the instance's folder",
            )


def _require_unmounted(root: Root, units: Iterable[PurePosixPath]) -> None:
    """Raises InvalidPath for what is a mount of its own or has one in it: it could be moved away only with the mount, whose
    content would be back in its place with the next one."""
    for mount in mounts.beneath(root.path):
        if any(mount.is_relative_to(unit) for unit in units):
            raise InvalidPath(
                f"{mount} 是单独挂载的，备份无法替换它：请先卸载，恢复后再挂载",
                f"{mount} is a mount of its own, which a backup cannot replace: unmount it, restore, then mount it again",
            )


def _write(root: Root, record: _RestoreRecord) -> None:
    with root.replacing(_RECORD, follow=False) as file:
        file.write(msgspec.json.encode(record))


def _read(root: Root) -> _RestoreRecord | None:
    try:
        with root.open_regular(_RECORD, follow=False) as file:
            return msgspec.json.decode(file.read(files.RECORD_BYTES), type=_RestoreRecord)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        place = root.path / WORK_FOLDER
        raise InvalidPath(
            f"{place / 'record.json'} 已损坏：请手动处理 {place} 中的 new 和 old",
            f"{place / 'record.json'} is damaged: sort out `new` and `old` in {place} by hand",
        ) from error


def _clear(root: Root, check: Check = proceed) -> None:
    """Removes the record first, so that a kill in between leaves only leftovers and never a restore to complete."""
    root.remove(_RECORD)
    root.remove(WORK_FOLDER, check)


def _as_launcher_error(error: OSError) -> LauncherError:
    if files.is_full(error):
        return InsufficientSpace(
            "磁盘空间不足，无法恢复：请先腾出空间",
            "Not enough disk space to restore a backup: make room first",
        )
    if isinstance(error, LeadsOutside) or error.errno in (errno.ELOOP, errno.ENOTDIR):
        return InvalidPath(
            f"{error.filename} 在恢复时变成了指向别处的链接",
            f"{error.filename} has become a link that leads elsewhere during the restore",
        )
    return PermissionDenied(
        f"无法恢复，{error.filename}：{error.strerror}",
        f"Cannot restore, {error.filename}: {error.strerror}",
    )
