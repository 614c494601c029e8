"""What of an instance's folder is the user's: found by the recipe's `keep` patterns, never through a link."""

import os
import stat
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mailauncher.bots.unpacked import parts_of
from mailauncher.errors import DeploymentFailed

OURS = ".mailauncher-"
"""Names that begin so are this program's own, and never the user's."""
_SIDECARS = ("-wal", "-shm", "-journal")


class Found(NamedTuple):
    """One thing below an item: `path` is relative to the instance's folder. `storable`: an archive can hold it, being a
    folder or a plain file with a sound name; links and the like are not."""

    path: PurePosixPath
    status: os.stat_result
    storable: bool

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


def items(folder: Path, patterns: Iterable[str]) -> list[PurePosixPath]:
    """Files and folders that match, sorted, relative to `folder`; none that lies in another. `*` and `?` stand for parts of
    one name, `**` for any folders. Links do not match, and are not looked through. Raises OSError."""
    found = {path for pattern in patterns for path in _matching(folder, PurePosixPath(), pattern.split("/"))}
    return outermost(found)


def outermost(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Sorted, without those that lie in another."""
    kept: list[PurePosixPath] = []
    for path in sorted(set(paths)):
        if not kept or not path.is_relative_to(kept[-1]):
            kept.append(path)
    return kept


def _matching(folder: Path, at: PurePosixPath, parts: list[str]) -> Iterator[PurePosixPath]:
    parts = [part for part in parts if part not in ("", ".")]
    if not parts:
        if at.parts:
            yield at
        return
    head, *rest = parts
    if head == "**":
        yield from _matching(folder, at, rest)
    for entry in _entries(folder / at):
        wanted = head == "**" or fnmatchcase(entry.name, head)
        if not wanted or entry.is_symlink() or entry.name.startswith(OURS):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _matching(folder, at / entry.name, parts if head == "**" else rest)
        elif not rest and head != "**":
            yield at / entry.name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Sorted; none where there is no folder. A folder that may not be read is an error: what is in it would be missed."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def walk(folder: Path, of: Iterable[PurePosixPath]) -> Iterator[Found]:
    """Everything that items hold, folders before what is in them. Things that vanish meanwhile are left out."""
    waiting = list(of)[::-1]
    while waiting:
        path = waiting.pop()
        try:
            status = (folder / path).lstat()
        except FileNotFoundError:
            continue
        kind = stat.S_IFMT(status.st_mode)
        yield Found(path, status, kind in (stat.S_IFDIR, stat.S_IFREG) and _sound(path))
        if kind == stat.S_IFDIR:
            names = [entry.name for entry in _entries(folder / path)]
            waiting += [path / name for name in reversed(names) if not name.startswith(OURS)]


def _sound(path: PurePosixPath) -> bool:
    try:
        parts_of(str(path))
    except DeploymentFailed:
        return False
    return True


def is_database(path: PurePosixPath) -> bool:
    """Whether the name is one of SQLite files."""
    return fnmatchcase(path.name, "*.db") or (
        fnmatchcase(path.name, "*.sqlite*") and not path.name.endswith(_SIDECARS)
    )


def sidecars(path: PurePosixPath) -> list[PurePosixPath]:
    """What SQLite may keep beside a database: worthless, or harmful, beside another copy of it."""
    return [path.with_name(path.name + end) for end in _SIDECARS] if is_database(path) else []


def is_sidecar(path: PurePosixPath) -> bool:
    return any(
        path.name.endswith(end) and is_database(path.with_name(path.name.removesuffix(end)))
        for end in _SIDECARS
    )
