"""A bot's own database as resolvers reach it: in threads, one at a time; and what of its rows and ours means the same."""

import asyncio
import json
import sqlite3
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from mailauncher.bots.learned import database, rows
from mailauncher.bots.learned.layout import Layout
from mailauncher.bots.learned.rows import BotEmoji, BotPerson
from mailauncher.bots.learned.undo import Undo
from mailauncher.errors import Code, LauncherError, Text
from mailauncher.store.emojis import Emojis, tags_of
from mailauncher.store.images import Images
from mailauncher.store.ledger import Kind, Ledger
from mailauncher.store.persons import Persons
from mailauncher.store.resources import Row

T = TypeVar("T")

PROBLEMS_LIMIT = 50
_TAGS = 32
_TAG_LENGTH = 64
_DESCRIPTION_LENGTH = 4096
_REFUSED = ("Cc", "Cs", "Co", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Stores:
    """The launcher's own tables and files that a sync works on."""

    emojis: Emojis
    persons: Persons
    images: Images
    ledger: Ledger

    def rows(self, kind: Kind) -> Emojis | Persons:
        return self.emojis if kind == "emoji" else self.persons


@dataclass(frozen=True, slots=True)
class SyncProblem:
    """One emoji or person that could not be brought in step, or where both sides had changed. `name` is what people know it
    by; `code` says why, None for a conflict that was settled as `text` tells."""

    kind: Literal["emoji", "person"]
    name: str
    code: Code | None
    text: Text


@dataclass(slots=True)
class Problems:
    """The first PROBLEMS_LIMIT of them; `count` counts all."""

    found: list[SyncProblem] = field(default_factory=list)
    count: int = 0

    def add(self, kind: Kind, name: str, text: Text, code: Code | None = None) -> None:
        self.count += 1
        if len(self.found) < PROBLEMS_LIMIT:
            self.found.append(SyncProblem(kind, name[:128], code, text))

    def refused(self, kind: Kind, name: str, error: LauncherError) -> None:
        self.add(kind, name, error.text, error.code)


class Access:
    """The database of one bot. Callers take turns, see `mailauncher.bots.learned.database`; one that is cancelled does not
    let the next one in before its thread is done. Raises what that module raises."""

    def __init__(self, folder: Path, undo: Undo) -> None:
        self.folder = folder
        self.undo = undo
        self._turn = asyncio.Lock()
        self._working: set[asyncio.Task[Any]] = set()

    async def read(self, work: Callable[[sqlite3.Connection, Layout], T]) -> T | None:
        """None where there is no database yet."""
        return await self._do(lambda: database.read(self.folder, work))

    async def write(self, work: Callable[[sqlite3.Connection, Layout], T], *, alone: bool) -> T:
        def thread() -> T:
            with database.writing(self.folder, alone=alone) as (connection, layout):
                return work(connection, layout)

        return await self._do(thread)

    async def _do(self, work: Callable[[], T]) -> T:
        async def turn() -> T:
            async with self._turn:
                return await asyncio.to_thread(work)

        task = asyncio.get_running_loop().create_task(turn())
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Waits for what is being done."""
        await asyncio.gather(*self._working, return_exceptions=True)


# What both sides have


def said_of_emoji(emoji: BotEmoji) -> dict[str, Any]:
    """What the bot says of an emoji, as the ledger keeps it. It begins with the words, which our rows have as well."""
    return {
        "description": fitted(emoji.description, _DESCRIPTION_LENGTH, lines=True),
        "tags": fitted_tags(emoji.tags),
        "path": emoji.path,
        "usage": emoji.usage,
        "recorded_at": emoji.recorded_at,
    }


def said_of_person(person: BotPerson) -> dict[str, Any]:
    """What the bot says of a person, as the ledger keeps it."""
    return {
        "username": fitted(person.name, 128),
        "nickname": fitted(person.nickname, 128),
        "platform": person.platform,
        "user_id": person.user_id,
        "groups": person.groups,
        "memory": person.memory,
        "times": person.times,
        "known_since": person.known_since,
        "last_known": person.last_known,
    }


WORDS: dict[Kind, tuple[str, ...]] = {"emoji": ("description", "tags"), "person": ("username", "nickname")}
"""What the user may change as well as the bot."""


def words_of(kind: Kind, row: Row) -> dict[str, Any]:
    """The same of a row of ours."""
    if kind == "emoji":
        return {"description": row["description"], "tags": tags_of(row)}
    return {name: row[name] for name in WORDS[kind]}


def columns_of(kind: Kind, words: dict[str, Any]) -> dict[str, Any]:
    """Such words as columns of ours."""
    if kind == "emoji" and "tags" in words:
        return words | {"tags": json.dumps(words["tags"], ensure_ascii=False)}
    return words


def spoken(kind: Kind, words: dict[str, Any], *, live: bool) -> dict[str, Any]:
    """The words as they come back from the bot once they were written there: it has no tags with commas, and from 1.0 no
    description."""
    if kind == "person":
        return words
    tags = list(rows.tags(rows.joined(tuple(words["tags"]))))
    if live:
        return {"tags": tags or list(rows.tags(rows.joined((words["description"],))))}
    return {"description": words["description"] or rows.joined(tuple(words["tags"])), "tags": tags}


def fitted(text: str, most: int, *, lines: bool = False) -> str:
    """A text of the bot as ours may be: no control or private characters, not too long."""
    allowed = "\n\t" if lines else ""
    clean = (" " if unicodedata.category(c) in _REFUSED and c not in allowed else c for c in text[: 4 * most])
    return "".join(clean).strip()[:most].strip()


def fitted_tags(tags: Sequence[str]) -> list[str]:
    """Tags of the bot as ours may be: each once, case ignored, not too many."""
    kept: dict[str, str] = {}
    for tag in tags:
        if word := fitted(tag, _TAG_LENGTH):
            kept.setdefault(word.casefold(), word)
    return list(kept.values())[:_TAGS]
