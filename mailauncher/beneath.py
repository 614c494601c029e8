"""Files beneath a folder that other programs may change at any moment, reached by descriptors and never by a path.

A path is looked up anew by each call that gets it: between a check and a use, a folder on the way can be exchanged for a link
that leads elsewhere. So each folder on the way is opened in the one before it, without following a link, and the file is
used by its name in the last of them. Links are followed here, one step at a time, as long as they stay beneath the root.
Whatever is renamed meanwhile, an open descriptor still is the folder that was beneath the root when it was opened.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from mailauncher import descriptors, files, trees
from mailauncher.interruption import Check, proceed

_STEPS = 40
"""Links followed for one path, as Linux does, and tries where a name changes while it is looked at."""
_DEPTH = 256
"""Folders on the way; each takes a descriptor."""
_IS_LINK = (errno.ELOOP, errno.ENOTDIR)
"""What opening a link with O_NOFOLLOW fails with; with O_DIRECTORY as well, it is the latter."""
# O_PATH is enough to go through a folder, and is allowed without the permission to list it. Only Linux has it.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC


class LeadsOutside(OSError):
    """A path, or a link on its way, leads out of the folder."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EXDEV, "leads out of the folder", path)


class Place(NamedTuple):
    """Where a file is, or would be: the descriptor of its folder, which is open during the block that gave it, its name
    there, and its path relative to the root, links resolved."""

    folder: int
    name: str
    path: str


class Entry(NamedTuple):
    """A name in a folder. `leads_to_folder`: it is a folder, or a link to one, which may be anywhere."""

    name: str
    is_link: bool
    is_folder: bool
    leads_to_folder: bool


