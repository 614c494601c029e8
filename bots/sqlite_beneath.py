"""Opens SQLite databases beneath a folder that other programs may change at any moment.

SQLite takes paths only, and looks up every link in them itself, so that no descriptor can stand for the folder. Instead this
looks afterwards whether the file that SQLite holds open is the one beneath the folder, and its log too, before anything that
was read is used. What SQLite creates and removes by path, its logs and its rollback journal, is not covered: see
docs/security.md.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple, TypeVar
from urllib.parse import quote
from weakref import WeakValueDictionary

from mailauncher.beneath import LeadsOutside, Root
from mailauncher.interruption import Check, proceed

HEADER = b"SQLite format 3\0"
_TRIES = 3
_PATIENCE_S = 0.1
T = TypeVar("T")


# The system's locks belong to the process, and so does what ends them: a global.
_turns: WeakValueDictionary[tuple[int, int], threading.RLock] = WeakValueDictionary()
_choosing = threading.Lock()


@contextmanager
def turn(root: Root, path: str, check: Check = proceed) -> Iterator[None]:
    """Waits until no other thread has this database open. Whoever opens it, be it to read its first bytes, does so in such a
    block. `check` is called while it waits, and may raise.

    The locks with which SQLite keeps other processes out are those of POSIX. The system drops all that a process has on a
    file as soon as the process closes any descriptor of it, of any thread. SQLite knows that of its own connections. But a
    backup that looked at the head of a database, and closed it, would take the lock from a transaction that another thread
    is just writing, and the bot could write into the midst of it. Raises OSError.
    """
    try:
        found = root.status(path, follow=True)
    except FileNotFoundError:  # and so without locks
        yield
        return
    key = found.st_dev, found.st_ino
    with _choosing:
        lock = _turns.get(key)
        if lock is None:
            lock = _turns[key] = threading.RLock()
    while not lock.acquire(timeout=_PATIENCE_S):  # a backup copies it, which may take minutes
        check()
    try:
        yield
    finally:
        lock.release()


class _State(NamedTuple):
    """What changes when somebody writes to a database."""

    inode: int
    size: int
    changed_ns: int
    has_log: bool


class Restless(Exception):
    """Somebody changed a database whenever it was read."""


def read(root: Root, path: str, timeout: float, work: Callable[[sqlite3.Connection], T]) -> T:
    """The result of `work` on a read-only connection, which must read something. Creates and changes nothing in the folder,
    and never makes a running program wait; `work` is called again if one changed the file meanwhile.

    Raises Restless, sqlite3.Error; OSError, LeadsOutside for a database that is not beneath the root.
    """
    with turn(root, path):
        for _ in range(_TRIES):
            before = _state(root, path)
            # A WAL database without a log is open nowhere. Opening it normally would create a log and leave it behind.
            closed = is_wal(root, path) and not before.has_log
            options = "mode=ro&immutable=1" if closed else "mode=ro"
            with closing(connect(root, path, options, timeout)) as connection:
                result = work(connection)
                check_log(connection, root, path)
            if not closed or _state(root, path) == before:
                return result
        raise Restless


def connect(root: Root, path: str, options: str, timeout: float) -> sqlite3.Connection:
    """A connection to a database, in autocommit mode; `options` are those of SQLite's URIs, such as `mode=ro`. `check_log`
    is to be called after the first read, before what was read is used. For the `turn` of this thread.

    Raises sqlite3.Error; OSError, LeadsOutside if what was opened is not beneath the root.
    """
    with root.place(path) as place:
        uri = f"file:{quote(str(root.path / place.path))}?{options}"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
    except sqlite3.OperationalError:
        with root.open_regular(path):  # nothing is wrong with the file, so the path has led to another one
            raise LeadsOutside(path) from None
    try:
        _require_open(root, path)
    except OSError:
        connection.close()
        raise
    return connection


def check_log(connection: sqlite3.Connection, root: Root, path: str) -> None:
    """Raises sqlite3.Error; OSError, LeadsOutside if the database has a write-ahead log that is not beneath the root."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        with root.place(path) as place:
            log = log_of(place.path)
        _require_open(root, log)


def log_of(path: str) -> str:
    """The path of a database's write-ahead log."""
    return f"{path}-wal"


def is_wal(root: Root, path: str) -> bool:
    """Whether a file is a database that is written through a log. Raises OSError."""
    with root.open_regular(path) as file:
        head = file.read(20)
    return head.startswith(HEADER) and head[18:20] == b"\2\2"


def _require_open(root: Root, path: str) -> None:
    """Raises LeadsOutside unless this process has the file open. Nobody but SQLite keeps it open here: closing a descriptor
    of it would release SQLite's locks."""
    wanted = root.status(path, follow=True)
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - numbers, which are no paths
        with suppress(OSError):  # closed meanwhile by another thread
            if os.path.samestat(os.fstat(int(name)), wanted):
                return
    raise LeadsOutside(path)


def _state(root: Root, path: str) -> _State:
    found = root.status(path, follow=True)
    return _State(found.st_ino, found.st_size, found.st_mtime_ns, root.exists(log_of(path), follow=True))
