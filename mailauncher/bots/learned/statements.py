"""Changing rows of a bot's tables by their columns. Names come from this package or from the database itself."""

import sqlite3

from mailauncher.bots.learned.layout import Table
from mailauncher.errors import DatabaseError


def rows(
    connection: sqlite3.Connection, table: Table, condition: str, key: str
) -> list[tuple[int, dict[str, object]]]:
    """The rows whose condition, with one placeholder, holds for the key: their numbers and all their columns."""
    statement = f"SELECT rowid AS row_, * FROM {table.name} WHERE {condition} ORDER BY rowid"  # noqa: S608 - see above
    found = [dict(row) for row in connection.execute(statement, (key,))]
    return [(int(row.pop("row_")), row) for row in found]


def insert(connection: sqlite3.Connection, table: Table, given: dict[str, object]) -> None:
    """Adds a row with those of the given columns that the table has. Raises DatabaseError where it needs others as well."""
    if missing := sorted(table.required - given.keys()):
        names = ", ".join(missing)
        raise DatabaseError(
            f"无法识别 Bot 的数据库：表 {table.name} 需要未知的列 {names}。请升级 MaiLauncher",
            f"The bot's database is of no known shape: its table {table.name} needs the columns {names}. Upgrade MaiLauncher",
        )
    named = {name: value for name, value in given.items() if name in table.columns}
    marks = ", ".join("?" * len(named))
    statement = f"INSERT INTO {table.name} ({', '.join(named)}) VALUES ({marks})"  # noqa: S608 - see above
    connection.execute(statement, tuple(named.values()))


def update(connection: sqlite3.Connection, table: Table, row: int, given: dict[str, object]) -> None:
    """Replaces those of the given columns that the table has."""
    named = {name: value for name, value in given.items() if name in table.columns}
    if named:
        sets = ", ".join(f"{name} = ?" for name in named)
        connection.execute(f"UPDATE {table.name} SET {sets} WHERE rowid = ?", (*named.values(), row))  # noqa: S608 - see above


def delete(connection: sqlite3.Connection, table: Table, row: int) -> None:
    connection.execute(f"DELETE FROM {table.name} WHERE rowid = ?", (row,))  # noqa: S608 - see above
