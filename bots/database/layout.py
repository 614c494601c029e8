"""Detects the layout of a bot's database from its tables and columns, not from a version number."""

import sqlite3
from typing import Literal

import msgspec

from mailauncher.errors import DatabaseError

Family = Literal["0.7", "0.8", "0.10", "0.12", "1"]
_NAMES_SHOWN = 20

_EMOJI = frozenset(
    ("full_path", "emoji_hash", "description", "emotion", "is_registered", "is_banned", "record_time")
)
_IMAGES = frozenset(
    ("full_path", "image_hash", "description", "image_type", "is_registered", "is_banned", "record_time")
)
_PERSON = frozenset(("person_id", "person_name", "platform", "user_id"))
# A column that each family has and the earlier families do not, newest first.
_FAMILY_COLUMNS: tuple[tuple[str, Family], ...] = (
    ("user_nickname", "1"),
    ("group_nick_name", "0.12"),
    ("memory_points", "0.10"),
    ("know_times", "0.8"),
    ("relationship_value", "0.7"),
)


class TableLayout(msgspec.Struct, frozen=True):
    """A table's name, its columns, and the columns that every new row must set."""

    name: str
    columns: frozenset[str]
    required: frozenset[str]

    def one_of(self, *names: str) -> str | None:
        """The first of these columns that the table has."""
        return next((name for name in names if name in self.columns), None)


class Layout(msgspec.Struct, frozen=True):
    """The layout of a database. A table that does not exist yet is None; at least one exists."""

    family: Family
    emojis: TableLayout | None
    persons: TableLayout | None

    @property
    def emojis_writable_while_running(self) -> bool:
        """Whether emojis may be written while the bot runs. Up to 0.12 a running bot deletes their files."""
        return self.family == "1"


def detect(connection: sqlite3.Connection) -> Layout:
    """Raises DatabaseError, which lists the tables or columns found, if the layout is unknown."""
    images, emoji, person = (_table(connection, name) for name in ("images", "emoji", "person_info"))
    family = _family(person)
    persons = person if family else None
    if person is not None and family is None:
        raise _unknown(connection, person)
    # Up to 0.12 a table `images` has another purpose, and an upgraded database may still have its table `emoji`.
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


def _family(person: TableLayout | None) -> Family | None:
    if person is None or not person.columns >= _PERSON:
        return None
    return next((family for mark, family in _FAMILY_COLUMNS if mark in person.columns), None)


def _table(connection: sqlite3.Connection, name: str) -> TableLayout | None:
    rows = connection.execute('SELECT name, "notnull", dflt_value, pk FROM pragma_table_info(?)', (name,))
    columns = rows.fetchall()
    if not columns:
        return None
    return TableLayout(
        name,
        frozenset(str(column) for column, *_ in columns),
        frozenset(
            str(column) for column, needed, default, key in columns if needed and default is None and not key
        ),
    )


def _unknown(connection: sqlite3.Connection, table: TableLayout | None) -> DatabaseError:
    if table is not None:
        columns = ", ".join(sorted(table.columns)[:_NAMES_SHOWN])
        zh, en = f"表 {table.name}（{columns}）", f"the table {table.name} ({columns})"
    else:
        rows = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name LIMIT ?", (_NAMES_SHOWN,)
        )
        names = ", ".join(str(name)[:64] for (name,) in rows)
        zh, en = (f"表 {names}", f"the tables {names}") if names else ("没有任何表", "no table")
    return DatabaseError(
        f"无法识别 Bot 的数据库：其中有 {zh}。它可能来自尚不支持的版本，其内容保持原样",
        f"The layout of the bot's database is unknown: it has {en}. It may come from a version that is not supported yet; it was not changed",
    )
