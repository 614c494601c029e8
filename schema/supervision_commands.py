"""The command that changes the restart policy of an instance's programs."""

from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import instances
from resolvers.views import CommandOutcome
from schema.context import Info
from schema.descriptions import INSTANCE_ID
from schema.instance_commands import InstancePayload, instance_payload
from schema.supervision import (
    AUTOSTART,
    CRASH_LIMIT,
    CRASH_WINDOW,
    RESTART,
    RESTART_DELAY,
    RESTART_DELAY_MAX,
    STOP_TIMEOUT,
    Restart,
)
from terminals.policy import Supervision as Policy


@strawberry.input(
    description="Changes to the restart policy of an instance's programs; null restores the default, an absent field stays "
    "unchanged."
)
class SuperviseInstanceInput:
    id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    restart: Restart | None = strawberry.field(default=UNSET, description=RESTART)
    restart_delay_s: float | None = strawberry.field(default=UNSET, description=RESTART_DELAY)
    restart_delay_max_s: float | None = strawberry.field(default=UNSET, description=RESTART_DELAY_MAX)
    crash_limit: int | None = strawberry.field(default=UNSET, description=CRASH_LIMIT)
    crash_window_s: float | None = strawberry.field(default=UNSET, description=CRASH_WINDOW)
    stop_timeout_s: float | None = strawberry.field(default=UNSET, description=STOP_TIMEOUT)
    autostart: bool | None = strawberry.field(default=UNSET, description=AUTOSTART)


_FIELDS = Policy.__struct_fields__


async def _supervise(
    info: Info,
    input: Annotated[
        SuperviseInstanceInput, strawberry.argument(description="The instance and the changes.")
    ],
) -> InstancePayload | None:
    given = {name: value for name in _FIELDS if (value := getattr(input, name)) is not UNSET}
    changes = {name: value.value if isinstance(value, Restart) else value for name, value in given.items()}
    view = await info.context.complete(instances.supervise(info.context.ctx, input.id, **changes))
    return instance_payload(CommandOutcome(view, instances.SUPERVISED), info)


@strawberry.type
class SupervisionMutation:
    supervise_instance: InstancePayload | None = strawberry.mutation(
        resolver=_supervise,
        description="Changes the restart policy of an instance's programs from now on. Null only with an error: "
        "`INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`.",
    )
