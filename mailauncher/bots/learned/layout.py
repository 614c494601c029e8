"""Which shape a bot's database has: told from the tables and columns that are there, not from a version number."""

import sqlite3
from typing import Literal

import msgspec

from mailauncher.errors import DatabaseError

Family = Literal["0.7", "0.8", "0.10", "0.12", "1"]
_TABLES_SHOWN = 20

_EMOJI = frozenset(
    ("full_path", "emoji_hash", "description", "emotion", "is_registered", "is_banned", "record_time")
)
_IMAGES = frozenset(
    ("full_path", "image_hash", "description", "image_type", "is_registered", "is_banned", "record_time")
)
_PERSON = frozenset(("person_id", "person_name", "platform", "user_id"))
# The column that each family has and those before it have not, newest first.
_MARKS: tuple[tuple[str, Family], ...] = (
    ("user_nickname", "1"),
    ("group_nick_name", "0.12"),
    ("memory_points", "0.10"),
    ("know_times", "0.8"),
    ("relationship_value", "0.7"),
)


class Table(msgspec.Struct, frozen=True):
    """A table by its name, its columns, and those of them that every new row must name."""

    name: str
    columns: frozenset[str]
    required: frozenset[str]

    def one_of(self, *names: str) -> str | None:
        """The first of these columns that it has."""
        return next((name for name in names if name in self.columns), None)


class Layout(msgspec.Struct, frozen=True):
    """A database's shape. A table that is not there yet is None; never both."""

    family: Family
    emojis: Table | None
    persons: Table | None

    @property
    def live(self) -> bool:
        """Whether a running bot takes emojis that are written beside it. Up to 0.12 it deletes their files instead."""
        return self.family == "1"


def detect(connection: sqlite3.Connection) -> Layout:
    """Raises DatabaseError, naming what was found, for a database of no known shape."""
    images, emoji, person = (_table(connection, name) for name in ("images", "emoji", "person_info"))
    family = _family(person)
    persons = person if family else None
    if person is not None and family is None:
        raise _unknown(connection, person)
    # Up to 0.12 there is another table `images`, and an upgraded database may keep its `emoji`.
    if family in (None, "1") and images is not None and images.columns >= _IMAGES:
        family, emojis = "1", images
    elif family != "1" and emoji is not None and emoji.columns >= _EMOJI:
        family, emojis = family or "0.7", emoji
    else:
        emojis = None
        if broken := images if family == "1" else emoji:
            raise _unknown(connection, broken)
    if family is None:
        raise _unknown(connection, None)
    return Layout(family, emojis, persons)


def _family(person: Table | None) -> Family | None:
    if person is None or not person.columns >= _PERSON:
        return None
    return next((family for mark, family in _MARKS if mark in person.columns), None)


def _table(connection: sqlite3.Connection, name: str) -> Table | None:
    rows = connection.execute('SELECT name, "notnull", dflt_value, pk FROM pragma_table_info(?)', (name,))
    columns = rows.fetchall()
    if not columns:
        return None
    return Table(
        name,
        frozenset(str(column) for column, *_ in columns),
        frozenset(
            str(column) for column, needed, default, key in columns if needed and default is None and not key
        ),
    )


def _unknown(connection: sqlite3.Connection, table: Table | None) -> DatabaseError:
    if table is not None:
        columns = ", ".join(sorted(table.columns)[:_TABLES_SHOWN])
        zh, en = f"表 {table.name}（{columns}）", f"the table {table.name} ({columns})"
    else:
        rows = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name LIMIT ?", (_TABLES_SHOWN,)
        )
        names = ", ".join(str(name)[:64] for (name,) in rows)
        zh, en = (f"表 {names}", f"the tables {names}") if names else ("没有任何表", "no table")
    return DatabaseError(
        f"无法识别 Bot 的数据库：其中有 {zh}。它可能来自尚不支持的版本，其内容保持原样",
        f"The bot's database is of no known shape: it has {en}. It may be of a version that is not supported yet; it is left as it is",
    )
