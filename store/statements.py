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
    text = statement if is_sqlite(connection) else numbered(statement)
    return list(await connection.execute_query_dict(text, list(values)))


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
    if values:
        text = statement if is_sqlite(connection) else numbered(statement)
        await connection.execute_many(text, [list(row) for row in values])
