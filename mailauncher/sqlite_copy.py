"""Copies SQLite databases that others have open, in steps between which the copy can be interrupted."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from mailauncher.interruption import Check

PAGES = 1024
"""In one step: 4 MiB with the usual size of a page."""
_PAUSE_S = 0.05
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def copy(source: sqlite3.Connection, to: Path, check: Check, patience_s: float) -> None:
    """Copies a database as it is at one moment to a new file. `check` is called often, and may raise. Raises sqlite3.Error, after
    `patience_s` also for a database that stays locked.

    A transaction holds that moment from the first step to the last: without one, each change by others would begin the copy
    anew. A single step would hold them up for just as long.
    """
    give_up = time.monotonic() + patience_s
    source.execute("BEGIN")
    try:
        while True:
            check()
            try:
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()
                break
            except sqlite3.OperationalError as error:
                if (error.sqlite_errorcode & 0xFF) not in _LOCKED or time.monotonic() > give_up:
                    raise
            time.sleep(_PAUSE_S)
        with closing(sqlite3.connect(to, timeout=0)) as made:
            source.backup(made, pages=PAGES, progress=lambda *_: check())
    finally:
        source.rollback()
