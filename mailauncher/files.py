"""Files that are written completely or not at all, and that outlive a power cut; and reading what others may have placed.

A file is written beside its place under a name of its own, brought to the disk, renamed over what was there, and then its
folder is brought to the disk, because a name is only as safe as the folder that holds it. A reader sees the former content
or the new one. A writer that is killed leaves the former content, and possibly a hidden `.new` file beside it.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mailauncher import descriptors, in_place
from mailauncher.descriptors import LISTED_FOLDER

RECORD_BYTES = 16 << 20
"""More than any record of the launcher, recipe or settings file has."""
OWN_PREFIX = ".mailauncher-"
"""How the names of this program's own files begin in folders of others."""
SUFFIX = ".new"
"""How the name of a file ends that is still being written."""


# The same questions to a `Path` raise OSError where a name is too long or a folder on the way may not be entered.


def exists(path: str | Path) -> bool:
    """Whether there is something that can be reached; never raises."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder that can be reached; never raises."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def may_be_folder(path: str | Path) -> bool:
    """False if there is certainly no folder. True also where that cannot be known: opening it tells why."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - see above
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True


def is_file(path: str | Path) -> bool:
    """Whether there is a regular file that can be reached; never raises."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replaces the file, or creates it; it is on the disk once this returns. Raises OSError, and then it is as it was."""
    with replacing(path, mode=mode) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, *, mode: int = 0o600, owner: tuple[int, int] | None = None) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` at the end of the block. An exception in the block leaves `path`
    as it was. `owner` (uid, gid) is given to it where that is allowed. Raises OSError."""
    folder = os.open(path.parent, LISTED_FOLDER)
    try:
        with replacing_at(folder, path.name, mode=mode, owner=owner) as file:
            yield file
    finally:
        os.close(folder)


@contextmanager
def replacing_at(
    folder: int,
    name: str,
    *,
    mode: int = 0o600,
    owner: tuple[int, int] | None = None,
    workshop: int | None = None,
) -> Iterator[BinaryIO]:
    """Like `replacing`, in a folder given by its descriptor. It is written in `workshop`, by default the same folder. A file that is a mount of its own is written in place."""
    workshop = folder if workshop is None else workshop
    unfinished = f"{OWN_PREFIX}{secrets.token_hex(8)}{SUFFIX}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(unfinished, flags, 0o600, dir_fd=workshop)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if owner is not None and owner != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):
                    os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            yield file
            file.flush()
            os.fsync(descriptor)
        try:
            os.replace(unfinished, name, src_dir_fd=workshop, dst_dir_fd=folder)
        except OSError as error:
            if error.errno not in in_place.REFUSED:
                raise
            in_place.write(workshop, unfinished, _redo(name), folder, name, mode, RECORD_BYTES)
        descriptors.sync_names(folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=workshop)
        raise


def complete_at(folder: int, name: str) -> None:
    """Completes the writing in place of a file that was killed, if there is one. Raises OSError."""
    in_place.complete(folder, _redo(name), folder, name, RECORD_BYTES)


def _redo(name: str) -> str:
    return f"{OWN_PREFIX}{hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()}.redo"


def move(source: Path, target: Path) -> None:
    """Renames, in place of whatever file is at the target; the new name is on the disk once this returns. Raises OSError."""
    source.replace(target)
    sync_folder(target.parent)


def open_regular(path: Path) -> BinaryIO:
    """Opens a regular file for reading, links followed. Raises OSError.

    For every file that somebody else may have placed: the open of a pipe would wait for its other end, and a link to a
    device may lead to something without an end, so that reading needs a bound as well.
    """
    return descriptors.as_regular(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), str(path))


def read(path: Path, limit: int = RECORD_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes, links followed. Raises OSError, EFBIG for a larger one."""
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes", str(path))
    return content


def sync(path: Path) -> None:
    """Brings the content of a file to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk, where its file system can. Raises OSError if it cannot be opened."""
    descriptor = os.open(folder, LISTED_FOLDER)
    try:
        descriptors.sync_names(descriptor)
    finally:
        os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Whether no room was left on the disk, or in the user's share of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
