"""What clients see of one file."""

import os
from dataclasses import dataclass

from bots.browsing import failures, paths
from bots.browsing.tree import FileKind, Tree, kind_of
from mailauncher.system_text import readable

EARLIEST_MS, LATEST_MS = -30_610_224_000_000, 253_402_300_799_999
"""The years 1000 to 9999. Some file systems keep any other time too, which could not be told in ISO 8601."""


@dataclass(frozen=True, slots=True)
class FileView:
    """A file, folder, link or something else. `name` is for people, `path` for further requests; `size` in bytes; `modified_at`
    in milliseconds since 1970. Of a link: `target` is its text, and `target_kind` what it leads to in the instance's folder,
    None if it leads nowhere or out of it. `mounted`: it is from elsewhere, and not accessed."""

    name: str
    path: str
    kind: FileKind
    size: int
    modified_at: int
    target: str | None = None
    target_kind: FileKind | None = None
    mounted: bool = False


def view_at(tree: Tree, folder: int, here: str, name: str) -> FileView | None:
    """The entry of an open folder whose path is `here`, empty or with a slash behind it. None if it has gone. Raises OSError."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        kind = kind_of(found.st_mode)
        target = os.readlink(name, dir_fd=folder) if kind is FileKind.LINK else None
    except FileNotFoundError:
        return None
    path = here + name
    return FileView(
        name=readable(name),
        path=paths.encoded(path),
        kind=kind,
        size=found.st_size,
        modified_at=_told(found.st_mtime_ns),
        target=None if target is None else readable(target),
        target_kind=None if target is None else tree.kind_behind(path),
        mounted=tree.is_mounted(path),
    )


def view_of(tree: Tree, path: str) -> FileView:
    """The file at a path, links on the way followed, one at its end not. Raises LauncherError."""
    here, _, name = path.rpartition("/")
    with tree.place(path, follow=False) as place:
        found = view_at(tree, place.folder, f"{here}/" if here else "", name)
    if found is None:
        raise failures.not_found(paths.encoded(path))
    return found


def _told(nanoseconds: int) -> int:
    return max(EARLIEST_MS, min(nanoseconds // 1_000_000, LATEST_MS))
