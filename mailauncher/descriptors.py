"""What is done with an open descriptor of a file or folder."""

import errno
import os
import stat
from typing import BinaryIO

LISTED_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
"""Flags to open a folder whose names are read, or brought to the disk."""


def as_regular(descriptor: int, name: str) -> BinaryIO:
    """The file of a descriptor, for reading; it closes the descriptor. Raises OSError, and has closed it, if that is not a
    regular file."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", name)
    return os.fdopen(descriptor, "rb")


def sync_names(folder: int) -> None:
    """Brings the names in a folder to the disk, where its file system can. The descriptor may be one that only leads there.
    Raises OSError if the folder cannot be opened."""
    descriptor = os.open(".", LISTED_FOLDER, dir_fd=folder)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise
    finally:
        os.close(descriptor)
