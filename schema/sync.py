"""How far an instance is in step with its bot's own database."""

from collections.abc import Awaitable
from enum import Enum
from typing import cast

import strawberry

from resolvers import sync
from resolvers.learned import SyncProblem as Problem
from resolvers.sync import PendingChange as Pending
from resolvers.sync import SyncView
from resolvers.views import InstanceView
from schema.context import Info
from schema.scalars import Instant, Long


@strawberry.enum(description="What a bot's database and the launcher both have.")
class SyncKind(Enum):
    EMOJI = strawberry.enum_value("emoji", description="An emoji.")
    PERSON = strawberry.enum_value("person", description="A person.")


@strawberry.enum(description="What the bot has still to be told.")
class SyncChange(Enum):
    ADD = strawberry.enum_value("add", description="That it is there.")
    UPDATE = strawberry.enum_value("update", description="That its words have changed.")
    DELETE = strawberry.enum_value("delete", description="That it is to be deleted.")


@strawberry.enum(description="When a change reaches the bot.")
class SyncWhen(Enum):
    NOW = strawberry.enum_value("now", description="In a moment, or with the next sync where one failed.")
    AT_STOP = strawberry.enum_value(
        "at_stop", description="Once the bot has stopped: while it runs it would undo the change."
    )
    WITH_DATABASE = strawberry.enum_value(
        "with_database", description="Once the bot has made its database, which it does at its first start."
    )


def _kind(one: strawberry.Parent[Pending | Problem]) -> SyncKind:
    return SyncKind(one.kind)


def _change(one: strawberry.Parent[Pending]) -> SyncChange:
    return SyncChange(one.change)


def _when(one: strawberry.Parent[Pending]) -> SyncWhen:
    return SyncWhen(one.when.value)


@strawberry.type(description="A change made here that the bot has still to be told.")
class SyncPending:
    kind: SyncKind = strawberry.field(resolver=_kind, description="What was changed.")
    id: strawberry.ID = strawberry.field(description="Which one.")
    name: str = strawberry.field(description="What it is called. Empty for what was deleted here.")
    change: SyncChange = strawberry.field(resolver=_change, description="How it was changed.")
    when: SyncWhen = strawberry.field(resolver=_when, description="When the bot gets it.")


def _code(problem: strawberry.Parent[Problem]) -> str | None:
    return None if problem.code is None else str(problem.code)


def _text(problem: strawberry.Parent[Problem], info: Info) -> str:
    return problem.text.in_language(info.context.language)


@strawberry.type(
    description="One emoji or person that a sync could not bring in step, or of which it has to tell."
)
class SyncProblem:
    kind: SyncKind = strawberry.field(resolver=_kind, description="What it is about.")
    name: str = strawberry.field(description="What it is called.")
    code: str | None = strawberry.field(
        resolver=_code,
        description="Why it could not be done, as an error code. Null: it was done, as `message` tells.",
    )
    message: str = strawberry.field(
        resolver=_text,
        description="One sentence for people about it, in the language that `Accept-Language` asks for.",
    )


def _problem(view: strawberry.Parent[SyncView], info: Info) -> str | None:
    return None if view.problem is None else view.problem.in_language(info.context.language)


def _last_error(view: strawberry.Parent[SyncView], info: Info) -> str | None:
    return None if view.last_error is None else view.last_error.in_language(info.context.language)


@strawberry.type(description="How far an instance is in step with its bot's own database.")
class SyncStatus:
    database: bool = strawberry.field(description="Whether the bot has a database yet.")
    family: str | None = strawberry.field(
        description="Shape of that database, by the first version that has it: `0.7`, `0.8`, `0.10`, `0.12` or `1`. Null where "
        "there is none, or `problem` says why it is not known."
    )
    problem: str | None = strawberry.field(
        resolver=_problem,
        description="Why the database cannot be read now, and what to do. Null: it can be, or there is none.",
    )
    emojis_in_bot: Long = strawberry.field(description="Emojis that the bot uses.")
    persons_in_bot: Long = strawberry.field(description="Persons whom the bot knows.")
    emojis: Long = strawberry.field(description="Emojis that are shown here.")
    persons: Long = strawberry.field(description="Persons who are shown here.")
    pending: Long = strawberry.field(description="How many changes the bot has still to be told.")
    changes: list[SyncPending] = strawberry.field(description="The first 100 of them.")
    last_sync: Instant | None = strawberry.field(
        description="When the last sync ended. Null: there was none."
    )
    last_error: str | None = strawberry.field(
        resolver=_last_error, description="Why the last sync failed. Null: it did not."
    )
    problems: list[SyncProblem] = strawberry.field(
        description="The first 50 things that the last sync since the server started could not do, or that it has to tell."
    )


def sync_status_of(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[SyncStatus]:
    return cast(Awaitable[SyncStatus], sync.status(info.context.ctx, instance.id))
