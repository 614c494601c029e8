"""Removes folders with everything in them, entry by entry, so that it can be interrupted."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from mailauncher.descriptors import LISTED_FOLDER
from mailauncher.interruption import Check, proceed

_FOLDER = LISTED_FOLDER | os.O_NOFOLLOW


def remove(name: str | os.PathLike[str], check: Check = proceed, *, at: int | None = None) -> None:
    """Removes a folder; a relative `name` is below the folder with the descriptor `at`, if that is given. Links in it are
    removed, not followed. What somebody else removes meanwhile is no error. `check` is called for each entry, and may raise.
    Raises OSError."""
    with suppress(FileNotFoundError):
        emptying = _Emptying(os.open(name, _FOLDER, dir_fd=at), check)
        try:
            emptying.run()
        except OSError as error:
            inside = error.filename if isinstance(error.filename, str) else ""
            error.filename = str(Path(name, *emptying.way, inside))
            raise
        finally:
            os.close(emptying.folder)
        os.rmdir(name, dir_fd=at)


class _Emptying:
    """Goes through a folder with one descriptor, or two for a moment, however deep it is. The way up is `..`; since anybody may
    move folders meanwhile, it is compared with the way down."""

    def __init__(self, folder: int, check: Check) -> None:
        self.folder = folder
        self._check = check
        self._left = self._without_files()
        """The names of folders in this one."""
        self._above: list[tuple[os.stat_result, list[str]]] = []
        """The same of the folders that this one is in."""

    @property
    def way(self) -> list[str]:
        """The names of the folders in which this one is."""
        return [left[-1] for _, left in self._above]

    def run(self) -> None:
        while self._left or self._above:
            if not self._left:
                self._up()
            elif not self._down():
                self._left.pop()

    def _down(self) -> bool:
        """False if that folder has gone."""
        try:
            below = os.open(self._left[-1], _FOLDER, dir_fd=self.folder)
        except FileNotFoundError:
            return False
        self._above.append((os.fstat(self.folder), self._left))
        self._move(below)
        self._left = self._without_files()
        return True

    def _up(self) -> None:
        expected, self._left = self._above.pop()
        self._move(os.open("..", LISTED_FOLDER, dir_fd=self.folder))
        if not os.path.samestat(os.fstat(self.folder), expected):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self._left[-1])
        with suppress(FileNotFoundError):
            os.rmdir(self._left.pop(), dir_fd=self.folder)

    def _move(self, folder: int) -> None:
        os.close(self.folder)
        self.folder = folder

    def _without_files(self) -> list[str]:
        """Removes everything from this folder but folders, whose names it returns."""
        folders = []
        with os.scandir(self.folder) as found:
            for entry in found:
                self._check()
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                    continue
                with suppress(FileNotFoundError):
                    os.unlink(entry.name, dir_fd=self.folder)
        return folders
