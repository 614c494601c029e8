"""How far an instance is in step with its bot's own database, and bringing it there."""

import asyncio
import sqlite3
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal

from mailauncher.bots.learned import emojis, persons
from mailauncher.bots.learned.layout import Family, Layout
from mailauncher.errors import LauncherError, Text
from mailauncher.store.ledger import Kind
from mailauncher.store.resources import Row, Wanted
from resolvers.context import Context
from resolvers.learned import SyncProblem

ANSWER_WITHIN_S = 7.5  # as of every command
CHANGES_SHOWN = 100


class When(StrEnum):
    """When a change reaches the bot. NOW: in a moment, or at the next sync where one failed. AT_STOP: once the bot has
    stopped. WITH_DATABASE: once the bot has made its database."""

    NOW = "now"
    AT_STOP = "at_stop"
    WITH_DATABASE = "with_database"


@dataclass(frozen=True, slots=True)
class PendingChange:
    """Something that the bot has still to be told. `id` is the row's, of one that was deleted here too; its name is gone
    then, and `name` is empty."""

    kind: Literal["emoji", "person"]
    id: str
    name: str
    change: Literal["add", "update", "delete"]
    when: When


@dataclass(frozen=True, slots=True)
class SyncView:
    """`family` is the shape of the bot's database: the first version that has it; None where there is none or it cannot be
    read, and then `problem` says why, if it is there. Counts in the bot are of what it uses: emojis that are registered."""

    instance_id: str
    database: bool
    family: Family | None
    problem: Text | None
    emojis_in_bot: int
    persons_in_bot: int
    emojis: int
    persons: int
    pending: int
    changes: tuple[PendingChange, ...]
    last_sync: int | None
    last_error: Text | None
    problems: tuple[SyncProblem, ...]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did; all zero where it goes on (`complete` is False). `pending` counts what is left."""

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
class _Counted:
    layout: Layout
    emojis: int
    persons: int


async def status(ctx: Context, instance_id: str) -> SyncView:
    """Raises InstanceNotFound. What is wrong with the bot's database is part of the answer."""
    access = ctx.steps.access(instance_id)
    found: _Counted | None = None
    problem: Text | None = None
    try:
        found = await access.read(_count)
    except LauncherError as error:
        problem = error.text
    last = await ctx.steps.stores.ledger.last(instance_id)
    return SyncView(
        instance_id=instance_id,
        database=found is not None or problem is not None,
        family=found.layout.family if found else None,
        problem=problem,
        emojis_in_bot=found.emojis if found else 0,
        persons_in_bot=found.persons if found else 0,
        emojis=await ctx.emojis.count(instance_id, Wanted()),
        persons=await ctx.persons.count(instance_id, Wanted()),
        pending=await ctx.steps.stores.ledger.waiting(instance_id),
        changes=await _changes(ctx, instance_id, found.layout if found else None),
        last_sync=last.at if last else None,
        last_error=last.problem if last else None,
        problems=ctx.steps.problems(instance_id),
    )


def _count(connection: sqlite3.Connection, layout: Layout) -> _Counted:
    return _Counted(layout, emojis.count(connection, layout), persons.count(connection, layout))


async def _changes(ctx: Context, instance_id: str, layout: Layout | None) -> tuple[PendingChange, ...]:
    def shown(kind: Kind, row: Row) -> PendingChange:
        if layout is None:
            when = When.WITH_DATABASE
        else:
            when = When.NOW if ctx.steps.safe(instance_id, kind, layout) else When.AT_STOP
        name = row["name"] if kind == "emoji" else row["nickname"] or row["username"] or row["user_id"]
        return PendingChange(kind, row["id"], name if row["search"] else "", row["pending"], when)

    found = [shown("emoji", row) for row in await ctx.emojis.pending(instance_id, CHANGES_SHOWN)]
    left = CHANGES_SHOWN - len(found)
    if left:
        found += [shown("person", row) for row in await ctx.persons.pending(instance_id, left)]
    return tuple(found)


async def sync(ctx: Context, instance_id: str) -> SyncReport:
    """Brings in what the bot has learned and tells it what is pending, as far as that is safe now. Doing it twice comes to
    the same. Answers within 8 s; what takes longer goes on.

    Raises InstanceNotFound, and where nothing of the bot's database can be read ServiceUnavailable, DatabaseError,
    InvalidPath or PermissionDenied.
    """
    ctx.fleet.view(instance_id)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            done = await ctx.steps.sync(instance_id, ctx.caller)
    except TimeoutError:
        going = Text("正在同步，稍后完成", "The sync goes on")
        return SyncReport(instance_id, going, complete=False)
    pending = await ctx.steps.stores.ledger.waiting(instance_id)
    message = Text(
        f"已同步：新增 {done.added}，更新 {done.changed}，Bot 已删除 {done.gone}，写入 Bot {done.applied}，待写入 {pending}",
        f"In step: {done.added} added, {done.changed} changed, {done.gone} gone from the bot, {done.applied} told to it, "
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


@dataclass(frozen=True, slots=True)
class LearnedEmoji:
    """What a bot says of an emoji, as of the last sync. `path` is relative to the instance's folder."""

    path: str
    usage: int
    recorded_at: int | None


@dataclass(frozen=True, slots=True)
class LearnedPerson:
    """What a bot says of a person, as of the last sync. `groups` and `memory` are texts as it wrote them."""

    platform: str
    groups: str
    memory: str
    times: int
    known_since: int | None
    last_known: int | None


async def learned_emojis(ctx: Context, ids: list[str]) -> list[LearnedEmoji | None]:
    """In the order of the ids of ours; None for those that the bot does not have."""
    said = await ctx.steps.stores.ledger.said_of("emoji", ids)
    return [LearnedEmoji(**_only(LearnedEmoji, said[one])) if one in said else None for one in ids]


async def learned_persons(ctx: Context, ids: list[str]) -> list[LearnedPerson | None]:
    """The same of persons."""
    said = await ctx.steps.stores.ledger.said_of("person", ids)
    return [LearnedPerson(**_only(LearnedPerson, said[one])) if one in said else None for one in ids]


def _only(kind: type[LearnedEmoji] | type[LearnedPerson], said: dict[str, Any]) -> dict[str, Any]:
    return {field.name: said[field.name] for field in fields(kind)}
