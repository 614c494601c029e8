"""Changes of what is in a bot's folder: new folders, renames, removals."""

import errno
import os
import stat
from pathlib import Path

from bots.browsing import failures, paths
from bots.browsing.tree import Tree, opened
from bots.browsing.view import FileView, view_of
from mailauncher import descriptors, trees
from mailauncher.errors import InvalidParameter, InvalidPath
from mailauncher.interruption import Check
from mailauncher.renaming import rename_new

_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)


def make_folder(tree: Tree, path: str) -> FileView:
    """Raises DuplicateResource if the name exists, and as `Tree.new_place` does."""
    with tree.new_place(path, follow=False) as place:
        os.mkdir(place.name, dir_fd=place.folder)
        descriptors.sync_names(place.folder)
    return view_of(tree, path)


def rename(tree: Tree, path: str, new_path: str) -> FileView:
    """Moves a file, a link or a folder. Raises DuplicateResource if the new name exists, and as `Tree.new_place` does."""
    with tree.new_place(path, follow=False) as source, tree.new_place(new_path, follow=False) as target:
        if tree.has_mounts(source.path):
            raise _holds_mounts(path)
        if f"{target.path}/".startswith(f"{source.path}/") and target.path != source.path:
            raise InvalidPath(
                f"文件夹 '{paths.encoded(path)}' 不能移到它自己里面",
                f"The folder '{paths.encoded(path)}' cannot be moved into itself",
                field="new_path",
            )
        with failures.explained(paths.encoded(path)):
            _require_there(source.folder, source.name)
        with failures.explained(paths.encoded(new_path)):
            rename_new(source.name, source.folder, target.name, target.folder)
            descriptors.sync_names(target.folder)
            descriptors.sync_names(source.folder)
    return view_of(tree, new_path)


class Removal:
    """A folder that was taken away from `path`: it has an unfinished name, and is still to be removed. It holds the bot's folder by
    its descriptor, since an upgrade may exchange that meanwhile for another. Every method blocks; it has to be closed."""

    def __init__(self, tree: Tree, path: str, name: str) -> None:
        self.name = name
        self._path = path
        self._top = os.dup(tree.root.descriptor)

    def close(self) -> None:
        os.close(self._top)

    def discard(self, check: Check) -> None:
        """Raises OSError, which names what cannot be removed as clients know it."""
        try:
            trees.remove(self.name, check, at=self._top)
        except OSError as error:
            error.filename = paths.encoded(str(error.filename or "").replace(self.name, self._path, 1))
            raise

    def put_back(self, folder: Path) -> None:
        """Returns what is left to its place in the bot's folder. Raises OSError, LauncherError if that is not possible."""
        with opened(folder) as tree:
            if not os.path.samestat(os.fstat(tree.root.descriptor), os.fstat(self._top)):
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            with tree.new_place(self._path, follow=False) as place:
                rename_new(self.name, self._top, place.name, place.folder)


def take_away(tree: Tree, path: str, server: str, *, recursive: bool) -> tuple[FileView, Removal | None]:
    """Removes a file, a link or an empty folder; with `recursive` also a folder with something in it, of which the removal is
    returned. Also returns what it was."""
    with tree.new_place(path, follow=False) as place:
        shown = paths.encoded(path)
        found = view_of(tree, path)
        if not stat.S_ISDIR(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False).st_mode):
            os.unlink(place.name, dir_fd=place.folder)
            descriptors.sync_names(place.folder)
            return found, None
        if tree.has_mounts(place.path):
            raise _holds_mounts(path)
        try:
            os.rmdir(place.name, dir_fd=place.folder)
            removal = None
        except OSError as error:
            if error.errno not in _NOT_EMPTY:
                raise
            if not recursive:
                raise InvalidParameter(
                    f"文件夹 '{shown}' 不是空的：用 recursive 连同内容一起删除",
                    f"The folder '{shown}' is not empty: use `recursive` to delete it with its contents",
                    field="recursive",
                ) from None
            removal = Removal(tree, path, paths.unfinished("removed", server))
            try:
                rename_new(place.name, place.folder, removal.name, tree.root.descriptor)
            except BaseException:
                removal.close()
                raise
        descriptors.sync_names(place.folder)
        return found, removal


def _require_there(folder: int, name: str) -> None:
    """Raises FileNotFoundError: the system's error of a rename does not tell which of the two names it is about."""
    os.stat(name, dir_fd=folder, follow_symlinks=False)


def _holds_mounts(path: str) -> InvalidPath:
    shown = paths.encoded(path)
    return InvalidPath(
        f"'{shown}' 里有挂载进来的其他文件系统：请先在服务器上卸载",
        f"Something is mounted in '{shown}': unmount it on the server first",
        field="path",
    )


def sweep(tree: Tree, server: str, check: Check) -> int:
    """Removes what earlier servers have left of uploads and removals. Returns how many there were. Raises LauncherError, OSError."""
    folder = tree.folder(".")
    try:
        with os.scandir(folder) as found:
            left = [entry for entry in found if paths.is_unfinished(entry.name, server)]
        for entry in left:
            check()
            if entry.is_dir(follow_symlinks=False):
                trees.remove(entry.name, check, at=folder)
            else:
                os.unlink(entry.name, dir_fd=folder)
    finally:
        os.close(folder)
    return len(left)
