"""Persons in MaiBot's own columns. The documented routes for one person take and return them beside the documented keys.

`impression`, `short_impression` and `points` that are written here stay here, in the person's profile.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import InvalidParameter, Text
from resolvers import persons, sync
from resolvers.context import Context
from resolvers.persons import NewPerson, PersonChange, PersonFilter
from resolvers.sync import LearnedPerson
from resolvers.views import PersonView
from rest.existing_client.bot_columns import (
    BatchSize,
    Counted,
    Flag,
    as_flag,
    batch_response,
    changes,
    counted,
    naming,
    operations,
)
from rest.field_docs import about
from rest.operation import Call
from rest.responses import StreamedResponse
from rest.values import Id, Offset, StatusSuccess
from store.persons import DEFAULT_PLATFORM

NAMES = {"user_id": "user_id", "person_name": "username", "nickname": "nickname"}
"""MaiBot's columns that are fields of a person, by their names here."""
IN_PROFILE = ("impression", "short_impression", "points")
WRITABLE = (*NAMES, *IN_PROFILE)
FIXED = ("platform",)
_COLUMNS = {"username": "person_name"}
_FILTERS = {"username_part": "person_name_like", "nickname_part": "nickname_like"}

PERSON_ID = about(
    "Bot 所用的标识；Bot 还不认识时为空。",
    "The bot's own id; empty: the bot does not know the person yet.",
)
PERSON_NAME = about("Bot 对此人的称呼。", "The name that the bot uses.")
PLATFORM = about(
    f"平台；在此添加的总是 {DEFAULT_PLATFORM}。",
    f"Platform; of a person added here always `{DEFAULT_PLATFORM}`.",
)
USER_ID = about("平台上的用户 ID。", "User id on the platform. Required for creating.")
NICKNAME = about("昵称。", "Nickname.")
IMPRESSION = about(
    "印象：在此写下的，否则为 Bot 所记。",
    "Impression: the one written here, else what the bot remembers.",
)
SHORT_IMPRESSION = about("简短印象，只保存在此处。", "Short impression; kept by the launcher alone.")
POINTS = about(
    "记忆点，通常为 JSON：在此写下的，否则为 Bot 所记。",
    "Memory points, often JSON: those written here, else what the bot remembers.",
)
LAST_KNOW = about(
    "Bot 最近见到此人的时间，1970 年以来的秒数。", "Last encounter in seconds since 1970; null: none."
)


class ClientPerson(msgspec.Struct):
    """A person in MaiBot's columns, as of the last sync."""

    id: Id
    person_id: Annotated[str, PERSON_ID]
    person_name: Annotated[str, PERSON_NAME]
    platform: Annotated[str, PLATFORM]
    user_id: Annotated[str, USER_ID]
    nickname: Annotated[str, NICKNAME]
    impression: Annotated[str, IMPRESSION]
    short_impression: Annotated[str, SHORT_IMPRESSION]
    points: Annotated[str, POINTS]
    last_know: Annotated[float | None, LAST_KNOW]


class ClientPersonChange(msgspec.Struct):
    """A person to create or change, in MaiBot's columns. The bot keeps `person_id`, `platform` and `last_know` itself."""

    id: Id | UnsetType = UNSET
    person_id: Annotated[str | UnsetType | None, PERSON_ID] = UNSET
    person_name: Annotated[str | UnsetType | None, PERSON_NAME] = UNSET
    platform: Annotated[str | UnsetType | None, PLATFORM] = UNSET
    user_id: Annotated[str | UnsetType, USER_ID] = UNSET
    nickname: Annotated[str | UnsetType | None, NICKNAME] = UNSET
    impression: Annotated[str | UnsetType | None, IMPRESSION] = UNSET
    short_impression: Annotated[str | UnsetType | None, SHORT_IMPRESSION] = UNSET
    points: Annotated[str | UnsetType | None, POINTS] = UNSET
    last_know: Annotated[float | UnsetType | None, LAST_KNOW] = UNSET


