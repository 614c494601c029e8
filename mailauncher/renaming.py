"""Renames that replace nothing."""

import ctypes
import errno
import os
import sys

_LINUX_NOREPLACE = 1
_DARWIN_EXCLUDE = 4
_UNABLE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
"""What it fails with where the system or the file system cannot do it in one step; the second also for a wrong request, which the
other way refuses as well."""


def rename_new(name: str, folder: int, new_name: str, new_folder: int) -> None:
    """Renames a file or folder, given by its name in an open folder. Raises OSError, FileExistsError if the new name exists.

    Where it takes two steps, since a file system knows no better, a name that appears between them is replaced."""
    try:
        _in_one_step(os.fsencode(name), folder, os.fsencode(new_name), new_folder)
        return
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
    try:
        os.stat(new_name, dir_fd=new_folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name)


def _in_one_step(name: bytes, folder: int, new_name: bytes, new_folder: int) -> None:
    try:
        system = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = system.renameatx_np(folder, name, new_folder, new_name, _DARWIN_EXCLUDE)
        else:
            failed = system.renameat2(folder, name, new_folder, new_name, _LINUX_NOREPLACE)
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(name))
