"""Opening a bot's database: for reading without a trace, for writing only what is there already.

Within this process a database must be opened once at a time: closing a file lets go of every lock that the process has on
it, and SQLite's are such locks.
"""

import logging
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from mailauncher.bots.learned import layout
from mailauncher.bots.learned.layout import Layout
from mailauncher.bots.learned.rows import text
from mailauncher.errors import (
    DatabaseError,
    InsufficientSpace,
    InvalidPath,
    LauncherError,
    PermissionDenied,
    ServiceUnavailable,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

PLACE = "data/MaiBot.db"
BUSY_TIMEOUT_S = 3.0
_HEADER = b"SQLite format 3\0"
_TRIES = 3


def exists(folder: Path) -> bool:
    """Whether the bot in this folder has a database. Raises InvalidPath for one that is not a file of this folder."""
    return _locate(folder) is not None


def read(folder: Path, work: Callable[[sqlite3.Connection, Layout], T]) -> T | None:
    """What `work` makes of the database; None where there is none yet. Nothing is created or changed, and a running bot
    waits for nobody.

    `work` may be called again when the bot changed the file meanwhile. Raises InvalidPath, ServiceUnavailable for a
    database that is locked, DatabaseError for one that is damaged or of no known shape.
    """
    file = _locate(folder)
    for _ in range(_TRIES):
        if file is None:
            return None
        before = _stamp(file)
        # A WAL database without a log is open nowhere. Opening it as usual would create the log and leave it behind.
        still = _is_wal(file) and not _log_of(file).exists()
        options = "mode=ro&immutable=1" if still else "mode=ro"
        with _explained(file), closing(_connect(file, options)) as connection:
            result = work(connection, layout.detect(connection))
        if not still or (_stamp(file) == before and not _log_of(file).exists()):
            return result
    raise _busy(folder / PLACE)


@contextmanager
def writing(folder: Path, *, alone: bool) -> Iterator[tuple[sqlite3.Connection, Layout]]:
    """The open database and its shape; each `transaction` on it is short. With `alone`, nobody else may have it open.

    Raises what `read` does, also where there is none, and PermissionDenied or InsufficientSpace.
    """
    file = _locate(folder)
    if file is None:
        raise ServiceUnavailable(
            f"Bot 的数据库 {PLACE} 还不存在：请先启动一次 Bot",
            f"The bot has no database {PLACE} yet: start it once",
        )
    with _explained(file), closing(_connect(file, "mode=rw")) as connection:
        if alone and _is_wal(file):
            # Whoever has a WAL database open holds a lock on it, whatever it is doing.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        yield connection, layout.detect(connection)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything in the block, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def inside(folder: Path, path: str) -> Path:
    """A path that a row has, as a file below the instance's folder. Raises InvalidPath for one that leads out of it, by
    itself or through links. The file need not exist."""
    root = folder.resolve()
    try:
        found = (root / path.replace("\\", "/")).resolve()
    except (OSError, RuntimeError, ValueError):
        found = root
    if found == root or not found.is_relative_to(root):
        raise InvalidPath(
            f"{path[:200]} 不在实例文件夹 {folder} 中",
            f"{path[:200]} is not in the instance's folder {folder}",
        )
    return found


def _locate(folder: Path) -> Path | None:
    """The file, None where it is not there yet."""
    file = inside(folder, PLACE)
    for place in (
        file,
        _log_of(file),
        file.with_name(f"{file.name}-shm"),
        file.with_name(f"{file.name}-journal"),
    ):
        try:
            mode = place.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            if place == file:
                return None
            continue
        except OSError as error:
            raise _refused(file, error.strerror or "") from None
        if not stat.S_ISREG(mode):
            raise InvalidPath(f"{place} 不是普通文件", f"{place} is not a regular file")
    return file


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _is_wal(file: Path) -> bool:
    """Raises DatabaseError for a file that is no database. An empty one is a database without tables."""
    try:
        with file.open("rb") as opened:
            head = opened.read(20)
    except OSError as error:
        raise _refused(file, error.strerror or "") from None
    if head and not head.startswith(_HEADER):
        raise _damaged(file)
    return head[18:20] == b"\2\2"


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _connect(file: Path, options: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(file))}?{options}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.text_factory = text  # a bot may have written what is no UTF-8
    return connection


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turns SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        log.info("%s: %s", file, error)
        raise _explanation(file, error) from error


def _explanation(file: Path, error: sqlite3.Error) -> LauncherError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if file.with_name(f"{file.name}-journal").exists() and code in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    ):
        return ServiceUnavailable(
            f"Bot 上次在写入数据库 {file} 时被强行结束：请启动一次 Bot，由它恢复",
            f"The bot was ended while it wrote its database {file}: start the bot once, which repairs it",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return _busy(file)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(file)
    if code == sqlite3.SQLITE_FULL:
        return InsufficientSpace(f"磁盘已满，无法写入 {file}", f"The disk is full: {file} cannot be written")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return _refused(file, str(error))
    return DatabaseError(f"Bot 的数据库 {file}：{error}", f"The bot's database {file}: {error}")


def _busy(file: Path) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"Bot 的数据库 {file} 正被占用：请停止 Bot 或关闭打开它的程序后重试",
        f"The bot's database {file} is locked: stop the bot, or close the program that has it open, and try again",
    )


def _damaged(file: Path) -> DatabaseError:
    return DatabaseError(
        f"Bot 的数据库 {file} 已损坏或不是 SQLite 数据库：请用备份替换它，它保持原样",
        f"The bot's database {file} is damaged, or no SQLite database: replace it by a backup; it is left as it is",
    )


def _refused(file: Path, reason: str) -> PermissionDenied:
    return PermissionDenied(
        f"无法打开 Bot 的数据库 {file}（{reason}）：请检查文件与文件夹的权限",
        f"The bot's database {file} cannot be opened ({reason}): look at the permissions of file and folder",
    )
