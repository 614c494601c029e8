"""Reads the emojis in a bot's database, and their images."""

import errno
import sqlite3
from pathlib import Path
from typing import NamedTuple

from bots.database import connect, rows
from bots.database.layout import Layout, TableLayout
from bots.database.rows import BotEmoji
from mailauncher.beneath import LeadsOutside, Root
from mailauncher.errors import FileTooLarge, InvalidPath, ResourceNotFound

IMAGE_LIMIT_BYTES = 10 << 20
NEW_TABLE = "images"
_KEY_LENGTH = 256
_REGISTERED = "is_registered <> 0 AND is_banned = 0"


class Columns(NamedTuple):
    """The names of a family's columns, the folder of its images, and the condition for rows that are emojis."""

    hash: str
    used: str
    folder: str
    condition: str


_OLD = Columns("emoji_hash", "usage_count", "data/emoji_registed", "1")
_NEW = Columns("image_hash", "query_count", "data/emoji", "image_type = 'EMOJI'")


def columns_of(table: TableLayout) -> Columns:
    return _NEW if table.name == NEW_TABLE else _OLD


def count(connection: sqlite3.Connection, layout: Layout) -> int:
    """The number of emojis that the bot uses: registered and not banned."""
    if layout.emojis is None:
        return 0
    names = columns_of(layout.emojis)
    statement = f"SELECT count(*) FROM {layout.emojis.name} WHERE {names.condition} AND {_REGISTERED}"  # noqa: S608 - our own names
    return int(connection.execute(statement).fetchone()[0])


def page(connection: sqlite3.Connection, layout: Layout, after: int, limit: int) -> list[BotEmoji]:
    """Up to `limit` emojis that the bot uses, in the order of their rows, after row `after` (0: from the first)."""
    if layout.emojis is None:
        return []
    names = columns_of(layout.emojis)
    return _select(
        connection,
        layout.emojis,
        f"{names.condition} AND {_REGISTERED} AND rowid > ? ORDER BY rowid LIMIT ?",
        (after, limit),
    )


def find(connection: sqlite3.Connection, layout: Layout, key: str) -> BotEmoji | None:
    """The emoji with this key, registered or not."""
    if layout.emojis is None:
        return None
    names = columns_of(layout.emojis)
    found = _select(
        connection, layout.emojis, f"{names.condition} AND {names.hash} = ? ORDER BY rowid LIMIT 1", (key,)
    )
    return found[0] if found else None


def image(folder: Path, path: str) -> bytes:
    """The content of an image file, by a row's path. Raises InvalidPath (outside the instance's folder), ResourceNotFound, FileTooLarge."""
    file = folder / connect.path_of(path)
    try:
        with Root(folder) as root, root.open_regular(connect.path_of(path)) as opened:
            data = opened.read(IMAGE_LIMIT_BYTES + 1)
    except LeadsOutside as error:
        raise connect.outside(folder, error) from None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL):
            raise ResourceNotFound(f"图片文件不存在：{file}", f"No such image file: {file}") from None
        raise InvalidPath(
            f"图片文件无法读取：{file}（{error.strerror}）",
            f"The image file {file} cannot be read: {error.strerror}",
        ) from None
    if len(data) > IMAGE_LIMIT_BYTES:
        raise FileTooLarge(
            f"图片超过 {IMAGE_LIMIT_BYTES} 字节：{file}",
            f"The image is larger than {IMAGE_LIMIT_BYTES} bytes: {file}",
        )
    return data


def _select(
    connection: sqlite3.Connection, table: TableLayout, condition: str, values: tuple[object, ...]
) -> list[BotEmoji]:
    names = columns_of(table)
    used = names.used if names.used in table.columns else "0"
    queried = "query_count" if "query_count" in table.columns else "0"
    tags = "emotion" if table.name != NEW_TABLE else "description"
    text = "description" if table.name != NEW_TABLE else "''"
    statement = (
        f"SELECT rowid, substr({names.hash}, 1, {_KEY_LENGTH}), substr(full_path, 1, 4096), "  # noqa: S608 - our own names
        f"substr({text}, 1, {rows.LONG_TEXT}), substr({tags}, 1, {rows.LONG_TEXT}), is_registered, is_banned, {used}, "
        f"{queried}, record_time FROM {table.name} WHERE {condition}"
    )
    return [
        BotEmoji(
            row=row[0],
            key=rows.as_text(row[1]),
            path=rows.as_text(row[2]),
            description=rows.as_text(row[3]),
            tags=rows.split_tags(row[4]),
            registered=bool(row[5]),
            banned=bool(row[6]),
            usage=rows.as_int(row[7]),
            queries=rows.as_int(row[8]),
            recorded_at=rows.as_milliseconds(row[9]),
        )
        for row in connection.execute(statement, values)
    ]
