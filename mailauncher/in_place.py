"""Writes to a file that cannot be renamed over: a mount of its own, as containers are given single files.

What is finished is kept beside the file until the file has all of it, and the former content with it. A writer that is killed
in between leaves a beginning of the new content and the rest of the former one, which the next server completes. Whoever reads
the file in between sees the same: no system call exchanges the content of such a file at once.

The file is as long as the longer content before anything of it is overwritten, and is cut last: what it frees in between
somebody else could take, and then neither content would fit.
"""

import errno
import os
import struct
from contextlib import suppress

from mailauncher import descriptors

REFUSED = (errno.EBUSY, errno.EXDEV)
"""What a rename over such a file fails with."""
_MARK = b"\0former content\0"
_END = struct.Struct(f">Q{len(_MARK)}s")
"""The end of what is kept: the new content, the former one, its length, and a mark."""
_BLOCK = 4096
"""After a power cut, blocks that were written later may be on the disk and earlier ones not."""


def write(workshop: int, finished: str, redo: str, folder: int, name: str, mode: int, limit: int) -> None:
    """Gives the file `name` of a folder the content of the file `finished` in the folder `workshop`, which is called `redo`
    meanwhile and is gone afterwards. A file that exists keeps its mode. Raises OSError, and then it has its former content;
    where even that cannot be written, both are kept until `complete`, or the next `write`, can.

    The folders are descriptors. The content is on the disk once this returns.
    """
    complete(
        workshop, redo, folder, name, limit
    )  # or what this one calls the former content would be neither
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with descriptors.as_regular(os.open(name, flags, mode, dir_fd=folder), name) as file:
        former, descriptor = file.read(), file.fileno()
        content = _content(workshop, finished)
        _keep_former(workshop, finished, former)
        os.replace(finished, redo, src_dir_fd=workshop, dst_dir_fd=workshop)
        descriptors.sync_names(workshop)  # before the file loses its former content
        try:
            _put(descriptor, content, len(former))
        except OSError:
            _put(descriptor, former, len(former))
            _remove(workshop, redo)
            raise
        _remove(workshop, redo)


def complete(workshop: int, redo: str, folder: int, name: str, limit: int) -> None:
    """Completes a `write` that was killed, or could not be undone. A file that somebody else has written since stays
    as it is; so does one that would become longer than `limit`. Raises OSError."""
    try:
        content, former = _kept(_content(workshop, redo, 2 * limit + _END.size + 1))
    except FileNotFoundError:
        return
    with suppress(FileNotFoundError):
        found = _content(folder, name, limit + 1)
        if len(content) <= limit and _unfinished(found, content, former):
            flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=folder)
            try:
                _put(descriptor, content, len(found))
            finally:
                os.close(descriptor)
    _remove(workshop, redo)


def _keep_former(workshop: int, finished: str, former: bytes) -> None:
    descriptor = os.open(finished, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=workshop)
    with os.fdopen(descriptor, "wb") as file:
        file.write(former + _END.pack(len(former), _MARK))
        file.flush()
        os.fsync(descriptor)


def _kept(redo: bytes) -> tuple[bytes, bytes]:
    """The new content and the former one."""
    length, mark = _END.unpack(redo[-_END.size :]) if len(redo) >= _END.size else (0, b"")
    begin = len(redo) - _END.size - length
    if mark != _MARK or begin < 0:
        return redo, b""  # of a former version, which emptied the file first
    return redo[:begin], redo[begin : begin + length]


def _unfinished(found: bytes, content: bytes, former: bytes) -> bool:
    """Whether a file is between two contents: in each block a beginning of the new one, and then the former one, with zeros
    behind its end."""
    if found == former and former:
        return False  # nothing was written, or somebody has undone it
    before = former.ljust(len(content), b"\0")
    if not len(former) <= len(found) <= len(before):
        return False
    for at in range(0, len(found), _BLOCK):
        block, new = found[at : at + _BLOCK], content[at : at + _BLOCK]
        same = next(
            (i for i, (one, other) in enumerate(zip(block, new, strict=False)) if one != other), len(new)
        )
        if block[same:] != before[at + same : at + len(block)]:
            return False
    return True


def _put(descriptor: int, content: bytes, length: int) -> None:
    """Makes this the content of a file of this length. Its length is what it was if there is no room for more."""
    if len(content) > length:
        try:
            _write(descriptor, bytes(len(content) - length), length)
            os.fsync(descriptor)  # some file systems look for room only then
        except OSError:
            os.ftruncate(descriptor, length)
            raise
    _write(descriptor, content, 0)
    os.fsync(descriptor)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)


def _write(descriptor: int, content: bytes, at: int) -> None:
    written = 0
    while written < len(content):
        written += os.pwrite(descriptor, content[written:], at + written)


def _remove(workshop: int, redo: str) -> None:
    with suppress(FileNotFoundError):  # somebody has completed it meanwhile
        os.unlink(redo, dir_fd=workshop)


def _content(folder: int, name: str, limit: int = -1) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with descriptors.as_regular(os.open(name, flags, dir_fd=folder), name) as file:
        return file.read(limit)
