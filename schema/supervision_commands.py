"""Changing how an instance's programs are looked after."""

from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import instances
from resolvers.views import Outcome
from schema.context import Info
from schema.instance_commands import InstancePayload, payload
from schema.supervision import Restart
from terminals.policy import Supervision as Wishes


@strawberry.input(
    description="What is to change in how an instance's programs are looked after; null sets the default again."
)
class SuperviseInstanceInput:
    id: strawberry.ID = strawberry.field(description="Which instance.")
    restart: Restart | None = strawberry.field(default=UNSET, description="When programs are started again.")
    restart_delay_s: float | None = strawberry.field(
        default=UNSET, description="Seconds before the first restart, 0-3600."
    )
    restart_delay_max_s: float | None = strawberry.field(
        default=UNSET, description="Seconds that the delay grows to at most, 0-86400."
    )
    crash_limit: int | None = strawberry.field(
        default=UNSET, description="Ends before a program is given up, 1-100."
    )
    crash_window_s: float | None = strawberry.field(
        default=UNSET, description="Seconds within which ends are counted, above 0 and up to 86400."
    )
    stop_timeout_s: float | None = strawberry.field(
        default=UNSET, description="Seconds to wait after each signal of a stop, above 0 and up to 600."
    )
    autostart: bool | None = strawberry.field(
        default=UNSET, description="Whether what was meant to run is started with the server."
    )


_WISHES = Wishes.__struct_fields__


async def _supervise(
    info: Info,
    input: Annotated[
        SuperviseInstanceInput, strawberry.argument(description="Which instance, and what is to change.")
    ],
) -> InstancePayload | None:
    given = {name: value for name in _WISHES if (value := getattr(input, name)) is not UNSET}
    wishes = {name: value.value if isinstance(value, Restart) else value for name, value in given.items()}
    view = await info.context.carry_out(instances.supervise(info.context.ctx, input.id, **wishes))
    return payload(Outcome(view, instances.SUPERVISED), info)


@strawberry.type
class SupervisionMutation:
    supervise_instance: InstancePayload | None = strawberry.mutation(
        resolver=_supervise,
        description="Changes how an instance's programs are looked after, from now on. Null only together with an error: "
        "`INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`.",
    )
