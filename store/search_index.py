"""The search index of emojis and persons: SQLite's full-text index, or on PostgreSQL the rows of each word as bits.

It is written in the transaction of the row. The words are those of `store.words`; see docs/decisions/0007-search-index.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from store import words
from store.statements import bits, execute_many, is_sqlite, select


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
            return _newest("seq", table, where, values, page)
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


class _SqliteIndex(SearchIndex):
    """FTS5 without texts of its own: to remove a row from it, it must be given exactly the words that were put in."""

    counts_words = True

    def _count(self, table: str, instance_id: str, criteria: Criteria) -> Statement:
        text = f"SELECT count(*) AS n FROM {table}_words WHERE {table}_words MATCH ?"  # noqa: S608 - our own name
        return Statement(text, [_match(instance_id, criteria)])

    def _numbers(self, table: str, instance_id: str, criteria: Criteria, page: Page) -> Statement:
        index = f"{table}_words"
        return _newest("rowid", index, f"{index} MATCH ?", [_match(instance_id, criteria)], page)

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


def _conditions(instance_id: str, criteria: Criteria) -> tuple[str, list[Any]]:
    conditions, values = ["instance_id = ?", "search <> ''"], [instance_id]
    if part := words.fold(criteria.text):
        conditions.append("search LIKE ? ESCAPE '\\'")
        values.append(words.like_pattern(part))
    for condition, *its in (*criteria.conditions, *criteria.filters):
        conditions.append(condition)
        values += its
    return " AND ".join(conditions), values


def _newest(number: str, source: str, where: str, values: list[Any], page: Page) -> Statement:
    if page.before is not None:
        where += f" AND {number} < ?"
        values.append(page.before)
    text = f"SELECT {number} AS seq FROM {source} WHERE {where} ORDER BY {number} DESC LIMIT ? OFFSET ?"  # noqa: S608 - our own names
    return Statement(text, [*values, page.limit, page.offset])


BLOCK = 1024


class _PostgresqlIndex(SearchIndex):
    """A table with a row for each word and each BLOCK of rows that has it: one bit for each of them. Of several words it takes
    what their bits have in common, and counts bits. What is found by several words for want of a longer one is compared
    with the row."""

    counts_words = False

    def _needs_rows(self, criteria: Criteria) -> bool:
        return super()._needs_rows(criteria) or not (criteria.text or criteria.keywords)

    def _count(self, table: str, instance_id: str, criteria: Criteria) -> Statement:
        part = words.fold(criteria.text)
        if len(part) > words.LONGEST:
            text, values = self._found(table, instance_id, part, criteria)
            return Statement(f"SELECT count(*) AS n FROM ({text}) AS found", values)  # noqa: S608 - our own text
        blocks, values = self._blocks(table, instance_id, part, criteria)
        return Statement(
            f"SELECT coalesce(sum(bit_count(members)), 0)::bigint AS n FROM ({blocks}) AS blocks",  # noqa: S608 - our own text
            values,
        )

    def _numbers(self, table: str, instance_id: str, criteria: Criteria, page: Page) -> Statement:
        text, values = self._found(table, instance_id, words.fold(criteria.text), criteria, page)
        text += " ORDER BY block DESC, place DESC LIMIT ? OFFSET ?"
        return Statement(text, [*values, page.limit, page.offset])

    def _blocks(self, table: str, instance_id: str, part: str, criteria: Criteria) -> tuple[str, list[Any]]:
        wanted = words.query_numbers(instance_id, part, criteria.keywords)
        text = (
            f"SELECT block, bit_and(members) AS members FROM {table}_words WHERE word = ANY(?::bigint[]) "  # noqa: S608 - our own name
            "GROUP BY block HAVING count(*) = ?::bigint AND bit_count(bit_and(members)) > 0 ORDER BY block DESC"
        )
        return text, [wanted, len(wanted)]

    def _found(
        self, table: str, instance_id: str, part: str, criteria: Criteria, page: Page | None = None
    ) -> tuple[str, list[Any]]:
        blocks, values = self._blocks(table, instance_id, part, criteria)
        before = None if page is None else page.before
        newer = "sum(bit_count(members)) OVER (ORDER BY block DESC) - bit_count(members) AS newer"
        counted = f"SELECT block, members, {newer} FROM ({blocks}) AS blocks"  # noqa: S608 - our own text
        if before is not None:
            counted += f" WHERE block <= ?::bigint / {BLOCK}"
            values.append(before)
        text = (
            f"SELECT block * {BLOCK} + place AS seq FROM ({counted}) AS counted "  # noqa: S608 - our own text
            f"CROSS JOIN generate_series(0, {BLOCK - 1}) AS place WHERE get_bit(members, place) = 1"
        )
        if before is not None:
            text += f" AND block * {BLOCK} + place < ?"
            values.append(before)
        if len(part) > words.LONGEST:
            text += (
                f" AND (SELECT search FROM {table} WHERE seq = block * {BLOCK} + place) LIKE ? ESCAPE '\\'"  # noqa: S608 - our own name
            )
            values.append(words.like_pattern(part))
        elif page is not None:
            # A block is looked into only if the newer ones have too few; of the newest, some may not be below `before`.
            text += " AND newer < ?::bigint"
            values.append(page.limit + page.offset + (0 if before is None else BLOCK))
        return text, values

    def entry(self, instance_id: str, search: str, keywords: Sequence[str]) -> frozenset[int]:
        return words.row_numbers(instance_id, search, keywords)

    async def replace(
        self, connection: Any, table: str, before: Mapping[int, Any], after: Mapping[int, Any]
    ) -> None:
        index = f"{table}_words"
        none: frozenset[int] = frozenset()
        gone = _members({seq: found - after.get(seq, none) for seq, found in before.items()})
        new = _members({seq: found - before.get(seq, none) for seq, found in after.items()})
        given = "unnest(?::bigint[], ?::bigint[], ?::varbit[]) AS given(word, block, members)"
        if gone[0]:
            same = "FROM {} WHERE {}.word = given.word AND {}.block = given.block"
            where = same.format(given, index, index)
            await select(
                connection,
                f"UPDATE {index} SET members = {index}.members & ~given.members::bit({BLOCK}) {where}",  # noqa: S608 - our own names
                gone,
            )
            await select(
                connection,
                f"DELETE FROM {index} USING {given} WHERE {index}.word = given.word AND {index}.block = given.block "  # noqa: S608 - the same
                f"AND bit_count({index}.members) = 0",
                gone,
            )
        if new[0]:
            await select(
                connection,
                f"INSERT INTO {index} (word, block, members) SELECT word, block, members::bit({BLOCK}) FROM {given} "  # noqa: S608 - the same
                f"ON CONFLICT (word, block) DO UPDATE SET members = {index}.members | excluded.members",
                new,
            )

    async def clear(self, connection: Any, table: str) -> None:
        await select(connection, f"DELETE FROM {table}_words", [])  # noqa: S608 - our own name


def _members(entries: Mapping[int, Iterable[int]]) -> list[list[Any]]:
    """Words, blocks, and the bits of the rows that have them: three lists of the same length, each word and block once."""
    found: dict[tuple[int, int], int] = {}
    for seq, numbers in entries.items():
        block, place = divmod(seq, BLOCK)
        bit = 1 << (BLOCK - 1 - place)
        for number in numbers:
            found[number, block] = found.get((number, block), 0) | bit
    # In the order of the table's index.
    ordered = sorted(found)
    return [
        [number for number, _ in ordered],
        [block for _, block in ordered],
        [bits(found[one], BLOCK) for one in ordered],
    ]


_SQLITE, _POSTGRESQL = _SqliteIndex(), _PostgresqlIndex()


def index_of(connection: Any) -> SearchIndex:
    """The index of the database of this connection."""
    return _SQLITE if is_sqlite(connection) else _POSTGRESQL
