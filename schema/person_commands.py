"""Commands on persons: create, update, delete, one or several."""

from typing import Annotated

import strawberry

from mailauncher.errors import Text
from resolvers import persons
from resolvers.persons import NewPerson, PersonChange
from schema.context import Info
from schema.descriptions import (
    ALL_OR_NONE,
    FROM_BOT,
    INSTANCE_ID,
    MESSAGE,
    RESOURCE_IF_MATCH,
    UNCHANGED,
    UNDOABLE,
    UNDOABLE_FOR_S,
)
from schema.person import AVATAR_URL, NICKNAME, PROFILE, USER_ID, USERNAME, Person, from_view
from schema.scalars import Json

CREATED = Text("用户信息已创建", "The person was created")
UPDATED = Text("用户信息已更新", "The person was updated")
DELETED = Text("用户信息已删除", "The person was deleted")


@strawberry.type(description="Result of a command on a person.")
class PersonPayload:
    person: Person = strawberry.field(description="The person after the command.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="Result of a command on several persons.")
class PersonsPayload:
    persons: list[Person] = strawberry.field(
        description="The persons after the command, in the order of the input."
    )
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="Result of updating several persons.")
class UpdatePersonsPayload(PersonsPayload):
    former: list[Person] = strawberry.field(
        description="The persons before the command, in the order of the input."
    )


@strawberry.type(description="Result of deleting persons.")
class DeletePersonsPayload:
    ids: list[strawberry.ID] = strawberry.field(description="Ids of the deleted persons.")
    message: str = strawberry.field(description=MESSAGE)
    undoable_for_s: float | None = strawberry.field(default=None, description=UNDOABLE_FOR_S)


@strawberry.input(description="A new person.")
class NewPersonInput:
    user_id: str = strawberry.field(description=USER_ID)
    username: str = strawberry.field(default="", description=USERNAME)
    nickname: str = strawberry.field(default="", description=NICKNAME)
    avatar_url: str = strawberry.field(default="", description=AVATAR_URL)
    profile: Json | None = strawberry.field(default=None, description=f"{PROFILE} Null: an empty one.")


@strawberry.input(description="A person to create.")
class CreatePersonInput(NewPersonInput):
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="Persons to create.")
class CreatePersonsInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    persons: list[NewPersonInput] = strawberry.field(description=ALL_OR_NONE)


@strawberry.input(description="Changes to a person.")
class PersonChangeInput:
    id: strawberry.ID = strawberry.field(description="Id of the person.")
    user_id: str | None = strawberry.field(default=None, description=f"{USER_ID} {UNCHANGED}")
    username: str | None = strawberry.field(default=None, description=f"{USERNAME} {UNCHANGED}")
    nickname: str | None = strawberry.field(default=None, description=f"{NICKNAME} {UNCHANGED}")
    avatar_url: str | None = strawberry.field(default=None, description=f"{AVATAR_URL} {UNCHANGED}")
    profile: Json | None = strawberry.field(
        default=None, description=f"Merged into the profile key by key; null removes a key. {UNCHANGED}"
    )
    if_match: str | None = strawberry.field(default=None, description=RESOURCE_IF_MATCH)


@strawberry.input(description="A person to update.")
class UpdatePersonInput(PersonChangeInput):
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="Persons to update.")
class UpdatePersonsInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    persons: list[PersonChangeInput] = strawberry.field(description=f"{ALL_OR_NONE} No person twice.")
    skip_changed: bool = strawberry.field(
        default=False,
        description="Whether those who do not have their `ifMatch`, or are gone, are left out instead of refusing all.",
    )


@strawberry.input(description="A person to delete.")
class DeletePersonInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    id: strawberry.ID = strawberry.field(description="Id of the person.")
    from_bot: bool = strawberry.field(default=False, description=FROM_BOT)


@strawberry.input(description="Persons to delete.")
class DeletePersonsInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    ids: list[strawberry.ID] = strawberry.field(description=ALL_OR_NONE)
    from_bot: bool = strawberry.field(default=False, description=FROM_BOT)
    undoable: bool = strawberry.field(default=False, description=UNDOABLE.format("`restorePersons`"))


@strawberry.input(description="Deleted persons to bring back.")
class RestorePersonsInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    ids: list[strawberry.ID] = strawberry.field(description=ALL_OR_NONE)


def _new(given: NewPersonInput) -> NewPerson:
    profile = persons.profile_of(given.profile)
    return NewPerson(given.user_id, given.username, given.nickname, given.avatar_url, profile)


def _change(given: PersonChangeInput) -> PersonChange:
    profile = persons.profile_of(given.profile)
    return PersonChange(
        given.id, given.user_id, given.username, given.nickname, given.avatar_url, profile, given.if_match
    )


