"""Opens a bot's database: for reading without leaving a trace, for writing only if it exists.

This process must open a database only once at a time: SQLite's locks are POSIX locks, and closing any descriptor of a file
releases every lock that the process holds on it.
"""

import errno
import logging
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from bots import sqlite_beneath
from bots.database import layout
from bots.database.layout import Layout
from bots.database.rows import as_text
from mailauncher import files
from mailauncher.beneath import LeadsOutside, Root
from mailauncher.errors import (
    DatabaseError,
    InsufficientSpace,
    InvalidPath,
    LauncherError,
    PermissionDenied,
    ServiceUnavailable,
)
from mailauncher.interruption import Check, proceed

log = logging.getLogger(__name__)
T = TypeVar("T")

PLACE = "data/MaiBot.db"
BUSY_TIMEOUT_S = 3.0
CHECKED_EVERY = 1000  # steps of SQLite's machine: less than a millisecond


def exists(folder: Path) -> bool:
    """Whether the bot in this folder has a database. Raises InvalidPath if it is not a regular file in this folder."""
    if not files.may_be_folder(folder):
        return False
    with opened(folder) as root:
        return _locate(root) is not None


def size(folder: Path) -> int | None:
    """The length of the database in bytes; None if there is none, or it is not in this folder."""
    try:
        with Root(folder) as root:
            return root.status(PLACE, follow=True).st_size
    except OSError:
        return None


def read(folder: Path, work: Callable[[sqlite3.Connection, Layout], T], check: Check = proceed) -> T | None:
    """The result of `work` on the database; None if there is no database yet. Creates and changes nothing, and never makes a
    running bot wait.

    `work` is called again if the bot changed the file meanwhile. `check` is called often, and may raise. Raises InvalidPath,
    ServiceUnavailable (locked), DatabaseError (damaged, or an unknown layout).
    """
    if not files.may_be_folder(folder):
        return None

    def found(connection: sqlite3.Connection) -> T:
        _prepare(connection, check)
        return work(connection, layout.detect(connection))

    with opened(folder) as root:
        file = _locate(root)
        if file is None:
            return None
        try:
            with sqlite_beneath.turn(root, file, check), _checked(root, file, check):
                return sqlite_beneath.read(root, file, BUSY_TIMEOUT_S, found)
        except sqlite_beneath.Restless:
            raise _busy(folder / PLACE) from None


@contextmanager
def writing(
    folder: Path, *, alone: bool, check: Check = proceed
) -> Iterator[tuple[sqlite3.Connection, Layout]]:
    """The open database and its layout; each `transaction` on it must be short. With `alone`, no other process may have it
    open. `check` is called often, except in a transaction, and may raise.

    Raises the errors of `read`, ServiceUnavailable if there is no database yet, PermissionDenied, InsufficientSpace.
    """
    with opened(folder) as root:
        file = _locate(root)
        if file is None:
            raise ServiceUnavailable(
                f"Bot 的数据库 {PLACE} 还不存在：请先启动一次 Bot",
                f"The bot has no database {PLACE} yet: start the bot once",
            )
        with (
            sqlite_beneath.turn(root, file, check),
            _checked(root, file, check),
            closing(sqlite_beneath.connect(root, file, "mode=rw", BUSY_TIMEOUT_S)) as connection,
        ):
            _prepare(connection, check)
            if alone and sqlite_beneath.is_wal(root, file):  # before the first read: no lock can be lost yet
                # Every process that has a WAL database open holds a lock on it, even while it is idle.
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            found = layout.detect(connection)
            sqlite_beneath.check_log(connection, root, file)
            yield connection, found


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commits the changes of the block, or none of them if it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def opened(folder: Path) -> Iterator[Root]:
    """An instance's folder. Errors of the block become InvalidPath for what leads out of the folder, PermissionDenied for
    anything else."""
    try:
        with Root(folder) as root:
            yield root
    except LeadsOutside as error:
        raise outside(folder, error) from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise InvalidPath(
                f"{error.filename} 不是实例文件夹 {folder} 中的文件",
                f"{error.filename} is no file in {folder}",
            ) from None
        raise _refused(Path(str(error.filename or folder)), error.strerror or "") from None


def outside(folder: Path, error: LeadsOutside) -> InvalidPath:
    path = str(error.filename)[:200]
    return InvalidPath(
        f"{path} 不在实例文件夹 {folder} 中", f"{path} is not in the instance's folder {folder}"
    )


def path_of(row: str) -> str:
    """The path in a row, relative to the instance's folder, with `/`: bots write it with the separators of their system."""
    return row.replace("\\", "/")


def _locate(root: Root) -> str | None:
    """The file's path, links resolved; None if it does not exist yet. Raises InvalidPath, OSError."""
    try:
        with root.place(PLACE) as place:
            file = place.path
        modes = {file: root.status(file).st_mode}
    except (FileNotFoundError, NotADirectoryError):
        return None
    for beside in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            modes[file + beside] = root.status(file + beside).st_mode
    for path, mode in modes.items():
        if not stat.S_ISREG(mode):
            raise InvalidPath(f"{root.path / path} 不是普通文件", f"{root.path / path} is not a regular file")
    return file


def _require_database(root: Root, file: str) -> None:
    """Raises OSError, DatabaseError if the file is not a database. An empty file is a database without tables."""
    with root.open_regular(file) as database:
        head = database.read(len(sqlite_beneath.HEADER))
    if head and head != sqlite_beneath.HEADER:
        raise _damaged(root.path / file)


def _prepare(connection: sqlite3.Connection, check: Check) -> None:
    connection.row_factory = sqlite3.Row
    connection.text_factory = as_text  # a bot may have written text that is not UTF-8

    def unwanted() -> bool:
        if not connection.in_transaction:
            check()  # SQLite interrupts its work if this raises, and does not say what was raised
        return False

    connection.set_progress_handler(unwanted, CHECKED_EVERY)


@contextmanager
def _checked(root: Root, path: str, check: Check) -> Iterator[None]:
    """Raises as `_require_database` does, and translates SQLite's errors into errors of this program, or into what `check` has
    raised meanwhile."""
    _require_database(root, path)
    file = root.path / path
    try:
        yield
    except sqlite3.Error as error:
        check()
        log.info("%s: %s", file, error)
        raise _explanation(file, error) from error


def _explanation(file: Path, error: sqlite3.Error) -> LauncherError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if files.exists(file.with_name(f"{file.name}-journal")) and code in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    ):
        return ServiceUnavailable(
            f"Bot 上次在写入数据库 {file} 时被强行结束：请启动一次 Bot，由它恢复",
            f"The bot was killed while it wrote to its database {file}: start the bot once, which repairs it",
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
        f"The bot's database {file} is damaged or not an SQLite database: replace it with a backup; it was not changed",
    )


def _refused(file: Path, reason: str) -> PermissionDenied:
    return PermissionDenied(
        f"无法打开 Bot 的数据库 {file}（{reason}）：请检查文件与文件夹的权限",
        f"The bot's database {file} cannot be opened ({reason}): check the permissions of the file and its folder",
    )
