"""One backup: a tar.gz of what is the user's in an instance's folder. Its first entry says what it is of.

A bot may run meanwhile: SQLite databases are copied through SQLite, so that each is as it was at one moment.
"""

import gzip
import os
import shutil
import sqlite3
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from io import BytesIO
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import quote

import msgspec

from mailauncher.bots import kept
from mailauncher.bots.kept import Found
from mailauncher.bots.unpacked import no_space, shown
from mailauncher.errors import (
    InsufficientSpace,
    InvalidPath,
    LauncherError,
    PermissionDenied,
    ServiceUnavailable,
)

MANIFEST = ".mailauncher-backup.json"
PATIENCE_S = 10.0
"""How long a backup waits for a database that its bot has locked."""
SKIPPED = 100  # names that are listed
_IN_MEMORY = 8 << 20
_MANIFEST_BYTES = 1 << 20
_MAGIC = b"SQLite format 3\0"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is of. `items` are what the patterns matched; `skipped` the first names of what it could not hold."""

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
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Manifest:
    """Makes the backup `to` of what `manifest.patterns` match in `folder`, and returns its manifest, completed. Blocks.

    `on_progress` gets the share that is done, 0-1, at most a hundred times. `to` is owner-only, and there once it is whole;
    nothing is left after an error. Raises InvalidPath (no folder), PermissionDenied (something may not be read),
    ServiceUnavailable (a database stays locked), InsufficientSpace.
    """
    part = to.with_name(to.name + ".part")
    work = to.with_name(to.name + ".work")
    try:
        if not folder.is_dir():
            raise InvalidPath(
                f"实例文件夹不存在：{folder}", f"The instance's folder is not there: {folder}", field="path"
            )
        work.mkdir(mode=0o700)
        items = kept.items(folder, manifest.patterns)
        found = list(kept.walk(folder, items))
        storable = {entry.path for entry in found if entry.storable}
        skipped = (shown(str(entry.path)) for entry in found if not entry.storable)
        manifest = msgspec.structs.replace(
            manifest,
            items=tuple(str(path) for path in items if path in storable),
            skipped=tuple(islice(skipped, SKIPPED)),
        )
        _write(folder, part, work, manifest, found, on_progress)
        part.rename(to)
        _sync(to.parent)
    except OSError as error:
        raise _explained(error) from error
    finally:
        part.unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)
    return manifest


def _write(
    folder: Path,
    part: Path,
    work: Path,
    manifest: Manifest,
    found: list[Found],
    on_progress: Callable[[float], None],
) -> None:
    total = sum(entry.status.st_size for entry in found) or 1
    done, told = 0, 0.0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        # Level 6 takes a third of the time of 9, for a hundredth more.
        with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT, compresslevel=6) as tar:
            content = msgspec.json.encode(manifest)
            _add(tar, MANIFEST, BytesIO(content), len(content), 0o600, time.time())
            for entry in found:
                if entry.storable and not kept.is_sidecar(entry.path):
                    _add_entry(tar, folder, work, entry)
                done += entry.status.st_size
                if done / total >= told + 0.01:
                    told = done / total
                    on_progress(told)
        file.flush()
        os.fsync(descriptor)
    if told < 1:
        on_progress(1.0)


def _add_entry(tar: tarfile.TarFile, folder: Path, work: Path, entry: Found) -> None:
    name, mode, at = str(entry.path), entry.status.st_mode & 0o777, entry.status.st_mtime
    if entry.is_folder:
        info = _info(name, mode, at)
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
        return
    with ExitStack() as stack:
        try:
            file = _opened(folder / entry.path, stack)
        except FileNotFoundError:
            return
        if kept.is_database(entry.path) and _begins_as_database(file):
            copy = work / "copy"
            stack.callback(copy.unlink, missing_ok=True)
            if _copied(folder / entry.path, copy):
                copied = stack.enter_context(copy.open("rb"))
                _add(tar, name, copied, copy.stat().st_size, mode, at)
                return
            # One that SQLite cannot read is kept as it is, with what SQLite may still make of it.
            for beside in kept.sidecars(entry.path):
                if (folder / beside).is_file() and not (folder / beside).is_symlink():
                    _add_whole(tar, str(beside), _opened(folder / beside, stack), work, mode, at)
        _add_whole(tar, name, file, work, mode, at)


def _opened(path: Path, stack: ExitStack) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return stack.enter_context(os.fdopen(descriptor, "rb"))


def _add_whole(tar: tarfile.TarFile, name: str, file: IO[bytes], work: Path, mode: int, at: float) -> None:
    """Through a copy: an archive says the size of a file before its content, and a running bot may change both."""
    with SpooledTemporaryFile(_IN_MEMORY, dir=str(work)) as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        size = copy.tell()
        copy.seek(0)
        _add(tar, name, copy, size, mode, at)


def _add(tar: tarfile.TarFile, name: str, file: IO[bytes], size: int, mode: int, at: float) -> None:
    info = _info(name, mode, at)
    info.size = size
    tar.addfile(info, file)


def _info(name: str, mode: int, at: float) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = mode, int(at)
    return info


# Databases


def _begins_as_database(file: IO[bytes]) -> bool:
    start = file.read(len(_MAGIC))
    file.seek(0)
    return start == _MAGIC


def _copied(database: Path, to: Path) -> bool:
    """Copies a database as it is at one moment; False for one that SQLite cannot read. Raises ServiceUnavailable, OSError."""
    # Read-only leaves a running bot's log alone; one that was killed may need its last change taken back first.
    return _copied_by(database, to, "ro") or _copied_by(database, to, "rw")


def _copied_by(database: Path, to: Path, mode: str) -> bool:
    to.unlink(missing_ok=True)
    give_up = time.monotonic() + PATIENCE_S

    def waited(status: int, _remaining: int, _total: int) -> None:
        # Python asks a locked database again for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > give_up:
            raise _locked(database)

    try:
        source = sqlite3.connect(f"file:{quote(str(database))}?mode={mode}", uri=True, timeout=0.05)
        with closing(source), closing(sqlite3.connect(to, timeout=0)) as copy:
            # All pages in one step: else each change by the bot would begin the copy anew.
            source.backup(copy, pages=-1, progress=waited, sleep=0.05)
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise _locked(database) from error
        if code == sqlite3.SQLITE_FULL:
            raise InsufficientSpace(*_NO_SPACE) from error
        return False
    return True


def _locked(database: Path) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"数据库 {database.name} 一直被占用，请稍后再试或先停止 Bot",
        f"The database {database.name} stays locked: try again later, or stop the bot first",
    )


# Reading


def read_manifest(archive: Path) -> Manifest | None:
    """None for what is no backup, or a damaged one."""
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
    "No space left on the disk for a backup: make room first",
)


def _explained(error: OSError) -> LauncherError:
    if no_space(error):
        return InsufficientSpace(*_NO_SPACE)
    name = Path(str(error.filename or "")).name
    return PermissionDenied(
        f"无法备份 {name}：{error.strerror}", f"{name} cannot be backed up: {error.strerror}"
    )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stale(folder: Path) -> Iterator[Path]:
    """What a killed server left of backups that were never whole."""
    for path in folder.iterdir():
        if path.name.endswith((".part", ".work")):
            yield path
