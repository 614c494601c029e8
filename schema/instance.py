"""Instances: the managed bots, their number, and their changes."""

from collections.abc import AsyncGenerator, Awaitable
from typing import Annotated, cast

import strawberry

from resolvers import instances, missing_services, services, system, terminals
from resolvers.views import InstanceView
from schema.backup import Backup, backups_of
from schema.configuration import InstanceConfig, config_of
from schema.context import Info
from schema.deployment import Deployment
from schema.descriptions import NAME, NOTES, RESOURCE_ID, TAGS, InstanceId
from schema.emoji import EmojiConnection, emojis_of
from schema.event import Event
from schema.person import PersonConnection, persons_of
from schema.scalars import Instant
from schema.service import Service
from schema.status import (
    QUESTION,
    REASON,
    WAITING_FOR,
    Failure,
    Status,
    WaitingFor,
    question,
    reason,
    waiting_for,
)
from schema.supervision import Supervision, Usage, supervision_of, usage_of
from schema.sync import SyncStatus, sync_status_of
from schema.terminal import Terminal
from schema.versioned import BY_OBJECT, BY_VERSION, views_by_version
from schema.web_page import WebPage, web_pages_of
from terminals.states import State


def _terminals(instance: strawberry.Parent[InstanceView], info: Info) -> list[Terminal]:
    return cast(list[Terminal], terminals.list_of(info.context.ctx, instance.id))


