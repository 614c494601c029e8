"""How an instance's programs are looked after, and what they cost."""

from enum import Enum
from typing import cast

import strawberry

from resolvers import instances
from resolvers.views import InstanceView, ServiceView
from schema.context import Info
from schema.scalars import Long
from terminals.policy import Supervision as Wishes


@strawberry.enum(description="When a program that ended by itself is started again.")
class Restart(Enum):
    NO = strawberry.enum_value(
        "no", description="Never, but for a restart that it wished for by exit code 42."
    )
    ON_FAILURE = strawberry.enum_value("on-failure", description="After every end but exit code 0.")
    ALWAYS = strawberry.enum_value("always", description="After every end that nobody asked for.")


def _restart(wishes: strawberry.Parent[Wishes]) -> Restart:
    return Restart(wishes.restart)


@strawberry.type(description="How the programs of an instance are looked after.")
class Supervision:
    restart: Restart = strawberry.field(resolver=_restart, description="When they are started again.")
    restart_delay_s: float = strawberry.field(
        description="Seconds before the first restart, 0-3600; doubled with each further one, give or take a fifth."
    )
    restart_delay_max_s: float = strawberry.field(
        description="Seconds that the delay grows to at most, 0-86400."
    )
    crash_limit: int = strawberry.field(
        description="So many ends within `crashWindowS`, 1-100, and a program is given up as `FAILED`."
    )
    crash_window_s: float = strawberry.field(
        description="Seconds within which ends are counted, up to 86400."
    )
    stop_timeout_s: float | None = strawberry.field(
        description="Seconds to wait after each signal of a stop, up to 600. Null: as the recipe says."
    )
    autostart: bool = strawberry.field(
        description="Whether what was meant to run is started with the server, as after a reboot of the machine."
    )


@strawberry.type(description="What a running program costs, its children included.")
class Usage:
    cpu_percent: float = strawberry.field(
        description="Processor time in percent of one core; two busy cores are 200."
    )
    memory: Long = strawberry.field(
        description="Resident memory in bytes; pages shared by processes count in each."
    )
    processes: int = strawberry.field(description="How many processes they are.")


def supervision_of(instance: strawberry.Parent[InstanceView], info: Info) -> Supervision:
    return cast(Supervision, instances.supervision(info.context.ctx, instance.id))


def usage_of(part: strawberry.Parent[InstanceView | ServiceView], info: Info) -> Usage | None:
    return cast(Usage | None, info.context.ctx.meter.latest(part.pid))
