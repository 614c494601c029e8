"""Adds, changes and deletes emojis of a bot. Up to 0.12 only while it is stopped: a running bot deletes emojis that are not
in its memory."""

import sqlite3
import stat
import time
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from bots.database import connect, emojis, image_files, rows, statements
from bots.database.images import BotImage, hash_of
from bots.database.layout import Layout, TableLayout
from bots.database.undo import Undo
from mailauncher.beneath import Root
from mailauncher.errors import DatabaseError

EMOJI = "emoji"


def add(
    connection: sqlite3.Connection,
    layout: Layout,
    folder: Path,
    undo: Undo,
    picture: BotImage,
    description: str,
    tags: tuple[str, ...],
) -> None:
    """Writes the image file, then its row in one transaction. The result is the same if this is repeated, also after it was
    interrupted.

    An existing row for this image gets the description and tags and is registered; `undo` keeps the former row.
    """
    table = _table(layout)
    place = f"{emojis.columns_of(table).folder}/{picture.key}.{picture.extension}"
    given: dict[str, object] = {**_text_columns(table, description, tags), "is_registered": 1}
    given.setdefault("description", picture.key[:8])
    existing = _existing_rows(connection, table, picture.key)
    # The file first: a kill in between leaves a file without a row, which repeating this completes. The other order would
    # leave a row of a file that does not exist.
    with connect.opened(folder) as root:
        missing = not any(_file(root, columns) for _, columns in existing)
        if missing:
            _put(root, place, picture, undo, layout)
    if missing:
        # In the form that the bot compares: up to 0.12 with the separators of its system, from 1.0 with slashes.
        given["full_path"] = place if table.name == emojis.NEW_TABLE else str(Path(place))
    if existing:
        row, columns = existing[0]
        undo.keep(EMOJI, picture.key, columns)
        with connect.transaction(connection):
            statements.update(connection, table, row, given)
    else:
        with connect.transaction(connection):
            statements.insert(connection, table, _new_row(table, picture) | given)


def change(
    connection: sqlite3.Connection,
    layout: Layout,
    undo: Undo,
    key: str,
    description: str | None,
    tags: tuple[str, ...] | None,
) -> bool:
    """Replaces description and tags of an emoji, those that are not None, after copying its row; False if the bot does not
    have it any more."""
    table = _table(layout)
    given = _text_columns(table, description, tags)
    existing = _existing_rows(connection, table, key)
    changed = [
        (row, was) for row, was in existing if any(was.get(name) != value for name, value in given.items())
    ]
    for _, was in changed:
        undo.keep(EMOJI, key, was)
    if changed:
        with connect.transaction(connection):
            for row, _ in changed:
                statements.update(connection, table, row, given)
    return bool(existing)


def remove(connection: sqlite3.Connection, layout: Layout, folder: Path, undo: Undo, key: str) -> bool:
    """Deletes an emoji's rows, then its files, after copying them all; False if there were none."""
    table = _table(layout)
    existing = _existing_rows(connection, table, key)
    with connect.opened(folder) as root:
        paths = {file for _, columns in existing if (file := _file(root, columns))}
        for _, columns in existing:
            _keep(undo, key, columns, root, _file(root, columns))
        for path in _left_over(root, emojis.columns_of(table).folder, key) - paths:
            _keep(undo, key, {"full_path": path}, root, path)
            paths.add(path)
        # Rows first: a kill in between leaves files without a row, which repeating this removes. The other order would leave
        # rows of files that do not exist.
        with connect.transaction(connection):
            for row, _ in existing:
                statements.delete(connection, table, row)
        for path in paths:
            image_files.remove(root, path)
    return bool(existing or paths)


def _left_over(root: Root, folder: str, key: str) -> set[str]:
    """Files without a row, which remain when an addition or removal was interrupted."""
    if not key.isalnum():
        return set()
    try:
        found = root.entries(folder, follow=True)
        with root.place(folder) as place:
            home = place.path
    except FileNotFoundError:
        return set()
    names = (entry.name for entry in found if not (entry.is_link or entry.is_folder))
    return {f"{home}/{name}" for name in names if name.startswith(f"{key}.")}


def _keep(undo: Undo, key: str, columns: dict[str, object], root: Root, file: str | None) -> None:
    with ExitStack() as stack:
        opened = stack.enter_context(root.open_regular(file)) if file else None
        undo.keep(EMOJI, key, columns, opened, PurePosixPath(file or "").suffix)


def _table(layout: Layout) -> TableLayout:
    if layout.emojis is None:
        raise DatabaseError(
            "Bot 的数据库中还没有表情包的表：请先启动一次 Bot",
            "The bot's database has no table for emojis yet: start the bot once",
        )
    return layout.emojis


def _existing_rows(
    connection: sqlite3.Connection, table: TableLayout, key: str
) -> list[tuple[int, dict[str, object]]]:
    names = emojis.columns_of(table)
    return statements.rows(connection, table, f"{names.condition} AND {names.hash} = ?", key)


def _file(root: Root, columns: dict[str, object]) -> str | None:
    """The file of a row, links resolved; None if it does not exist or lies outside the instance's folder."""
    try:
        with root.place(connect.path_of(str(columns["full_path"]))) as place:
            return place.path if stat.S_ISREG(root.status(place.path).st_mode) else None
    except OSError:
        return None


def _put(root: Root, path: str, picture: BotImage, undo: Undo, layout: Layout) -> None:
    if (file := _file(root, {"full_path": path})) is not None:
        with root.open_regular(file) as opened:
            former = opened.read(emojis.IMAGE_LIMIT_BYTES + 1)
        if hash_of(former, layout.family) == picture.key:
            return
        _keep(undo, picture.key, {"full_path": path}, root, file)
    image_files.put(root, path, picture.data, "data")


def _text_columns(
    table: TableLayout, description: str | None, tags: tuple[str, ...] | None
) -> dict[str, object]:
    """The columns for description and tags. The bot deletes or rewrites a row with an empty description."""
    joined = rows.join_tags(tags or ())
    if table.name == emojis.NEW_TABLE:
        words = joined or rows.join_tags((description or "",))
        return {"description": words} if words else {}
    given: dict[str, object] = {} if tags is None else {"emotion": joined}
    if description is not None and (description or joined):
        given["description"] = description or joined
    return given


def _new_row(table: TableLayout, picture: BotImage) -> dict[str, object]:
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
