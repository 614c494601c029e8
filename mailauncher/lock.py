"""The lock of a data folder: one server at a time, and a second one says who holds it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mailauncher.errors import Code, InvalidPath, LauncherError

FILE_NAME = "lock"
PATIENCE_S = 0.3  # for a holder that has not written its name yet, and for one that only looked


class Holder(NamedTuple):
    """The process that holds a data folder, and where it listens."""

    pid: int
    url: str


class DataFolderInUse(LauncherError):
    """Another server has the data folder."""

    code = Code.CONFLICT

    def __init__(self, folder: Path, holder: Holder | None) -> None:
        who_zh = f"（pid {holder.pid}，{holder.url}）" if holder else ""
        who_en = f" (pid {holder.pid}, {holder.url})" if holder else ""
        super().__init__(
            f"数据文件夹 {folder} 正由另一个 MaiLauncher{who_zh}使用：请先停止它，或换一个数据文件夹",
            f"Another MaiLauncher{who_en} uses the data folder {folder}: stop it first, or choose another folder",
            field="data",
        )


@contextmanager
def held(folder: Path, url: str) -> Iterator[None]:
    """Holds the folder, made if need be, for the block; the system lets go of it if the process dies.

    Raises DataFolderInUse, or InvalidPath where no file can be kept in it.
    """
    descriptor = _open(folder)
    try:
        _take(descriptor, folder)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(folder: Path) -> Holder | None:
    """Who holds the folder now, if anybody does."""
    try:
        descriptor = os.open(folder / FILE_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _named(descriptor)
    finally:
        os.close(descriptor)
    return None


def _open(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InvalidPath(
            f"数据文件夹 {folder} 无法使用：{error.strerror}",
            f"The data folder {folder} cannot be used: {error.strerror}",
            field="data",
        ) from None


def _take(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DataFolderInUse(folder, _named(descriptor)) from None
            time.sleep(0.02)


def _named(descriptor: int) -> Holder | None:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(content["pid"]), str(content["url"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
