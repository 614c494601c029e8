"""Events: what happened in the launcher's life, who asked for it, and when."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Any, cast

import strawberry

from mailauncher.errors import InvalidParameter
from resolvers import system
from resolvers.views import EventView
from schema.context import Info
from schema.scalars import GREATEST, Instant


@dataclass(frozen=True, slots=True)
class Page:
    """Events that follow each other, oldest first."""

    edges: list[EventView]


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


def _itself(parent: strawberry.Parent[object]) -> Any:
    """What stands for the whole stands for its part too: the fields below read other attributes of it."""
    return parent


@strawberry.type(description="An event in its place in the list.")
class EventEdge:
    cursor: strawberry.ID = strawberry.field(description="Give it as `after` to get what follows.")
    node: Event = strawberry.field(resolver=_itself, description="The event.")


async def _has_next_page(page: strawberry.Parent[Page], info: Info) -> bool:
    return bool(page.edges) and bool(await system.events(info.context.ctx, page.edges[-1].cursor, 1))


def _end_cursor(page: strawberry.Parent[Page]) -> strawberry.ID | None:
    return strawberry.ID(str(page.edges[-1].cursor)) if page.edges else None


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        resolver=_has_next_page, description="Whether events follow this page now; later there may be others."
    )
    end_cursor: strawberry.ID | None = strawberry.field(
        resolver=_end_cursor, description="Cursor of the page's last event. Null when the page is empty."
    )


@strawberry.type(description="A page of events, oldest first.")
class EventConnection:
    edges: list[EventEdge] = strawberry.field(description="The events of this page.")
    page_info: PageInfo = strawberry.field(resolver=_itself, description="Where the page stands in the list.")


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
    page = Page(await system.events(info.context.ctx, _cursor(after), first))
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
