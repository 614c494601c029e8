"""Puts a backup's files in the place of an instance's own, all of them or none, whatever is killed in the middle.

Everything happens in `.mailauncher-restore/` inside the instance's folder, so that renames do it: `new/` is unpacked
first, then `record.json` is written, and from there on it is completed: by `settle`, if need be, before anything else
happens to the folder. What was there goes to `old/`, and with it at the end.
"""

import os
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

import msgspec

from mailauncher.bots import kept
from mailauncher.bots.unpacked import no_space, parts_of
from mailauncher.errors import (
    DeploymentFailed,
    InsufficientSpace,
    InvalidPath,
    LauncherError,
    PermissionDenied,
)

PLACE = ".mailauncher-restore"
_RECORD_BYTES = 16 << 20


class _Record(msgspec.Struct, frozen=True):
    """Paths to exchange, relative to the instance's folder: those that come from `new/`, and those that only go."""

    replaced: tuple[str, ...]
    removed: tuple[str, ...]


class Exchange:
    """One restore. `new` is an empty folder to unpack into; then `prepare`, then `carry_out`. Blocks."""

    def __init__(self, folder: Path) -> None:
        """Completes what was begun before. Raises InvalidPath, PermissionDenied, InsufficientSpace."""
        self._folder = folder
        self._place = folder / PLACE
        self.new = self._place / "new"
        if not folder.is_dir():
            raise InvalidPath(
                f"实例文件夹不存在：{folder}", f"The instance's folder is not there: {folder}", field="path"
            )
        settle(folder)
        try:
            self._place.mkdir(mode=0o700)
            self.new.mkdir(mode=0o700)
        except OSError as error:
            raise _explained(error) from error

    def prepare(self, patterns: Iterable[str]) -> None:
        """After unpacking: adds what a backup cannot hold (links and the like) from where it is now."""
        try:
            for entry in kept.walk(self._folder, kept.items(self._folder, patterns)):
                if not entry.storable and not entry.is_folder:
                    self._carry_over(entry.path)
        except OSError as error:
            raise _explained(error) from error

    def _carry_over(self, path: PurePosixPath) -> None:
        target = self.new / path
        above = [self.new / parent for parent in path.parents]
        if os.path.lexists(target) or any(parent.is_symlink() or parent.is_file() for parent in above):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(self._folder / path, target, follow_symlinks=False)

    def carry_out(self, items: Iterable[str], patterns: Iterable[str]) -> None:
        """Exchanges what the backup has (`items`), and takes away what matches `patterns` and it has not.

        Raises PermissionDenied, InvalidPath, InsufficientSpace; then everything is as it was.
        """
        present = kept.items(self._folder, patterns)
        units = kept.outermost([*present, *map(PurePosixPath, items)])
        units += [beside for unit in units for beside in kept.sidecars(unit)]
        replaced = tuple(str(unit) for unit in units if os.path.lexists(self.new / unit))
        removed = tuple(str(unit) for unit in units if str(unit) not in replaced)
        record = _Record(replaced, removed)
        _require_sound(self._folder, record)
        try:
            _write(self._place, record)
            _exchange(self._folder, record)
        except OSError as error:
            with suppress(OSError):
                _undo(self._folder, record)
                _clear(self._place)
            raise _explained(error) from error
        with suppress(OSError):  # what is left of it is cleared away by the next one
            _clear(self._place)

    def abandon(self) -> None:
        """Leaves nothing, unless the exchange has begun."""
        with suppress(OSError):
            if not (self._place / "record.json").exists():
                _clear(self._place)


def settle(folder: Path) -> bool:
    """Completes an exchange that was cut short, or clears away one that never began; whether one was completed.

    Raises PermissionDenied, InvalidPath, InsufficientSpace where that fails; it can be tried again.
    """
    place = folder / PLACE
    try:
        if not stat.S_ISDIR(place.lstat().st_mode):
            raise InvalidPath(f"{place} 不是文件夹：请移走它", f"{place} is no folder: move it away")
        record = _read(place)
        if record is not None:
            _require_sound(folder, record)
            _exchange(folder, record)
        _clear(place)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _explained(error) from error
    return record is not None


def _exchange(folder: Path, record: _Record) -> None:
    """Each step looks at what is there, so that it may be done again from the beginning."""
    new, old = folder / PLACE / "new", folder / PLACE / "old"
    for name in record.replaced:
        if not os.path.lexists(new / name):
            continue
        if os.path.lexists(folder / name):
            _move(folder / name, _unused(old / name))
        _move(new / name, folder / name)
    for name in record.removed:
        if os.path.lexists(folder / name) and not os.path.lexists(old / name):
            _move(folder / name, old / name)
    _sync(folder)


def _undo(folder: Path, record: _Record) -> None:
    new, old = folder / PLACE / "new", folder / PLACE / "old"
    for name in (*record.replaced, *record.removed):
        if name in record.replaced and not os.path.lexists(new / name) and os.path.lexists(folder / name):
            _move(folder / name, new / name)
        if os.path.lexists(old / name):
            _move(old / name, folder / name)
    _sync(folder)


def _unused(path: Path) -> Path:
    """Where something came into the place of what was moved already, neither is lost."""
    while os.path.lexists(path):
        path = path.with_name(path.name + "~")
    return path


def _move(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    path.rename(to)


def _require_sound(folder: Path, record: _Record) -> None:
    """Raises InvalidPath unless every path stays in the folder, through no link."""
    for name in (*record.replaced, *record.removed):
        try:
            parts = parts_of(name)
        except DeploymentFailed:
            parts = ()
        above = [folder.joinpath(*parts[:depth]) for depth in range(1, len(parts))]
        if not parts or parts[0] == PLACE or any(parent.is_symlink() for parent in above):
            raise InvalidPath(
                f"备份中的 {name[:200]} 会被写到实例文件夹之外",
                f"{name[:200]} of the backup would be written outside the instance's folder",
            )


def _write(place: Path, record: _Record) -> None:
    unfinished = place / "record.unfinished"
    with unfinished.open("wb") as file:
        file.write(msgspec.json.encode(record))
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(place / "record.json")
    _sync(place)


def _read(place: Path) -> _Record | None:
    try:
        with (place / "record.json").open("rb") as file:
            return msgspec.json.decode(file.read(_RECORD_BYTES), type=_Record)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise InvalidPath(
            f"{place / 'record.json'} 已损坏：请手动处理 {place} 中的 new 和 old",
            f"{place / 'record.json'} is damaged: look into `new` and `old` in {place} by hand",
        ) from error


def _clear(place: Path) -> None:
    """The record first: without it what is there is nothing but remains."""
    (place / "record.json").unlink(missing_ok=True)
    _sync(place)
    shutil.rmtree(place)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explained(error: OSError) -> LauncherError:
    if no_space(error):
        return InsufficientSpace(
            "磁盘空间不足，无法恢复：请先腾出空间",
            "No space left on the disk to restore a backup: make room first",
        )
    return PermissionDenied(
        f"无法恢复，{error.filename}：{error.strerror}",
        f"Cannot restore, {error.filename}: {error.strerror}",
    )
