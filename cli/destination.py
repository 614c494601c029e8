"""The file that a command writes its result to."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mailauncher import files
from mailauncher.errors import InsufficientSpace, InvalidParameter, LauncherError

_DESCRIPTORS = ("/dev/", "/proc/")


@contextmanager
def destination(name: str) -> Iterator[BinaryIO]:
    """Standard output for `-`, otherwise the file of that name.

    A file has its former content until the block ends, and keeps it if that is by an exception. Links are followed. A device
    or a pipe receives what is written as it comes. Raises InvalidParameter or InsufficientSpace for a file that cannot be
    written to.
    """
    if name == "-":
        yield sys.stdout.buffer
        return
    try:
        with _opened(name) as file:
            yield file
    except OSError as error:
        raise unusable(name, error) from None


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    try:
        status = Path(name).stat()
    except FileNotFoundError:
        status = None
    # /dev/stdout is a link to the file that the shell has opened and that its next command writes to as well.
    if status and (not stat.S_ISREG(status.st_mode) or str(Path(name).absolute()).startswith(_DESCRIPTORS)):
        with Path(name).open("wb") as file:
            yield file
        return
    mode = stat.S_IMODE(status.st_mode) if status else 0o666 & ~_umask()
    owner = (status.st_uid, status.st_gid) if status else None
    with files.replacing(Path(os.path.realpath(name)), mode=mode, owner=owner) as file:
        yield file


def _umask() -> int:
    """What a new file may not allow. It can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def unusable(name: str, error: OSError) -> LauncherError:
    """The error for a file that a person named."""
    kind = InsufficientSpace if files.is_full(error) else InvalidParameter
    return kind(f"无法使用 {name}：{error.strerror}", f"Cannot use {name}: {error.strerror}", field="what")