async def _create(
    info: Info, input: Annotated[CreatePersonInput, strawberry.argument(description="The new person.")]
) -> PersonPayload | None:
    context = info.context
    made = await context.complete(persons.create(context.ctx, input.instance_id, _new(input)))
    return PersonPayload(person=from_view(made), message=CREATED.in_language(context.language))


async def _create_many(
    info: Info, input: Annotated[CreatePersonsInput, strawberry.argument(description="The new persons.")]
) -> PersonsPayload | None:
    context = info.context
    new = [_new(given) for given in input.persons]
    made = await context.complete(persons.create_many(context.ctx, input.instance_id, new))
    message = Text(f"已创建 {len(made)} 条用户信息", f"{len(made)} persons were created")
    return PersonsPayload(
        persons=[from_view(one) for one in made], message=message.in_language(context.language)
    )


async def _update(
    info: Info, input: Annotated[UpdatePersonInput, strawberry.argument(description="The changes.")]
) -> PersonPayload | None:
    context = info.context
    changed = await context.complete(persons.update(context.ctx, input.instance_id, _change(input)))
    return PersonPayload(person=from_view(changed), message=UPDATED.in_language(context.language))


async def _update_many(
    info: Info, input: Annotated[UpdatePersonsInput, strawberry.argument(description="The changes.")]
) -> UpdatePersonsPayload | None:
    context = info.context
    changes = [_change(given) for given in input.persons]
    work = persons.update_many(context.ctx, input.instance_id, changes, skip_changed=input.skip_changed)
    changed = await context.complete(work)
    message = Text(f"已更新 {len(changed)} 条用户信息", f"{len(changed)} persons were updated")
    return UpdatePersonsPayload(
        persons=[from_view(after) for _, after in changed],
        former=[from_view(before) for before, _ in changed],
        message=message.in_language(context.language),
    )


async def _delete(
    info: Info, input: Annotated[DeletePersonInput, strawberry.argument(description="The person.")]
) -> DeletePersonsPayload | None:
    context = info.context
    await context.complete(
        persons.delete(context.ctx, input.instance_id, [input.id], from_bot=input.from_bot)
    )
    return DeletePersonsPayload(ids=[input.id], message=DELETED.in_language(context.language))


async def _delete_many(
    info: Info, input: Annotated[DeletePersonsInput, strawberry.argument(description="The persons.")]
) -> DeletePersonsPayload | None:
    context = info.context
    delete = persons.delete_for_now if input.undoable else persons.delete
    undoable_for = await context.complete(
        delete(context.ctx, input.instance_id, input.ids, from_bot=input.from_bot)
    )
    message = Text(f"已删除 {len(input.ids)} 条用户信息", f"{len(input.ids)} persons were deleted")
    return DeletePersonsPayload(
        ids=input.ids,
        message=message.in_language(context.language),
        undoable_for_s=undoable_for,
    )


async def _restore(
    info: Info, input: Annotated[RestorePersonsInput, strawberry.argument(description="The persons.")]
) -> PersonsPayload | None:
    context = info.context
    back = await context.complete(persons.restore(context.ctx, input.instance_id, input.ids))
    message = Text(f"已恢复 {len(back)} 条用户信息", f"{len(back)} persons were restored")
    return PersonsPayload(
        persons=[from_view(one) for one in back], message=message.in_language(context.language)
    )


_NEW = "`INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`, `DUPLICATE_RESOURCE`."
_CHANGED = (
    "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INVALID_PARAMETER`, `DUPLICATE_RESOURCE`, `CONFLICT`."
)
_GONE = "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`."


@strawberry.type
class PersonMutation:
    create_person: PersonPayload | None = strawberry.mutation(
        resolver=_create, description=f"Creates a person. Null only with an error: {_NEW}"
    )
    create_persons: PersonsPayload | None = strawberry.mutation(
        resolver=_create_many,
        description=f"Creates several persons, all or none. Null only with an error: {_NEW}",
    )
    update_person: PersonPayload | None = strawberry.mutation(
        resolver=_update, description=f"Updates a person. Null only with an error: {_CHANGED}"
    )
    update_persons: UpdatePersonsPayload | None = strawberry.mutation(
        resolver=_update_many,
        description=f"Updates several persons, all or none. Null only with an error: {_CHANGED}",
    )
    delete_person: DeletePersonsPayload | None = strawberry.mutation(
        resolver=_delete, description=f"Deletes a person. Null only with an error: {_GONE}"
    )
    delete_persons: DeletePersonsPayload | None = strawberry.mutation(
        resolver=_delete_many,
        description=f"Deletes several persons, all or none. Null only with an error: {_GONE}",
    )
    restore_persons: PersonsPayload | None = strawberry.mutation(
        resolver=_restore,
        description="Undoes `deletePersons` with `undoable`, of all of them or none: they are what they were. Null only with an "
        "error: `INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`, `RESOURCE_NOT_FOUND` if it is too late, `DUPLICATE_RESOURCE` if "
        "another one has its user id now.",
    )
