"""Synchronization of an instance with its bot's own database."""

from collections.abc import Awaitable
from enum import Enum
from typing import cast

import strawberry

from resolvers import sync
from resolvers.sync import QueuedChange, SyncView
from resolvers.views import InstanceView
from resolvers.views import SyncProblem as Problem
from schema.context import Info
from schema.descriptions import MESSAGE
from schema.scalars import Instant, Long


@strawberry.enum(description="Kind of item that is synchronized with the bot's database.")
class SyncKind(Enum):
    EMOJI = strawberry.enum_value("emoji", description="An emoji.")
    PERSON = strawberry.enum_value("person", description="A person.")


@strawberry.enum(description="Kind of change that has not been pushed to the bot yet.")
class SyncChange(Enum):
    ADD = strawberry.enum_value("add", description="The item was added.")
    UPDATE = strawberry.enum_value("update", description="The item was updated.")
    DELETE = strawberry.enum_value("delete", description="The item was deleted.")


@strawberry.enum(description="When a change will be pushed to the bot.")
class SyncWhen(Enum):
    NOW = strawberry.enum_value(
        "now", description="In a moment, or with the next sync if the last one failed."
    )
    AT_STOP = strawberry.enum_value(
        "at_stop", description="Once the bot has stopped: while running, it would undo the change."
    )
    WITH_DATABASE = strawberry.enum_value(
        "with_database",
        description="Once the bot has created its database, which it does at its first start.",
    )


def _kind(one: strawberry.Parent[QueuedChange | Problem]) -> SyncKind:
    return SyncKind(one.kind)


def _change(one: strawberry.Parent[QueuedChange]) -> SyncChange:
    return SyncChange(one.change)


def _when(one: strawberry.Parent[QueuedChange]) -> SyncWhen:
    return SyncWhen(one.when.value)


@strawberry.type(description="A change made here that has not been pushed to the bot yet.")
class SyncPending:
    kind: SyncKind = strawberry.field(resolver=_kind, description="Kind of the changed item.")
    id: strawberry.ID = strawberry.field(description="Id of the item.")
    name: str = strawberry.field(description="Name of the item. Empty: it was deleted here.")
    change: SyncChange = strawberry.field(resolver=_change, description="Kind of change.")
    when: SyncWhen = strawberry.field(resolver=_when, description="When it will be pushed.")


def _code(problem: strawberry.Parent[Problem]) -> str | None:
    return None if problem.code is None else str(problem.code)


def _text(problem: strawberry.Parent[Problem], info: Info) -> str:
    return problem.text.in_language(info.context.language)


@strawberry.type(description="An emoji or person that a sync could not process, or a note about one.")
class SyncProblem:
    kind: SyncKind = strawberry.field(resolver=_kind, description="Kind of item.")
    name: str = strawberry.field(description="Name of the item.")
    code: str | None = strawberry.field(
        resolver=_code,
        description="Error code of the failure. Null: it was processed, `message` is a note.",
    )
    message: str = strawberry.field(
        resolver=_text,
        description=MESSAGE,
    )


def _problem(view: strawberry.Parent[SyncView], info: Info) -> str | None:
    return None if view.problem is None else view.problem.in_language(info.context.language)


def _last_error(view: strawberry.Parent[SyncView], info: Info) -> str | None:
    return None if view.last_error is None else view.last_error.in_language(info.context.language)


@strawberry.type(description="Synchronization status of an instance with its bot's own database.")
class SyncStatus:
    database: bool = strawberry.field(description="Whether the bot has created its database.")
    family: str | None = strawberry.field(
        description="Layout of that database, named after the first version of MaiBot that has it: `0.7`, `0.8`, `0.10`, `0.12` "
        "or `1`. Null: no database, or unknown, see `problem`."
    )
    problem: str | None = strawberry.field(
        resolver=_problem,
        description="Why the database cannot be read at the moment, and the solution. Null: no problem, or no database.",
    )
    emojis_in_bot: Long = strawberry.field(description="Number of emojis in the bot's database.")
    persons_in_bot: Long = strawberry.field(description="Number of persons in the bot's database.")
    emojis: Long = strawberry.field(description="Number of emojis here.")
    persons: Long = strawberry.field(description="Number of persons here.")
    pending: Long = strawberry.field(
        description="Number of changes that have not been pushed to the bot yet."
    )
    changes: list[SyncPending] = strawberry.field(
        description=f"These changes, at most {sync.CHANGES_LISTED}."
    )
    last_sync: Instant | None = strawberry.field(description="End of the last sync. Null: never.")
    last_error: str | None = strawberry.field(
        resolver=_last_error, description="Why the last sync failed. Null: it succeeded."
    )
    problems: list[SyncProblem] = strawberry.field(
        description="Problems and notes of the last sync since the server started, at most "
        f"{sync.PROBLEMS_SHOWN}."
    )


def sync_status_of(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[SyncStatus]:
    return cast(Awaitable[SyncStatus], sync.status(info.context.ctx, instance.id))
