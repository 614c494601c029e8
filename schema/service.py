"""Services: the companions of an instance, such as NapCat."""

from typing import cast

import strawberry

from resolvers import terminals
from resolvers.views import ServiceView
from schema import terminal
from schema.context import Info
from schema.scalars import Instant
from schema.status import Failure, Status
from schema.supervision import Usage, usage_of
from schema.terminal import Terminal


def _terminal(service: strawberry.Parent[ServiceView], info: Info) -> Terminal:
    ctx = info.context.ctx
    found = terminals.find(ctx, f"{service.instance_id}_{service.name}")
    return terminal.shown(terminals.view(ctx, found))


@strawberry.type(description="A companion of an instance: NapCat, the NoneBot adapter, or another.")
class Service:
    name: str = strawberry.field(description="`napcat`, `nonebot-ada` or another; unique in its instance.")
    path: str = strawberry.field(description="Its folder: an absolute path.")
    status: Status = strawberry.field(description="What it is doing.")
    port: int = strawberry.field(description="The TCP port that it listens on, 1-65535. 0: none is known.")
    pid: int | None = strawberry.field(description="Its process id. Null while it does not run.")
    started_at: Instant | None = strawberry.field(
        description="When it was started. Null while it does not run."
    )
    ready: bool | None = strawberry.field(
        description="Whether it works and not only lives. Null while it does not run, and when its recipe does not say "
        "how to tell."
    )
    restarts: int = strawberry.field(
        description="How often it was started again by itself since a person started it."
    )
    failure: Failure | None = strawberry.field(
        description="Why it is not running though it was meant to. Null while there is nothing to explain."
    )
    usage: Usage | None = strawberry.field(
        resolver=usage_of,
        description="What it costs, sampled every few seconds. Null while it does not run, and in its first moments.",
    )
    terminal: Terminal = strawberry.field(resolver=_terminal, description="The terminal that it runs in.")


def shown(view: ServiceView) -> Service:
    """The view stands for the type: it has the attributes that plain fields read."""
    return cast(Service, view)
