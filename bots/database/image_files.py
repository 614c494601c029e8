"""Image files in a bot's folder: written whole or not at all, and removed for good."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mailauncher import descriptors, files
from mailauncher.beneath import LeadsOutside, Root
from mailauncher.errors import InsufficientSpace, LauncherError, PermissionDenied

MODE = 0o644


def put(root: Root, path: str, data: bytes, workshop: str) -> None:
    """Replaces or creates a file; it is on the disk once this returns. It is written in `workshop`, a folder of the same file
    system where no version of the bot looks for images, and then renamed; leftovers of an earlier writer that was killed are
    removed from there.

    Raises InsufficientSpace, PermissionDenied; OSError for what is misplaced, LeadsOutside for one."""
    with _explained(root, path):
        for entry in root.entries(workshop, follow=True):
            if entry.name.startswith(files.OWN_PREFIX) and not entry.is_folder:
                root.unlink(f"{workshop}/{entry.name}")
        beside = root.open(workshop, descriptors.LISTED_FOLDER)
        try:
            with (
                root.place(path, make=True) as place,
                files.replacing_at(place.folder, place.name, mode=MODE, workshop=beside) as file,
            ):
                file.write(data)
        finally:
            os.close(beside)


def remove(root: Root, path: str) -> None:
    """Removes a file, if it exists; a power cut does not bring it back. Raises as `put` does."""
    with _explained(root, path):
        root.unlink(path)


@contextmanager
def _explained(root: Root, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, LeadsOutside) or error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise
        raise _as_launcher_error(str(root.path / path), error) from error


def _as_launcher_error(target: str, error: OSError) -> LauncherError:
    if files.is_full(error):
        return InsufficientSpace(
            f"磁盘已满，无法写入 {target}", f"The disk is full: {target} cannot be written"
        )
    return PermissionDenied(
        f"无法写入 {target}：{error.strerror}", f"{target} cannot be written: {error.strerror}"
    )
