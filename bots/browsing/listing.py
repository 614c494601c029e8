"""Pages of what is in a folder."""

import os
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from bots.browsing import failures, paths
from bots.browsing.tree import Tree
from bots.browsing.view import FileView, view_at
from mailauncher.errors import InvalidParameter
from mailauncher.interruption import Check, proceed
from mailauncher.system_text import readable

ENTRIES_MAX = 200_000
"""Of a folder with more, only as many are looked at."""
NUMBER_CHARACTERS = 32
"""Of a cursor: far more than any size, or time in nanoseconds, has."""


class FileOrder(StrEnum):
    """`NAME`: folders first. The others: the greatest first."""

    NAME = "name"
    MODIFIED = "modified"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class FolderPage:
    """`total`: how many there are that match; `cursor`: that of the last; `truncated`: there are more than ENTRIES_MAX."""

    path: str
    entries: list[FileView]
    total: int
    more: bool
    cursor: str | None
    truncated: bool


class _Key(NamedTuple):
    """What entries are sorted by."""

    number: int
    folded: str
    name: str


def page(
    tree: Tree,
    path: str,
    order: FileOrder,
    wanted: str,
    first: int,
    after: str | None,
    check: Check = proceed,
) -> FolderPage:
    """Up to `first` entries after a cursor whose names contain `wanted` (case ignored). Raises LauncherError."""
    start = None if after is None else _key_of(after)
    shown = paths.encoded(path)
    descriptor = tree.folder(path)
    try:
        with failures.explained(shown):
            keys, truncated = _keys(descriptor, order, wanted.casefold(), check)
            keys.sort()
            behind = keys if start is None else [key for key in keys if key > start]
            here = "" if path == "." else f"{path}/"
            entries = [
                view
                for key in behind[:first]
                if (view := view_at(tree, descriptor, here, key.name)) is not None
            ]
    finally:
        os.close(descriptor)
    last = behind[min(first, len(behind)) - 1] if behind else None
    return FolderPage(
        "" if path == "." else shown,
        entries,
        len(keys),
        len(behind) > first,
        f"{last.number}/{paths.encoded(last.name)}" if last else None,
        truncated,
    )


def _keys(folder: int, order: FileOrder, wanted: str, check: Check) -> tuple[list[_Key], bool]:
    """The keys of what matches, unsorted, and whether not everything was looked at."""
    keys: list[_Key] = []
    with os.scandir(folder) as found:
        for number, entry in enumerate(found):
            check()
            if number == ENTRIES_MAX:
                return keys, True
            if paths.is_unfinished(entry.name):
                continue
            folded = readable(entry.name).casefold()
            if wanted in folded:
                with suppress(FileNotFoundError):
                    keys.append(_Key(_number(entry, order), folded, entry.name))
    return keys, False


def _number(entry: "os.DirEntry[str]", order: FileOrder) -> int:
    if order is FileOrder.NAME:
        return 0 if entry.is_dir(follow_symlinks=False) else 1
    found = entry.stat(follow_symlinks=False)
    return -(found.st_mtime_ns if order is FileOrder.MODIFIED else found.st_size)


def _key_of(cursor: str) -> _Key:
    """Raises InvalidParameter."""
    number, _, name = cursor.partition("/")
    if not (
        number.removeprefix("-").isdecimal()
        and number.isascii()
        and len(number) <= NUMBER_CHARACTERS
        and name
    ):
        raise InvalidParameter(
            "after 不是本服务器给出的游标", "after is not a cursor of this server", field="after"
        )
    name = paths.decoded(name)
    return _Key(int(number), readable(name).casefold(), name)
