"""Persons: the operations of `resolvers.resources`."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mailauncher.errors import InvalidParameter, Text
from resolvers import validation
from resolvers.context import Context
from resolvers.resources import ResourceOperations
from resolvers.views import PersonView
from store.persons import NAME_LENGTH, USER_ID_LENGTH, criteria
from store.pictures import Picture
from store.resources import Row
from store.search_index import Criteria

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
    """None leaves a value as it is. `profile` is merged key by key; None for a key removes it. `if_match`: the person's `etag` must be
    this one, else Conflict."""

    id: str
    user_id: str | None = None
    username: str | None = None
    nickname: str | None = None
    avatar_url: str | None = None
    profile: Mapping[str, Any] | None = None
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class PersonFilter:
    """A person matches if all of these do: `text` is part of the user id or of a name (case ignored), the user id is the
    same, the user name is the same (case ignored), the names contain their parts (case ignored), there is a user name or
    none, the bot knows them from the platform. Empty or None matches every person."""

    text: str = ""
    user_id: str | None = None
    username: str | None = None
    username_part: str = ""
    nickname_part: str = ""
    named: bool | None = None
    platform: str = ""


def columns(new: NewPerson) -> Row:
    """A new row. Raises InvalidParameter."""
    return {
        "user_id": validation.line(new.user_id, "user_id", USER_ID_LENGTH, least=1),
        "username": validation.line(new.username, "username", NAME_LENGTH),
        "nickname": validation.line(new.nickname, "nickname", NAME_LENGTH),
        "avatar_url": _web_address(new.avatar_url),
        "profile": _merged("{}", new.profile or {}),
        "pending": "add",
    }


async def _prepare(_ctx: Context, new: NewPerson) -> tuple[Row, Picture | None]:
    return columns(new), None


def _edit(change: PersonChange) -> Callable[[Row], Row]:
    new: Row = {}
    if change.user_id is not None:
        new["user_id"] = validation.line(change.user_id, "user_id", USER_ID_LENGTH, least=1)
    if change.username is not None:
        new["username"] = validation.line(change.username, "username", NAME_LENGTH)
    if change.nickname is not None:
        new["nickname"] = validation.line(change.nickname, "nickname", NAME_LENGTH)
    if change.avatar_url is not None:
        new["avatar_url"] = _web_address(change.avatar_url)
    profile = change.profile
    if profile is None:
        return lambda _: new
    return lambda row: new | {"profile": _merged(row["profile"], profile)}


def changed(row: Row, change: PersonChange) -> Row:
    """The columns that the change would set. Raises InvalidParameter."""
    return _edit(change)(row)


def profile_of(given: object) -> Mapping[str, Any] | None:
    """A client's value for `profile`, if it is an object or null. Raises InvalidParameter."""
    if given is None or isinstance(given, dict):
        return given
    raise InvalidParameter("profile 应为 JSON 对象", "profile must be a JSON object", field="profile")


def _web_address(text: str) -> str:
    """A page shows it as an image, so no other scheme than HTTP(S) may pass. Raises InvalidParameter."""
    address = validation.line(text, "avatar_url", URL_LENGTH)
    if address and not _URL.fullmatch(address):
        raise InvalidParameter(
            "avatar_url 应为 http 或 https 地址", "avatar_url must be an HTTP(S) URL", field="avatar_url"
        )
    return address


def _merged(profile: str, changes: Mapping[str, Any]) -> str:
    """The profile with the keys of `changes` set, and removed where None. Raises InvalidParameter."""
    values = json.loads(profile) | changes
    try:
        text = json.dumps(
            {key: value for key, value in values.items() if value is not None},
            ensure_ascii=False,
            allow_nan=False,
        )
        text.encode()
    except (ValueError, RecursionError):  # NaN, half a surrogate pair, too many levels
        raise InvalidParameter(
            "profile 中有 JSON 无法表示的值",
            "profile has a value that JSON cannot represent",
            field="profile",
        ) from None
    if len(text) > PROFILE_CHARACTERS:
        raise InvalidParameter(
            f"profile 不能超过 {PROFILE_CHARACTERS} 个字符",
            f"profile must have at most {PROFILE_CHARACTERS} characters",
            field="profile",
        )
    return text


def _criteria(query: PersonFilter) -> Criteria:
    validation.require_query(query.text, "query")
    validation.require_query(query.user_id or "", "user_id")
    validation.require_query(query.username or "", "username")
    for field in ("username_part", "nickname_part", "platform"):
        validation.require_query(getattr(query, field), field)
    return criteria(
        query.text.strip(),
        query.user_id or None,
        query.username or None,
        username_part=query.username_part.strip(),
        nickname_part=query.nickname_part.strip(),
        named=query.named,
        platform=query.platform.strip(),
    )


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
        bot_key=row["bot_key"],
    )


_operations = ResourceOperations(
    kind="person",
    items="persons",
    listed_twice=Text("同一用户出现两次", "A person is listed twice"),
    table=lambda ctx: ctx.store.persons,
    prepare=_prepare,
    refuse=None,
    edit=_edit,
    criteria=_criteria,
    view=view,
)
create = _operations.create
create_many = _operations.create_many
get = _operations.get
search = _operations.search
batch = _operations.batch
count = _operations.count
pages = _operations.pages
counts = _operations.counts
require_filter = _operations.require_filter
update = _operations.update
update_each = _operations.update_each
update_many = _operations.update_many
delete = _operations.delete
delete_for_now = _operations.delete_for_now
restore = _operations.restore
