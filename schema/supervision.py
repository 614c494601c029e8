"""Restart policy and resource usage of an instance's programs."""

from enum import Enum
from typing import cast

import strawberry
from msgspec.inspect import FloatType, IntType, StructType, UnionType, type_info

from resolvers import instances
from resolvers.views import InstanceView, ServiceView
from schema.context import Info
from schema.scalars import Long
from terminals.policy import RESTART_EXIT_CODE
from terminals.policy import Supervision as Policy


@strawberry.enum(description="When a program that exited on its own is restarted.")
class Restart(Enum):
    NO = strawberry.enum_value(
        "no", description=f"Never, unless it requests a restart with exit code {RESTART_EXIT_CODE}."
    )
    ON_FAILURE = strawberry.enum_value("on-failure", description="After any exit code but 0.")
    ALWAYS = strawberry.enum_value("always", description="After any exit that was not requested.")


_FIELDS = {field.name: field.type for field in cast(StructType, type_info(Policy)).fields}


def _range(name: str) -> str:
    """The allowed values of a policy's number, such as `0-3600`."""
    field = _FIELDS[name]
    kinds = field.types if isinstance(field, UnionType) else (field,)
    (kind,) = (kind for kind in kinds if isinstance(kind, FloatType | IntType))
    return f"{kind.ge:g}-{kind.le:g}" if kind.gt is None else f"more than {kind.gt:g}, at most {kind.le:g}"


RESTART = "When programs that exited on their own are restarted."
RESTART_DELAY = f"Seconds before the first restart, {_range('restart_delay_s')}; doubles with each further one, with a jitter of 20 %."
RESTART_DELAY_MAX = f"Maximum of that delay in seconds, {_range('restart_delay_max_s')}."
CRASH_LIMIT = (
    f"Number of exits within `crashWindowS`, {_range('crash_limit')}, after which a program is not restarted any more and is "
    "`FAILED`."
)
CRASH_WINDOW = f"Seconds within which exits are counted, {_range('crash_window_s')}."
STOP_TIMEOUT = f"Seconds to wait after each signal of a stop, {_range('stop_timeout_s')}."
AUTOSTART = "Whether programs that should be running are started with the server, for example after a reboot of the machine."


def _restart(policy: strawberry.Parent[Policy]) -> Restart:
    return Restart(policy.restart)


@strawberry.type(description="Restart policy of the programs of an instance.")
class Supervision:
    restart: Restart = strawberry.field(resolver=_restart, description=RESTART)
    restart_delay_s: float = strawberry.field(description=RESTART_DELAY)
    restart_delay_max_s: float = strawberry.field(description=RESTART_DELAY_MAX)
    crash_limit: int = strawberry.field(description=CRASH_LIMIT)
    crash_window_s: float = strawberry.field(description=CRASH_WINDOW)
    stop_timeout_s: float | None = strawberry.field(description=f"{STOP_TIMEOUT} Null: as in the recipe.")
    autostart: bool = strawberry.field(description=AUTOSTART)


@strawberry.type(description="Resource usage of a running program, including its child processes.")
class Usage:
    cpu_percent: float = strawberry.field(
        description="Processor time in percent of one core; two busy cores are 200."
    )
    memory: Long = strawberry.field(
        description="Resident memory in bytes; pages shared between processes are counted for each of them."
    )
    processes: int = strawberry.field(description="Number of processes.")


def supervision_of(instance: strawberry.Parent[InstanceView], info: Info) -> Supervision:
    return cast(Supervision, instances.supervision(info.context.ctx, instance.id))


def usage_of(part: strawberry.Parent[InstanceView | ServiceView], info: Info) -> Usage | None:
    return cast(Usage | None, info.context.ctx.samplers.usage.latest(part.pid))
