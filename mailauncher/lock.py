"""The lock of a data folder: one server at a time; a second one learns which process holds the lock."""

import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mailauncher import files
from mailauncher.errors import Code, InsufficientSpace, InvalidPath, LauncherError

FILE_NAME = "lock"
RETRY_S = 0.3  # a holder may not have written its pid yet, and `holder` takes the lock for a moment


class Holder(NamedTuple):
    """The process that holds a data folder, and the URL of its server."""

    pid: int
    url: str


class DataFolderInUse(LauncherError):
    """Another server holds the data folder."""

    code = Code.CONFLICT

    def __init__(self, folder: Path, holder: Holder | None) -> None:
        who_zh = f"（pid {holder.pid}，{holder.url}）" if holder else ""
        who_en = f" (pid {holder.pid}, {holder.url})" if holder else ""
        super().__init__(
            f"数据文件夹 {folder} 正由另一个 MaiLauncher{who_zh}使用：请先停止它，或换一个数据文件夹",
            f"The data folder {folder} is in use by another MaiLauncher{who_en}: stop it first, or choose another folder",
            field="data",
        )


@contextmanager
def hold(folder: Path, url: str) -> Iterator[None]:
    """Holds the folder for the block, creating it if necessary. The system releases the lock if the process dies.

    Raises DataFolderInUse, InsufficientSpace, or InvalidPath if the folder is unusable.
    """
    descriptor = _open(folder)
    try:
        _acquire(descriptor, folder)
        _write_holder(descriptor, folder, url)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(folder: Path) -> Holder | None:
    """The process that holds the folder now, if any."""
    try:
        descriptor = os.open(folder / FILE_NAME, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read_holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _open(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(folder / FILE_NAME, flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # of a pipe, nobody's pid can be read
            os.close(descriptor)
            raise OSError(errno.EINVAL, f"{FILE_NAME} is not a regular file")
        return descriptor
    except OSError as error:
        raise _unusable(folder, error) from None


def _unusable(folder: Path, error: OSError) -> LauncherError:
    return (InsufficientSpace if files.is_full(error) else InvalidPath)(
        f"数据文件夹 {folder} 无法使用：{error.strerror}",
        f"Cannot use the data folder {folder}: {error.strerror}",
        field="data",
    )


def _acquire(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + RETRY_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DataFolderInUse(folder, _read_holder(descriptor)) from None
            time.sleep(0.02)


def _write_holder(descriptor: int, folder: Path, url: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)
    except OSError as error:
        raise _unusable(folder, error) from None


def _read_holder(descriptor: int) -> Holder | None:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(content["pid"]), str(content["url"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
