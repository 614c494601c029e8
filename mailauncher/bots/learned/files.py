"""Putting a file into a bot's folder: whole or not at all."""

import errno
import os
import secrets
from pathlib import Path

from mailauncher.errors import InsufficientSpace, LauncherError, PermissionDenied

_UNFINISHED = ".mailauncher-"
"""How files begin that are being written. They lie in `data/`, where no version of the bot looks for images."""


def put(target: Path, data: bytes, workshop: Path) -> None:
    """Writes a file beside its place and renames it there. On the disk once this returns. `workshop` is a folder of the same
    file system that holds it meanwhile; leftovers of an earlier writer that was killed are removed from it.

    Raises InsufficientSpace, PermissionDenied."""
    unfinished = workshop / f"{_UNFINISHED}{secrets.token_hex(8)}"
    try:
        for left in workshop.glob(f"{_UNFINISHED}*"):
            left.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        sync_folder(target.parent)
    except OSError as error:
        raise refusal(target, error) from error


def remove(target: Path) -> None:
    """Removes a file, if it is there, for good. Raises PermissionDenied."""
    try:
        target.unlink(missing_ok=True)
        sync_folder(target.parent)
    except OSError as error:
        raise refusal(target, error) from error


def refusal(target: Path, error: OSError) -> LauncherError:
    """What to say when a file of the bot cannot be written or removed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InsufficientSpace(
            f"磁盘已满，无法写入 {target}", f"The disk is full: {target} cannot be written"
        )
    return PermissionDenied(
        f"无法写入 {target}：{error.strerror}", f"{target} cannot be written: {error.strerror}"
    )


def sync_folder(folder: Path) -> None:
    """What was renamed or removed in it stays so after a power cut."""
    if os.name != "posix":  # where a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
