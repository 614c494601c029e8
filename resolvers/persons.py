"""Persons: create, get, search, update, delete, one or many of them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailauncher.errors import InvalidParameter, LauncherError
from mailauncher.store import persons as store
from mailauncher.store.resources import Asked, Row, Wanted
from resolvers import texts
from resolvers.context import Context
from resolvers.emojis import fate
from resolvers.views import PersonView

USER_ID_LENGTH = 64
NAME_LENGTH = 128
URL_LENGTH = 2048
PROFILE_CHARACTERS = 64 << 10
_URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NewPerson:
    user_id: str
    username: str = ""
    nickname: str = ""
    avatar_url: str = ""
    profile: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What is None stays as it is. `profile` is merged key by key, and None for a key removes it."""

    id: str
    user_id: str | None = None
    username: str | None = None
    nickname: str | None = None
    avatar_url: str | None = None
    profile: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PersonFilter:
    """All of it must be true of a person: a part of the user id or of a name (case ignored), exactly the user id, the whole
    user name (case ignored). What is empty or None is not asked for."""

    text: str = ""
    user_id: str | None = None
    username: str | None = None


async def create(ctx: Context, instance_id: str, new: NewPerson) -> PersonView:
    """Raises InstanceNotFound, InvalidParameter, DuplicateResource."""
    ctx.fleet.view(instance_id)
    made = await ctx.persons.add(instance_id, [columns(new)])
    ctx.steps.nudge(instance_id)
    return view(made[0])


async def create_many(ctx: Context, instance_id: str, new: Sequence[NewPerson]) -> list[PersonView]:
    """All of them or none, in this order; at most 200. Raises as `create`, with the item's place in `field`."""
    ctx.fleet.view(instance_id)
    texts.require_bulk(new, "persons")
    rows = []
    for place, one in enumerate(new):
        try:
            rows.append(columns(one))
        except LauncherError as error:
            raise _placed(error, place) from None
    made = await ctx.persons.add(instance_id, rows)
    ctx.steps.nudge(instance_id)
    return [view(row) for row in made]


def columns(new: NewPerson) -> Row:
    """A new row. Raises InvalidParameter."""
    return {
        "user_id": texts.line(new.user_id, "user_id", USER_ID_LENGTH, least=1),
        "username": texts.line(new.username, "username", NAME_LENGTH),
        "nickname": texts.line(new.nickname, "nickname", NAME_LENGTH),
        "avatar_url": _address(new.avatar_url),
        "profile": merged("{}", new.profile or {}),
        "pending": "add",
    }


def profile_of(given: object) -> Mapping[str, Any] | None:
    """What a client gave for a profile, if it is an object or nothing. Raises InvalidParameter."""
    if given is None or isinstance(given, dict):
        return given
    raise InvalidParameter("profile 应为 JSON 对象", "profile must be a JSON object", field="profile")


def _placed(error: LauncherError, place: int) -> LauncherError:
    error.field = f"persons.{place}" + (f".{error.field}" if error.field else "")
    return error


def _address(text: str) -> str:
    """A page shows it as an image: nothing but a web address may stand there."""
    address = texts.line(text, "avatar_url", URL_LENGTH)
    if address and not _URL.fullmatch(address):
        raise InvalidParameter(
            "avatar_url 应为 http 或 https 地址",
            "avatar_url must be an http or https address",
            field="avatar_url",
        )
    return address


def merged(profile: str, changes: Mapping[str, Any]) -> str:
    """A profile with the keys of `changes` set, those that are None there removed. Raises InvalidParameter."""
    values = json.loads(profile) | changes
    try:
        text = json.dumps(
            {key: value for key, value in values.items() if value is not None},
            ensure_ascii=False,
            allow_nan=False,
        )
        text.encode()
    except (ValueError, RecursionError):  # no number, half a surrogate pair
        raise InvalidParameter(
            "profile 中有 JSON 无法表示的值", "profile holds what JSON cannot hold", field="profile"
        ) from None
    if len(text) > PROFILE_CHARACTERS:
        raise InvalidParameter(
            f"profile 不能超过 {PROFILE_CHARACTERS} 个字符",
            f"profile may have at most {PROFILE_CHARACTERS} characters",
            field="profile",
        )
    return text


async def get(ctx: Context, instance_id: str, id: str) -> PersonView:
    """Raises InstanceNotFound, ResourceNotFound."""
    ctx.fleet.view(instance_id)
    return view(await ctx.persons.get(instance_id, id))


