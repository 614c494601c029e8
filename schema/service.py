"""Services: the programs beside an instance's main program, such as NapCat."""

from typing import cast

import strawberry

from resolvers import terminals
from resolvers.views import ServiceView
from schema import terminal
from schema.context import Info
from schema.scalars import Instant
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
from schema.supervision import Usage, usage_of
from schema.terminal import Terminal
from schema.versioned import BY_OBJECT


def _terminal(service: strawberry.Parent[ServiceView], info: Info) -> Terminal:
    ctx = info.context.ctx
    return terminal.terminal_of(terminals.get(ctx, f"{service.instance_id}_{service.name}"))


@strawberry.type(
    description="A program beside an instance's main program: NapCat, the NoneBot adapter, or another."
)
class Service:
    name: str = strawberry.field(description="`napcat`, `nonebot-ada` or another; unique in the instance.")
    path: str = strawberry.field(description="Absolute path of its folder.")
    status: Status = strawberry.field(description="Status of its process.")
    port: int = strawberry.field(description="TCP port it listens on, 1-65535. 0: unknown or none.")
    pid: int | None = strawberry.field(description="Process id. Null: not running.")
    started_at: Instant | None = strawberry.field(description="Start time. Null: not running.")
    ready: bool | None = strawberry.field(
        description="Whether it has passed the readiness check of its recipe. Null: not running, or the recipe has no such "
        "check."
    )
    restarts: int = strawberry.field(description="Automatic restarts since the last manual start.")
    failure: Failure | None = strawberry.field(
        description="Why it is not running although it should be. Null: no failure."
    )
    waiting_for: WaitingFor | None = strawberry.field(
        resolver=waiting_for, description=WAITING_FOR, metadata=BY_OBJECT
    )
    question: str | None = strawberry.field(resolver=question, description=QUESTION, metadata=BY_OBJECT)
    reason: str | None = strawberry.field(resolver=reason, description=REASON, metadata=BY_OBJECT)
    usage: Usage | None = strawberry.field(
        resolver=usage_of,
        description="Resource usage, sampled every few seconds. Null: not running, or not sampled yet.",
    )
    terminal: Terminal = strawberry.field(resolver=_terminal, description="Terminal in which it runs.")


def from_view(view: ServiceView) -> Service:
    """The view serves as the type: it has the attributes that fields without a resolver read."""
    return cast(Service, view)