def _hosted_services(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[list[str]]:
    return services.hosted(info.context.ctx, instance.id)


def _missing_services(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[list[str]]:
    return missing_services.names_of(info.context.ctx, instance.id)


def _recent_events(
    instance: strawberry.Parent[InstanceView],
    info: Info,
    first: Annotated[
        int, strawberry.argument(description=f"Maximum number of events, 1-{system.RECENT_LIMIT}.")
    ] = 5,
) -> Awaitable[list[Event]]:
    system.require_first(first, system.RECENT_LIMIT)
    return cast(Awaitable[list[Event]], info.context.loaders.recent_events.load((instance.id, first)))


def _deployment(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[Deployment | None]:
    return cast(Awaitable[Deployment | None], info.context.loaders.deployment.load(instance.id))


@strawberry.type(description="A managed bot: a folder with a main program and its services.")
class Instance:
    id: strawberry.ID = strawberry.field(description=RESOURCE_ID)
    name: str = strawberry.field(description=NAME)
    status: Status = strawberry.field(description="Status of the main program.")
    installed_at: Instant = strawberry.field(description="Time when it was deployed or added.")
    path: str = strawberry.field(description="Absolute path of its folder, links resolved.")
    port: int = strawberry.field(description="TCP port of the main program, 1-65535.")
    version: str = strawberry.field(
        description="Version of the bot, from its git tag or `pyproject.toml`; `unknown` if neither has one."
    )
    recipe: str = strawberry.field(
        description="Name of the recipe that defines how to run it, such as `maibot`."
    )
    pid: int | None = strawberry.field(description="Process id of the main program. Null: not running.")
    started_at: Instant | None = strawberry.field(
        description="Start time of the main program. Null: not running."
    )
    ready: bool | None = strawberry.field(
        description="Whether the main program has passed the readiness check of its recipe. Null: not running, or the recipe has no "
        "such check."
    )
    restarts: int = strawberry.field(
        description="Automatic restarts of the main program since the last manual start."
    )
    failure: Failure | None = strawberry.field(
        description="Why the main program is not running although it should be. Null: no failure."
    )
    waiting_for: WaitingFor | None = strawberry.field(
        resolver=waiting_for, description=WAITING_FOR, metadata=BY_OBJECT
    )
    question: str | None = strawberry.field(resolver=question, description=QUESTION, metadata=BY_OBJECT)
    reason: str | None = strawberry.field(resolver=reason, description=REASON, metadata=BY_OBJECT)
    supervision: Supervision = strawberry.field(
        resolver=supervision_of, description="Restart policy of its programs."
    )
    usage: Usage | None = strawberry.field(
        resolver=usage_of,
        description="Resource usage of the main program, sampled every few seconds. Null: not running, or not sampled yet.",
    )
    services: list[Service] = strawberry.field(description="Services, in the order they were added.")
    hosted_services: list[str] = strawberry.field(
        resolver=_hosted_services,
        description="Names of the installed services that the main program runs itself, as plugins, such as the adapter from MaiBot "
        "1.0 on. They have no process, port or terminal of their own, and start and stop with it.",
    )
    missing_services: list[str] = strawberry.field(
        resolver=_missing_services,
        description="Names of the services that its deployment could not install and that it still lacks, also after upgrades; "
        "`retryDeployment` adds them. Empty: none.",
    )
    terminals: list[Terminal] = strawberry.field(
        resolver=_terminals,
        graphql_type=list[Terminal],
        description="Terminals, the main program's first.",
    )
    web_pages: list[WebPage] = strawberry.field(
        resolver=web_pages_of,
        graphql_type=list[WebPage],
        description="Web pages of its programs, the main program's first. One whose port no file names yet is left out.",
    )
    deployment: Deployment | None = strawberry.field(
        resolver=_deployment,
        description="Newest deployment, clone or upgrade. Null: the instance was added and not deployed.",
    )
    backups: list[Backup] = strawberry.field(
        resolver=backups_of,
        graphql_type=list[Backup],
        description="Backups of its configuration and data, newest first.",
    )
    config: InstanceConfig = strawberry.field(
        resolver=config_of, description="Configuration of the bot, as of now."
    )
    emojis: EmojiConnection = strawberry.field(
        resolver=emojis_of, description="Images that it can send, newest first."
    )
    persons: PersonConnection = strawberry.field(
        resolver=persons_of, description="Persons whom it knows, newest first."
    )
    sync_status: SyncStatus = strawberry.field(
        resolver=sync_status_of,
        graphql_type=SyncStatus,
        description="Synchronization of emojis and persons with the bot's own database, which is read for this.",
    )
    notes: str = strawberry.field(description=NOTES)
    tags: list[str] = strawberry.field(description=TAGS)
    recent_events: list[Event] = strawberry.field(
        resolver=_recent_events,
        description="Latest events of this instance, newest first.",
    )


def from_view(view: InstanceView) -> Instance:
    """The view serves as the type: it has the attributes that fields without a resolver read."""
    return cast(Instance, view)


@strawberry.type(description="Number of instances by status: `running` and `stopped` add up to `total`.")
class InstanceStats:
    total: int = strawberry.field(description="All instances.")
    running: int = strawberry.field(description="Instances with the status `RUNNING`.")
    stopped: int = strawberry.field(description="All others, whatever their status.")


@strawberry.type(description="A change of an instance.")
class InstanceChange:
    id: strawberry.ID = strawberry.field(description="Id of the instance that changed.")
    instance: Instance | None = strawberry.field(
        description="The instance in its current state. Null: it was removed."
    )


def _instances(
    info: Info,
    status: Annotated[
        Status | None, strawberry.argument(description="Only instances with this status. Null: any.")
    ] = None,
    search: Annotated[
        str | None,
        strawberry.argument(
            description="Only instances whose name contains this text, case-insensitive. Null: any."
        ),
    ] = None,
) -> list[Instance]:
    state = None if status is None else State[status.name]
    return cast(list[Instance], instances.list_all(info.context.ctx, status=state, search=search))


def _instance(info: Info, id: InstanceId) -> Instance | None:
    return from_view(instances.get(info.context.ctx, id))


def _stats(info: Info) -> InstanceStats:
    return cast(InstanceStats, instances.stats(info.context.ctx))


@strawberry.type
class InstanceQuery:
    instances: list[Instance] = strawberry.field(
        resolver=_instances,
        description="All matching instances, in the order they were added.",
        metadata=views_by_version(InstanceView),
    )
    instance: Instance | None = strawberry.field(
        resolver=_instance,
        description="One instance. Null only with an error: `INSTANCE_NOT_FOUND`.",
        metadata=BY_VERSION,
    )
    instance_stats: InstanceStats = strawberry.field(
        resolver=_stats, description="Number of instances by status.", metadata=BY_VERSION
    )


def _changes(
    info: Info,
    id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only this instance. Null: all instances.")
    ] = None,
) -> AsyncGenerator[InstanceChange, None]:
    return cast(AsyncGenerator[InstanceChange, None], system.instance_changes(info.context.ctx, id))


@strawberry.type
class InstanceSubscription:
    instance_changed: AsyncGenerator[InstanceChange, None] = strawberry.subscription(
        resolver=_changes,
        description="Every visible change of an instance from now on: added, started, ready, waiting for something else, stopped, failed, "
        "removed, its `deployment` begun or ended; not of `usage`. For a slow "
        "subscriber, changes are merged into the newest state. Read the initial state after subscribing.",
    )
