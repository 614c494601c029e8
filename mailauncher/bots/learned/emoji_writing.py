"""Adding, changing and deleting emojis of a bot. Up to 0.12 only while it is stopped: a running one deletes what it has not
in memory."""

import sqlite3
import time
from pathlib import Path

from mailauncher.bots.learned import database, emojis, files, rows, statements
from mailauncher.bots.learned.layout import Layout, Table
from mailauncher.bots.learned.pictures import Picture, hash_of
from mailauncher.bots.learned.undo import Undo
from mailauncher.errors import DatabaseError, InvalidPath

EMOJI = "emoji"


def add(
    connection: sqlite3.Connection,
    layout: Layout,
    folder: Path,
    undo: Undo,
    picture: Picture,
    description: str,
    tags: tuple[str, ...],
) -> None:
    """Puts the file in place, then its row, in one transaction. Done twice, or after an end half-way, it comes to the same.

    A row that the bot has for this image already gets these words and is registered; `undo` keeps what it was.
    """
    table = _table(layout)
    place = f"{emojis.columns_of(table).folder}/{picture.key}.{picture.extension}"
    given: dict[str, object] = {**_words(table, description, tags), "is_registered": 1}
    given.setdefault("description", picture.key[:8])
    known = _known(connection, table, picture.key)
    if not any(_file(folder, columns) for _, columns in known):
        _put(folder, place, picture, undo, layout)
        # As the bot compares it: up to 0.12 with the separators of its system, from 1.0 with slashes.
        given["full_path"] = place if table.name == emojis.NEW_TABLE else str(Path(place))
    if known:
        row, columns = known[0]
        undo.keep(EMOJI, picture.key, columns)
        with database.transaction(connection):
            statements.update(connection, table, row, given)
    else:
        with database.transaction(connection):
            statements.insert(connection, table, _new_row(table, picture) | given)


def change(
    connection: sqlite3.Connection,
    layout: Layout,
    undo: Undo,
    key: str,
    description: str | None,
    tags: tuple[str, ...] | None,
) -> bool:
    """Replaces the words of an emoji, those that are not None, after its row was copied; False where the bot has it no
    more."""
    table = _table(layout)
    given = _words(table, description, tags)
    known = _known(connection, table, key)
    changed = [
        (row, was) for row, was in known if any(was.get(name) != value for name, value in given.items())
    ]
    for _, was in changed:
        undo.keep(EMOJI, key, was)
    if changed:
        with database.transaction(connection):
            for row, _ in changed:
                statements.update(connection, table, row, given)
    return bool(known)


def remove(connection: sqlite3.Connection, layout: Layout, folder: Path, undo: Undo, key: str) -> bool:
    """Deletes an emoji's rows, then its files, after all were copied; False where there was nothing of it."""
    table = _table(layout)
    known = _known(connection, table, key)
    paths = {file for _, columns in known if (file := _file(folder, columns))}
    for _, columns in known:
        undo.keep(EMOJI, key, columns, _file(folder, columns))
    if (
        key.isalnum()
    ):  # files of this name are without a row when an earlier addition or removal was cut short
        place = database.inside(folder, emojis.columns_of(table).folder)
        for file in set(place.glob(f"{key}.*")) - paths:
            undo.keep(EMOJI, key, {"full_path": str(file)}, file)
            paths.add(file)
    with database.transaction(connection):
        for row, _ in known:
            statements.delete(connection, table, row)
    for path in paths:
        files.remove(path)
    return bool(known or paths)


def _table(layout: Layout) -> Table:
    if layout.emojis is None:
        raise DatabaseError(
            "Bot 的数据库中还没有表情包的表：请先启动一次 Bot",
            "The bot's database has no table of emojis yet: start the bot once",
        )
    return layout.emojis


def _known(connection: sqlite3.Connection, table: Table, key: str) -> list[tuple[int, dict[str, object]]]:
    names = emojis.columns_of(table)
    return statements.rows(connection, table, f"{names.condition} AND {names.hash} = ?", key)


def _file(folder: Path, columns: dict[str, object]) -> Path | None:
    """A row's file, if there is one that may be touched."""
    try:
        found = database.inside(folder, str(columns["full_path"]))
    except InvalidPath:
        return None
    return found if found.is_file() else None


def _put(folder: Path, place: str, picture: Picture, undo: Undo, layout: Layout) -> None:
    target = database.inside(folder, place)
    if target.is_file():
        with target.open("rb") as opened:
            former = opened.read(emojis.IMAGE_LIMIT_BYTES + 1)
        if hash_of(former, layout.family) == picture.key:
            return
        undo.keep(EMOJI, picture.key, {"full_path": place}, target)
    files.put(target, picture.data, database.inside(folder, "data"))


def _words(table: Table, description: str | None, tags: tuple[str, ...] | None) -> dict[str, object]:
    """The columns for them. A row with an empty description is deleted by the bot, or described by it anew."""
    joined = rows.joined(tags or ())
    if table.name == emojis.NEW_TABLE:
        words = joined or rows.joined((description or "",))
        return {"description": words} if words else {}
    given: dict[str, object] = {} if tags is None else {"emotion": joined}
    if description is not None and (description or joined):
        given["description"] = description or joined
    return given


def _new_row(table: Table, picture: Picture) -> dict[str, object]:
    now = time.time()
    if table.name == emojis.NEW_TABLE:
        moment: object = rows.local_time(int(now * 1000))
        own = {"image_hash": picture.key, "image_type": "EMOJI", "no_file_flag": 0, "vlm_processed": 1}
    else:
        moment = now
        own = {
            "emoji_hash": picture.key,
            "format": picture.extension,
            "usage_count": 0,
            "last_used_time": now,
        }
    return {**own, "query_count": 0, "is_banned": 0, "record_time": moment, "register_time": moment}
