"""Reads, adds, changes and deletes the persons in a bot's database."""

import hashlib
import sqlite3
import time

import msgspec

from bots.database import connect, rows, statements
from bots.database.layout import Layout, TableLayout
from bots.database.rows import BotPerson
from bots.database.undo import Undo
from mailauncher.errors import DatabaseError

PERSON = "person"
_SHORT = 512


class PersonFields(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a person that have a column in every version. All others exist only in the launcher."""

    platform: str
    user_id: str
    nickname: str
    name: str

    @property
    def key(self) -> str:
        return key_of(self.platform, self.user_id)


def key_of(platform: str, user_id: str) -> str:
    """The bot's `person_id`. If the platform contains a `-`, only its second part counts."""
    if "-" in platform:
        platform = platform.split("-")[1]
    return hashlib.md5(f"{platform}_{user_id}".encode(), usedforsecurity=False).hexdigest()


# Reading


def count(connection: sqlite3.Connection, layout: Layout) -> int:
    if layout.persons is None:
        return 0
    return int(connection.execute(f"SELECT count(*) FROM {layout.persons.name}").fetchone()[0])  # noqa: S608 - our own names


def page(connection: sqlite3.Connection, layout: Layout, after: int, limit: int) -> list[BotPerson]:
    """Up to `limit` persons in the order of their rows, after row `after` (0: from the first)."""
    if layout.persons is None:
        return []
    return _select(connection, layout.persons, "rowid > ? ORDER BY rowid LIMIT ?", (after, limit))


def find(connection: sqlite3.Connection, layout: Layout, key: str) -> BotPerson | None:
    if layout.persons is None:
        return None
    found = _select(connection, layout.persons, "person_id = ? LIMIT 1", (key,))
    return found[0] if found else None


def _select(
    connection: sqlite3.Connection, table: TableLayout, condition: str, values: tuple[object, ...]
) -> list[BotPerson]:
    def column(*names: str, length: int = _SHORT) -> str:
        found = table.one_of(*names)
        return f"substr({found}, 1, {length})" if found else "''"

    parts = (
        column("person_id"),
        column("platform"),
        column("user_id"),
        column("user_nickname", "nickname"),
        column("person_name"),
        column("group_cardname", "group_nick_name", length=rows.LONG_TEXT),
        column("memory_points", "impression", length=rows.LONG_TEXT),
        table.one_of("know_counts", "know_times", "relationship_value") or "0",
        table.one_of("first_known_time", "know_since", "know_time") or "NULL",
        table.one_of("last_known_time", "last_know") or "NULL",
    )
    statement = f"SELECT rowid, {', '.join(parts)} FROM {table.name} WHERE {condition}"  # noqa: S608 - our own names
    return [
        BotPerson(
            row=row[0],
            key=rows.as_text(row[1]),
            platform=rows.as_text(row[2]),
            user_id=rows.as_text(row[3]),
            nickname=rows.as_text(row[4]),
            name=rows.as_text(row[5]),
            groups=rows.as_text(row[6]),
            memory=rows.as_text(row[7]),
            times=rows.as_int(row[8]),
            known_since=rows.as_milliseconds(row[9]),
            last_known=rows.as_milliseconds(row[10]),
        )
        for row in connection.execute(statement, values)
    ]


# Writing


def put(connection: sqlite3.Connection, layout: Layout, undo: Undo, person: PersonFields) -> None:
    """Adds a person that the bot does not know, or changes one that it knows. A new person always gets a name."""
    table = _table(layout)
    if change(connection, layout, undo, person.key, person):
        return
    with connect.transaction(connection):
        statements.insert(connection, table, _new_row(person) | _names(person))


def change(
    connection: sqlite3.Connection, layout: Layout, undo: Undo, key: str, person: PersonFields
) -> bool:
    """Replaces nickname and name, those that are not empty, after copying the row; False if there is no row."""
    table = _table(layout)
    names = _names(person)
    known = statements.rows(connection, table, "person_id = ?", key)
    changed = [(row, was) for row, was in known if any(was.get(n, v) != v for n, v in names.items())]
    for _, was in changed:
        undo.keep(PERSON, key, was)
    if changed:
        with connect.transaction(connection):
            for row, _ in changed:
                statements.update(connection, table, row, names)
    return bool(known)


def remove(connection: sqlite3.Connection, layout: Layout, undo: Undo, key: str) -> bool:
    """Deletes a person's row after copying it; False if there was none."""
    table = _table(layout)
    known = statements.rows(connection, table, "person_id = ?", key)
    for _, was in known:
        undo.keep(PERSON, key, was)
    with connect.transaction(connection):
        for row, _ in known:
            statements.delete(connection, table, row)
    return bool(known)


def _table(layout: Layout) -> TableLayout:
    if layout.persons is None:
        raise DatabaseError(
            "Bot 的数据库中还没有用户信息的表：请先启动一次 Bot",
            "The bot's database has no table for persons yet: start the bot once",
        )
    return layout.persons


def _names(person: PersonFields) -> dict[str, object]:
    names: dict[str, object] = {"person_name": person.name} if person.name else {}
    return names | (
        {"nickname": person.nickname, "user_nickname": person.nickname} if person.nickname else {}
    )


def _new_row(person: PersonFields) -> dict[str, object]:
    """All columns that any version needs; `statements.insert` uses those that the table has."""
    now = time.time()
    local = rows.local_time(int(now * 1000))
    called = person.nickname or person.name or person.user_id
    return {
        "is_known": 1,
        "person_name": called,
        "nickname": called,
        "user_nickname": called,
        "person_id": person.key,
        "platform": person.platform,
        "user_id": person.user_id,
        "name_reason": None,
        "relationship_value": 0,
        "know_time": now,
        "msg_interval": 2000,
        "msg_interval_list": "[]",
        "know_times": 0,
        "know_since": now,
        "last_know": now,
        "familiarity_value": 0,
        "liking_value": 50,
        "know_counts": 0,
        "first_known_time": local,
        "last_known_time": local,
    }
