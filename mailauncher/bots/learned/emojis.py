"""The emojis of a bot's database, read, and their images."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from mailauncher.bots.learned import database, rows
from mailauncher.bots.learned.layout import Layout, Table
from mailauncher.bots.learned.rows import BotEmoji
from mailauncher.errors import FileTooLarge, InvalidPath, ResourceNotFound

IMAGE_LIMIT_BYTES = 10 << 20
NEW_TABLE = "images"
_KEY_LENGTH = 256
_REGISTERED = "is_registered <> 0 AND is_banned = 0"


class Columns(NamedTuple):
    """What a family calls its columns, where it wants its files, and which rows are emojis at all."""

    hash: str
    used: str
    folder: str
    condition: str


_OLD = Columns("emoji_hash", "usage_count", "data/emoji_registed", "1")
_NEW = Columns("image_hash", "query_count", "data/emoji", "image_type = 'EMOJI'")


def columns_of(table: Table) -> Columns:
    return _NEW if table.name == NEW_TABLE else _OLD


def count(connection: sqlite3.Connection, layout: Layout) -> int:
    """How many emojis the bot uses: registered and not banned."""
    if layout.emojis is None:
        return 0
    names = columns_of(layout.emojis)
    statement = f"SELECT count(*) FROM {layout.emojis.name} WHERE {names.condition} AND {_REGISTERED}"  # noqa: S608 - our own names
    return int(connection.execute(statement).fetchone()[0])


def page(connection: sqlite3.Connection, layout: Layout, after: int, limit: int) -> list[BotEmoji]:
    """Up to `limit` emojis that the bot uses, in the order of their rows, from the one after `after` (0: the first)."""
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


def image(folder: Path, emoji: BotEmoji) -> bytes:
    """The image file of a row. Raises InvalidPath for one outside the instance's folder, ResourceNotFound, FileTooLarge."""
    file = database.inside(folder, emoji.path)
    try:
        if not file.is_file():
            raise ResourceNotFound(f"图片文件不存在：{file}", f"No such image file: {file}")
        with file.open("rb") as opened:
            data = opened.read(IMAGE_LIMIT_BYTES + 1)
    except OSError as error:
        raise InvalidPath(
            f"图片文件无法读取：{file}（{error.strerror}）",
            f"The image file {file} cannot be read: {error.strerror}",
        ) from None
    if len(data) > IMAGE_LIMIT_BYTES:
        raise FileTooLarge(
            f"图片超过 {IMAGE_LIMIT_BYTES} 字节：{file}",
            f"The image has more than {IMAGE_LIMIT_BYTES} bytes: {file}",
        )
    return data


def _select(
    connection: sqlite3.Connection, table: Table, condition: str, values: tuple[object, ...]
) -> list[BotEmoji]:
    names = columns_of(table)
    used = names.used if names.used in table.columns else "0"
    tags = "emotion" if table.name != NEW_TABLE else "description"
    text = "description" if table.name != NEW_TABLE else "''"
    statement = (
        f"SELECT rowid, substr({names.hash}, 1, {_KEY_LENGTH}), substr(full_path, 1, 4096), "  # noqa: S608 - our own names
        f"substr({text}, 1, {rows.LONG_TEXT}), substr({tags}, 1, {rows.LONG_TEXT}), is_registered, is_banned, {used}, "
        f"record_time FROM {table.name} WHERE {condition}"
    )
    return [
        BotEmoji(
            row=row[0],
            key=rows.text(row[1]),
            path=rows.text(row[2]),
            description=rows.text(row[3]),
            tags=rows.tags(row[4]),
            registered=bool(row[5]),
            banned=bool(row[6]),
            usage=rows.whole(row[7]),
            recorded_at=rows.instant(row[8]),
        )
        for row in connection.execute(statement, values)
    ]
