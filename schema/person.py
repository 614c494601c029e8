"""Persons: those whom a bot knows."""

from dataclasses import dataclass
from typing import Annotated, Any, cast

import strawberry

from resolvers import persons, texts
from resolvers.persons import PersonFilter
from resolvers.views import InstanceView, PersonView
from schema.context import Info
from schema.emoji import After, First, Origin, PendingChange, origin_of, pending_of
from schema.learned import LearnedPerson, learned_person_of
from schema.paging import Page, PageInfo, itself, require_first
from schema.scalars import Instant, Json, Long


@strawberry.type(description="Somebody whom a bot knows.")
class Person:
    id: strawberry.ID = strawberry.field(description="40 lower-case hex digits; REST has the same.")
    instance_id: strawberry.ID = strawberry.field(description="The instance that knows them.")
    user_id: str = strawberry.field(
        description="Their id on the platform, 1-64 characters, unique in its instance."
    )
    username: str = strawberry.field(description="Their user name, at most 128 characters.")
    nickname: str = strawberry.field(description="Their nickname, at most 128 characters.")
    avatar_url: str = strawberry.field(description="An http or https address, or empty.")
    profile: Json = strawberry.field(
        description="Whatever is noted about them: an object of at most 65,536 characters."
    )
    created_at: Instant = strawberry.field(description="When they were added here.")
    updated_at: Instant = strawberry.field(description="When they were last changed here.")
    origin: Origin = strawberry.field(resolver=origin_of, description="Who added them.")
    pending_change: PendingChange | None = strawberry.field(
        resolver=pending_of, description="What the bot has still to be told of them. Null: nothing."
    )
    learned: LearnedPerson | None = strawberry.field(
        resolver=learned_person_of,
        graphql_type=LearnedPerson | None,
        description="What the bot itself says, as of the last sync. Null: the bot does not have it.",
    )


def shown(view: PersonView) -> Person:
    """The view stands for the type: it has the attributes that plain fields read."""
    return cast(Person, view)


@dataclass(frozen=True)
class PersonPage(Page):
    """A page of an instance's persons and the filter that it came from."""

    instance_id: str
    wanted: PersonFilter
    edges: list[PersonView]
    goes_on: bool

    @property
    def end(self) -> int | None:
        return self.edges[-1].cursor if self.edges else None

    async def more(self, info: Info) -> bool:
        return self.goes_on


@strawberry.type(description="A person in their place in the list.")
class PersonEdge:
    cursor: strawberry.ID = strawberry.field(description="Give it as `after` to get what follows.")
    node: Person = strawberry.field(resolver=itself, description="The person.")


def _total(page: strawberry.Parent[PersonPage], info: Info) -> Any:
    return info.context.loaders.person_counts.load((page.instance_id, page.wanted))


@strawberry.type(description="A page of an instance's persons, newest first.")
class PersonConnection:
    edges: list[PersonEdge] = strawberry.field(description="The persons of this page.")
    page_info: PageInfo = strawberry.field(resolver=itself, description="Where the page stands in the list.")
    total_count: Long = strawberry.field(
        resolver=_total,
        graphql_type=Long,
        description="How many persons fit in all; counted only when asked for.",
    )


async def persons_of(
    instance: strawberry.Parent[InstanceView],
    info: Info,
    first: First = 10,
    after: After = None,
    text: Annotated[
        str | None,
        strawberry.argument(
            description="Only those with this text in their user id, user name or nickname, at most 256 characters; any "
            "part of a word, case ignored. Null: any."
        ),
    ] = None,
    user_id: Annotated[
        str | None, strawberry.argument(description="Only the one with this id. Null or empty: any.")
    ] = None,
    username: Annotated[
        str | None,
        strawberry.argument(
            description="Only those with exactly this user name, case ignored. Null or empty: any."
        ),
    ] = None,
) -> PersonConnection:
    require_first(first)
    wanted = PersonFilter(text or "", user_id, username)
    persons.require_filter(wanted)  # the loader asks for several at once: one must not fail for another
    key = (instance.id, wanted, first + 1, texts.cursor(after))
    found = await info.context.loaders.person_pages.load(key)
    page = PersonPage(instance.id, wanted, found[:first], len(found) > first)
    return cast(PersonConnection, page)


async def _person(
    info: Info,
    instance_id: Annotated[strawberry.ID, strawberry.argument(description="The instance that knows them.")],
    id: Annotated[strawberry.ID, strawberry.argument(description="Which person.")],
) -> Person | None:
    return shown(await persons.get(info.context.ctx, instance_id, id))


@strawberry.type
class PersonQuery:
    person: Person | None = strawberry.field(
        resolver=_person,
        description="One person. Null only together with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`.",
    )