class Root:
    """A folder for access beneath it. Paths have `/` and are relative, or absolute and beneath it; `path` is its own, links
    resolved.

    Every method raises OSError; LeadsOutside for what is not beneath. With `follow`, a link at the end of the path is
    followed like any other, else it is what the method acts on. Blocks. To be closed, or used as a context manager.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(os.path.realpath(folder))
        self.descriptor = os.open(folder, _FOLDER)

    def below(self, path: str) -> "Root":
        """A folder beneath this one, which is no link, as a root of its own."""
        found = object.__new__(Root)
        with self.place(path, follow=False) as place:
            found.path = self.path / place.path
            found.descriptor = os.open(place.name, _FOLDER | os.O_NOFOLLOW, dir_fd=place.folder)
        return found

    def close(self) -> None:
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def place(self, path: str, *, follow: bool = True, make: bool = False) -> Iterator[Place]:
        """The place of a file, which need not exist; its folder must, unless `make` creates it. Without a race, the name is
        no link if it was followed; whoever opens it says O_NOFOLLOW all the same."""
        walk = _Walk(self, path)
        try:
            yield walk.to_the_end(follow=follow, make=make)
        finally:
            walk.close()

    def open(self, path: str, flags: int, mode: int = 0o600, *, follow: bool = True) -> int:
        """A descriptor, with close-on-exec."""
        for _ in range(_STEPS):
            with self.place(path, follow=follow) as place:
                try:
                    return os.open(
                        place.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=place.folder
                    )
                except OSError as error:
                    if (
                        not follow
                        or error.errno not in _IS_LINK
                        or not _is_passable(place.folder, place.name)
                    ):
                        raise
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)

    def open_regular(self, path: str, *, follow: bool = True) -> BinaryIO:
        """Opens a regular file for reading. Raises OSError for anything else, without waiting for the other end of a pipe."""
        return descriptors.as_regular(self.open(path, os.O_RDONLY | os.O_NONBLOCK, follow=follow), path)

    def status(self, path: str, *, follow: bool = False) -> os.stat_result:
        with self.place(path, follow=follow) as place:
            return os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)

    def exists(self, path: str, *, follow: bool = False) -> bool:
        """Whether there is something; without `follow`, a link that leads nowhere is. False if it leads outside."""
        try:
            self.status(path, follow=follow)
        except OSError as error:
            if isinstance(error, LeadsOutside) or error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return False
            raise
        return True

    def entries(self, path: str, *, follow: bool = False) -> list[Entry]:
        """What is in a folder, sorted by name; `.` is the root itself."""
        if path == ".":
            descriptor = os.open(path, descriptors.LISTED_FOLDER, dir_fd=self.descriptor)
        else:
            descriptor = self.open(path, descriptors.LISTED_FOLDER, follow=follow)
        try:
            with os.scandir(descriptor) as found:
                return sorted(
                    Entry(
                        one.name, one.is_symlink(), one.is_dir(follow_symlinks=False), _leads_to_folder(one)
                    )
                    for one in found
                )
        finally:
            os.close(descriptor)

    def make_folder(self, path: str, mode: int = 0o777) -> None:
        """Raises FileExistsError."""
        with self.place(path, follow=False) as place:
            os.mkdir(place.name, mode, dir_fd=place.folder)

    def change_mode(self, path: str, mode: int) -> None:
        """Of a file or folder that this user can read."""
        descriptor = self.open(path, os.O_RDONLY | os.O_NONBLOCK, follow=False)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    @contextmanager
    def replacing(self, path: str, *, mode: int = 0o600, follow: bool = True) -> Iterator[BinaryIO]:
        """Like `files.replacing`; missing folders are created."""
        with (
            self.place(path, follow=follow, make=True) as place,
            files.replacing_at(*place[:2], mode=mode) as file,
        ):
            yield file

    def rename(self, path: str, to: str) -> None:
        """Moves a file, a link or a folder, in place of a file that is there; missing folders are created."""
        with self.place(path, follow=False) as source, self.place(to, follow=False, make=True) as target:
            os.replace(source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder)

    def link(self, path: str, to: str) -> None:
        """A further name, a hard link, of a file or a link; missing folders are created."""
        with self.place(path, follow=False) as source, self.place(to, follow=False, make=True) as target:
            os.link(
                source.name,
                target.name,
                src_dir_fd=source.folder,
                dst_dir_fd=target.folder,
                follow_symlinks=False,
            )

    def read_link(self, path: str) -> str:
        """The text of a symbolic link."""
        with self.place(path, follow=False) as place:
            return os.readlink(place.name, dir_fd=place.folder)

    def make_link(self, target: str, path: str) -> None:
        """A symbolic link at `path`; its text is not checked."""
        with self.place(path, follow=False) as place:
            os.symlink(target, place.name, dir_fd=place.folder)

    def unlink(self, path: str) -> None:
        """Removes a file or a link, if it exists. The name is gone from the disk as well once this returns."""
        with suppress(FileNotFoundError), self.place(path, follow=False) as place:
            os.unlink(place.name, dir_fd=place.folder)
            descriptors.sync_names(place.folder)

    def remove(self, path: str, check: Check = proceed) -> None:
        """Removes a file, a link (not its target), or a folder with its contents, if it exists. The name is gone from the
        disk as well once this returns. `check` is called for each entry of a folder, and may raise."""
        with suppress(FileNotFoundError), self.place(path, follow=False) as place:
            found = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                trees.remove(place.name, check, at=place.folder)
            else:
                os.unlink(place.name, dir_fd=place.folder)
            descriptors.sync_names(place.folder)

    def sync(self) -> None:
        """Brings the names in the folder itself to the disk."""
        descriptors.sync_names(self.descriptor)


class _Walk:
    """On the way to a file: the folders that were gone through, the root's first, and the names still ahead, the next last."""

    def __init__(self, root: Root, path: str) -> None:
        if os.path.normpath(path).split("/")[0] == "..":
            raise LeadsOutside(path)
        if not _is_possible(path):
            raise OSError(errno.EINVAL, "no path", path)
        self._root = root
        self._path = path
        self._folders = [os.dup(root.descriptor)]
        self._names: list[str] = []
        self._ahead: list[str] = []
        self._steps = 0
        try:
            self._follow(path)
        except OSError:
            self.close()
            raise

    def close(self, keep: int = 0) -> None:
        while len(self._folders) > keep:
            os.close(self._folders.pop())

    def to_the_end(self, *, follow: bool, make: bool) -> Place:
        while self._ahead:
            name = self._ahead.pop()
            if name == "..":
                self._up()
            elif self._ahead:
                self._into(name, make=make)
            elif not follow or (target := self._target(name)) is None:
                return Place(self._folders[-1], name, "/".join((*self._names, name)))
            else:
                self._follow(target)
        if not self._names:  # the root itself, which is not beneath
            raise LeadsOutside(self._path)
        return Place(self._folders[-1], ".", "/".join(self._names))

    def _up(self) -> None:
        if not self._names:
            raise LeadsOutside(self._path)
        os.close(self._folders.pop())
        self._names.pop()

    def _into(self, name: str, *, make: bool) -> None:
        try:
            if len(self._folders) > _DEPTH:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), self._path)
            self._folders.append(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self._folders[-1]))
            self._names.append(name)
        except FileNotFoundError:
            if not make:
                raise
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=self._folders[-1])
            self._again(name)
        except OSError as error:
            if error.errno not in _IS_LINK:
                raise
            if (target := self._target(name)) is not None:
                self._follow(target)
            elif _is_passable(self._folders[-1], name):
                self._again(name)  # it was a link a moment ago
            else:
                raise

    def _target(self, name: str) -> str | None:
        """The text of a link; None for anything else."""
        try:
            return os.readlink(name, dir_fd=self._folders[-1])
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):
                raise
            return None

    def _follow(self, target: str) -> None:
        if target.startswith("/"):
            # Where that is, beneath the root, is looked up by path; the way there is then gone by descriptors like any.
            found = Path(os.path.realpath(target))
            if not found.is_relative_to(self._root.path):
                raise LeadsOutside(self._path)
            target = str(found.relative_to(self._root.path))
            self.close(keep=1)
            self._names.clear()
        self._count()
        self._ahead += _names(target)

    def _again(self, name: str) -> None:
        self._count()
        self._ahead.append(name)

    def _count(self) -> None:
        self._steps += 1
        if self._steps > _STEPS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    """False also for a link that leads in a circle, or where this user may not go: the folder that has it is still readable."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_passable(folder: int, name: str) -> bool:
    """Whether a name is a folder or a link."""
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    return stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def _is_possible(path: str) -> bool:
    """Whether the system could have such a name."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _names(path: str) -> list[str]:
    """The names in a path, the first last."""
    return [name for name in path.split("/") if name not in ("", ".")][::-1]
