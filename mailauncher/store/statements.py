"""SQL of our own, for SQLite and PostgreSQL alike: each value is a `?`, and nothing else in a statement is."""

import re
from collections.abc import Sequence
from typing import Any

NAMES_AT_ONCE = 500
"""Placeholders in one statement; both allow far more."""


def is_sqlite(connection: Any) -> bool:
    return bool(connection.capabilities.dialect == "sqlite")


def places(count: int) -> str:
    return ", ".join("?" * count)


def numbered(statement: str) -> str:
    """PostgreSQL's placeholders. Our statements have no question mark but those."""
    numbers = iter(range(1, 1 << 16))
    return re.sub(r"\?", lambda _: f"${next(numbers)}", statement)


async def rows(connection: Any, statement: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """What a statement with `?` for each value selects."""
    text = statement if is_sqlite(connection) else numbered(statement)
    return list(await connection.execute_query_dict(text, list(values)))


async def many(connection: Any, statement: str, values: Sequence[Sequence[Any]]) -> None:
    """The statement once for each row of values."""
    if values:
        text = statement if is_sqlite(connection) else numbered(statement)
        await connection.execute_many(text, [list(row) for row in values])
