"""The tables of emojis and persons: rows of an instance, newest first, found by any part of their texts.

Rows are plain dictionaries with the columns of the table. The search index is written in the same transaction as the row,
so both agree wherever a server is killed. A row whose `search` is empty is hidden: only the sync with the bot needs it, or it
was put aside, so that its deletion can be undone.
"""

import asyncio
import json
import secrets
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal, NamedTuple

from tortoise import connections
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from mailauncher.errors import DuplicateResource, InstanceNotFound, ResourceNotFound, Text
from store import words
from store.database import Database
from store.indexes import index_of
from store.search_index import Criteria, Page
from store.statements import (
    NAMES_AT_ONCE,
    execute_many,
    first_number,
    placeholders,
    select,
    select_in,
)

Row = dict[str, Any]
ResourceKind = Literal["emoji", "person"]

SELECTS_AT_ONCE = 100
"""Selects in one statement; SQLite allows 500."""


class PageRequest(NamedTuple):
    """A page of an instance's matches, newest first; with `before` only rows older than the one with this `seq`."""

    instance_id: str
    criteria: Criteria
    limit: int
    offset: int = 0
    before: int | None = None


ASIDE = "aside"
"""`pending` of rows that are put aside."""


class Aside(NamedTuple):
    """What a row that is put aside had and shall have: its key and `pending` before; until when it can be taken back, in
    milliseconds since 1970; whether it is to be deleted from the bot too."""

    key: str
    pending: str
    until: int
    from_bot: bool


def now_ms() -> int:
    return int(time.time() * 1000)


