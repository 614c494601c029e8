"""Selects the user's files in an instance's folder by the recipe's `keep` patterns, never through a link."""

import os
import stat
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

from bots.fetching.extract import safe_parts
from mailauncher.beneath import Entry, Root
from mailauncher.errors import DeploymentFailed
from mailauncher.files import OWN_PREFIX
from mailauncher.interruption import Check, proceed

_SIDECARS = ("-wal", "-shm", "-journal")


class SelectedEntry(NamedTuple):
    """A selected file or folder. `path` is relative to the instance's folder. `archivable`: an archive can hold it, because
    it is a folder or a regular file with a safe name; links and sockets are not."""

    path: PurePosixPath
    status: os.stat_result
    archivable: bool

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


def items(root: Root, patterns: Iterable[str], check: Check = proceed) -> list[PurePosixPath]:
    """Files and folders that match, relative to the root and sorted, without those inside another one. `*` and `?` match
    within a name, `**` matches any folders. Links neither match nor are followed. Raises OSError."""
    found = _matching_any(root, patterns, check)
    return outermost(path for path, is_link in found if not is_link)


def links(root: Root, patterns: Iterable[str], check: Check = proceed) -> list[PurePosixPath]:
    """Links that would match, or whose folders could hold matches, if they were followed. Sorted. Raises OSError."""
    return sorted({path for path, is_link in _matching_any(root, patterns, check) if is_link})


def matches(root: Root, patterns: Iterable[str]) -> list[PurePosixPath]:
    """Files, folders and links that match, like `items`; a link in place of a folder is a match as well. Raises OSError."""
    return sorted({path for path, _ in _matching_any(root, patterns, proceed)})


def _matching_any(root: Root, patterns: Iterable[str], check: Check) -> set[tuple[PurePosixPath, bool]]:
    return {
        found for pattern in patterns for found in _matching(root, PurePosixPath(), pattern.split("/"), check)
    }


def outermost(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Sorted, without paths that are inside another one."""
    kept: list[PurePosixPath] = []
    for path in sorted(set(paths)):
        if not kept or not path.is_relative_to(kept[-1]):
            kept.append(path)
    return kept


def _matching(
    root: Root, at: PurePosixPath, parts: list[str], check: Check
) -> Iterator[tuple[PurePosixPath, bool]]:
    """(path, whether it is a link)."""
    parts = [part for part in parts if part not in ("", ".")]
    if not parts:
        if at.parts:
            yield at, False
        return
    head, *rest = parts
    if head == "**":
        yield from _matching(root, at, rest, check)
    check()
    for entry in _entries(root, at):
        wanted = head == "**" or fnmatchcase(entry.name, head)
        if not wanted or entry.name.startswith(OWN_PREFIX):
            continue
        if entry.is_link:
            if not rest or entry.leads_to_folder:
                yield at / entry.name, True
        elif entry.is_folder:
            yield from _matching(root, at / entry.name, parts if head == "**" else rest, check)
        elif not rest and head != "**":
            yield at / entry.name, False


def _entries(root: Root, path: PurePosixPath) -> list[Entry]:
    """Empty if the folder does not exist. Raises OSError if it cannot be read: its files would be missed."""
    try:
        return root.entries(str(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


def walk(root: Root, of: Iterable[PurePosixPath], check: Check = proceed) -> Iterator[SelectedEntry]:
    """The items and everything in them, folders before their contents. What vanishes meanwhile is left out. Like the functions
    above, this calls `check` often, which may raise."""
    waiting = list(of)[::-1]
    while waiting:
        check()
        path = waiting.pop()
        try:
            status = root.status(str(path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        kind = stat.S_IFMT(status.st_mode)
        yield SelectedEntry(path, status, kind in (stat.S_IFDIR, stat.S_IFREG) and has_safe_name(path))
        if kind == stat.S_IFDIR:
            names = [entry.name for entry in _entries(root, path)]
            waiting += [path / name for name in reversed(names) if not name.startswith(OWN_PREFIX)]


def has_safe_name(path: PurePosixPath) -> bool:
    """Whether an archive may hold an entry of this name."""
    try:
        safe_parts(str(path))
    except DeploymentFailed:
        return False
    return True


def is_database(path: PurePosixPath) -> bool:
    """Whether the name looks like an SQLite database's."""
    return fnmatchcase(path.name, "*.db") or (
        fnmatchcase(path.name, "*.sqlite*") and not path.name.endswith(_SIDECARS)
    )


def sidecars(path: PurePosixPath) -> list[PurePosixPath]:
    """The side files that SQLite may keep beside a database: useless or harmful beside another copy of it."""
    return [path.with_name(path.name + end) for end in _SIDECARS] if is_database(path) else []


def is_sidecar(path: PurePosixPath) -> bool:
    return any(
        path.name.endswith(end) and is_database(path.with_name(path.name.removesuffix(end)))
        for end in _SIDECARS
    )
