"""The sync of an instance with its bot's own database: its state, and a sync on request."""

import asyncio
import logging
import sqlite3
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal

from bots.database import connect, emojis, persons
from bots.database.layout import Family, Layout
from mailauncher.errors import LauncherError, Text
from mailauncher.grants import Scope
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.syncing.bot_database import PROBLEMS_LIMIT
from resolvers.views import SyncProblem
from store.resources import ResourceKind, Row, now_ms
from store.search_index import Criteria
from store.snapshots import Snapshot

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 7.5  # as for every command
CHANGES_LISTED = 100
PROBLEMS_SHOWN = PROBLEMS_LIMIT
REFRESH_AFTER_MS = 60_000


class When(StrEnum):
    """When a change reaches the bot. NOW: within moments, or at the next sync if a push failed. AT_STOP: once the bot has
    stopped. WITH_DATABASE: once the bot has created its database."""

    NOW = "now"
    AT_STOP = "at_stop"
    WITH_DATABASE = "with_database"


@dataclass(frozen=True, slots=True)
class QueuedChange:
    """A change that has yet to be pushed to the bot. `id` is the row's, also of a deleted one, whose `name` is empty."""

    kind: Literal["emoji", "person"]
    id: str
    name: str
    change: Literal["add", "update", "delete"]
    when: When


@dataclass(frozen=True, slots=True)
class SyncView:
    """`family` is the layout of the bot's database, named by the first version that has it. None: there is no database, or
    it cannot be read, and `problem` says why. `emojis_in_bot` counts those that the bot uses (registered ones)."""

    instance_id: str
    database: bool
    family: Family | None
    problem: Text | None
    emojis_in_bot: int
    persons_in_bot: int
    emojis: int
    persons: int
    pending: int
    changes: tuple[QueuedChange, ...]
    last_sync: int | None
    last_error: Text | None
    problems: tuple[SyncProblem, ...]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did; all zero while it is running (`complete` is False). `pending` counts changes that are left."""

    instance_id: str
    message: Text
    complete: bool
    added: int = 0
    changed: int = 0
    gone: int = 0
    applied: int = 0
    pending: int = 0
    problems: tuple[SyncProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Counts:
    layout: Layout
    emojis: int
    persons: int


@needs(Scope.READ)
async def status(ctx: Context, instance_id: str) -> SyncView:
    """Raises InstanceNotFound. A failure to read the bot's database is part of the answer."""
    found: _Counts | None = None
    problem: Text | None = None
    database = ctx.synchronizer.database(instance_id)
    try:
        found = await database.read(_count)
    except LauncherError as error:
        problem = error.text
    last = await ctx.synchronizer.stores.snapshots.last_sync(instance_id)
    return SyncView(
        instance_id=instance_id,
        database=found is not None or problem is not None,
        family=found.layout.family if found else None,
        problem=problem,
        emojis_in_bot=found.emojis if found else 0,
        persons_in_bot=found.persons if found else 0,
        emojis=await ctx.store.emojis.count(instance_id, Criteria()),
        persons=await ctx.store.persons.count(instance_id, Criteria()),
        pending=await ctx.synchronizer.stores.snapshots.count_pending(instance_id),
        changes=await _changes(ctx, instance_id, found.layout if found else None),
        last_sync=last.at if last else None,
        last_error=last.problem if last else None,
        problems=ctx.synchronizer.problems(instance_id),
    )


def _count(connection: sqlite3.Connection, layout: Layout) -> _Counts:
    return _Counts(layout, emojis.count(connection, layout), persons.count(connection, layout))


async def _changes(ctx: Context, instance_id: str, layout: Layout | None) -> tuple[QueuedChange, ...]:
    def change(kind: ResourceKind, row: Row) -> QueuedChange:
        if layout is None:
            when = When.WITH_DATABASE
        else:
            when = When.NOW if ctx.synchronizer.is_safe(instance_id, kind, layout) else When.AT_STOP
        name = row["name"] if kind == "emoji" else row["nickname"] or row["username"] or row["user_id"]
        return QueuedChange(kind, row["id"], name if row["search"] else "", row["pending"], when)

    found = [change("emoji", row) for row in await ctx.store.emojis.pending(instance_id, CHANGES_LISTED)]
    left = CHANGES_LISTED - len(found)
    if left:
        found += [change("person", row) for row in await ctx.store.persons.pending(instance_id, left)]
    return tuple(found)