async def search(
    ctx: Context, instance_id: str, wanted: PersonFilter, limit: int, offset: int
) -> tuple[list[PersonView], int]:
    """A page of the persons that fit, newest first, and how many fit in all. Raises InstanceNotFound, InvalidParameter."""
    ctx.fleet.view(instance_id)
    texts.require_page(limit, offset)
    found = _wanted(wanted)
    rows = await ctx.persons.page(instance_id, found, limit, offset=offset)
    if offset == 0 and len(rows) < limit:
        return [view(row) for row in rows], len(rows)
    return [view(row) for row in rows], await ctx.persons.count(instance_id, found)


async def pages(
    ctx: Context, asked: Sequence[tuple[str, PersonFilter, int, int | None]]
) -> list[list[PersonView]]:
    """For each (instance id, filter, first, after) up to `first` persons that fit, newest first, from the one with the cursor
    `after` on; few queries for all. Raises InvalidParameter."""
    found = await ctx.persons.pages(
        [
            Asked(instance_id, _wanted(wanted), first, before=after)
            for instance_id, wanted, first, after in asked
        ]
    )
    return [[view(row) for row in page] for page in found]


async def counts(ctx: Context, asked: Sequence[tuple[str, PersonFilter]]) -> list[int]:
    """How many persons fit, for each (instance id, filter); few queries for all. Raises InvalidParameter."""
    return await ctx.persons.counts([(instance_id, _wanted(wanted)) for instance_id, wanted in asked])


def require_filter(wanted: PersonFilter) -> None:
    """Raises InvalidParameter for one that `pages` and `counts` would not take."""
    _wanted(wanted)


def _wanted(wanted: PersonFilter) -> Wanted:
    texts.require_query(wanted.text, "query")
    texts.require_query(wanted.user_id or "", "user_id")
    texts.require_query(wanted.username or "", "username")
    return store.wanted(wanted.text.strip(), wanted.user_id or None, wanted.username or None)


async def update(ctx: Context, instance_id: str, change: PersonChange) -> PersonView:
    """Raises InstanceNotFound, ResourceNotFound, InvalidParameter, DuplicateResource."""
    return (await _update(ctx, instance_id, [change]))[0]


async def update_many(ctx: Context, instance_id: str, changes: Sequence[PersonChange]) -> list[PersonView]:
    """All of them or none, in this order; at most 200, each person once. Raises as `update`."""
    texts.require_bulk(changes, "persons")
    if len({change.id for change in changes}) < len(changes):
        raise InvalidParameter("同一用户出现两次", "A person is named twice", field="persons")
    return await _update(ctx, instance_id, changes)


async def _update(ctx: Context, instance_id: str, changes: Sequence[PersonChange]) -> list[PersonView]:
    ctx.fleet.view(instance_id)
    by_id = {change.id: change for change in changes}
    places = {change.id: place for place, change in enumerate(changes)}

    def changed(row: Row) -> Row:
        try:
            new = _changed(row, by_id[row["id"]])
        except LauncherError as error:
            raise _placed(error, places[row["id"]]) if len(changes) > 1 else error from None
        told = any(new.get(name, row[name]) != row[name] for name in ("username", "nickname"))
        return new | ({"pending": "update"} if told and row["bot_key"] and not row["pending"] else {})

    done = await ctx.persons.change(instance_id, list(by_id), changed)
    ctx.steps.nudge(instance_id)
    return [view(row) for _, row in done]


def _changed(row: Row, change: PersonChange) -> Row:
    new: Row = {}
    if change.user_id is not None:
        new["user_id"] = texts.line(change.user_id, "user_id", USER_ID_LENGTH, least=1)
    if change.username is not None:
        new["username"] = texts.line(change.username, "username", NAME_LENGTH)
    if change.nickname is not None:
        new["nickname"] = texts.line(change.nickname, "nickname", NAME_LENGTH)
    if change.avatar_url is not None:
        new["avatar_url"] = _address(change.avatar_url)
    if change.profile is not None:
        new["profile"] = merged(row["profile"], change.profile)
    return new


async def delete(ctx: Context, instance_id: str, ids: Sequence[str], *, from_bot: bool = False) -> None:
    """All of them or none; at most 200. What the bot knows by itself is only forgotten here, unless `from_bot`.
    Raises InstanceNotFound, ResourceNotFound, InvalidParameter."""
    ctx.fleet.view(instance_id)
    texts.require_bulk(ids, "ids")
    await ctx.persons.take_away(
        instance_id, list(dict.fromkeys(ids)), lambda row: fate(row, from_bot=from_bot)
    )
    ctx.steps.nudge(instance_id)


def view(row: Row) -> PersonView:
    return PersonView(
        cursor=row["seq"],
        id=row["id"],
        instance_id=row["instance_id"],
        user_id=row["user_id"],
        username=row["username"],
        nickname=row["nickname"],
        avatar_url=row["avatar_url"],
        profile=row["profile"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        origin=row["origin"],
        pending=row["pending"],
    )
