"""Copies of folders in use: databases whole, links as links, no caches, environments or logs."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path, PurePosixPath

from mailauncher.bots import kept
from mailauncher.bots.deploying.report import Share
from mailauncher.bots.deploying.staging import inside, remove

CACHES = "__pycache__"
LOGS = "logs"
_SQLITE = b"SQLite format 3\0"
_DATABASE_WAIT_S = 10

Check = Callable[[], None]


def size(source: Path, without: Sequence[Path] = ()) -> int:
    """Bytes that a copy takes."""
    return sum(_bytes(path) for path in _files(source, without))


def tree(source: Path, into: Path, share: Share, check: Check, without: Sequence[Path] = ()) -> None:
    """Copies a folder over another; what has the same size and time there is left alone. `without`: folders below it that
    are left out. What is neither file, folder nor link is left out, what vanishes meanwhile too. `check` is called for each
    file and may raise. Raises OSError."""
    whole = size(source, without) or 1
    done = 0
    into.mkdir(parents=True, exist_ok=True)
    for path in _files(source, without):
        check()
        file(path, into, str(path.relative_to(source)))
        done += _bytes(path)
        share(done / whole)


def file(path: Path, into: Path, relative: str) -> None:
    """Copies a file or a link to a place in a folder, replacing what stands there, never through a link that leads out of
    the folder. Raises OSError, DeploymentFailed."""
    target = inside(into, str(Path(relative).parent)) / path.name
    try:
        found = path.lstat()
        if _same(found, target):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink() or target.is_dir():
            remove(target)
        if stat.S_ISLNK(found.st_mode):
            target.unlink(missing_ok=True)
            target.symlink_to(path.readlink())
        elif not (kept.is_database(PurePosixPath(path.name)) and _backed_up(path, target)):
            shutil.copyfile(path, target)
            shutil.copystat(path, target)
    except FileNotFoundError:
        if path.exists():
            raise


def matching(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """The files and links that glob patterns mean, with everything in the folders that they mean; each once, in order."""
    seen = set()
    for pattern in patterns:
        for found in sorted(folder.glob(pattern)):
            below = _files(found, (), folder) if found.is_dir() and not found.is_symlink() else iter([found])
            for path in below:
                if path not in seen and _wanted(path.name):
                    seen.add(path)
                    yield path


def _files(source: Path, without: Sequence[Path], home: Path | None = None) -> Iterator[Path]:
    """Files and links, folder by folder. `home`: the program's own folder, if it is not `source`."""
    for parent, folders, names in os.walk(source):
        here = Path(parent)
        below = [here / name for name in sorted(folders)]
        wanted = [path for path in below if path not in without and not _disposable(path, home or source)]
        folders[:] = [path.name for path in wanted if not path.is_symlink()]
        for path in (*filter(Path.is_symlink, wanted), *(here / name for name in sorted(names))):
            if _wanted(path.name) and _copied(path):
                yield path


def _disposable(folder: Path, home: Path) -> bool:
    """Whether it is made anew where it is needed: caches, an environment, the logs of the program itself. A package of
    source code may be called `logs` too."""
    if folder.name == CACHES or not _wanted(folder.name) or (folder / "pyvenv.cfg").is_file():
        return True
    return folder.name == LOGS and folder.parent == home


def _wanted(name: str) -> bool:
    """Neither this program's own, nor what SQLite keeps beside a database."""
    return not name.startswith(kept.OURS) and not kept.is_sidecar(PurePosixPath(name))


def _copied(path: Path) -> bool:
    try:
        kind = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(kind) or stat.S_ISLNK(kind)


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _same(found: os.stat_result, target: Path) -> bool:
    try:
        there = target.lstat()
    except OSError:
        return False
    ours = (found.st_mode, found.st_size, found.st_mtime_ns)
    return stat.S_ISREG(found.st_mode) and ours == (there.st_mode, there.st_size, there.st_mtime_ns)


def _backed_up(path: Path, target: Path) -> bool:
    """Whether it was a database that SQLite could copy, with what stands in its side files, whoever has it open."""
    with path.open("rb") as opened:
        if opened.read(len(_SQLITE)) != _SQLITE:
            return False
    unfinished = target.with_name(f".{target.name}.unfinished")
    remove(unfinished)
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(uri, uri=True, timeout=_DATABASE_WAIT_S)) as source,
            closing(sqlite3.connect(unfinished)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error:
        remove(unfinished)
        return False
    shutil.copymode(path, unfinished)
    unfinished.rename(target)
    return True
