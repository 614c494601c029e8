"""Events: what happened in the launcher, when, and who requested it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, cast, get_args

import strawberry

from mailauncher.errors import InvalidParameter
from resolvers import system
from resolvers.views import EventView
from schema.context import Info
from schema.descriptions import CURSOR, MESSAGE
from schema.paging import Page, PageInfo, identity
from schema.scalars import LONG_MAX, Instant, Long
from store.journal import EVENTS_KEPT, EventFilter, Kind

_KINDS = ", ".join(f"`{kind}`" for kind in get_args(Kind))


@dataclass(frozen=True)
class EventPage(Page[EventView]):
    """Consecutive events, oldest first, and the filter that selected them."""

    wanted: EventFilter

    async def more(self, info: Info) -> bool:
        found = self.end is not None and await system.events(info.context.ctx, self.wanted, self.end, first=1)
        return bool(found)


def _message(event: strawberry.Parent[EventView], info: Info) -> str:
    return event.text.in_language(info.context.language)


@strawberry.type(description="An event: a command that was given, or its result.")
class Event:
    cursor: strawberry.ID = strawberry.field(
        name="id", description="A number, increasing from event to event."
    )
    at: Instant = strawberry.field(description="Time of the event.")
    instance_id: strawberry.ID | None = strawberry.field(
        description="Id of the instance concerned, which may have been deleted since. Null: the launcher itself."
    )
    kind: str = strawberry.field(
        description=f"{_KINDS}. `died` is a program that is restarted automatically, `failed` one that is not; `conflict` an emoji or "
        "person that was changed here and by the bot, and what a sync made of it; `attach`, `drive` and "
        "`detach` somebody who opened a terminal over SSH, began to type there, and left. Later versions may add others."
    )
    caller: str = strawberry.field(
        description="Who requested it: the interface, such as `rest`, `graphql` or `cli`, or the SSH key as `ssh:NAME`; `supervisor` or `server` for "
        "automatic events."
    )
    message: str = strawberry.field(
        resolver=_message,
        description=MESSAGE,
    )
    session_id: strawberry.ID | None = strawberry.field(
        description="For `died` and `failed`: the terminal of the program. Null for other events, and where nothing is known to "
        "have been printed."
    )
    offset: Long | None = strawberry.field(
        description="Offset in bytes of the end of what the program had printed there. Null without `sessionId`."
    )


@strawberry.type(description="An event and its position in the list.")
class EventEdge:
    cursor: strawberry.ID = strawberry.field(description=CURSOR)
    node: Event = strawberry.field(resolver=identity, description="The event.")


@strawberry.type(description="A page of events, oldest first.")
class EventConnection:
    edges: list[EventEdge] = strawberry.field(description="Events of this page.")
    page_info: PageInfo = strawberry.field(resolver=identity, description="Position of the page in the list.")


async def _events(
    info: Info,
    after: Annotated[
        strawberry.ID | None,
        strawberry.argument(
            description="Cursor of the last event seen. Null: start with the oldest one kept."
        ),
    ] = None,
    first: Annotated[
        int | None,
        strawberry.argument(
            description=f"How many of the oldest of these events, 1-{system.EVENTS_LIMIT}. Null: "
            f"{system.EVENTS_DEFAULT}, without `last`."
        ),
    ] = None,
    before: Annotated[
        strawberry.ID | None,
        strawberry.argument(
            description="Only events before the one with this cursor. Null: up to the newest one."
        ),
    ] = None,
    last: Annotated[
        int | None,
        strawberry.argument(
            description=f"How many of the newest of these events, 1-{system.EVENTS_LIMIT}, instead of `first`. With the first "
            "edge's cursor as the next `before`, the way to page backwards."
        ),
    ] = None,
    instance_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(
            description="Only events of this instance, which may have been deleted. Null: any."
        ),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        strawberry.argument(
            description=f"Only events of these kinds, at most {system.KINDS_LIMIT}. Null: any."
        ),
    ] = None,
    begin: Annotated[
        Instant | None, strawberry.argument(description="Only events from this time on. Null: any.")
    ] = None,
    end: Annotated[
        Instant | None, strawberry.argument(description="Only events before this time. Null: any.")
    ] = None,
) -> EventConnection | None:
    wanted = EventFilter(instance_id, kinds, begin, end)
    before_id = None if before is None else _cursor(before, "before")
    found = await system.events(info.context.ctx, wanted, _cursor(after, "after"), before_id, first, last)
    return cast(EventConnection, EventPage(found, wanted))


def _cursor(text: str | None, field: str) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 17) or int(text) > LONG_MAX:
        raise InvalidParameter(f"{field} 不是有效的游标", f"{field} is not a valid cursor", field=field)
    return int(text)


@strawberry.type
class EventQuery:
    events: EventConnection | None = strawberry.field(
        resolver=_events,
        description=f"Events, oldest first, forwards or backwards from a cursor; the newest {EVENTS_KEPT:,} events are kept. Null only "
        "with an error: `INVALID_PARAMETER`.",
    )


def _stream(
    info: Info,
    after: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Cursor of the last event seen. Null: only new events."),
    ] = None,
) -> AsyncGenerator[Event, None]:
    cursor = info.context.resumed(None if after is None else _cursor(after, "after"))
    return cast(AsyncGenerator[Event, None], system.event_stream(info.context.ctx, cursor))


@strawberry.type
class EventSubscription:
    events: AsyncGenerator[Event, None] = strawberry.subscription(
        resolver=_stream,
        description="All events after a cursor, oldest first, then each new one. Resume with the last event's `id`.",
    )