class ClientPersonFilter(msgspec.Struct, kw_only=True):
    """Filters, all of which a person must match; empty or null: any."""

    platform: Annotated[str | None, about("平台，如 qq。", "Platform, such as `qq`.")] = None
    person_name_like: Annotated[str | None, about("称呼中的一段。", "Any part of the name.")] = None
    nickname_like: Annotated[str | None, about("昵称中的一段。", "Any part of the nickname.")] = None
    has_person_name: Annotated[Flag | None, about("是否有称呼。", "Whether there is a name.")] = None

    def as_filter(self) -> PersonFilter:
        return PersonFilter(
            username_part=self.person_name_like or "",
            nickname_part=self.nickname_like or "",
            named=as_flag(self.has_person_name),
            platform=self.platform or "",
        )


class ClientPersonBatch(ClientPersonFilter, kw_only=True):
    """A part of the persons, newest first."""

    batch_size: BatchSize = 100
    offset: Offset = 0


class ClientPersons(msgspec.Struct):
    """A batch of persons, newest first."""

    status: StatusSuccess
    data: Annotated[list[ClientPerson], about("这一批。", "The batch.")]


class _Written(msgspec.Struct):
    """What is read of a profile: its other keys, which may be many, are passed over."""

    impression: Any = None
    short_impression: Any = None
    points: Any = None


async def columns(ctx: Context, found: Sequence[PersonView]) -> list[ClientPerson]:
    learned = await sync.learned_persons(ctx, [view.id for view in found])
    return await asyncio.to_thread(lambda: list(map(_columns, found, learned)))


def _columns(view: PersonView, known: LearnedPerson | None) -> ClientPerson:
    profile = msgspec.json.decode(view.profile, type=_Written)
    written = {key: text for key in IN_PROFILE if isinstance(text := getattr(profile, key), str)}
    memory = known.memory if known else ""
    # Up to 0.8 the bot remembers one text, its impression; from 0.10 on a JSON list of memory points.
    remembered = {"points" if memory.startswith("[") else "impression": memory}
    texts = {key: written.get(key, remembered.get(key, "")) for key in IN_PROFILE}
    return ClientPerson(
        id=view.id,
        person_id=view.bot_key or "",
        person_name=view.username,
        platform=known.platform if known else DEFAULT_PLATFORM,
        user_id=view.user_id,
        nickname=view.nickname,
        **texts,
        last_know=known.last_known / 1000 if known and known.last_known is not None else None,
    )


async def create(ctx: Context, instance_id: str, given: ClientPersonChange) -> PersonView:
    if not given.user_id:
        raise InvalidParameter("缺少字段 user_id", "Missing field user_id", field="user_id")
    if given.platform and given.platform != DEFAULT_PLATFORM:
        raise InvalidParameter(
            f"在此只能添加 {DEFAULT_PLATFORM} 平台的用户",
            f"Only persons of the platform {DEFAULT_PLATFORM} can be added here",
            field="platform",
        )
    values = {name: getattr(given, name) or "" for name in WRITABLE}
    with naming(_COLUMNS):
        return await persons.create(ctx, instance_id, NewPerson(**_fields(values)))


async def update(ctx: Context, instance_id: str, person_id: str, given: ClientPersonChange) -> None:
    (current,) = await columns(ctx, [await persons.get(ctx, instance_id, person_id)])
    changed = changes(given, current, WRITABLE, FIXED)
    with naming(_COLUMNS):
        await persons.update(ctx, instance_id, PersonChange(person_id, **_fields(changed)))


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a person for values of MaiBot's columns. An empty text is removed from the profile."""
    fields: dict[str, Any] = {NAMES[name]: value for name, value in values.items() if name in NAMES}
    return fields | {"profile": {name: values[name] or None for name in IN_PROFILE if name in values}}


async def _count_persons(ctx: Context, call: Call) -> Counted:
    await sync.refresh(ctx, call.path["id"])
    with naming(_FILTERS):
        return counted(await persons.count(ctx, call.path["id"], call.body.as_filter()))


async def _batch_persons(ctx: Context, call: Call) -> StreamedResponse:
    body: ClientPersonBatch = call.body
    with naming(_FILTERS):
        found = await persons.batch(ctx, call.path["id"], body.as_filter(), body.batch_size, body.offset)
    return await batch_response(ctx, found, columns)


OPERATIONS = operations(
    "person",
    Text("用户信息", "persons"),
    count=_count_persons,
    filters=ClientPersonFilter,
    batch=_batch_persons,
    batches=ClientPersonBatch,
    response=ClientPersons,
)
