"""The folder of a bot, opened to look for files in it: never beyond a link that leads out, a mount, or anything that blocks."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bots.browsing import failures, paths
from mailauncher import mounts
from mailauncher.beneath import LeadsOutside, Place, Root
from mailauncher.descriptors import LISTED_FOLDER
from mailauncher.errors import InvalidPath


class FileKind(StrEnum):
    """`OTHER`: a device, a pipe or a socket, which is never opened."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


class Tree:
    """Paths are the system's, as `paths.decoded` makes them. Every method blocks, and raises LauncherError with what clients
    call the path."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self._mounts = frozenset(mounts.beneath(root.path)) - {PurePosixPath(".")}

    @contextmanager
    def place(self, path: str, *, follow: bool = True) -> Iterator[Place]:
        """Like `Root.place`. Raises InvalidPath for what is mounted in the folder."""
        with failures.explained(paths.encoded(path)), self.root.place(path, follow=follow) as place:
            if self.is_mounted(place.path):
                raise failures.mounted(paths.encoded(path))
            yield place

    @contextmanager
    def new_place(self, path: str, *, follow: bool = True) -> Iterator[Place]:
        """The place of something that may be made or replaced. Raises PermissionDenied for what is the launcher's own, and
        ResourceNotFound if its folder does not exist."""
        shown = paths.encoded(path)
        with failures.explained(shown), ExitStack() as stack:
            try:
                place = stack.enter_context(self.root.place(path, follow=follow))
            except FileNotFoundError:
                raise failures.no_folder(shown) from None
            if paths.is_own(place.path):
                raise failures.own(shown)
            if self.is_mounted(place.path):
                raise failures.mounted(shown)
            yield place

    def is_mounted(self, path: str) -> bool:
        """Whether a path without links is a mount, or is in one."""
        return bool(self._mounts) and any(PurePosixPath(path).is_relative_to(one) for one in self._mounts)

    def has_mounts(self, path: str) -> bool:
        """Whether something is mounted at a path without links, or beneath it."""
        return any(one.is_relative_to(path) for one in self._mounts)

    def folder(self, path: str) -> int:
        """A descriptor of a folder, to list it."""
        shown = paths.encoded(path)
        if path == ".":
            with failures.explained(shown):
                return os.open(path, LISTED_FOLDER, dir_fd=self.root.descriptor)
        with self.place(path):
            pass
        with failures.explained(shown):
            return self.root.open(path, LISTED_FOLDER)

    def regular(self, path: str) -> BinaryIO:
        """A file, to read it. Raises InvalidPath for anything else, which is not waited for."""
        with self.place(path), failures.explained(paths.encoded(path)):
            return self.root.open_regular(path)

    def kind_behind(self, path: str) -> FileKind | None:
        """What a link leads to; None if that is nothing, or not in this folder."""
        try:
            with self.root.place(path) as place:
                if self.is_mounted(place.path):
                    return None
                return kind_of(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False).st_mode)
        except LeadsOutside:
            return None
        except OSError:
            return None


@contextmanager
def opened(folder: Path) -> Iterator[Tree]:
    """Raises InvalidPath if the folder is not there."""
    try:
        root = Root(folder)
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        raise InvalidPath(
            f"文件夹 '{folder}' {'不存在' if missing else f'无法打开：{error.strerror}'}",
            f"The folder '{folder}' {'does not exist' if missing else f'cannot be opened: {error.strerror}'}",
        ) from error
    with root:
        yield Tree(root)


def kind_of(mode: int) -> FileKind:
    if stat.S_ISREG(mode):
        return FileKind.FILE
    if stat.S_ISDIR(mode):
        return FileKind.FOLDER
    return FileKind.LINK if stat.S_ISLNK(mode) else FileKind.OTHER
