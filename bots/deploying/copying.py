"""Copies folders that are in use: databases consistently, links as links, without caches, environments and logs."""

import os
import sqlite3
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from bots import sqlite_beneath
from bots.backups import selection
from bots.deploying.report import ProgressCallback
from mailauncher import descriptors, files, sqlite_copy
from mailauncher.beneath import LeadsOutside, Place, Root
from mailauncher.errors import DeploymentFailed
from mailauncher.interruption import Check, proceed

CACHES = "__pycache__"
LOGS = "logs"
_DATABASE_WAIT_S = 10
_PIECE_BYTES = 1 << 20
_TARGET = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def size(source: Path, without: Sequence[Path] = ()) -> int:
    """Size of a copy in bytes; 0 if there is no such folder. Raises OSError."""
    if not files.may_be_folder(source):
        return 0
    with Root(source) as root:
        return sum(_size(root, path) for path in _files(root, ".", _below(source, without)))


def tree(
    source: Path, into: Path, on_progress: ProgressCallback, check: Check, without: Sequence[Path] = ()
) -> None:
    """Copies a folder over another one; files with the same mode, size and time are skipped. `without`: folders inside it that
    are left out. Only files, folders and links are copied; what vanishes meanwhile is skipped. `check` is called for each
    file and may raise. Raises OSError."""
    whole = size(source, without) or 1
    done = 0
    into.mkdir(parents=True, exist_ok=True)
    with Root(source) as root, Root(into) as target:
        for path in _files(root, ".", _below(source, without)):
            check()
            file(root, path, target, check)
            done += _size(root, path)
            on_progress(done / whole)


def linked_tree(source: Path, into: Path, check: Check = proceed) -> None:
    """Makes a new folder with hard links to all files of another one; where the file system has none, with copies. `check` is
    called for each entry and may raise. Raises OSError."""
    into.mkdir()
    with Root(source) as root, Root(into) as target:
        modes, waiting = {}, ["."]
        while waiting:
            above = waiting.pop()
            for entry in root.entries(above):
                check()
                path = str(PurePosixPath(above, entry.name))
                if entry.is_folder:
                    target.make_folder(path)
                    modes[path] = stat.S_IMODE(root.status(path).st_mode)
                    waiting.append(path)
                elif entry.is_link:
                    target.make_link(root.read_link(path), path)
                else:
                    _link(root, path, target)
        for path, mode in reversed(modes.items()):  # a folder may be readable only
            target.change_mode(path, mode)


def _link(source: Root, path: str, target: Root) -> None:
    with source.place(path, follow=False) as one, target.place(path, follow=False) as other:
        folders = {"src_dir_fd": one.folder, "dst_dir_fd": other.folder}
        try:
            os.link(one.name, other.name, **folders, follow_symlinks=False)
        except OSError:
            _copy_content(source, path, other)


def file(source: Root, path: str, target: Root, check: Check = proceed) -> None:
    """Copies a file or a link to the same place in another folder, and replaces what is there, never through a link that leads
    out of that folder. `check` is called often, and may raise. Raises OSError, DeploymentFailed."""
    try:
        with target.place(path, follow=False, make=True) as place:
            _copy(source, path, target, place, check)
    except LeadsOutside as error:
        raise DeploymentFailed(
            f"'{error.filename}' 是指向文件夹之外的链接，已拒绝",
            f"'{error.filename}' is refused: it is a link that leads out of its folder",
        ) from None


def _copy(source: Root, path: str, target: Root, place: Place, check: Check) -> None:
    try:
        found = source.status(path)
        there = target.status(place.path) if target.exists(place.path) else None
        if there is not None and _unchanged(found, there):
            return
        if there is not None and not stat.S_ISREG(there.st_mode):
            target.remove(place.path, check)
        if stat.S_ISLNK(found.st_mode):
            target.unlink(place.path)
            target.make_link(source.read_link(path), place.path)
        elif not (
            selection.is_database(PurePosixPath(path))
            and _copied_by_sqlite(source, path, target, place, check)
        ):
            _copy_content(source, path, place, check)
    except FileNotFoundError:
        if source.exists(path):
            raise


