"""Copies of what is about to be deleted from, or replaced in, a bot: in the launcher's own data, a bounded number of them."""

import errno
import hashlib
import os
import shutil
import time
from pathlib import Path

import msgspec

from mailauncher.bots.learned import files
from mailauncher.errors import InsufficientSpace, PermissionDenied

KEPT = 1000
KEPT_BYTES = 256 << 20
_PRUNE_EVERY = 50


class Undo:
    """The copies of one instance: for each row a JSON file of its columns and, where it has one, the file it names. Beyond
    about `KEPT` rows or `KEPT_BYTES` the oldest go."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = 0

    def keep(self, kind: str, key: str, columns: dict[str, object], file: Path | None = None) -> None:
        """Copies a row and its file, and returns once they are on the disk. Raises InsufficientSpace, PermissionDenied:
        what could not be copied must not be deleted. Tried again, it takes the place of the same copy."""
        told = msgspec.json.encode({"kind": kind, "key": key, "columns": columns})
        digest = hashlib.blake2b(told, digest_size=8).hexdigest()
        name = f"{time.time_ns():020d}-{kind}-{digest}"
        try:
            self._folder.mkdir(0o700, parents=True, exist_ok=True)
            if file is not None and file.is_file():
                copied = self._folder / f"{name}{file.suffix}"
                shutil.copyfile(file, copied)
                _sync(copied)
            row = self._folder / f"{name}.json"
            row.write_bytes(told)
            _sync(row)
            files.sync_folder(self._folder)
            for former in self._folder.glob(f"*-{kind}-{digest}.*"):
                if former.stem != name:
                    former.unlink(missing_ok=True)
            if self._kept % _PRUNE_EVERY == 0:
                self._prune()
            self._kept += 1
        except OSError as error:
            words = (
                f"无法在 {self._folder} 中保存副本，因此没有删除任何内容：{error.strerror}",
                f"No copy can be kept in {self._folder}, so nothing was deleted: {error.strerror}",
            )
            raise (InsufficientSpace if error.errno in _FULL else PermissionDenied)(*words) from error

    def _prune(self) -> None:
        names: dict[str, list[Path]] = {}
        for file in self._folder.iterdir():
            names.setdefault(file.stem, []).append(file)
        size = 0
        for place, name in enumerate(sorted(names, reverse=True)):
            size += sum(_length(file) for file in names[name])
            if place >= KEPT or (place and size > KEPT_BYTES):
                for file in names[name]:
                    file.unlink(missing_ok=True)


_FULL = (errno.ENOSPC, errno.EDQUOT)


def _length(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
