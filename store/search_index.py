"""The search index of emojis and persons, what SQLite's and PostgreSQL's have in common.

It is written in the transaction of the row. The words are those of `store.words`; see docs/decisions/0007-search-index.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from store import words


@dataclass(frozen=True, slots=True)
class Criteria:
    """A row matches if its texts contain `text` and it has all of the keywords. Where the rows themselves are looked at,
    `conditions` say the same as the keywords in SQL: a condition with one `?`, and its value. `filters` are further
    conditions, each with the values of its `?`; they cost a look at every row of the instance."""

    text: str = ""
    keywords: tuple[str, ...] = ()
    conditions: tuple[tuple[str, str], ...] = ()
    filters: tuple[tuple[str, ...], ...] = ()


class Statement(NamedTuple):
    text: str
    values: list[Any]


class Page(NamedTuple):
    """Which matches are wanted, newest first: those whose `seq` is below `before`, without the first `offset`."""

    limit: int
    offset: int = 0
    before: int | None = None


class SearchIndex(ABC):
    """Of both tables; `table` is `emoji` or `person`."""

    counts_words: ClassVar[bool]
    """Whether it has the number of rows of each word, so that all tags and categories are counted without a look at rows."""

    def count(self, table: str, instance_id: str, criteria: Criteria) -> Statement:
        """Selects the number of matches as `n`."""
        if self._needs_rows(criteria):
            where, values = _conditions(instance_id, criteria)
            return Statement(f"SELECT count(*) AS n FROM {table} WHERE {where}", values)  # noqa: S608 - our own names
        return self._count(table, instance_id, criteria)

    def numbers(self, table: str, instance_id: str, criteria: Criteria, page: Page) -> Statement:
        """Selects the `seq` of matches, newest first."""
        if self._needs_rows(criteria):
            where, values = _conditions(instance_id, criteria)
            return newest("seq", table, where, values, page)
        return self._numbers(table, instance_id, criteria, page)

    def _needs_rows(self, criteria: Criteria) -> bool:
        """With filters the rows themselves are looked at: to join them with the matches in SQLite's index took seconds for
        50,000 rows, where this takes tens of milliseconds."""
        return bool(criteria.filters)

    @abstractmethod
    def _count(self, table: str, instance_id: str, criteria: Criteria) -> Statement: ...

    @abstractmethod
    def _numbers(self, table: str, instance_id: str, criteria: Criteria, page: Page) -> Statement: ...

    @abstractmethod
    def entry(self, instance_id: str, search: str, keywords: Sequence[str]) -> Any:
        """What the index has of a row with these texts and keywords. It may take a while."""

    @abstractmethod
    async def replace(
        self, connection: Any, table: str, before: Mapping[int, Any], after: Mapping[int, Any]
    ) -> None:
        """Replaces the entries of rows, by their `seq`: those in one of the two alone are gone, or new."""

    @abstractmethod
    async def clear(self, connection: Any, table: str) -> None:
        """Removes the entries of all rows."""


def _conditions(instance_id: str, criteria: Criteria) -> tuple[str, list[Any]]:
    conditions, values = ["instance_id = ?", "search <> ''"], [instance_id]
    if part := words.fold(criteria.text):
        conditions.append("search LIKE ? ESCAPE '\\'")
        values.append(words.like_pattern(part))
    for condition, *its in (*criteria.conditions, *criteria.filters):
        conditions.append(condition)
        values += its
    return " AND ".join(conditions), values


def newest(number: str, source: str, where: str, values: list[Any], page: Page) -> Statement:
    if page.before is not None:
        where += f" AND {number} < ?"
        values.append(page.before)
    text = f"SELECT {number} AS seq FROM {source} WHERE {where} ORDER BY {number} DESC LIMIT ? OFFSET ?"  # noqa: S608 - our own names
    return Statement(text, [*values, page.limit, page.offset])