def _copy_content(source: Root, path: str, place: Place, check: Check = proceed) -> None:
    with source.open_regular(path, follow=False) as reading:
        descriptor = os.open(place.name, _TARGET, dir_fd=place.folder)
        with os.fdopen(descriptor, "wb") as writing:
            while piece := reading.read(_PIECE_BYTES):
                check()
                writing.write(piece)
            writing.flush()
            found = os.fstat(reading.fileno())
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
            os.utime(descriptor, ns=(found.st_atime_ns, found.st_mtime_ns))


def matching(root: Root, patterns: Sequence[str]) -> Iterator[str]:
    """The files and links that match glob patterns, and everything in matching folders; each once, in order. Raises OSError."""
    seen = set()
    for pattern in patterns:
        for found in map(str, selection.matches(root, (pattern,))):
            is_folder = stat.S_ISDIR(root.status(found).st_mode)
            for path in _files(root, found, frozenset()) if is_folder else (found,):
                if path not in seen and _is_wanted(path):
                    seen.add(path)
                    yield path


def _below(source: Path, places: Sequence[Path]) -> frozenset[str]:
    return frozenset(str(place.relative_to(source)) for place in places if place.is_relative_to(source))


def _files(root: Root, folder: str, without: Collection[str]) -> Iterator[str]:
    """Files and links in a folder, folder by folder. Raises OSError: what cannot be read would be missing."""
    waiting = [folder]
    while waiting:
        above = waiting.pop()
        try:
            entries = root.entries(above)
        except (FileNotFoundError, NotADirectoryError):  # it has vanished
            continue
        folders = []
        for entry in entries:
            path = str(PurePosixPath(above, entry.name))
            if not entry.is_folder:
                if _is_wanted(path) and _is_copied(root, path):
                    yield path
            elif path not in without and not _is_disposable(root, path):
                folders.append(path)
        waiting += reversed(folders)


def _is_disposable(root: Root, folder: str) -> bool:
    """Whether a folder is recreated when needed: caches, a Python environment, the program's own logs. A folder `logs`
    elsewhere may be a package of source code."""
    name = PurePosixPath(folder).name
    return name == CACHES or folder == LOGS or not _is_wanted(name) or root.exists(f"{folder}/pyvenv.cfg")


def _is_wanted(path: str) -> bool:
    """Whether the name is neither this program's own nor that of an SQLite side file."""
    place = PurePosixPath(path)
    return not place.name.startswith(files.OWN_PREFIX) and not selection.is_sidecar(place)


def _is_copied(root: Root, path: str) -> bool:
    try:
        kind = root.status(path).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISREG(kind) or stat.S_ISLNK(kind)


def _size(root: Root, path: str) -> int:
    try:
        return root.status(path).st_size
    except FileNotFoundError:
        return 0


def _unchanged(found: os.stat_result, there: os.stat_result) -> bool:
    ours = (found.st_mode, found.st_size, found.st_mtime_ns)
    return stat.S_ISREG(found.st_mode) and ours == (there.st_mode, there.st_size, there.st_mtime_ns)


def _copied_by_sqlite(source: Root, path: str, target: Root, place: Place, check: Check) -> bool:
    """Copies a database with the content of its side files, even while it is open elsewhere. False if it is not a database, or
    SQLite cannot copy it."""
    with source.open_regular(path, follow=False) as opened:
        if opened.read(len(sqlite_beneath.HEADER)) != sqlite_beneath.HEADER:
            return False
    unfinished = str(PurePosixPath(place.path).with_name(f".{place.name}.unfinished"))

    def copy(database: sqlite3.Connection) -> None:
        target.remove(unfinished)
        sqlite_copy.copy(database, target.path / unfinished, check, _DATABASE_WAIT_S)

    try:
        sqlite_beneath.read(source, path, _DATABASE_WAIT_S, copy)
    except sqlite3.Error:
        target.remove(unfinished)
        return False
    except sqlite_beneath.Restless:
        raise DeploymentFailed(
            f"数据库 {path} 一直在变化，无法复制：请先停止使用它的程序",
            f"The database {path} keeps changing and cannot be copied: stop what uses it first",
        ) from None
    descriptor = target.open(unfinished, os.O_RDONLY, follow=False)
    try:
        os.fchmod(descriptor, stat.S_IMODE(source.status(path).st_mode))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    target.rename(unfinished, place.path)
    descriptors.sync_names(place.folder)
    return True
