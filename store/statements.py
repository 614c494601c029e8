"""Our own SQL, for SQLite and PostgreSQL alike: each value is a `?`, and a statement has no other question mark."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

NAMES_AT_ONCE = 500
"""Placeholders in one statement; both databases allow far more."""


def is_sqlite(connection: Any) -> bool:
    return bool(connection.capabilities.dialect == "sqlite")


def placeholders(count: int) -> str:
    return ", ".join("?" * count)


def numbered(statement: str) -> str:
    """The statement with PostgreSQL's placeholders."""
    numbers = iter(range(1, 1 << 16))
    return re.sub(r"\?", lambda _: f"${next(numbers)}", statement)


async def select(connection: Any, statement: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows of a statement."""
    if not is_sqlite(connection):
        statement, values = numbered(statement), [storable(value) for value in values]
    return list(await connection.execute_query_dict(statement, list(values)))


async def select_in(
    connection: Any, statement: str, values: Sequence[Any], names: Iterable[str]
) -> list[dict[str, Any]]:
    """The rows of a statement that ends with `IN ({names})`, for any number of names, NAMES_AT_ONCE in one query."""
    unique, found = list(dict.fromkeys(names)), []
    for begin in range(0, len(unique), NAMES_AT_ONCE):
        part = unique[begin : begin + NAMES_AT_ONCE]
        text = statement.format(names=placeholders(len(part)))
        found += await select(connection, text, [*values, *part])
    return found


async def execute_many(connection: Any, statement: str, values: Sequence[Sequence[Any]]) -> None:
    """Executes the statement once for each row of values."""
    if not values:
        return
    if is_sqlite(connection):
        await connection.execute_many(statement, [list(row) for row in values])
    else:
        rows = [[storable(value) for value in row] for row in values]
        await connection.execute_many(numbered(statement), rows)


def storable(value: Any) -> Any:
    """The value as PostgreSQL can hold it, whose texts have no U+0000."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


async def first_number(connection: Any, table: str, count: int) -> int:
    """The first of `count` consecutive values of a table's `seq`, which nobody else is given: of all write transactions one
    at a time is under way."""
    if is_sqlite(connection):
        found = await select(connection, "SELECT seq FROM sqlite_sequence WHERE name = ?", [table])
        return int(found[0]["seq"]) + 1 if found else 1
    sequence = f"pg_get_serial_sequence('{table}', 'seq')"
    drawn = (
        f"SELECT min(n) AS n FROM (SELECT nextval({sequence}) AS n FROM generate_series(1, ?::int)) AS drawn"  # noqa: S608 - our own name
    )
    return int((await select(connection, drawn, [count]))[0]["n"]) if count else 0


async def last_number(connection: Any, table: str, column: str) -> int:
    """The highest number that a row of the table was ever given; 0: none was."""
    if is_sqlite(connection):
        found = await select(connection, "SELECT seq AS n FROM sqlite_sequence WHERE name = ?", [table])
        return int(found[0]["n"]) if found else 0
    [row] = await select(connection, "SELECT pg_get_serial_sequence(?, ?) AS name", [table, column])
    state = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM {row['name']}"  # noqa: S608 - the database's own name
    return int((await select(connection, state, []))[0]["n"])


async def set_last_number(connection: Any, table: str, column: str, number: int) -> None:
    """Rows that are added get higher numbers."""
    if is_sqlite(connection):
        await select(connection, "DELETE FROM sqlite_sequence WHERE name = ?", [table])
        await select(connection, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table, number])
    else:
        given = "pg_get_serial_sequence(?::text, ?::text)"
        statement = f"SELECT setval({given}, greatest(?::bigint, 1), ?::bigint > 0)"
        await select(connection, statement, [table, column, number, number])


def each_element(connection: Any, column: str) -> str:
    """A table expression of the texts in a column with a JSON list, named `each`, with the column `value`."""
    if is_sqlite(connection):
        return f"json_each({column}) AS each"
    return f"jsonb_array_elements_text({column}::jsonb) AS each(value)"


def in_byte_order(connection: Any, expression: str) -> str:
    """A text to sort by, in the same order everywhere: SQLite's, which is that of code points."""
    return expression if is_sqlite(connection) else f'{expression} COLLATE "C"'


def bits(members: int, length: int) -> Any:
    """A value for PostgreSQL's type `bit`; the highest bit is its first."""
    import asyncpg  # noqa: PLC0415 - only where PostgreSQL is used

    return asyncpg.BitString.from_int(members, length)