class Resources(ABC):
    """One table of rows that belong to instances. Raises DatabaseError."""

    table: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    """Those that a new row must have, besides the ones that `add` fills in."""
    key: ClassVar[str]
    """The column that is unique within an instance."""
    title: ClassVar[Text]
    blank: ClassVar[Row] = {}
    """Values that are cleared when a row is hidden."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writes = 0
        self._totals: dict[str, int] = {}
        """Row counts by instance, until something is written. Nobody else writes."""

    @abstractmethod
    def _search_text(self, row: Mapping[str, Any]) -> str:
        """The folded texts that a search looks into."""

    @abstractmethod
    def _keywords(self, row: Mapping[str, Any]) -> list[str]: ...

    # Reading

    async def get(self, instance_id: str, id: str) -> Row:
        """Raises ResourceNotFound, also for a hidden row."""
        with self._database.session():
            found = await self._by(connections.get("default"), "id", [id], instance_id)
        if not found or not found[0]["search"]:
            raise self.not_found_error(id)
        return found[0]

    async def by_key(self, instance_id: str, keys: Iterable[str], column: str = "") -> list[Row]:
        """Rows by their unique column, or by another one; hidden rows too."""
        with self._database.session():
            return await self._by(connections.get("default"), column or self.key, keys, instance_id)

    async def page(
        self, instance_id: str, criteria: Criteria, limit: int, *, offset: int = 0, before: int | None = None
    ) -> list[Row]:
        """One page; see PageRequest."""
        return (await self.pages([PageRequest(instance_id, criteria, limit, offset, before)]))[0]

    async def pages(self, requests: Sequence[PageRequest]) -> list[list[Row]]:
        """A page for each request, SELECTS_AT_ONCE of them in one query."""
        found: list[list[Row]] = []
        with self._database.session():
            connection = connections.get("default")
            for begin in range(0, len(requests), SELECTS_AT_ONCE):
                part = requests[begin : begin + SELECTS_AT_ONCE]
                statements, values = [], []
                for place, request in enumerate(part):
                    statement, its = self._page(connection, request)
                    statements.append(f"SELECT {place} AS place, page.* FROM ({statement}) AS page")  # noqa: S608 - a number
                    values += its
                pages: list[list[Row]] = [[] for _ in part]
                for row in await select(connection, " UNION ALL ".join(statements), values):
                    pages[row.pop("place")].append(row)
                found += [sorted(page, key=lambda row: -row["seq"]) for page in pages]
        return found

    def _page(self, connection: Any, request: PageRequest) -> tuple[str, list[Any]]:
        page = Page(request.limit, request.offset, request.before)
        found = index_of(connection).numbers(self.table, request.instance_id, request.criteria, page)
        statement = f"SELECT * FROM {self.table} WHERE seq IN ({found.text})"  # noqa: S608 - our own names
        return statement, found.values

    async def count(self, instance_id: str, criteria: Criteria) -> int:
        """The number of matches."""
        return (await self.counts([(instance_id, criteria)]))[0]

    async def counts(self, asked: Sequence[tuple[str, Criteria]]) -> list[int]:
        """The number of matches for each (instance id, criteria), SELECTS_AT_ONCE of them in one query.

        Counting all rows of an instance with very many takes milliseconds, so those counts are cached.
        """
        found = {
            one: self._totals[one[0]] for one in asked if one[1] == Criteria() and one[0] in self._totals
        }
        writes, left = self._writes, [one for one in dict.fromkeys(asked) if one not in found]
        with self._database.session():
            connection = connections.get("default")
            for begin in range(0, len(left), SELECTS_AT_ONCE):
                statements, values = [], []
                for place, (instance_id, criteria) in enumerate(left[begin : begin + SELECTS_AT_ONCE], begin):
                    count = index_of(connection).count(self.table, instance_id, criteria)
                    statements.append(f"SELECT {place} AS place, counted.n FROM ({count.text}) AS counted")  # noqa: S608 - a number
                    values += count.values
                for row in await select(connection, " UNION ALL ".join(statements), values):
                    found[left[row["place"]]] = row["n"]
            # A write that began or ended while the query ran may have changed what it counted: nothing is cached then.
            if writes == self._writes:
                self._totals |= {one[0]: found[one] for one in left if one[1] == Criteria()}
        return [found[one] for one in asked]

    async def oldest_first(self, instance_id: str, after: int, limit: int) -> list[Row]:
        """Rows with a `seq` above `after`, oldest first."""
        statement = (
            f"SELECT * FROM {self.table} WHERE instance_id = ? AND search <> '' AND seq > ? "  # noqa: S608 - our own name
            "ORDER BY seq LIMIT ?"
        )
        with self._database.session():
            return await select(connections.get("default"), statement, [instance_id, after, limit])

    async def pending(self, instance_id: str, limit: int, after: int = 0) -> list[Row]:
        """Rows that have yet to be pushed to the bot, oldest first; hidden rows too."""
        statement = (
            f"SELECT * FROM {self.table} WHERE instance_id = ? AND pending IN ('add', 'update', 'delete') "  # noqa: S608 - our own name
            "AND seq > ? ORDER BY seq LIMIT ?"
        )
        with self._database.session():
            return await select(connections.get("default"), statement, [instance_id, after, limit])

    # Writing

    async def add(self, instance_id: str, new: Sequence[Row]) -> list[Row]:
        """Adds all rows or none, in this order. `origin`, `bot_key`, `pending` and the times may be left out.

        Raises InstanceNotFound, and DuplicateResource for a row whose key is taken.
        """
        if not new:
            return []
        made = [self._complete(instance_id, row) for row in new]
        with self._database.session():
            async with self._writing() as connection:
                await _require_instance(connection, instance_id)
                await self._refuse_taken(connection, instance_id, [row[self.key] for row in made])
                first = await first_number(connection, self.table, len(made))
                for place, row in enumerate(made):
                    row["seq"] = first + place
                await self._insert(connection, made)
        return made

    async def change(
        self,
        instance_id: str,
        ids: Sequence[str],
        changed: Callable[[Row], Row],
        *,
        missing_ok: bool = False,
    ) -> list[tuple[Row, Row]]:
        """Changes all rows or none: `changed` returns the new columns of a row, given the row as the transaction sees it.
        It is called in a thread: merging long values takes time. Returns (row before, row after). Raises ResourceNotFound
        unless `missing_ok`, DuplicateResource, and what `changed` raises."""

        def changes(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
            at = now_ms()
            return [(row, row | {"updated_at": at} | changed(row)) for row in rows]

        with self._database.session():
            async with self._writing() as connection:
                found = await self._by_id(connection, instance_id, ids)
                shown = {one: row for one, row in found.items() if row["search"]}
                lost = next((one for one in ids if one not in shown), None)
                if lost is not None and not missing_ok:
                    raise self.not_found_error(lost)
                rows = [shown[one] for one in ids if one in shown]
                done = await asyncio.to_thread(changes, rows)
                await self._write(connection, instance_id, done)
        return done

    async def set_columns(self, instance_id: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Sets columns of rows by id, hidden rows too; rows that are gone are ignored. Raises DuplicateResource."""
        with self._database.session():
            async with self._writing() as connection:
                found = await self._by_id(connection, instance_id, changes)
                done = [(row, row | dict(changes[key])) for key, row in found.items()]
                await self._write(connection, instance_id, done)

    async def hide_or_remove(
        self,
        instance_id: str,
        ids: Sequence[str],
        pending_after: Callable[[Row], str | None],
        *,
        aside: bool = False,
    ) -> list[Row]:
        """Takes all rows or none from sight: removes those for which `pending_after` returns None, and hides the others,
        with what it returns as `pending`. `aside`: they are out of sight already, put aside; those that are not (any more) are
        ignored. Returns the rows as they were. Raises ResourceNotFound, also for hidden rows."""
        with self._database.session():
            async with self._writing() as connection:
                found = await self._by_id(connection, instance_id, ids)
                if aside:
                    found = {key: row for key, row in found.items() if row["pending"] == ASIDE}
                else:
                    self._require_shown(found, ids)
                pending = {key: pending_after(row) for key, row in found.items()}
                hidden = [
                    (
                        row,
                        row
                        | self.blank
                        | {"search": "", self.key: key, "pending": pending[key], "aside": None},
                    )
                    for key, row in found.items()
                    if pending[key] is not None
                ]
                await self._write(connection, instance_id, hidden)
                await self._delete(connection, [row for key, row in found.items() if pending[key] is None])
        return list(found.values())

    async def put_aside(
        self, instance_id: str, ids: Sequence[str], until: int, *, from_bot: bool
    ) -> list[Row]:
        """Takes all rows or none from sight, with all that is needed to show them again. `until` (milliseconds since 1970) and
        `from_bot` are for whoever asks for `aside`. Returns the rows as they were. Raises ResourceNotFound, also for hidden
        rows."""
        with self._database.session():
            async with self._writing() as connection:
                found = await self._by_id(connection, instance_id, ids)
                self._require_shown(found, ids)
                hidden = []
                for one, row in found.items():
                    kept = {
                        "key": row[self.key],
                        "pending": row["pending"],
                        "until": until,
                        "from_bot": from_bot,
                    }
                    hiding = {"search": "", self.key: one, "pending": ASIDE, "aside": json.dumps(kept)}
                    hidden.append((row, row | hiding))
                await self._write(connection, instance_id, hidden)
        return list(found.values())

    async def aside(self, instance_id: str) -> list[tuple[Row, Aside]]:
        """The rows that are put aside."""
        statement = f"SELECT * FROM {self.table} WHERE instance_id = ? AND pending = '{ASIDE}'"  # noqa: S608 - our own names
        with self._database.session():
            rows = await select(connections.get("default"), statement, [instance_id])
        return [(row, Aside(**json.loads(row["aside"]))) for row in rows]

    async def take_back(self, instance_id: str, ids: Sequence[str]) -> list[Row]:
        """Shows all rows or none again, as they were before they were put aside. Raises ResourceNotFound for one that is not
        aside, DuplicateResource if another row has its key now."""
        with self._database.session():
            async with self._writing() as connection:
                found = await self._by_id(connection, instance_id, ids)
                shown = []
                for one in ids:
                    row = found.get(one)
                    if row is None or row["pending"] != ASIDE:
                        raise self._too_late_error(one)
                    kept = Aside(**json.loads(row["aside"]))
                    # The bot may have lost it meanwhile; an addition that it was told of comes to the same twice.
                    pending = kept.pending if row["bot_key"] or kept.pending == "add" else ""
                    back = {self.key: kept.key, "pending": pending, "aside": None}
                    shown.append((row, row | back | {"search": self._search_text(row | back)}))
                await self._write(connection, instance_id, shown)
        return [row for _, row in shown]

    async def remove(self, instance_id: str, ids: Sequence[str], *, missing_ok: bool = False) -> list[Row]:
        """Removes all rows or none, hidden rows too, and returns them. Raises ResourceNotFound."""
        with self._database.session():
            async with self._writing() as connection:
                found = await self._by_id(connection, instance_id, ids)
                lost = set(ids) - set(found)
                if lost and not missing_ok:
                    raise self.not_found_error(min(lost))
                await self._delete(connection, list(found.values()))
                return list(found.values())

    async def forget_hidden(self, instance_id: str, rows: Sequence[Row]) -> None:
        """Removes those of the rows that are hidden for the sake of a bot that does not need that any more. Those that are put
        aside stay, without their key in the bot."""
        aside = [row["id"] for row in rows if row["pending"] == ASIDE]
        await self.set_columns(instance_id, {one: {"bot_key": None} for one in aside})
        gone = [row["id"] for row in rows if not row["search"] and row["pending"] != ASIDE]
        await self.remove(instance_id, gone, missing_ok=True)

    async def remove_batch(self, instance_id: str) -> list[Row]:
        """Removes up to NAMES_AT_ONCE rows of an instance and returns them: few, so that other writers of this process do
        not wait for long. Returns nothing once all are removed."""
        with self._database.session():
            async with self._writing() as connection:
                statement = f"SELECT * FROM {self.table} WHERE instance_id = ? LIMIT {NAMES_AT_ONCE}"  # noqa: S608 - our own names
                found = await select(connection, statement, [instance_id])
                await self._delete(connection, found)
                return found

    async def orphaned_instances(self) -> list[str]:
        """Ids of instances that are gone and still have rows."""
        statement = (
            f"SELECT DISTINCT instance_id AS id FROM {self.table} "  # noqa: S608 - our own name
            "WHERE instance_id NOT IN (SELECT id FROM instance)"
        )
        with self._database.session():
            return [row["id"] for row in await select(connections.get("default"), statement, [])]

    def _require_shown(self, found: Mapping[str, Row], ids: Iterable[str]) -> None:
        for one in ids:
            if one not in found or not found[one]["search"]:
                raise self.not_found_error(one)

    def not_found_error(self, id: str) -> ResourceNotFound:
        shown = id[:64]
        return ResourceNotFound(
            f"未找到{self.title.zh} '{shown}'", f"{self.title.en.capitalize()} '{shown}' not found"
        )

    def _too_late_error(self, id: str) -> ResourceNotFound:
        shown = id[:64]
        return ResourceNotFound(
            f"{self.title.zh} '{shown}' 已不能恢复：期限已过，或未曾删除",
            f"The {self.title.en} '{shown}' cannot be restored: it is too late, or it was not deleted",
        )

    def duplicate_error(self, key: str) -> DuplicateResource:
        return DuplicateResource(
            f"{self.title.zh} '{key}' 已存在", f"The {self.title.en} '{key}' already exists", field=self.key
        )

    # Inside a transaction

    async def insert_copies(self, connection: Any, rows: Sequence[Row]) -> None:
        """Adds rows of another database as they are."""
        await self._insert(connection, rows)

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
        row.setdefault("search", self._search_text(row))
        return row

    async def _refuse_taken(self, connection: Any, instance_id: str, keys: Sequence[str]) -> None:
        twice = next((key for key, count in Counter(keys).items() if count > 1), None)
        taken = await self._by(connection, self.key, keys, instance_id)
        if taken or twice is not None:
            raise self.duplicate_error(str(twice if twice is not None else taken[0][self.key]))

    async def _insert(self, connection: Any, made: Sequence[Row]) -> None:
        names = ("seq", "id", "instance_id", *self.columns, "search", *_OF_ALL)
        statement = f"INSERT INTO {self.table} ({', '.join(names)}) VALUES ({placeholders(len(names))})"  # noqa: S608 - our own names
        try:
            await execute_many(connection, statement, [[row[name] for name in names] for row in made])
        except IntegrityError as error:
            raise self._refused(error, made[0]) from error
        await self._index(connection, [], made)

    async def _write(self, connection: Any, instance_id: str, done: list[tuple[Row, Row]]) -> None:
        alike: dict[tuple[str, ...], list[Row]] = {}
        """Rows by the names of the columns that change: one statement for all of them."""
        for before, after in done:
            if after["search"]:
                after["search"] = self._search_text(after)
            names = tuple(name for name in after if after[name] != before[name])
            if self.key not in names:
                alike.setdefault(names, []).append(after)
                continue
            # At once, because the next row may take the key that this one has given up.
            holders = await self._by(connection, self.key, [after[self.key]], instance_id)
            if any(row["id"] != after["id"] for row in holders):
                raise self.duplicate_error(str(after[self.key]))
            await self._set(connection, names, [after])
        for names, rows in alike.items():
            await self._set(connection, names, rows)
        await self._index(connection, [row for row, _ in done], [row for _, row in done])

    async def _set(self, connection: Any, names: Sequence[str], rows: Sequence[Row]) -> None:
        if not names:
            return
        assignments = ", ".join(f"{name} = ?" for name in names)
        statement = f"UPDATE {self.table} SET {assignments} WHERE seq = ?"  # noqa: S608 - our own names
        values = [[*(row[name] for name in names), row["seq"]] for row in rows]
        try:
            await execute_many(connection, statement, values)
        except IntegrityError as error:
            raise self._refused(error, rows[0]) from error

    def _refused(self, error: IntegrityError, row: Row) -> Exception:
        """DuplicateResource for a key or an id that another row has; else the error itself."""
        return self.duplicate_error(str(row[self.key])) if "unique" in str(error).lower() else error

    async def _delete(self, connection: Any, gone: Sequence[Row]) -> None:
        statement = f"DELETE FROM {self.table} WHERE seq = ?"  # noqa: S608 - our own name
        await execute_many(connection, statement, [[row["seq"]] for row in gone])
        await self._index(connection, gone, [])

    async def _index(self, connection: Any, before: Sequence[Row], after: Sequence[Row]) -> None:
        """Replaces the words of rows as they were in the search index by those of rows as they are."""
        index = index_of(connection)
        old, new = await asyncio.to_thread(
            lambda: [
                {
                    row["seq"]: index.entry(
                        row["instance_id"],
                        row["search"],
                        (words.keyword(words.Keyword.ALL), *self._keywords(row)),
                    )
                    for row in some
                    if row["search"]
                }
                for some in (before, after)
            ]
        )
        await index.replace(connection, self.table, old, new)

    async def _by_id(self, connection: Any, instance_id: str, ids: Iterable[str]) -> dict[str, Row]:
        return {row["id"]: row for row in await self._by(connection, "id", ids, instance_id)}

    async def _by(self, connection: Any, column: str, values: Iterable[str], instance_id: str) -> list[Row]:
        statement = f"SELECT * FROM {self.table} WHERE instance_id = ? AND {column} IN ({{names}})"  # noqa: S608 - our own names
        return await select_in(connection, statement, [instance_id], values)


_OF_ALL = ("created_at", "updated_at", "origin", "bot_key", "pending")


async def _require_instance(connection: Any, instance_id: str) -> None:
    if not await select(connection, "SELECT 1 AS found FROM instance WHERE id = ?", [instance_id]):
        raise InstanceNotFound(instance_id)
