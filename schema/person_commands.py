"""Commands to persons: create, update, delete, one or many."""

from typing import Annotated

import strawberry

from mailauncher.errors import Text
from resolvers import persons
from resolvers.persons import NewPerson, PersonChange
from schema.context import Info
from schema.emoji_commands import ALL_OR_NONE, FROM_BOT
from schema.instance_commands import MESSAGE
from schema.person import Person, shown
from schema.scalars import Json

CREATED = Text("用户信息已创建", "The person was created")
UPDATED = Text("用户信息已更新", "The person was updated")
DELETED = Text("用户信息已删除", "The person was deleted")
USER_ID = "Their id on the platform, 1-64 characters, unique in its instance."
MERGED = "Merged with the profile key by key; a key with null is removed. Null: it stays."


@strawberry.type(description="A person after a command.")
class PersonPayload:
    person: Person = strawberry.field(description="The person as they are now.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="Persons after a command.")
class PersonsPayload:
    persons: list[Person] = strawberry.field(
        description="The persons as they are now, in the order asked for."
    )
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="What is left of deleted persons.")
class DeletePersonsPayload:
    ids: list[strawberry.ID] = strawberry.field(description="The ids that they had.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.input(description="A new person.")
class NewPersonInput:
    user_id: str = strawberry.field(description=USER_ID)
    username: str = strawberry.field(default="", description="Their user name, at most 128 characters.")
    nickname: str = strawberry.field(default="", description="Their nickname, at most 128 characters.")
    avatar_url: str = strawberry.field(default="", description="An http or https address, or empty.")
    profile: Json | None = strawberry.field(
        default=None, description="An object of at most 65,536 characters. Null: an empty one."
    )


@strawberry.input(description="The person that is to be created.")
class CreatePersonInput(NewPersonInput):
    instance_id: strawberry.ID = strawberry.field(description="The instance that knows them.")


@strawberry.input(description="The persons that are to be created.")
class CreatePersonsInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that knows them.")
    persons: list[NewPersonInput] = strawberry.field(description=ALL_OR_NONE)


@strawberry.input(description="A change of a person.")
class PersonChangeInput:
    id: strawberry.ID = strawberry.field(description="Which person.")
    user_id: str | None = strawberry.field(default=None, description=f"{USER_ID} Null: it stays.")
    username: str | None = strawberry.field(
        default=None, description="Their user name, at most 128 characters. Null: it stays."
    )
    nickname: str | None = strawberry.field(
        default=None, description="Their nickname, at most 128 characters. Null: it stays."
    )
    avatar_url: str | None = strawberry.field(
        default=None, description="An http or https address, or empty. Null: it stays."
    )
    profile: Json | None = strawberry.field(default=None, description=MERGED)


@strawberry.input(description="The person that is to be changed.")
class UpdatePersonInput(PersonChangeInput):
    instance_id: strawberry.ID = strawberry.field(description="The instance that knows them.")


@strawberry.input(description="The persons that are to be changed.")
class UpdatePersonsInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that knows them.")
    persons: list[PersonChangeInput] = strawberry.field(description=f"{ALL_OR_NONE} Each person once.")


@strawberry.input(description="The person that is to be deleted.")
class DeletePersonInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that knows them.")
    id: strawberry.ID = strawberry.field(description="Which person.")
    from_bot: bool = strawberry.field(default=False, description=FROM_BOT)


@strawberry.input(description="The persons that are to be deleted.")
class DeletePersonsInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that knows them.")
    ids: list[strawberry.ID] = strawberry.field(description=ALL_OR_NONE)
    from_bot: bool = strawberry.field(default=False, description=FROM_BOT)


def _new(given: NewPersonInput) -> NewPerson:
    profile = persons.profile_of(given.profile)
    return NewPerson(given.user_id, given.username, given.nickname, given.avatar_url, profile)


def _change(given: PersonChangeInput) -> PersonChange:
    profile = persons.profile_of(given.profile)
    return PersonChange(given.id, given.user_id, given.username, given.nickname, given.avatar_url, profile)


async def _create(
    info: Info, input: Annotated[CreatePersonInput, strawberry.argument(description="The new person.")]
) -> PersonPayload | None:
    call = info.context
    made = await call.carry_out(persons.create(call.ctx, input.instance_id, _new(input)))
    return PersonPayload(person=shown(made), message=CREATED.in_language(call.language))


async def _create_many(
    info: Info, input: Annotated[CreatePersonsInput, strawberry.argument(description="The new persons.")]
) -> PersonsPayload | None:
    call = info.context
    new = [_new(given) for given in input.persons]
    made = await call.carry_out(persons.create_many(call.ctx, input.instance_id, new))
    message = Text(f"已创建 {len(made)} 条用户信息", f"{len(made)} persons were created")
    return PersonsPayload(persons=[shown(one) for one in made], message=message.in_language(call.language))


async def _update(
    info: Info, input: Annotated[UpdatePersonInput, strawberry.argument(description="The change.")]
) -> PersonPayload | None:
    call = info.context
    changed = await call.carry_out(persons.update(call.ctx, input.instance_id, _change(input)))
    return PersonPayload(person=shown(changed), message=UPDATED.in_language(call.language))


async def _update_many(
    info: Info, input: Annotated[UpdatePersonsInput, strawberry.argument(description="The changes.")]
) -> PersonsPayload | None:
    call = info.context
    changes = [_change(given) for given in input.persons]
    changed = await call.carry_out(persons.update_many(call.ctx, input.instance_id, changes))
    message = Text(f"已更新 {len(changed)} 条用户信息", f"{len(changed)} persons were updated")
    return PersonsPayload(persons=[shown(one) for one in changed], message=message.in_language(call.language))


async def _delete(
    info: Info, input: Annotated[DeletePersonInput, strawberry.argument(description="Which person.")]
) -> DeletePersonsPayload | None:
    call = info.context
    await call.carry_out(persons.delete(call.ctx, input.instance_id, [input.id], from_bot=input.from_bot))
    return DeletePersonsPayload(ids=[input.id], message=DELETED.in_language(call.language))


async def _delete_many(
    info: Info, input: Annotated[DeletePersonsInput, strawberry.argument(description="Which persons.")]
) -> DeletePersonsPayload | None:
    call = info.context
    await call.carry_out(persons.delete(call.ctx, input.instance_id, input.ids, from_bot=input.from_bot))
    message = Text(f"已删除 {len(input.ids)} 条用户信息", f"{len(input.ids)} persons were deleted")
    return DeletePersonsPayload(ids=input.ids, message=message.in_language(call.language))


_NEW = "`INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`, `DUPLICATE_RESOURCE`."
_CHANGED = "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INVALID_PARAMETER`, `DUPLICATE_RESOURCE`."
_GONE = "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`."


@strawberry.type
class PersonMutation:
    create_person: PersonPayload | None = strawberry.mutation(
        resolver=_create, description=f"Creates a person. Null only together with an error: {_NEW}"
    )
    create_persons: PersonsPayload | None = strawberry.mutation(
        resolver=_create_many,
        description=f"Creates many persons, all or none. Null only together with an error: {_NEW}",
    )
    update_person: PersonPayload | None = strawberry.mutation(
        resolver=_update, description=f"Changes a person. Null only together with an error: {_CHANGED}"
    )
    update_persons: PersonsPayload | None = strawberry.mutation(
        resolver=_update_many,
        description=f"Changes many persons, all or none. Null only together with an error: {_CHANGED}",
    )
    delete_person: DeletePersonsPayload | None = strawberry.mutation(
        resolver=_delete, description=f"Deletes a person. Null only together with an error: {_GONE}"
    )
    delete_persons: DeletePersonsPayload | None = strawberry.mutation(
        resolver=_delete_many,
        description=f"Deletes many persons, all or none. Null only together with an error: {_GONE}",
    )
