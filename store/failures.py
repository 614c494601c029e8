"""What a failure of the database means for whoever asked."""

import sqlite3

from tortoise.exceptions import BaseORMException, IntegrityError

from mailauncher import files
from mailauncher.errors import Code, DatabaseError

# SHMSIZE: of the file that all connections share, which is the first to be made.
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
_NO_ROOM_POSTGRESQL = "53100"

FAILURES = (BaseORMException, sqlite3.Error)


class Away(BaseORMException):
    """The database server cannot be reached, or does not answer. Nothing is wrong with the statement."""


class Taken(BaseORMException):
    """Another server of ours uses the database. Its argument says which one."""


def as_database_error(error: BaseException) -> DatabaseError | None:
    """The error to tell of where a failure will pass: the disk is full, the database away or another server's. None for any
    other, of which the log knows more."""
    if is_full(error):
        return DatabaseError(
            "磁盘空间不足，数据库无法写入",
            "There is not enough disk space to write to the database",
            code=Code.INSUFFICIENT_SPACE,
        )
    if isinstance(error, Taken):
        return DatabaseError(
            f"数据库正由另一个 MaiLauncher 使用（{error}），请先停止它",
            f"Another MaiLauncher uses the database ({error}): stop that one first",
            code=Code.SERVICE_UNAVAILABLE,
        )
    if isinstance(error, Away):
        return DatabaseError(
            "数据库暂时无法访问，恢复后会自动继续使用，请稍后再试",
            "The database cannot be reached at the moment. It is used again as soon as it answers: try again later",
            code=Code.SERVICE_UNAVAILABLE,
        )
    return None


def lacks_owner(error: BaseException) -> bool:
    """Whether a row names another one that does not exist."""
    return isinstance(error, IntegrityError) and "foreign key" in str(error).lower()


def is_full(error: BaseException | None) -> bool:
    """Whether there was no room on the disk, for this error or for one while whose handling it was raised: Tortoise raises its
    own, and cannot undo part of a transaction that SQLite has undone already."""
    while error is not None:
        if getattr(error, "sqlite_errorcode", None) in _NO_ROOM:
            return True
        if getattr(error, "sqlstate", None) == _NO_ROOM_POSTGRESQL:
            return True
        if isinstance(error, OSError) and files.is_full(error):
            return True
        error = error.__context__
    return False
