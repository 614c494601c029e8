"""Reads and changes rows of a bot's tables. Names of tables and columns come from this package or from the database itself."""

import sqlite3

from bots.database.layout import TableLayout
from mailauncher.errors import DatabaseError


def rows(
    connection: sqlite3.Connection, table: TableLayout, condition: str, key: str
) -> list[tuple[int, dict[str, object]]]:
    """Number and columns of each row that meets the condition, whose one placeholder stands for the key."""
    statement = f"SELECT rowid AS row_, * FROM {table.name} WHERE {condition} ORDER BY rowid"  # noqa: S608 - see above
    found = [dict(row) for row in connection.execute(statement, (key,))]
    return [(int(row.pop("row_")), row) for row in found]


def insert(connection: sqlite3.Connection, table: TableLayout, given: dict[str, object]) -> None:
    """Adds a row with the given columns that the table has. Raises DatabaseError if the table requires further columns."""
    if missing := sorted(table.required - given.keys()):
        names = ", ".join(missing)
        raise DatabaseError(
            f"无法识别 Bot 的数据库：表 {table.name} 需要未知的列 {names}。请升级 MaiLauncher",
            f"The layout of the bot's database is unknown: its table {table.name} requires the columns {names}. Upgrade MaiLauncher",
        )
    named = {name: value for name, value in given.items() if name in table.columns}
    marks = ", ".join("?" * len(named))
    statement = f"INSERT INTO {table.name} ({', '.join(named)}) VALUES ({marks})"  # noqa: S608 - see above
    connection.execute(statement, tuple(named.values()))


def update(connection: sqlite3.Connection, table: TableLayout, row: int, given: dict[str, object]) -> None:
    """Replaces the given columns that the table has."""
    named = {name: value for name, value in given.items() if name in table.columns}
    if named:
        sets = ", ".join(f"{name} = ?" for name in named)
        connection.execute(f"UPDATE {table.name} SET {sets} WHERE rowid = ?", (*named.values(), row))  # noqa: S608 - see above


def delete(connection: sqlite3.Connection, table: TableLayout, row: int) -> None:
    connection.execute(f"DELETE FROM {table.name} WHERE rowid = ?", (row,))  # noqa: S608 - see above
