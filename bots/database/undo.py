"""Copies of rows and files that are about to be deleted or replaced in a bot, kept in the launcher's data, bounded in number."""

import hashlib
import shutil
import time
from pathlib import Path
from typing import BinaryIO

import msgspec

from mailauncher import clock, files
from mailauncher.errors import InsufficientSpace, PermissionDenied

KEPT = 1000
KEPT_BYTES = 256 << 20
_PRUNE_EVERY = 50


class Undo:
    """The copies of one instance: for each row a JSON file of its columns and, if it has one, a copy of the file it names.
    Beyond about `KEPT` rows or `KEPT_BYTES` the oldest are deleted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = 0

    def keep(
        self, kind: str, key: str, columns: dict[str, object], file: BinaryIO | None = None, suffix: str = ""
    ) -> None:
        """Copies a row and its file, whose name ends with `suffix`; both are on the disk once this returns. A repeated call replaces the same copy. Raises
        InsufficientSpace, PermissionDenied: what cannot be copied must not be deleted."""
        content = msgspec.json.encode({"kind": kind, "key": key, "columns": columns})
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        name = f"{time.time_ns():020d}-{kind}-{digest}"
        try:
            self._folder.mkdir(0o700, parents=True, exist_ok=True)
            if file is not None:
                with files.replacing(self._folder / f"{name}{suffix}") as copied:
                    shutil.copyfileobj(file, copied)
            files.write(self._folder / f"{name}.json", content)  # brings the folder to the disk as well
            for former in self._folder.glob(f"*-{kind}-{digest}.*"):
                if former.stem != name:
                    former.unlink(missing_ok=True)
            if self._kept % _PRUNE_EVERY == 0:
                self._prune()
            self._kept += 1
        except OSError as error:
            words = (
                f"无法在 {self._folder} 中保存副本，因此没有删除任何内容：{error.strerror}",
                f"Cannot keep a copy in {self._folder}, so nothing was deleted: {error.strerror}",
            )
            raise (InsufficientSpace if files.is_full(error) else PermissionDenied)(*words) from error

    def _prune(self) -> None:
        names: dict[str, list[Path]] = {}
        for file in self._folder.iterdir():
            names.setdefault(file.stem, []).append(file)
        size = 0
        for place, name in enumerate(clock.newest_first(names, _made_at)):
            size += sum(_length(file) for file in names[name])
            if place >= KEPT or (place and size > KEPT_BYTES):
                for file in names[name]:
                    file.unlink(missing_ok=True)


def _made_at(name: str) -> float:
    """Milliseconds; 0 for a file of somebody else."""
    nanoseconds = name.partition("-")[0]
    return int(nanoseconds) / 1_000_000 if nanoseconds.isdecimal() else 0


def _length(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
