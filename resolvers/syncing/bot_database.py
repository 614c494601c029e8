"""A bot's own database, accessed in threads, one at a time; and the values that its rows and ours share."""

import asyncio
import json
import sqlite3
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bots.database import connect, rows
from bots.database.layout import Family, Layout
from bots.database.rows import BotEmoji, BotPerson
from bots.database.undo import Undo
from mailauncher.errors import Code, LauncherError, Text
from mailauncher.interruption import Check
from mailauncher.threads import LongWork
from resolvers.views import SyncProblem
from store.emojis import DESCRIPTION_LENGTH, TAGS_LIMIT, Emojis, tags_of
from store.emojis import NAME_LENGTH as TAG_LENGTH
from store.images import Images
from store.persons import NAME_LENGTH, Persons
from store.resources import ResourceKind, Row
from store.snapshots import Snapshot, Snapshots

T = TypeVar("T")

PROBLEMS_LIMIT = 50
_REFUSED = ("Cc", "Cs", "Co", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class SyncStores:
    """The launcher's own tables and files that a sync reads and writes."""

    emojis: Emojis
    persons: Persons
    images: Images
    snapshots: Snapshots

    def rows(self, kind: ResourceKind) -> Emojis | Persons:
        return self.emojis if kind == "emoji" else self.persons


@dataclass(slots=True)
class SyncProblems:
    """The first PROBLEMS_LIMIT problems of a sync; `count` counts all."""

    first: list[SyncProblem] = field(default_factory=list)
    count: int = 0

    def add(self, kind: ResourceKind, name: str, text: Text, code: Code | None = None) -> None:
        self.count += 1
        if len(self.first) < PROBLEMS_LIMIT:
            self.first.append(SyncProblem(kind, name[:128], code, text))

    def add_error(self, kind: ResourceKind, name: str, error: LauncherError) -> None:
        self.add(kind, name, error.text, error.code)


class BotDatabase:
    """The database of one bot. Raises what `bots.database.connect` raises.

    One thread at a time has it open. It is interrupted when its caller is cancelled, and by `close`: at once while it looks for
    something, which may take minutes in a large database, but not between the beginning and the commit of a change.
    """

    def __init__(self, folder: Path, undo: Undo) -> None:
        self.folder = folder
        self.undo = undo
        self._lock = asyncio.Lock()
        self._work = LongWork()

    async def read(self, work: Callable[[sqlite3.Connection, Layout], T]) -> T | None:
        """Returns None if the bot has no database yet."""
        return await self._run(lambda check: connect.read(self.folder, work, check))

    async def write(self, work: Callable[[sqlite3.Connection, Layout], T], *, alone: bool) -> T:
        def thread(check: Check) -> T:
            with connect.writing(self.folder, alone=alone, check=check) as (connection, layout):
                return work(connection, layout)

        return await self._run(thread)

    async def prepare(self, work: Callable[[Check], T]) -> T:
        """Runs what makes something for a change, which may take long, beside those who have the database open."""
        return await self._work.run(work)

    async def _run(self, work: Callable[[Check], T]) -> T:
        # The lock is held until the thread has ended, also of a caller that is cancelled: the next one would write beside it.
        async with self._lock:
            return await self._work.run(work)

    async def close(self) -> None:
        """Interrupts the thread, and waits for it."""
        await self._work.close()


# Values that both sides have


def snapshot_emoji(emoji: BotEmoji) -> Snapshot:
    """A bot's emoji: the shared values, and what only the bot has."""
    return {
        "description": sanitised(emoji.description, DESCRIPTION_LENGTH, lines=True),
        "tags": sanitised_tags(emoji.tags),
        "path": emoji.path,
        "usage": emoji.usage,
        "queries": emoji.queries,
        "recorded_at": emoji.recorded_at,
    }


def snapshot_person(person: BotPerson) -> Snapshot:
    """A bot's person: the shared values, and what only the bot has."""
    return {
        "username": sanitised(person.name, NAME_LENGTH),
        "nickname": sanitised(person.nickname, NAME_LENGTH),
        "platform": person.platform,
        "user_id": person.user_id,
        "groups": person.groups,
        "memory": person.memory,
        "times": person.times,
        "known_since": person.known_since,
        "last_known": person.last_known,
    }


SHARED: dict[ResourceKind, tuple[str, ...]] = {
    "emoji": ("description", "tags"),
    "person": ("username", "nickname"),
}
"""The values that the user may change as well as the bot."""


def shared_values(kind: ResourceKind, row: Row) -> dict[str, Any]:
    """The shared values of one of our rows, as a snapshot has them."""
    if kind == "emoji":
        return {"description": row["description"], "tags": tags_of(row)}
    return {name: row[name] for name in SHARED[kind]}


def as_columns(kind: ResourceKind, values: dict[str, Any]) -> dict[str, Any]:
    """Shared values as columns of our table."""
    if kind == "emoji" and "tags" in values:
        return values | {"tags": json.dumps(values["tags"], ensure_ascii=False)}
    return values


def as_bot_stores(kind: ResourceKind, values: dict[str, Any], *, family: Family) -> dict[str, Any]:
    """Shared values as they read after a write to the bot, whose tags cannot contain commas, and whose emojis have no
    description from 1.0 on."""
    if kind == "person":
        return values
    tags = list(rows.split_tags(rows.join_tags(tuple(values["tags"]))))
    if family == "1":
        return {"tags": tags or list(rows.split_tags(rows.join_tags((values["description"],))))}
    return {"description": values["description"] or rows.join_tags(tuple(values["tags"])), "tags": tags}


def sanitised(text: str, most: int, *, lines: bool = False) -> str:
    """A text of the bot, made valid for our tables: without control and private characters, not too long."""
    allowed = "\n\t" if lines else ""
    clean = (" " if unicodedata.category(c) in _REFUSED and c not in allowed else c for c in text[: 4 * most])
    return "".join(clean).strip()[:most].strip()


def sanitised_tags(tags: Sequence[str]) -> list[str]:
    """Tags of the bot, made valid for our tables: each once, case ignored, not too many."""
    unique: dict[str, str] = {}
    for tag in tags:
        if clean := sanitised(tag, TAG_LENGTH):
            unique.setdefault(clean.casefold(), clean)
    return list(unique.values())[:TAGS_LIMIT]
