"""Persons: the users whom a bot knows."""

from typing import Annotated, Any, cast

import strawberry

from resolvers import persons, validation
from resolvers.persons import PersonFilter
from resolvers.views import InstanceView, PersonView
from schema.context import Info
from schema.descriptions import CURSOR, OWNER, RESOURCE_ETAG, RESOURCE_ID, InstanceId
from schema.learned import LearnedPerson, learned_person_of
from schema.origin import Origin, PendingChange, origin_of, pending_of
from schema.paging import After, FilteredPage, First, PageInfo, Skip, identity, require_page
from schema.scalars import Instant, Json, Long
from store.persons import NAME_LENGTH, USER_ID_LENGTH

USER_ID = f"User id on the platform, 1-{USER_ID_LENGTH} characters, unique in the instance."
USERNAME = f"User name, at most {NAME_LENGTH} characters."
NICKNAME = f"Nickname, at most {NAME_LENGTH} characters."
AVATAR_URL = f"HTTP(S) URL of the avatar, at most {persons.URL_LENGTH} characters, or empty."
PROFILE = f"Notes about the person: any JSON object, at most {persons.PROFILE_CHARACTERS:,} characters."


@strawberry.type(description="A person whom a bot knows.")
class Person:
    id: strawberry.ID = strawberry.field(description=RESOURCE_ID)
    instance_id: strawberry.ID = strawberry.field(description=OWNER)
    user_id: str = strawberry.field(description=USER_ID)
    username: str = strawberry.field(description=USERNAME)
    nickname: str = strawberry.field(description=NICKNAME)
    avatar_url: str = strawberry.field(description=AVATAR_URL)
    profile: Json = strawberry.field(description=PROFILE)
    etag: str = strawberry.field(description=RESOURCE_ETAG)
    created_at: Instant = strawberry.field(description="Time when the person was created here.")
    updated_at: Instant = strawberry.field(description="Time of the last change here.")
    origin: Origin = strawberry.field(resolver=origin_of, description="Who created the person.")
    pending_change: PendingChange | None = strawberry.field(
        resolver=pending_of, description="Change that the bot does not have yet. Null: none."
    )
    learned: LearnedPerson | None = strawberry.field(
        resolver=learned_person_of,
        graphql_type=LearnedPerson | None,
        description="What the bot's database says about the person, as of the last sync. Null: the bot does not know the "
        "person.",
    )


def from_view(view: PersonView) -> Person:
    """The view serves as the type: it has the attributes that fields without a resolver read."""
    return cast(Person, view)


PersonPage = FilteredPage[PersonView, PersonFilter]


@strawberry.type(description="A person and their position in the list.")
class PersonEdge:
    cursor: strawberry.ID = strawberry.field(description=CURSOR)
    node: Person = strawberry.field(resolver=identity, description="The person.")


def _total(page: strawberry.Parent[PersonPage], info: Info) -> Any:
    if page.total is not None:
        return page.total
    return info.context.loaders.person_counts.load((page.instance_id, page.wanted))


@strawberry.type(description="A page of an instance's persons, newest first.")
class PersonConnection:
    edges: list[PersonEdge] = strawberry.field(description="Persons of this page.")
    page_info: PageInfo = strawberry.field(resolver=identity, description="Position of the page in the list.")
    total_count: Long = strawberry.field(
        resolver=_total,
        graphql_type=Long,
        description="Total number of matching persons; counted only when requested.",
    )


async def persons_of(
    instance: strawberry.Parent[InstanceView],
    info: Info,
    first: First = 10,
    after: After = None,
    skip: Skip = 0,
    text: Annotated[
        str | None,
        strawberry.argument(
            description="Only persons with this text in the user id, the user name or the nickname: any part of a word, case-"
            f"insensitive, at most {validation.QUERY_CHARACTERS} characters. Null: any."
        ),
    ] = None,
    user_id: Annotated[
        str | None,
        strawberry.argument(description="Only the person with exactly this user id. Null or empty: any."),
    ] = None,
    username: Annotated[
        str | None,
        strawberry.argument(
            description="Only persons with exactly this user name, case-insensitive. Null or empty: any."
        ),
    ] = None,
) -> PersonConnection:
    require_page(first, skip)
    wanted = PersonFilter(text or "", user_id, username)
    persons.require_filter(
        wanted
    )  # before the loader combines it with others, which must not fail because of it
    key = (instance.id, wanted, first + 1, validation.cursor(after), skip)
    found = await info.context.loaders.person_pages.load(key)
    skipped = after is not None or skip > 0
    page = PersonPage.of(found, first, instance.id, wanted, skipped=skipped)
    return cast(PersonConnection, page)


async def _person(
    info: Info,
    instance_id: InstanceId,
    id: Annotated[strawberry.ID, strawberry.argument(description="Id of the person.")],
) -> Person | None:
    return from_view(await persons.get(info.context.ctx, instance_id, id))


@strawberry.type
class PersonQuery:
    person: Person | None = strawberry.field(
        resolver=_person,
        description="One person. Null only with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`.",
    )
