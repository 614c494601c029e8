"""Which search index a database has."""

from typing import Any

from store.postgres_index import PostgresqlIndex
from store.search_index import SearchIndex
from store.sqlite_index import SqliteIndex
from store.statements import is_sqlite

_SQLITE, _POSTGRESQL = SqliteIndex(), PostgresqlIndex()


def index_of(connection: Any) -> SearchIndex:
    """The index of the database of this connection."""
    return _SQLITE if is_sqlite(connection) else _POSTGRESQL
