"""SQLite's search index of emojis and persons: its full-text index."""

from collections.abc import Mapping, Sequence
from typing import Any

from store import words
from store.search_index import Criteria, Page, SearchIndex, Statement, newest
from store.statements import execute_many, select


class SqliteIndex(SearchIndex):
    """FTS5 without texts of its own: to remove a row from it, it must be given exactly the words that were put in."""

    counts_words = True

    def _count(self, table: str, instance_id: str, criteria: Criteria) -> Statement:
        text = f"SELECT count(*) AS n FROM {table}_words WHERE {table}_words MATCH ?"  # noqa: S608 - our own name
        return Statement(text, [_match(instance_id, criteria)])

    def _numbers(self, table: str, instance_id: str, criteria: Criteria, page: Page) -> Statement:
        index = f"{table}_words"
        return newest("rowid", index, f"{index} MATCH ?", [_match(instance_id, criteria)], page)

    def entry(self, instance_id: str, search: str, keywords: Sequence[str]) -> str:
        return words.row_words(instance_id, search, keywords)

    async def replace(
        self, connection: Any, table: str, before: Mapping[int, Any], after: Mapping[int, Any]
    ) -> None:
        index = f"{table}_words"
        out = [["delete", seq, text] for seq, text in before.items() if after.get(seq) != text]
        into = [[seq, text] for seq, text in after.items() if before.get(seq) != text]
        await execute_many(connection, f"INSERT INTO {index} ({index}, rowid, words) VALUES (?, ?, ?)", out)  # noqa: S608 - our own name
        await execute_many(connection, f"INSERT INTO {index} (rowid, words) VALUES (?, ?)", into)  # noqa: S608 - the same

    async def clear(self, connection: Any, table: str) -> None:
        await select(connection, f"INSERT INTO {table}_words ({table}_words) VALUES ('delete-all')", [])  # noqa: S608 - our own name


def _match(instance_id: str, criteria: Criteria) -> str:
    return words.match_expression(instance_id, words.fold(criteria.text), criteria.keywords)
