"""Backups: a tar.gz of the user's files in an instance's folder. Its first entry is a manifest.

The bot may run meanwhile: SQLite databases are copied through SQLite, so that each copy is consistent.
"""

import errno
import gzip
import shutil
import sqlite3
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, cast

import msgspec

from bots import sqlite_beneath
from bots.backups import selection
from bots.backups.selection import SelectedEntry
from bots.fetching.extract import quoted
from bots.sqlite_beneath import HEADER
from mailauncher import files, sqlite_copy
from mailauncher.beneath import LeadsOutside, Root
from mailauncher.errors import (
    InsufficientSpace,
    InvalidPath,
    LauncherError,
    PermissionDenied,
    ServiceUnavailable,
)
from mailauncher.interruption import Check, proceed

MANIFEST = ".mailauncher-backup.json"
LOCK_PATIENCE_S = 10.0
"""How long a backup waits for a locked database."""
SKIPPED_LISTED = 100
_IN_MEMORY = 8 << 20
_MANIFEST_BYTES = 1 << 20


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a backup. `items`: what the patterns matched; `skipped`: the first names that it could not hold."""

    instance_id: str
    version: str
    recipe: str
    patterns: tuple[str, ...]
    items: tuple[str, ...]
    skipped: tuple[str, ...] = ()


def write(
    folder: Path,
    to: Path,
    manifest: Manifest,
    check: Check = proceed,
) -> Manifest:
    """Writes to `to` a backup of what `manifest.patterns` match in `folder`, and returns the completed manifest. Blocks.

    `check` is called for each piece, and may raise. `to` is readable by its owner only and exists once it is complete;
    nothing remains after an error. Raises InvalidPath (no folder), PermissionDenied (a file cannot be read),
    ServiceUnavailable (a database stays locked), InsufficientSpace.
    """
    work = to.with_name(to.name + ".work")
    try:
        with opened(folder) as root:
            work.mkdir(mode=0o700)
            items = selection.items(root, manifest.patterns, check)
            found = list(selection.walk(root, items, check))
            archivable = {entry.path for entry in found if entry.archivable}
            left_out = {entry.path for entry in found if not entry.archivable}
            left_out.update(selection.links(root, manifest.patterns, check))
            manifest = msgspec.structs.replace(
                manifest,
                items=tuple(str(path) for path in items if path in archivable),
                skipped=tuple(quoted(str(path)) for path in sorted(left_out)[:SKIPPED_LISTED]),
            )
            # Level 6 takes a third of the time of 9, and 1 % more space.
            with (
                files.replacing(to) as file,
                tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT, compresslevel=6) as tar,
            ):
                writer = _Writer(tar, root, work, check)
                writer.add_manifest(manifest)
                for entry in found:
                    if entry.archivable and not selection.is_sidecar(entry.path):
                        writer.add(entry)
    except OSError as error:
        raise _as_launcher_error(error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return manifest


def opened(folder: Path) -> Root:
    """An instance's folder. Raises OSError, InvalidPath if it does not exist."""
    try:
        return Root(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidPath(
            f"实例文件夹不存在：{folder}", f"The instance's folder does not exist: {folder}", field="path"
        ) from None


class _CheckedFile:
    """A file that calls `check` before each piece is read."""

    def __init__(self, file: IO[bytes], check: Check) -> None:
        self._file = file
        self._check = check

    def read(self, size: int = -1) -> bytes:
        self._check()
        return self._file.read(size)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Adds files of `root` to `tar`, by copies in the folder `work`."""

    tar: tarfile.TarFile
    root: Root
    work: Path
    check: Check

    def add_manifest(self, manifest: Manifest) -> None:
        content = msgspec.json.encode(manifest)
        self._add_file(MANIFEST, BytesIO(content), len(content), 0o600, time.time())

    def add(self, entry: SelectedEntry) -> None:
        self.check()
        name, mode, at = str(entry.path), entry.status.st_mode & 0o777, entry.status.st_mtime
        if entry.is_folder:
            info = _info(name, mode, at)
            info.type = tarfile.DIRTYPE
            self.tar.addfile(info)
            return
        with ExitStack() as stack:
            if selection.is_database(entry.path):
                stack.enter_context(sqlite_beneath.turn(self.root, name))
            if selection.is_database(entry.path) and _has_sqlite_header(self.root, name):
                copy = self.work / "copy"
                stack.callback(copy.unlink, missing_ok=True)
                if _copy_database(self.root, name, copy, self.check):
                    copied = stack.enter_context(copy.open("rb"))
                    self._add_file(name, copied, copy.stat().st_size, mode, at)
                    return
                # A database that SQLite cannot read is stored as it is, with the side files that may still help to repair it.
                for beside in map(str, selection.sidecars(entry.path)):
                    if (file := _opened(self.root, beside, stack)) is not None:
                        self._add_copy(beside, file, mode, at)
            if (file := _opened(self.root, name, stack)) is not None:
                self._add_copy(name, file, mode, at)

    def _add_copy(self, name: str, file: IO[bytes], mode: int, at: float) -> None:
        """A copy, because the size of a file precedes its content in the archive, and a running bot may change both."""
        with SpooledTemporaryFile(_IN_MEMORY, dir=str(self.work)) as copy:
            shutil.copyfileobj(_CheckedFile(file, self.check), copy, 1 << 20)
            size = copy.tell()
            copy.seek(0)
            self._add_file(name, copy, size, mode, at)

    def _add_file(self, name: str, file: IO[bytes], size: int, mode: int, at: float) -> None:
        info = _info(name, mode, at)
        info.size = size
        self.tar.addfile(info, cast("IO[bytes]", _CheckedFile(file, self.check)))


def _info(name: str, mode: int, at: float) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = mode, int(at)
    return info


def _opened(root: Root, name: str, stack: ExitStack) -> IO[bytes] | None:
    """None if it has vanished, or something else than a regular file is in its place."""
    try:
        return stack.enter_context(root.open_regular(name, follow=False))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.EISDIR):
            raise
        return None


# Databases


def _has_sqlite_header(root: Root, name: str) -> bool:
    with ExitStack() as stack:
        file = _opened(root, name, stack)
        return file is not None and file.read(len(HEADER)) == HEADER


def _copy_database(root: Root, name: str, to: Path, check: Check) -> bool:
    """Copies a database consistently; False if SQLite cannot read it. Raises ServiceUnavailable, InsufficientSpace, OSError."""

    def copy(source: sqlite3.Connection) -> None:
        to.unlink(missing_ok=True)
        sqlite_copy.copy(source, to, check, LOCK_PATIENCE_S)

    def copy_with_repair() -> None:
        # A bot that was killed may leave a transaction that must be rolled back, which read-only access cannot.
        with closing(sqlite_beneath.connect(root, name, "mode=rw", timeout=0.05)) as source:
            copy(source)
            sqlite_beneath.check_log(source, root, name)

    return _copied(name, lambda: sqlite_beneath.read(root, name, 0.05, copy)) or _copied(
        name, copy_with_repair
    )


def _copied(name: str, copy: Callable[[], None]) -> bool:
    try:
        copy()
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise _locked(name) from error
        if code == sqlite3.SQLITE_FULL:
            raise InsufficientSpace(*_NO_SPACE) from error
        return False
    except sqlite_beneath.Restless:
        raise _locked(name) from None
    except FileNotFoundError:  # it has vanished
        return False
    return True


def _locked(name: str) -> ServiceUnavailable:
    name = name.rpartition("/")[2]
    return ServiceUnavailable(
        f"数据库 {name} 一直被占用，请稍后再试或先停止 Bot",
        f"The database {name} stays locked: try again later or stop the bot first",
    )


# Reading


def read_manifest(archive: Path) -> Manifest | None:
    """None if it is not a backup, or a damaged one."""
    try:
        with archive.open("rb") as file, gzip.GzipFile(fileobj=file) as content:
            header = tarfile.TarInfo.frombuf(content.read(512), "utf-8", "strict")
            if header.name != MANIFEST or not 0 <= header.size <= _MANIFEST_BYTES:
                return None
            return msgspec.json.decode(content.read(header.size), type=Manifest)
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError):
        return None


_NO_SPACE = (
    "磁盘空间不足，无法备份：请先腾出空间",
    "Not enough disk space for a backup: make room first",
)


def _as_launcher_error(error: OSError) -> LauncherError:
    if files.is_full(error):
        return InsufficientSpace(*_NO_SPACE)
    name = Path(str(error.filename or "")).name
    if isinstance(error, LeadsOutside) or error.errno in (errno.ELOOP, errno.ENOTDIR):
        return InvalidPath(
            f"{name} 在备份时变成了指向别处的链接",
            f"{name} has become a link that leads elsewhere during the backup",
        )
    return PermissionDenied(f"无法备份 {name}：{error.strerror}", f"Cannot back up {name}: {error.strerror}")


def stale(folder: Path) -> Iterator[Path]:
    """What a killed server left of incomplete backups (`.part`: of an earlier version)."""
    for path in folder.iterdir():
        if path.name.endswith((files.SUFFIX, ".part", ".work")):
            yield path
