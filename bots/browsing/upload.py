"""A file that is received piece by piece, and is in its place whole or not at all.

It is written under a name of its own at the top of the bot's folder, from where it is renamed once it is complete. What a
killed server leaves there is removed by the next one.
"""

import os
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

from bots.browsing import failures, paths
from bots.browsing.tree import opened
from bots.browsing.view import FileView, view_of
from mailauncher import descriptors
from mailauncher.beneath import Place
from mailauncher.errors import Conflict, InvalidPath
from mailauncher.renaming import rename_new

MODE = 0o600
"""Of a new file: what is uploaded may hold keys."""


class Upload:
    """One file on its way to `path` in the folder of a bot. With `replace` it takes the place of a file that is there, and has its
    mode and owner. Every method blocks and raises LauncherError; `close` must be called at the end, whether or not it has begun."""

    def __init__(self, path: str, server: str, *, replace: bool) -> None:
        self._path = path
        self._replace = replace
        self._name = paths.unfinished("upload", server)
        self._stack = ExitStack()

    def begin(self, folder: Path) -> None:
        """Raises what would be wrong with the place in the end, so that nothing is sent in vain."""
        with ExitStack() as stack:
            self._tree = stack.enter_context(opened(folder))
            self._require_free()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            root = self._tree.root.descriptor
            with failures.explained(self._shown):
                self._descriptor = os.open(self._name, flags, MODE, dir_fd=root)
            stack.callback(os.close, self._descriptor)
            stack.callback(self._remove, root)
            self._stack = stack.pop_all()

    @property
    def _shown(self) -> str:
        return paths.encoded(self._path)

    def close(self) -> None:
        """Removes what has not become the file."""
        self._stack.close()

    def write(self, data: bytes) -> None:
        with failures.explained(self._shown):
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])

    def finish(self, folder: Path) -> FileView:
        """Puts the file into its place; it is on the disk once this returns. Raises Conflict if the folder of the bot is another
        one than at the beginning, as after an upgrade."""
        tree = self._tree
        with opened(folder) as now:
            if not os.path.sameopenfile(now.root.descriptor, tree.root.descriptor):
                raise Conflict(
                    f"上传 '{self._shown}' 期间实例文件夹已被更换（如升级）：请重新上传",
                    f"The instance's folder was exchanged during the upload of '{self._shown}', as by an upgrade: upload it again",
                )
        with tree.new_place(self._path) as place:
            existing = self._existing(place)
            if existing is not None:
                if (existing.st_uid, existing.st_gid) != (os.geteuid(), os.getegid()):
                    with suppress(PermissionError):
                        os.fchown(self._descriptor, existing.st_uid, existing.st_gid)
                os.fchmod(self._descriptor, stat.S_IMODE(existing.st_mode))
            os.fsync(self._descriptor)
            root = tree.root.descriptor
            if self._replace:
                os.replace(self._name, place.name, src_dir_fd=root, dst_dir_fd=place.folder)
            else:
                rename_new(self._name, root, place.name, place.folder)
            descriptors.sync_names(place.folder)
            return view_of(tree, self._path)

    def _require_free(self) -> None:
        with self._tree.new_place(self._path) as place:
            self._existing(place)

    def _existing(self, place: Place) -> os.stat_result | None:
        """The file that would be replaced. Raises DuplicateResource, InvalidPath."""
        try:
            found = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            raise InvalidPath(
                f"'{self._shown}' 已存在且不是普通文件，不能被上传的文件替换",
                f"'{self._shown}' exists and is not a regular file: an upload cannot replace it",
                field="path",
            )
        if not self._replace:
            raise failures.existing(self._shown)
        return found

    def _remove(self, root: int) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=root)
