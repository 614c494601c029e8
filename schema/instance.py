"""Instances: the managed bots, how many there are, and their changes."""

from collections.abc import AsyncGenerator, Awaitable
from typing import Annotated, cast

import strawberry

from resolvers import instances, system, terminals
from resolvers.views import InstanceView
from schema.backup import Backup, backups_of
from schema.context import Info
from schema.deployment import Deployment
from schema.emoji import EmojiConnection, emojis_of
from schema.event import Event
from schema.person import PersonConnection, persons_of
from schema.scalars import Instant
from schema.service import Service
from schema.status import Failure, Status
from schema.supervision import Supervision, Usage, supervision_of, usage_of
from schema.sync import SyncStatus, sync_status_of
from schema.terminal import Terminal
from terminals.states import State

InstanceId = Annotated[strawberry.ID, strawberry.argument(description="Which instance.")]


def _terminals(instance: strawberry.Parent[InstanceView], info: Info) -> list[Terminal]:
    return cast(list[Terminal], terminals.list_of(info.context.ctx, instance.id))


def _recent_events(
    instance: strawberry.Parent[InstanceView],
    info: Info,
    first: Annotated[int, strawberry.argument(description="How many events at most, 1-50.")] = 5,
) -> Awaitable[list[Event]]:
    system.require_first(first, system.RECENT_LIMIT)
    return cast(Awaitable[list[Event]], info.context.loaders.recent_events.load((instance.id, first)))


def _deployment(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[Deployment | None]:
    return cast(Awaitable[Deployment | None], info.context.loaders.deployment.load(instance.id))


@strawberry.type(description="A managed bot: a folder with a main program and the services beside it.")
class Instance:
    id: strawberry.ID = strawberry.field(description="40 lower-case hex digits; REST has the same.")
    name: str = strawberry.field(
        description="1-64 characters: letters of any script, digits, `-`, `_`, `.`, space. Unique."
    )
    status: Status = strawberry.field(description="What its main program is doing.")
    installed_at: Instant = strawberry.field(description="When it was deployed or added.")
    path: str = strawberry.field(description="Its folder: an absolute path with links resolved.")
    port: int = strawberry.field(description="The TCP port that its main program listens on, 1-65535.")
    version: str = strawberry.field(
        description="Version of the bot, as its git tag or `pyproject.toml` says; `unknown` when neither does."
    )
    recipe: str = strawberry.field(
        description="Name of the recipe that says how to run it, such as `maibot`."
    )
    pid: int | None = strawberry.field(
        description="Process id of its main program. Null while it does not run."
    )
    started_at: Instant | None = strawberry.field(
        description="When its main program was started. Null while it does not run."
    )
    ready: bool | None = strawberry.field(
        description="Whether its main program works and not only lives. Null while it does not run, and when its recipe does not say "
        "how to tell."
    )
    restarts: int = strawberry.field(
        description="How often its main program was started again by itself since a person started it."
    )
    failure: Failure | None = strawberry.field(
        description="Why its main program is not running though it was meant to. Null while there is nothing to explain."
    )
    supervision: Supervision = strawberry.field(
        resolver=supervision_of, description="How its programs are looked after."
    )
    usage: Usage | None = strawberry.field(
        resolver=usage_of,
        description="What its main program costs, sampled every few seconds. Null while it does not run, and in its first "
        "moments.",
    )
    services: list[Service] = strawberry.field(description="Its services, in the order they were added.")
    terminals: list[Terminal] = strawberry.field(
        resolver=_terminals,
        graphql_type=list[Terminal],
        description="Its terminals: the main program's first.",
    )
    deployment: Deployment | None = strawberry.field(
        resolver=_deployment,
        description="Its newest deployment, clone or upgrade. Null: it was added as it stood.",
    )
    backups: list[Backup] = strawberry.field(
        resolver=backups_of,
        graphql_type=list[Backup],
        description="Backups of its configuration and data, newest first.",
    )
    emojis: EmojiConnection = strawberry.field(
        resolver=emojis_of, description="The pictures that it may send, newest first."
    )
    persons: PersonConnection = strawberry.field(
        resolver=persons_of, description="The persons whom it knows, newest first."
    )
    sync_status: SyncStatus = strawberry.field(
        resolver=sync_status_of,
        graphql_type=SyncStatus,
        description="How far its emojis and persons are in step with the bot's own database, which is read for it.",
    )
    recent_events: list[Event] = strawberry.field(
        resolver=_recent_events,
        description="The newest events of this instance, newest first.",
    )


def shown(view: InstanceView) -> Instance:
    """The view stands for the type: it has the attributes that plain fields read."""
    return cast(Instance, view)


@strawberry.type(description="Instances by status: `running` and `stopped` add up to `total`.")
class InstanceStats:
    total: int = strawberry.field(description="All instances.")
    running: int = strawberry.field(description="Those whose status is `RUNNING`.")
    stopped: int = strawberry.field(description="All others, whatever their status.")


@strawberry.type(description="A change of an instance.")
class InstanceChange:
    id: strawberry.ID = strawberry.field(description="Which instance changed.")
    instance: Instance | None = strawberry.field(
        description="The instance as it is now. Null: it was removed."
    )


def _instances(
    info: Info,
    status: Annotated[
        Status | None, strawberry.argument(description="Only those with this status. Null: any.")
    ] = None,
    search: Annotated[
        str | None,
        strawberry.argument(description="Only those whose name holds this text, case ignored. Null: any."),
    ] = None,
) -> list[Instance]:
    state = None if status is None else State[status.name]
    return cast(list[Instance], instances.list_all(info.context.ctx, status=state, search=search))


def _instance(info: Info, id: InstanceId) -> Instance | None:
    return shown(instances.get(info.context.ctx, id))


def _stats(info: Info) -> InstanceStats:
    return cast(InstanceStats, instances.stats(info.context.ctx))


@strawberry.type
class InstanceQuery:
    instances: list[Instance] = strawberry.field(
        resolver=_instances, description="All instances that fit, in the order they were added."
    )
    instance: Instance | None = strawberry.field(
        resolver=_instance,
        description="One instance. Null only together with an error: `INSTANCE_NOT_FOUND`.",
    )
    instance_stats: InstanceStats = strawberry.field(
        resolver=_stats, description="How many instances there are and run."
    )


def _changes(
    info: Info,
    id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only this instance. Null: all.")
    ] = None,
) -> AsyncGenerator[InstanceChange, None]:
    return cast(AsyncGenerator[InstanceChange, None], system.instance_changes(info.context.ctx, id))


@strawberry.type
class InstanceSubscription:
    instance_changed: AsyncGenerator[InstanceChange, None] = strawberry.subscription(
        resolver=_changes,
        description="Every visible change of an instance from now on: added, started, stopped, failed, removed. Changes "
        "that a slow subscriber has not fetched are joined: it gets the newest state. Read the state after subscribing.",
    )