@needs(Scope.OPERATE)
async def sync(ctx: Context, instance_id: str) -> SyncReport:
    """Brings in what the bot has learned and tells it what is pending, as far as that is safe now. Doing it twice comes to
    the same. Answers within 8 s; what takes longer goes on.

    Raises InstanceNotFound, and where nothing of the bot's database can be read ServiceUnavailable, DatabaseError,
    InvalidPath or PermissionDenied.
    """
    ctx.live.view(instance_id)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            done = await ctx.synchronizer.sync(instance_id, ctx.caller)
    except TimeoutError:
        going = Text("正在同步，稍后完成", "The sync is still running")
        return SyncReport(instance_id, going, complete=False)
    pending = await ctx.synchronizer.stores.snapshots.count_pending(instance_id)
    message = Text(
        f"已同步：新增 {done.added}，更新 {done.changed}，Bot 已删除 {done.gone}，写入 Bot {done.applied}，待写入 {pending}",
        f"Synchronised: {done.added} added, {done.changed} changed, {done.gone} gone from the bot, {done.applied} pushed, "
        f"{pending} pending",
    )
    return SyncReport(
        instance_id,
        message,
        complete=True,
        added=done.added,
        changed=done.changed,
        gone=done.gone,
        applied=done.applied,
        pending=pending,
        problems=done.problems,
    )


@needs(Scope.READ)
async def refresh(ctx: Context, instance_id: str) -> None:
    """Brings in what the bot has learned, unless that was tried within the last minute: for a client that lists the bot's
    own rows and cannot ask for a sync. Returns within 8 s; what takes longer goes on. A failure is part of `status` and of
    `database`. Raises InstanceNotFound."""
    ctx.live.view(instance_id)
    last = await ctx.synchronizer.stores.snapshots.last_sync(instance_id)
    if last is None or not 0 <= now_ms() - last.at < REFRESH_AFTER_MS:
        try:
            await sync(ctx, instance_id)
        except LauncherError as error:
            log.info("the bot's database of %s was not read: %s", instance_id, error)


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """The file of a bot's own database. `valid`: it can be read, and its layout is known. `size` in bytes."""

    path: str
    exists: bool
    valid: bool
    size: int


@needs(Scope.READ)
async def database(ctx: Context, instance_id: str) -> DatabaseView:
    """Raises InstanceNotFound."""
    found = ctx.synchronizer.database(instance_id)
    try:
        valid = await found.read(lambda _connection, _layout: True)
    except LauncherError:
        valid = False
    size = await asyncio.to_thread(connect.size, found.folder)
    return DatabaseView(str(found.folder / connect.PLACE), size is not None, bool(valid), size or 0)


@dataclass(frozen=True, slots=True)
class LearnedEmoji:
    """What a bot has on an emoji, as of the last sync. `path` is relative to the instance's folder. `queries` is 0 in
    what an earlier version of this program has read."""

    path: str
    usage: int
    recorded_at: int | None
    queries: int = 0


@dataclass(frozen=True, slots=True)
class LearnedPerson:
    """What a bot has on a person, as of the last sync. `groups` and `memory` are texts as it wrote them."""

    platform: str
    groups: str
    memory: str
    times: int
    known_since: int | None
    last_known: int | None


@needs(Scope.READ)
async def learned_emojis(ctx: Context, ids: list[str]) -> list[LearnedEmoji | None]:
    """In the order of our ids; None for those that the bot does not have."""
    found = await ctx.synchronizer.stores.snapshots.of_rows("emoji", ids)
    return [LearnedEmoji(**_only(LearnedEmoji, found[one])) if one in found else None for one in ids]


@needs(Scope.READ)
async def learned_persons(ctx: Context, ids: list[str]) -> list[LearnedPerson | None]:
    """In the order of our ids; None for those that the bot does not have."""
    found = await ctx.synchronizer.stores.snapshots.of_rows("person", ids)
    return [LearnedPerson(**_only(LearnedPerson, found[one])) if one in found else None for one in ids]


def _only(kind: type[LearnedEmoji] | type[LearnedPerson], snapshot: Snapshot) -> dict[str, Any]:
    return {field.name: snapshot[field.name] for field in fields(kind) if field.name in snapshot}
