"""What emojis and persons have in common: rows of an instance, newest first, found by any part of their texts.

Rows are plain dictionaries with the columns of the table. The search index is written in the transaction of the row, so
an end at any moment leaves them alike. A row whose `search` is empty is hidden: it is there for the bot's sake alone.
"""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from tortoise import connections
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from mailauncher.errors import DuplicateResource, InstanceNotFound, ResourceNotFound, Text
from mailauncher.store import words
from mailauncher.store.database import Database
from mailauncher.store.statements import NAMES_AT_ONCE, is_sqlite, many, places, rows

Row = dict[str, Any]


MANY = 100
"""Selects in one statement; SQLite takes 500."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What rows must have, all of it: a part of a text, a word for each of `marks`. `conditions` say what the marks do in
    SQL, for a database without our index: a condition with one `?`, and its value."""

    text: str = ""
    marks: tuple[str, ...] = ()
    conditions: tuple[tuple[str, str], ...] = ()


class Asked(NamedTuple):
    """A page of an instance's rows, newest first; with `before` those that come after the row with this `seq`."""

    instance_id: str
    wanted: Wanted
    limit: int
    offset: int = 0
    before: int | None = None


def now_ms() -> int:
    return int(time.time() * 1000)


class Resources(ABC):
    """One table of rows that belong to instances. Raises DatabaseError."""

    table: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    """Those that a new row must have, beside the ones that it is given here."""
    key: ClassVar[str]
    """The column that is unique in an instance."""
    title: ClassVar[Text]
    blank: ClassVar[Row] = {}
    """Columns that a hidden row does without."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writes = 0
        self._totals: dict[str, int] = {}
        """How many rows an instance has, until something is written. Only where nobody else writes: SQLite's file has one
        server."""

    @abstractmethod
    def _search(self, row: Mapping[str, Any]) -> str:
        """The texts that a search looks into, folded."""

    @abstractmethod
    def _marks(self, row: Mapping[str, Any]) -> list[str]: ...

    # Reading

    async def get(self, instance_id: str, id: str) -> Row:
        """Raises ResourceNotFound, also for a hidden one."""
        found = await self.some(instance_id, [id])
        if not found:
            raise self.missing(id)
        return found[id]

    async def some(self, instance_id: str, ids: Iterable[str]) -> dict[str, Row]:
        """Rows by id; those that are not there, or hidden, are left out."""
        with self._database.session():
            connection = connections.get("default")
            return {row["id"]: row for row in await self._some(connection, instance_id, ids) if row["search"]}

    async def by_key(self, instance_id: str, keys: Iterable[str], column: str = "") -> list[Row]:
        """Rows by their unique column, or by another that has an index (`bot_key`, `pending`); hidden ones too."""
        with self._database.session():
            return await self._by(connections.get("default"), column or self.key, keys, instance_id)

    async def page(
        self, instance_id: str, wanted: Wanted, limit: int, *, offset: int = 0, before: int | None = None
    ) -> list[Row]:
        """Rows that fit, newest first; with `before` those that come after the row with this `seq`."""
        return (await self.pages([Asked(instance_id, wanted, limit, offset, before)]))[0]

    async def pages(self, asked: Sequence[Asked]) -> list[list[Row]]:
        """A page for each of what is asked, in one query for MANY of them."""
        found: list[list[Row]] = []
        with self._database.session():
            connection = connections.get("default")
            for begin in range(0, len(asked), MANY):
                part = asked[begin : begin + MANY]
                statements, values = [], []
                for place, one in enumerate(part):
                    statement, its = self._page(connection, one)
                    statements.append(f"SELECT {place} AS place, page.* FROM ({statement}) AS page")  # noqa: S608 - a number
                    values += its
                pages: list[list[Row]] = [[] for _ in part]
                for row in await rows(connection, " UNION ALL ".join(statements), values):
                    pages[row.pop("place")].append(row)
                found += [sorted(page, key=lambda row: -row["seq"]) for page in pages]
        return found

    def _page(self, connection: Any, asked: Asked) -> tuple[str, list[Any]]:
        source, where, values = self._source(connection, asked.instance_id, asked.wanted)
        number = "rowid" if is_sqlite(connection) else "seq"
        if asked.before is not None:
            where += f" AND {number} < ?"
            values.append(asked.before)
        inner = f"SELECT {number} FROM {source} WHERE {where} ORDER BY {number} DESC LIMIT ? OFFSET ?"  # noqa: S608 - our own names
        statement = f"SELECT * FROM {self.table} WHERE seq IN ({inner})"  # noqa: S608 - the same
        return statement, [*values, asked.limit, asked.offset]

    async def count(self, instance_id: str, wanted: Wanted) -> int:
        """How many rows fit."""
        return (await self.counts([(instance_id, wanted)]))[0]

    async def counts(self, asked: Sequence[tuple[str, Wanted]]) -> list[int]:
        """How many rows fit each of what is asked, in one query for MANY of them.

        To count all rows of an instance that has very many takes milliseconds, so that is remembered.
        """
        found = {one: self._totals[one[0]] for one in asked if one[1] == Wanted() and one[0] in self._totals}
        writes, left = self._writes, [one for one in dict.fromkeys(asked) if one not in found]
        with self._database.session():
            connection = connections.get("default")
            for begin in range(0, len(left), MANY):
                statements, values = [], []
                for place, (instance_id, wanted) in enumerate(left[begin : begin + MANY], begin):
                    source, where, its = self._source(connection, instance_id, wanted)
                    statements.append(f"SELECT {place} AS place, count(*) AS n FROM {source} WHERE {where}")  # noqa: S608 - our own names
                    values += its
                for row in await rows(connection, " UNION ALL ".join(statements), values):
                    found[left[row["place"]]] = row["n"]
            if is_sqlite(connection) and writes == self._writes:
                self._totals |= {one[0]: found[one] for one in left if one[1] == Wanted()}
        return [found[one] for one in asked]

    async def walk(self, instance_id: str, after: int, limit: int) -> list[Row]:
        """Rows from the one after the `seq` on, the oldest first."""
        statement = (
            f"SELECT * FROM {self.table} WHERE instance_id = ? AND search <> '' AND seq > ? "  # noqa: S608 - our own name
            "ORDER BY seq LIMIT ?"
        )
        with self._database.session():
            return await rows(connections.get("default"), statement, [instance_id, after, limit])

    async def pending(self, instance_id: str, limit: int, after: int = 0) -> list[Row]:
        """Rows that the bot has still to be told of, in the order they were made; hidden ones too."""
        statement = (
            f"SELECT * FROM {self.table} WHERE instance_id = ? AND pending IN ('add', 'update', 'delete') "  # noqa: S608 - our own name
            "AND seq > ? ORDER BY seq LIMIT ?"
        )
        with self._database.session():
            return await rows(connections.get("default"), statement, [instance_id, after, limit])

    # Writing

    async def add(self, instance_id: str, new: Sequence[Row]) -> list[Row]:
        """Makes all rows or none, in this order. They may lack `origin`, `bot_key`, `pending` and the times.

        Raises InstanceNotFound, and DuplicateResource for a row whose key is taken.
        """
        made = [self._complete(instance_id, row) for row in new]
        with self._database.session():
            async with self._writing() as connection:
                await _require_instance(connection, instance_id)
                await self._refuse_taken(connection, instance_id, [row[self.key] for row in made])
                first = await self._next_numbers(connection, len(made))
                for place, row in enumerate(made):
                    row["seq"] = first + place
                await self._insert(connection, made)
        return made

    async def change(
        self, instance_id: str, ids: Sequence[str], changed: Callable[[Row], Row]
    ) -> list[tuple[Row, Row]]:
        """Changes all rows or none: `changed` gives the new columns of each, from the row as it is then. Returns each row
        as it was and as it is. Raises ResourceNotFound, DuplicateResource, and what `changed` raises.
        """
        done = []
        with self._database.session():
            async with self._writing() as connection:
                found = {row["id"]: row for row in await self._some(connection, instance_id, ids)}
                for wanted in ids:
                    before = found.get(wanted)
                    if before is None or not before["search"]:
                        raise self.missing(wanted)
                    done.append((before, before | {"updated_at": now_ms()} | changed(before)))
                await self._write(connection, instance_id, done)
        return done

    async def amend(self, instance_id: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Sets columns of rows by id, hidden ones too; rows that are gone are left out. Raises DuplicateResource."""
        with self._database.session():
            async with self._writing() as connection:
                found = await self._some(connection, instance_id, changes)
                done = [(row, row | dict(changes[row["id"]])) for row in found]
                await self._write(connection, instance_id, done)

    async def take_away(
        self, instance_id: str, ids: Sequence[str], fate: Callable[[Row], str | None]
    ) -> list[Row]:
        """Removes all rows or none; those that `fate` gives a text for are only hidden, with that text for `pending`.
        They are returned as they were. Raises ResourceNotFound, also for hidden ones."""
        with self._database.session():
            async with self._writing() as connection:
                found = {row["id"]: row for row in await self._some(connection, instance_id, ids)}
                for wanted in ids:
                    if wanted not in found or not found[wanted]["search"]:
                        raise self.missing(wanted)
                fates = {key: fate(row) for key, row in found.items()}
                hidden = [
                    (row, row | self.blank | {"search": "", self.key: key, "pending": fates[key]})
                    for key, row in found.items()
                    if fates[key] is not None
                ]
                await self._write(connection, instance_id, hidden)
                await self._delete(connection, [row for key, row in found.items() if fates[key] is None])
        return list(found.values())

    async def remove(self, instance_id: str, ids: Sequence[str], *, missing_ok: bool = False) -> list[Row]:
        """Removes all rows or none, hidden ones too; they are returned. Raises ResourceNotFound."""
        with self._database.session():
            async with self._writing() as connection:
                found = await self._some(connection, instance_id, ids)
                lost = set(ids) - {row["id"] for row in found}
                if lost and not missing_ok:
                    raise self.missing(min(lost))
                await self._delete(connection, found)
                return found

    async def drop(self, instance_id: str) -> list[Row]:
        """Removes up to NAMES_AT_ONCE rows of an instance, for the others of this process to go on in between; they are
        returned, none at the end."""
        with self._database.session():
            async with self._writing() as connection:
                statement = f"SELECT * FROM {self.table} WHERE instance_id = ? LIMIT {NAMES_AT_ONCE}"  # noqa: S608 - our own names
                found = await rows(connection, statement, [instance_id])
                await self._delete(connection, found)
                return found

    async def strays(self) -> list[str]:
        """Ids of instances that are gone and whose rows are still here."""
        statement = (
            f"SELECT DISTINCT instance_id AS id FROM {self.table} "  # noqa: S608 - our own name
            "WHERE instance_id NOT IN (SELECT id FROM instance)"
        )
        with self._database.session():
            return [row["id"] for row in await rows(connections.get("default"), statement, [])]

    def missing(self, id: str) -> ResourceNotFound:
        shown = id[:64]
        return ResourceNotFound(
            f"未找到{self.title.zh} '{shown}'", f"{self.title.en.capitalize()} '{shown}' not found"
        )

    def taken(self, key: str) -> DuplicateResource:
        return DuplicateResource(
            f"{self.title.zh} '{key}' 已存在", f"The {self.title.en} '{key}' exists already", field=self.key
        )

    # Inside a transaction

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Any]:
        self._writes += 1
        try:
            async with in_transaction("default") as connection:
                yield connection
        finally:
            self._writes += 1
            self._totals.clear()

    def _complete(self, instance_id: str, given: Row) -> Row:
        at = now_ms()
        usual: Row = {"created_at": at, "updated_at": at, "origin": "user", "bot_key": None, "pending": ""}
        row: Row = usual | {"id": secrets.token_hex(20), "instance_id": instance_id} | given
        row.setdefault("search", self._search(row))
        return row

    async def _refuse_taken(self, connection: Any, instance_id: str, keys: Sequence[str]) -> None:
        twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
        taken = await self._by(connection, self.key, keys, instance_id)
        if taken or twice is not None:
            raise self.taken(str(twice if twice is not None else taken[0][self.key]))

    async def _insert(self, connection: Any, made: Sequence[Row]) -> None:
        names = ("seq", "id", "instance_id", *self.columns, "search", *_OF_ALL)
        statement = f"INSERT INTO {self.table} ({', '.join(names)}) VALUES ({places(len(names))})"  # noqa: S608 - our own names
        try:
            await many(connection, statement, [[row[name] for name in names] for row in made])
        except IntegrityError as error:
            raise self._refused(error, made[0]) from error
        await self._index(connection, [], made)

    async def _write(self, connection: Any, instance_id: str, done: list[tuple[Row, Row]]) -> None:
        for before, after in done:
            if after["search"]:
                after["search"] = self._search(after)
            if after[self.key] != before[self.key]:
                holders = await self._by(connection, self.key, [after[self.key]], instance_id)
                if any(row["id"] != after["id"] for row in holders):
                    raise self.taken(str(after[self.key]))
            names = [name for name in after if after[name] != before[name]]
            if not names:
                continue
            assignments = ", ".join(f"{name} = ?" for name in names)
            statement = f"UPDATE {self.table} SET {assignments} WHERE seq = ?"  # noqa: S608 - our own names
            try:
                await many(connection, statement, [[*(after[name] for name in names), after["seq"]]])
            except IntegrityError as error:
                raise self._refused(error, after) from error
        await self._index(connection, [row for row, _ in done], [row for _, row in done])

    def _refused(self, error: IntegrityError, row: Row) -> Exception:
        """Another server that shares the database was quicker, or something else is wrong with it."""
        return self.taken(str(row[self.key])) if "unique" in str(error).lower() else error

    async def _delete(self, connection: Any, gone: Sequence[Row]) -> None:
        statement = f"DELETE FROM {self.table} WHERE seq = ?"  # noqa: S608 - our own name
        await many(connection, statement, [[row["seq"]] for row in gone])
        await self._index(connection, gone, [])

    async def _index(self, connection: Any, before: Sequence[Row], after: Sequence[Row]) -> None:
        """Takes the words of rows as they were out of SQLite's index, and puts those of rows as they are into it."""
        if not is_sqlite(connection):
            return
        old, new = (
            {row["seq"]: self._words(row) for row in some if row["search"]} for some in (before, after)
        )
        table = f"{self.table}_words"
        out = [["delete", seq, text] for seq, text in old.items() if new.get(seq) != text]
        into = [[seq, text] for seq, text in new.items() if old.get(seq) != text]
        await many(connection, f"INSERT INTO {table} ({table}, rowid, words) VALUES (?, ?, ?)", out)  # noqa: S608 - our own name
        await many(connection, f"INSERT INTO {table} (rowid, words) VALUES (?, ?)", into)  # noqa: S608 - the same

    def _words(self, row: Mapping[str, Any]) -> str:
        marks = [words.mark(words.Mark.ALL), *self._marks(row)]
        return words.words(row["instance_id"], row["search"], marks)

    async def _next_numbers(self, connection: Any, count: int) -> int:
        """The first of `count` numbers that follow each other. A transaction of SQLite has the file for itself."""
        if is_sqlite(connection):
            found = await rows(connection, "SELECT seq FROM sqlite_sequence WHERE name = ?", [self.table])
            return int(found[0]["seq"]) + 1 if found else 1
        # One server's rows must not come between another's: the numbers of a sequence are nobody's before they are drawn.
        await rows(connection, "SELECT pg_advisory_xact_lock(hashtext(?))", [self.table])
        sequence = f"pg_get_serial_sequence('{self.table}', 'seq')"
        drawn = f"SELECT min(n) AS n FROM (SELECT nextval({sequence}) AS n FROM generate_series(1, ?::int)) AS drawn"  # noqa: S608 - our own name
        return int((await rows(connection, drawn, [count]))[0]["n"])

    async def _some(self, connection: Any, instance_id: str, ids: Iterable[str]) -> list[Row]:
        return await self._by(connection, "id", ids, instance_id)

    async def _by(self, connection: Any, column: str, values: Iterable[str], instance_id: str) -> list[Row]:
        wanted, found = list(dict.fromkeys(values)), []
        for begin in range(0, len(wanted), NAMES_AT_ONCE):
            part = wanted[begin : begin + NAMES_AT_ONCE]
            statement = (
                f"SELECT * FROM {self.table} WHERE instance_id = ? AND {column} IN ({places(len(part))})"  # noqa: S608 - our own names
            )
            found += await rows(connection, statement, [instance_id, *part])
        return found

    def _source(self, connection: Any, instance_id: str, wanted: Wanted) -> tuple[str, str, list[Any]]:
        """What rows that fit are selected from, by which condition, and its values."""
        if is_sqlite(connection):
            return f"{self.table}_words", *self._matching(instance_id, wanted)
        return self.table, *self._filtering(instance_id, wanted)

    def _matching(self, instance_id: str, wanted: Wanted) -> tuple[str, list[Any]]:
        expression = words.match(instance_id, words.fold(wanted.text), wanted.marks)
        return f"{self.table}_words MATCH ?", [expression]

    def _filtering(self, instance_id: str, wanted: Wanted) -> tuple[str, list[Any]]:
        conditions = ["instance_id = ?", "search <> ''"]
        values = [instance_id]
        if part := words.fold(wanted.text):
            conditions.append("search LIKE ? ESCAPE '\\'")
            values.append(words.like(part))
        for condition, value in wanted.conditions:
            conditions.append(condition)
            values.append(value)
        return " AND ".join(conditions), values


_OF_ALL = ("created_at", "updated_at", "origin", "bot_key", "pending")


async def _require_instance(connection: Any, instance_id: str) -> None:
    if not await rows(connection, "SELECT 1 AS there FROM instance WHERE id = ?", [instance_id]):
        raise InstanceNotFound(instance_id)
