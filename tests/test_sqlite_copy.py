"""Copying SQLite databases that others have open."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mailauncher import sqlite_copy
from mailauncher.interruption import Interrupted, proceed

ROWS = 200


@contextmanager
def database(file: Path, mode: str = "wal") -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as writer:
        writer.execute(f"PRAGMA journal_mode={mode}")
        writer.execute("CREATE TABLE a (b)")
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO a VALUES (?)", [("x" * 4000,)] * ROWS)
        writer.execute("COMMIT")
        yield writer


def rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as copied:
        return int(copied.execute("SELECT count(*) FROM a").fetchone()[0])


def test_a_copy_in_steps_holds_one_moment_and_is_not_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages were copied in one step, which nothing could interrupt."""
    monkeypatch.setattr(sqlite_copy, "PAGES", 16)
    steps = 0
    with database(tmp_path / "a.db") as writer, closing(sqlite3.connect(tmp_path / "a.db")) as source:

        def check() -> None:
            nonlocal steps
            steps += 1
            if steps > 1:  # the first one is before the moment that is copied
                writer.execute("INSERT INTO a VALUES ('later')")

        sqlite_copy.copy(source, tmp_path / "copy", check, 10)
        assert not source.in_transaction
    assert ROWS / 16 < steps < ROWS / 8
    assert rows(tmp_path / "copy") == ROWS
    assert rows(tmp_path / "a.db") == ROWS + steps - 1


@pytest.mark.parametrize("call", [1, 2, 5])
def test_a_copy_is_interrupted_within_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    monkeypatch.setattr(sqlite_copy, "PAGES", 16)
    calls = iter(range(1, call + 1))

    def check() -> None:
        if next(calls) == call:
            raise Interrupted

    with database(tmp_path / "a.db", "delete") as writer:
        with (
            closing(sqlite3.connect(tmp_path / "a.db")) as source,
            pytest.raises(Interrupted),
        ):
            sqlite_copy.copy(source, tmp_path / "copy", check, 10)
        writer.execute("INSERT INTO a VALUES ('and nothing is locked')")


def test_a_database_that_stays_locked_is_given_up(tmp_path: Path) -> None:
    with (
        database(tmp_path / "a.db", "delete") as writer,
        closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as source,
    ):
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite_copy.copy(source, tmp_path / "copy", proceed, 0.01)
        writer.execute("COMMIT")
        sqlite_copy.copy(source, tmp_path / "copy", proceed, 10)
    assert rows(tmp_path / "copy") == ROWS
