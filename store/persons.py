"""Persons: rows of the `person` table."""

import json
from collections.abc import Mapping
from typing import Any

from mailauncher.errors import Text
from store import words
from store.resources import Resources
from store.search_index import Criteria
from store.words import Keyword, keyword

USER_ID_LENGTH = 64
DEFAULT_PLATFORM = "qq"
"""The platform of persons whom the user adds here."""
NAME_LENGTH = 128


class Persons(Resources):
    """`profile` of a row is JSON: an object."""

    table = "person"
    columns = ("user_id", "username", "nickname", "avatar_url", "profile")
    key = "user_id"
    title = Text("用户信息", "person")

    def _search_text(self, row: Mapping[str, Any]) -> str:
        return words.FIELD.join(words.fold(row[name]) for name in ("user_id", "username", "nickname"))

    def _keywords(self, row: Mapping[str, Any]) -> list[str]:
        return [
            keyword(Keyword.USER_ID, row["user_id"]),
            keyword(Keyword.USERNAME, words.fold(row["username"])),
        ]


def criteria(
    text: str,
    user_id: str | None,
    username: str | None,
    *,
    username_part: str = "",
    nickname_part: str = "",
    named: bool | None = None,
    platform: str = "",
) -> Criteria:
    """Persons that contain the text, with exactly this user id, and this user name (case ignored); whose names contain
    these parts; who have a user name, or none; whom the bot knows from this platform (case of ASCII letters ignored), or
    who will be added to it on DEFAULT_PLATFORM."""
    keywords, conditions = [], []
    if user_id is not None:
        keywords.append(keyword(Keyword.USER_ID, user_id))
        conditions.append(("user_id = ?", user_id))
    if username is not None:
        keywords.append(keyword(Keyword.USERNAME, words.fold(username)))
        line = f"{words.FIELD}{words.fold(username)}{words.FIELD}"
        conditions.append(("search LIKE ? ESCAPE '\\'", words.like_pattern(line)))
    filters = words.part_filters(("", username_part, nickname_part))
    if named is not None:
        filters.append((f"username {'<>' if named else '='} ''",))
    if platform:
        filters.append(_from_platform(platform))
    return Criteria(text, tuple(keywords), tuple(conditions), tuple(filters))


def _from_platform(platform: str) -> tuple[str, str]:
    """Only the bot's own database has it, and so its snapshot, in JSON as `store.snapshots` writes it. Quotation marks inside
    a value are escaped there, so that none can be mistaken for the member."""
    member = json.dumps({"platform": platform}, ensure_ascii=False)[1:-1]
    snapshot = (
        "SELECT 1 FROM learned WHERE learned.instance_id = person.instance_id AND learned.kind = 'person' "
        "AND learned.key = person.bot_key AND lower(learned.said) LIKE lower(?) ESCAPE '\\'"
    )
    unknown = " OR bot_key IS NULL OR pending = 'add'" if platform.casefold() == DEFAULT_PLATFORM else ""
    return f"(EXISTS ({snapshot}){unknown})", words.like_pattern(member)
