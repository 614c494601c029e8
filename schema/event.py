"""Events: what happened in the launcher's life, who asked for it, and when."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, cast

import strawberry

from mailauncher.errors import InvalidParameter
from resolvers import system
from resolvers.views import EventView
from schema.context import Info
from schema.paging import Page, PageInfo, itself
from schema.scalars import GREATEST, Instant


@dataclass(frozen=True)
class EventPage(Page):
    """Events that follow each other, oldest first."""

    edges: list[EventView]

    @property
    def end(self) -> int | None:
        return self.edges[-1].cursor if self.edges else None

    async def more(self, info: Info) -> bool:
        return self.end is not None and bool(await system.events(info.context.ctx, self.end, 1))


def _message(event: strawberry.Parent[EventView], info: Info) -> str:
    return event.text.in_language(info.context.language)


@strawberry.type(description="One thing that happened: a command that somebody gave, or what became of it.")
class Event:
    cursor: strawberry.ID = strawberry.field(
        name="id", description="A whole number; later events have greater ones."
    )
    at: Instant = strawberry.field(description="When it happened.")
    instance_id: strawberry.ID | None = strawberry.field(
        description="The instance that it happened to, which may be gone by now. Null: the launcher itself."
    )
    kind: str = strawberry.field(
        description="`add`, `start`, `stop`, `restart`, `delete`, `start-service`, `stop-service`, "
        "`supervise`; `died` for what is started again by itself, `failed` for what is not; `autostart`; `deploy`, `upgrade`, `rollback`, `clone`, `retry`, "
        "`accept-terms`, `cancelled`, `deployed`, `deployment-failed`; `backup`, `restore`. Later versions add others."
    )
    caller: str = strawberry.field(
        description="Who asked for it: the front door, such as `rest`, `graphql` or `cli`; `supervisor` or `server` for "
        "what nobody asked for."
    )
    message: str = strawberry.field(
        resolver=_message,
        description="One sentence for people, in the language that `Accept-Language` asks for.",
    )


@strawberry.type(description="An event in its place in the list.")
class EventEdge:
    cursor: strawberry.ID = strawberry.field(description="Give it as `after` to get what follows.")
    node: Event = strawberry.field(resolver=itself, description="The event.")


@strawberry.type(description="A page of events, oldest first.")
class EventConnection:
    edges: list[EventEdge] = strawberry.field(description="The events of this page.")
    page_info: PageInfo = strawberry.field(resolver=itself, description="Where the page stands in the list.")


async def _events(
    info: Info,
    after: Annotated[
        strawberry.ID | None,
        strawberry.argument(
            description="Cursor of the last event known already. Null: from the oldest kept."
        ),
    ] = None,
    first: Annotated[int, strawberry.argument(description="How many events at most, 1-200.")] = 50,
) -> EventConnection | None:
    page = EventPage(await system.events(info.context.ctx, _cursor(after), first))
    return cast(EventConnection, page)


def _cursor(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) < 17) or int(after) > GREATEST:
        raise InvalidParameter("after 不是有效的游标", "after is no cursor", field="after")
    return int(after)


@strawberry.type
class EventQuery:
    events: EventConnection | None = strawberry.field(
        resolver=_events,
        description="What happened since a point in the launcher's life; the newest 20,000 events are kept. Null only "
        "together with an error: `INVALID_PARAMETER`.",
    )


def _stream(
    info: Info,
    after: Annotated[
        strawberry.ID | None,
        strawberry.argument(
            description="Cursor of the last event known already. Null: only what happens from now on."
        ),
    ] = None,
) -> AsyncGenerator[Event, None]:
    cursor = None if after is None else _cursor(after)
    return cast(AsyncGenerator[Event, None], system.event_stream(info.context.ctx, cursor))


@strawberry.type
class EventSubscription:
    events: AsyncGenerator[Event, None] = strawberry.subscription(
        resolver=_stream,
        description="Every event after a cursor, oldest first, then each new one. Resume with the last event's `id`.",
    )
