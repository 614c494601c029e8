"""Persons as they are kept: rows of the `person` table."""

from collections.abc import Mapping
from typing import Any

from mailauncher.errors import Text
from mailauncher.store import words
from mailauncher.store.resources import Resources, Wanted
from mailauncher.store.words import Mark, mark


class Persons(Resources):
    """`profile` of a row is JSON: an object."""

    table = "person"
    columns = ("user_id", "username", "nickname", "avatar_url", "profile")
    key = "user_id"
    title = Text("用户信息", "person")

    def _search(self, row: Mapping[str, Any]) -> str:
        return words.FIELD.join(words.fold(row[name]) for name in ("user_id", "username", "nickname"))

    def _marks(self, row: Mapping[str, Any]) -> list[str]:
        return [mark(Mark.USER_ID, row["user_id"]), mark(Mark.USERNAME, words.fold(row["username"]))]


def wanted(text: str, user_id: str | None, username: str | None) -> Wanted:
    """What a person must have: a part of the texts, exactly the user id, the whole user name (case ignored)."""
    marks, conditions = [], []
    if user_id is not None:
        marks.append(mark(Mark.USER_ID, user_id))
        conditions.append(("user_id = ?", user_id))
    if username is not None:
        marks.append(mark(Mark.USERNAME, words.fold(username)))
        line = f"{words.FIELD}{words.fold(username)}{words.FIELD}"
        conditions.append(("search LIKE ? ESCAPE '\\'", words.like(line)))
    return Wanted(text, tuple(marks), tuple(conditions))
