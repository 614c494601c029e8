"""Copies a whole store into another database, in one transaction, and compares each row before that ends."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from tortoise import connections
from tortoise.fields import BooleanField
from tortoise.models import Model
from tortoise.transactions import in_transaction

from mailauncher.errors import Conflict, DatabaseError
from store import models, words
from store.database import Database
from store.emojis import Emojis
from store.indexes import index_of
from store.persons import Persons
from store.search_index import Criteria
from store.statements import (
    execute_many,
    in_byte_order,
    last_number,
    placeholders,
    select,
    set_last_number,
    storable,
)

# A row comes after those that it names.
TABLES: tuple[type[Model], ...] = (
    models.Instance,
    models.Service,
    models.Event,
    models.Deployment,
    models.ConfigRevision,
    models.Emoji,
    models.Person,
    models.Learned,
    models.Sync,
    models.SshKey,
)
_ROWS_AT_ONCE = 500
_FILES_AT_ONCE = 20
"""Each may hold a megabyte."""

Row = dict[str, Any]
Copied = Callable[[str, int], None]
"""Is told how many rows of a table have been copied."""


async def copy(source: Database, target: Database, copied: Copied, *, replace: bool = False) -> bool:
    """Makes the target hold what the source holds, all or nothing. Returns False if it did already.

    Nothing else may write to either of them. Raises Conflict if the target has other rows, unless it may `replace` them, and
    DatabaseError.
    """
    with source.session():
        origin = connections.get("default")
    with target.session():
        async with in_transaction("default") as transaction:
            if not await _is_empty(transaction):
                if await _first_difference(origin, transaction) is None:
                    return False
                if not replace:
                    raise Conflict(
                        "目标数据库中已有其他内容；加上 --replace 会将其全部替换",
                        "The target has other content already; --replace replaces all of it",
                    )
                await _clear(transaction)
            for table in TABLES:
                count = 0
                async for rows in _batches(origin, table):
                    await _insert(target, transaction, table, rows)
                    count += len(rows)
                await _copy_last_number(origin, transaction, table)
                copied(_name(table), count)
            await _verify(origin, transaction)
    return True


def _name(table: type[Model]) -> str:
    return table._meta.db_table


def _columns(table: type[Model]) -> list[str]:
    return list(table._meta.fields_db_projection.values())


def _key(table: type[Model]) -> str:
    return table._meta.db_pk_column


async def _batches(connection: Any, table: type[Model]) -> AsyncIterator[list[Row]]:
    """All rows of a table in the order of their key, which is the same everywhere."""
    columns, key = ", ".join(f'"{name}"' for name in _columns(table)), _key(table)
    limit = _FILES_AT_ONCE if table is models.ConfigRevision else _ROWS_AT_ONCE
    order = in_byte_order(connection, key) if table is models.Instance else key
    statement = f"SELECT {columns} FROM {_name(table)} WHERE {order} > ? ORDER BY {order} LIMIT {limit}"  # noqa: S608 - our own names
    after: Any = "" if table is models.Instance else 0
    while rows := await select(connection, statement, [after]):
        after = rows[-1][key]
        yield [_same_everywhere(table, row) for row in rows]


def _same_everywhere(table: type[Model], row: Row) -> Row:
    """SQLite has numbers for booleans, none of which may be missing."""
    fields = table._meta.fields_map
    truths = {
        column
        for name, column in table._meta.fields_db_projection.items()
        if isinstance(fields[name], BooleanField)
    }
    return {name: bool(value) if name in truths else storable(value) for name, value in row.items()}


async def _insert(target: Database, transaction: Any, table: type[Model], rows: Sequence[Row]) -> None:
    if table is models.Emoji or table is models.Person:
        resources = Emojis(target) if table is models.Emoji else Persons(target)
        await resources.insert_copies(transaction, rows)
        return
    columns = _columns(table)
    quoted = ", ".join(f'"{name}"' for name in columns)
    statement = f"INSERT INTO {_name(table)} ({quoted}) VALUES ({placeholders(len(columns))})"  # noqa: S608 - our own names
    await execute_many(transaction, statement, [[row[name] for name in columns] for row in rows])


async def _copy_last_number(origin: Any, transaction: Any, table: type[Model]) -> None:
    """Numbers of rows that are gone are given to no other row."""
    if table is not models.Instance:
        number = await last_number(origin, _name(table), _key(table))
        await set_last_number(transaction, _name(table), _key(table), number)


async def _is_empty(connection: Any) -> bool:
    for table in TABLES:
        if await select(connection, f"SELECT 1 AS found FROM {_name(table)} LIMIT 1", []):  # noqa: S608 - our own name
            return False
    return True


async def _clear(transaction: Any) -> None:
    for table in reversed(TABLES):
        await select(transaction, f"DELETE FROM {_name(table)}", [])  # noqa: S608 - our own name
    for name in (Emojis.table, Persons.table):
        await index_of(transaction).clear(transaction, name)


async def _first_difference(one: Any, other: Any) -> str | None:
    """Where two databases differ."""
    none: list[Row] = []
    for table in TABLES:
        others = _batches(other, table)
        async for rows in _batches(one, table):
            same = await anext(others, none)
            if rows != same:
                return f"{_name(table)} {_differing_key(table, rows, same)}"
        if more := await anext(others, none):
            return f"{_name(table)} {more[0][_key(table)]}"
    return None


def _differing_key(table: type[Model], rows: Sequence[Row], others: Sequence[Row]) -> object:
    for place, row in enumerate(rows):
        if place >= len(others) or row != others[place]:
            return row[_key(table)]
    return others[len(rows)][_key(table)]


async def _verify(origin: Any, transaction: Any) -> None:
    """Raises DatabaseError unless each row is there, with the same content, and can be searched for."""
    place = await _first_difference(origin, transaction)
    for name in (Emojis.table, Persons.table):
        place = place or await _not_indexed(transaction, name)
    if place is not None:
        raise DatabaseError(
            f"复制后的内容不一致（{place}），目标数据库保持原样",
            f"What was copied differs at {place}. The target is as it was",
        )


async def _not_indexed(connection: Any, table: str) -> str | None:
    counts = f"SELECT instance_id, count(*) AS n FROM {table} WHERE search <> '' GROUP BY instance_id"  # noqa: S608 - our own name
    every = Criteria(keywords=(words.keyword(words.Keyword.ALL),))
    for row in await select(connection, counts, []):
        statement = index_of(connection).count(table, row["instance_id"], every)
        [found] = await select(connection, statement.text, statement.values)
        if found["n"] != row["n"]:
            return f"the search index of {table}"
    return None
