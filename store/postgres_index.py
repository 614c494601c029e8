"""PostgreSQL's search index of emojis and persons: the rows of each word as bits."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from store import frequent_parts, words
from store.search_index import Criteria, Page, SearchIndex, Statement
from store.statements import bits, select

BLOCK = 1024
WORDS_AT_ONCE = 10_000
"""In a statement: one that takes long would count as a database that is away."""
_GIVEN = "unnest(?::bigint[], ?::bigint[], ?::varbit[]) AS given(word, block, members)"


_COMPLETE = words.number("", "complete")
"""In the place of a word. The frequent parts of its last block, and of those before, are in the index."""


class _Entry(NamedTuple):
    instance_id: str
    search: str
    numbers: frozenset[int]


_NOTHING = _Entry("", "", frozenset())


class PostgresqlIndex(SearchIndex):
    """A table with a row for each word and each BLOCK of rows that has it: one bit for each of them. Of several words it takes
    what their bits have in common, and counts bits. A longer part is a word only in blocks where many rows have it, once all
    rows of the block are there; in others, what is found by several words in its place is compared with the row."""

    counts_words = False

    def _needs_rows(self, criteria: Criteria) -> bool:
        return super()._needs_rows(criteria) or not (criteria.text or criteria.keywords)

    def _count(self, table: str, instance_id: str, criteria: Criteria) -> Statement:
        part = words.fold(criteria.text)
        blocks, values = _blocks(table, instance_id, part, criteria)
        exactly = "coalesce(sum(bit_count(members)) FILTER (WHERE exact), 0)::bigint"
        if len(part) <= words.LONGEST:
            return Statement(f"SELECT {exactly} AS n FROM ({blocks}) AS blocks", values)  # noqa: S608 - our own text
        like, pattern = _like(table, part)
        others = f"SELECT count(*) FROM ({_places('blocks', 'NOT exact')}) AS places WHERE {like}"  # noqa: S608 - our own text
        return Statement(
            f"WITH blocks AS MATERIALIZED ({blocks}) SELECT {exactly} + ({others}) AS n FROM blocks",  # noqa: S608 - our own text
            [*values, *pattern],
        )

    def _numbers(self, table: str, instance_id: str, criteria: Criteria, page: Page) -> Statement:
        part = words.fold(criteria.text)
        blocks, values = _blocks(table, instance_id, part, criteria)
        # At least so many matches are newer than those of a block. Of the newest block, some may not be below `before`.
        certain = "CASE WHEN exact THEN bit_count(members)::int ELSE 0 END"
        counted = f"SELECT *, sum({certain}) OVER (ORDER BY block DESC) - {certain} AS newer FROM ({blocks}) AS blocks"  # noqa: S608 - our own text
        enough, conditions, its = page.limit + page.offset, ["true"], list[Any]()
        if page.before is not None:
            counted += f" WHERE block <= ?::bigint / {BLOCK}"
            values.append(page.before)
            enough, conditions, its = enough + BLOCK, ["seq < ?"], [page.before]
        if len(part) > words.LONGEST:
            like, pattern = _like(table, part)
            conditions.append(f"(exact OR {like})")
            its += pattern
        places = _places(f"({counted}) AS counted", "newer < ?::bigint")
        text = f"SELECT seq FROM ({places}) AS places WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ? OFFSET ?"  # noqa: S608 - our own text
        return Statement(text, [*values, enough, *its, page.limit, page.offset])

    def entry(self, instance_id: str, search: str, keywords: Sequence[str]) -> _Entry:
        return _Entry(instance_id, search, words.row_numbers(instance_id, search, keywords))

    async def replace(
        self, connection: Any, table: str, before: Mapping[int, Any], after: Mapping[int, Any]
    ) -> None:
        index = f"{table}_words"
        [row] = await select(
            connection,
            f"SELECT coalesce(max(block), -1) AS last FROM {index} WHERE word = ?",  # noqa: S608 - our own name
            [_COMPLETE],
        )
        complete = row["last"]
        gone, new = await asyncio.to_thread(lambda: (_more(before, after), _more(after, before)))
        for entries, others, numbers in ((before, after, gone), (after, before, new)):
            texts = {
                seq: one
                for seq, one in entries.items()
                if seq // BLOCK <= complete and one.search != others.get(seq, _NOTHING).search
            }
            for seq, found in (await _frequent(connection, index, texts)).items():
                numbers[seq] |= found
        for seq in gone.keys() & new.keys():
            same = gone[seq] & new[seq]
            gone[seq] -= same
            new[seq] -= same
        await _remove(connection, index, gone)
        await _add(connection, index, new)
        if after and complete + 1 < max(after) // BLOCK:
            await _complete(connection, table, range(complete + 1, max(after) // BLOCK))

    async def clear(self, connection: Any, table: str) -> None:
        await select(connection, f"DELETE FROM {table}_words", [])  # noqa: S608 - our own name


def _blocks(table: str, instance_id: str, part: str, criteria: Criteria) -> tuple[str, list[Any]]:
    """Selects the `block`s with matches, the `members` that may match, and whether these are `exact`ly those that do."""
    wanted = words.query_numbers(instance_id, part, criteria.keywords)
    numbers, exact, words_found, values = wanted, "true", "count(*)", list[Any]()
    if len(part) > words.LONGEST_FREQUENT:
        exact = "false"
    elif len(part) > words.LONGEST:
        whole = words.number(instance_id, part)
        exact, words_found = "bool_or(word = ?::bigint)", "count(*) FILTER (WHERE word <> ?::bigint)"
        numbers, values = [*wanted, whole], [whole]
    text = (
        f"SELECT block, bit_and(members) AS members, {exact} AS exact FROM {table}_words "  # noqa: S608 - our own name
        f"WHERE word = ANY(?::bigint[]) GROUP BY block HAVING {words_found} = ?::bigint AND bit_count(bit_and(members)) > 0"
    )
    return text, [*values, numbers, *values, len(wanted)]


def _places(blocks: str, condition: str) -> str:
    """Selects the `seq` of each of the `members` of blocks. What stands before each 1 among their bits are zeros."""
    between = "string_to_table(members::text, '1') WITH ORDINALITY AS between(zeros, nth)"
    return (
        f"SELECT exact, block * {BLOCK} - 1 + sum(length(zeros) + 1) OVER (PARTITION BY block ORDER BY nth) AS seq "  # noqa: S608 - our own text
        f"FROM {blocks} CROSS JOIN LATERAL {between} WHERE nth <= bit_count(members) AND {condition}"
    )


def _like(table: str, part: str) -> tuple[str, list[Any]]:
    """A condition for the row with this `seq`."""
    row = f"SELECT search FROM {table} WHERE {table}.seq = places.seq"  # noqa: S608 - our own name
    return f"({row}) LIKE ? ESCAPE '\\'", [words.like_pattern(part)]


def _more(entries: Mapping[int, _Entry], others: Mapping[int, _Entry]) -> dict[int, set[int]]:
    """The words that the entries have more than the others."""
    return {seq: set(one.numbers - others.get(seq, _NOTHING).numbers) for seq, one in entries.items()}


async def _frequent(connection: Any, index: str, rows: Mapping[int, _Entry]) -> dict[int, set[int]]:
    """The frequent parts that these rows have, of those that are in the index for their blocks."""
    found: dict[int, set[int]] = {seq: set() for seq in rows}
    begins = [
        (seq, text, at)
        for seq, one in rows.items()
        for text in words.texts_of(one.search)
        for at in range(len(text) - words.LONGEST)
    ]
    for length in range(words.LONGEST + 1, words.LONGEST_FREQUENT + 1):
        asked, pairs = await asyncio.to_thread(_numbered, rows, begins, length)
        if not pairs:
            break
        there = await select(
            connection,
            f"SELECT word, block FROM {index} JOIN unnest(?::bigint[], ?::bigint[]) AS given(word, block) "  # noqa: S608 - our own name
            "USING (word, block)",
            [[number for number, _ in pairs], [block for _, block in pairs]],
        )
        known = {(row["word"], row["block"]) for row in there}
        having = [one for one in asked if (one[3], one[0] // BLOCK) in known]
        for seq, _, _, number in having:
            found[seq].add(number)
        # A part is in the index only if what it begins with is there: more rows have that.
        begins = [(seq, text, at) for seq, text, at, _ in having if at + length < len(text)]
    return found


def _numbered(
    rows: Mapping[int, _Entry], begins: Sequence[tuple[int, str, int]], length: int
) -> tuple[list[tuple[int, str, int, int]], list[tuple[int, int]]]:
    """Where parts of this length begin, each with its number; and all of these numbers with their blocks."""
    asked = [
        (seq, text, at, words.number(rows[seq].instance_id, text[at : at + length]))
        for seq, text, at in begins
    ]
    return asked, sorted({(number, seq // BLOCK) for seq, _, _, number in asked})


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


async def _remove(connection: Any, index: str, numbers: Mapping[int, Iterable[int]]) -> None:
    """Takes the rows out of these words, and words without rows out of the index."""
    gone = await asyncio.to_thread(_members, numbers)
    if not gone[0]:
        return
    where = f"WHERE {index}.word = given.word AND {index}.block = given.block"
    await select(
        connection,
        f"UPDATE {index} SET members = {index}.members & ~given.members::bit({BLOCK}) FROM {_GIVEN} {where}",  # noqa: S608 - our own names
        gone,
    )
    await select(
        connection,
        f"DELETE FROM {index} USING {_GIVEN} {where} AND bit_count({index}.members) = 0",  # noqa: S608 - the same
        gone,
    )


async def _add(connection: Any, index: str, numbers: Mapping[int, Iterable[int]]) -> None:
    new = await asyncio.to_thread(_members, numbers)
    for begin in range(0, len(new[0]), WORDS_AT_ONCE):
        await select(
            connection,
            f"INSERT INTO {index} (word, block, members) SELECT word, block, members::bit({BLOCK}) FROM {_GIVEN} "  # noqa: S608 - our own names
            f"ON CONFLICT (word, block) DO UPDATE SET members = {index}.members | excluded.members",
            [column[begin : begin + WORDS_AT_ONCE] for column in new],
        )


async def _complete(connection: Any, table: str, blocks: range) -> None:
    """Adds the frequent parts of blocks that get no more rows. Many may have none, as the first of a copied database."""
    filled = await select(
        connection,
        f"SELECT DISTINCT seq / {BLOCK} AS block FROM {table} WHERE seq >= ? AND seq < ? ORDER BY 1",  # noqa: S608 - our own name
        [blocks.start * BLOCK, blocks.stop * BLOCK],
    )
    for row in filled:
        await _add(connection, f"{table}_words", await _frequent_of_block(connection, table, row["block"]))
    mark = f"INSERT INTO {table}_words (word, block, members) VALUES (?, ?, ?)"  # noqa: S608 - our own name
    await select(connection, mark, [_COMPLETE, blocks[-1], bits(0, BLOCK)])


async def _frequent_of_block(connection: Any, table: str, block: int) -> dict[int, set[int]]:
    rows = await select(
        connection,
        f"SELECT seq, instance_id, search FROM {table} WHERE seq >= ? AND seq < ? AND search <> ''",  # noqa: S608 - our own name
        [block * BLOCK, (block + 1) * BLOCK],
    )
    return await asyncio.to_thread(_frequent_parts, rows)


def _frequent_parts(rows: Sequence[Mapping[str, object]]) -> dict[int, set[int]]:
    """The numbers of those that each row has. Blocks, for some seconds at most."""
    numbers: defaultdict[int, set[int]] = defaultdict(set)
    for number, having in frequent_parts.find(rows).items():
        for seq in having:
            numbers[seq].add(number)
    return numbers
