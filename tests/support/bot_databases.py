"""Databases as each version of MaiBot creates them: tables, journal mode, files and times."""

import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from bots.database.layout import Family

FAMILIES: tuple[Family, ...] = ("0.7", "0.8", "0.10", "0.12", "1")
OLD: tuple[Family, ...] = ("0.7", "0.8", "0.10", "0.12")

_EMOJI = """
CREATE TABLE emoji (id INTEGER NOT NULL PRIMARY KEY, full_path TEXT NOT NULL, format TEXT NOT NULL,
    emoji_hash TEXT NOT NULL, description TEXT NOT NULL, query_count INTEGER NOT NULL, is_registered INTEGER NOT NULL,
    is_banned INTEGER NOT NULL, emotion TEXT, record_time REAL NOT NULL, register_time REAL,
    usage_count INTEGER NOT NULL, last_used_time REAL);
CREATE UNIQUE INDEX emoji_full_path ON emoji (full_path);
CREATE INDEX emoji_emoji_hash ON emoji (emoji_hash);
CREATE TABLE images (id INTEGER NOT NULL PRIMARY KEY, image_id TEXT NOT NULL, emoji_hash TEXT NOT NULL,
    description TEXT, path TEXT NOT NULL, type TEXT NOT NULL);
"""
_IMAGES = """
CREATE TABLE images (id INTEGER NOT NULL PRIMARY KEY, image_hash VARCHAR NOT NULL, description VARCHAR NOT NULL,
    full_path VARCHAR NOT NULL, image_type TEXT, query_count INTEGER NOT NULL, is_registered BOOLEAN NOT NULL,
    is_banned BOOLEAN NOT NULL, no_file_flag BOOLEAN NOT NULL, record_time DATETIME, register_time DATETIME,
    last_used_time DATETIME, vlm_processed BOOLEAN NOT NULL);
"""
_PERSON: dict[Family, str] = {
    "0.7": """person_name TEXT, name_reason TEXT, platform TEXT NOT NULL, user_id TEXT NOT NULL,
        nickname TEXT NOT NULL, relationship_value INTEGER NOT NULL, know_time REAL NOT NULL,
        msg_interval INTEGER NOT NULL, msg_interval_list TEXT""",
    "0.8": """person_name TEXT, name_reason TEXT, platform TEXT NOT NULL, user_id TEXT NOT NULL, nickname TEXT NOT NULL,
        impression TEXT, short_impression TEXT, points TEXT, forgotten_points TEXT, info_list TEXT, know_times REAL,
        know_since REAL, last_know REAL, familiarity_value INTEGER, liking_value INTEGER""",
    "0.10": """is_known INTEGER NOT NULL, person_name TEXT, name_reason TEXT, platform TEXT NOT NULL,
        user_id TEXT NOT NULL, nickname TEXT, memory_points TEXT, know_times REAL, know_since REAL, last_know REAL""",
    "0.12": """is_known INTEGER NOT NULL, person_name TEXT, name_reason TEXT, platform TEXT NOT NULL,
        user_id TEXT NOT NULL, nickname TEXT, group_nick_name TEXT, memory_points TEXT, know_times REAL,
        know_since REAL, last_know REAL""",
    "1": """is_known BOOLEAN NOT NULL, person_name VARCHAR, name_reason VARCHAR, platform VARCHAR NOT NULL,
        user_id VARCHAR NOT NULL, user_nickname VARCHAR NOT NULL, group_cardname VARCHAR, memory_points VARCHAR,
        know_counts INTEGER NOT NULL, first_known_time DATETIME, last_known_time DATETIME""",
}
_MEMORY: dict[Family, str] = {
    "0.7": "",
    "0.8": "impression",
    "0.10": "memory_points",
    "0.12": "memory_points",
    "1": "memory_points",
}


def picture(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    """A small image of one colour."""
    made = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(made, kind)
    return made.getvalue()


def animation(kind: str = "WEBP", frames: int = 3) -> bytes:
    """A small animated image."""
    made = io.BytesIO()
    stills = [Image.new("RGB", (8, 8), (80 * n, 20, 200)) for n in range(frames)]
    stills[0].save(made, kind, save_all=True, append_images=stills[1:], duration=80, loop=0)
    return made.getvalue()


class BotDatabase:
    """The database of a bot in a folder, with the bot's folders; rows are written as the bot writes them."""

    def __init__(self, folder: Path, family: Family) -> None:
        self.folder = folder
        self.family = family
        self.new = family == "1"
        self.table = "images" if self.new else "emoji"
        self.hash = "image_hash" if self.new else "emoji_hash"
        self.images = "data/emoji" if self.new else "data/emoji_registed"
        self.file = folder / "data" / "MaiBot.db"
        for name in ("emoji", "emoji_registed"):
            (folder / "data" / name).mkdir(parents=True, exist_ok=True)
        with self.opened() as connection:
            if family != "0.7":
                connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_IMAGES if self.new else _EMOJI)
            connection.executescript(
                f"CREATE TABLE person_info (id INTEGER NOT NULL PRIMARY KEY, person_id TEXT NOT NULL, {_PERSON[family]});"
                "CREATE UNIQUE INDEX person_info_person_id ON person_info (person_id);"
            )

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """A connection like the bot's; the changes of the block are committed."""
        with closing(sqlite3.connect(self.file, timeout=1)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection
            connection.commit()

    def key(self, data: bytes) -> str:
        if self.new:
            return hashlib.sha256(data).hexdigest()
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    def learn_emoji(
        self,
        data: bytes,
        tags: str = "开心",
        description: str = "一张笑脸",
        *,
        registered: bool = True,
        banned: bool = False,
    ) -> str:
        """Adds an emoji that the bot found itself. Returns its key."""
        key = self.key(data)
        path = f"{self.images}/{key}.png"
        (self.folder / path).write_bytes(data)
        row: dict[str, Any] = {
            self.hash: key,
            "full_path": path,
            "query_count": 2,
            "is_registered": registered,
            "is_banned": banned,
        }
        if self.new:
            now: Any = str(datetime.now())  # noqa: DTZ005 - as the bot writes it
            row |= {"description": tags, "image_type": "EMOJI", "no_file_flag": 0, "vlm_processed": 1}
        else:
            now = time.time()
            row |= {"description": description, "emotion": tags, "format": "png", "usage_count": 3}
        self.insert(self.table, row | {"record_time": now, "register_time": now, "last_used_time": now})
        return key

    def learn_person(
        self, user_id: str, nickname: str, name: str | None = None, memory: str = "喜欢猫"
    ) -> str:
        """Adds a person that the bot met itself. Returns the key."""
        key = hashlib.md5(f"qq_{user_id}".encode(), usedforsecurity=False).hexdigest()
        row: dict[str, Any] = {"person_id": key, "platform": "qq", "user_id": user_id, "person_name": name}
        row["user_nickname" if self.new else "nickname"] = nickname
        if column := _MEMORY[self.family]:
            row[column] = json.dumps([memory], ensure_ascii=False) if column == "memory_points" else memory
        if self.new:
            now = str(datetime.now())  # noqa: DTZ005 - as the bot writes it
            row |= {"is_known": 1, "know_counts": 4, "first_known_time": now, "last_known_time": now}
        elif self.family == "0.7":
            row |= {"relationship_value": 4, "know_time": time.time(), "msg_interval": 2000}
        else:
            row |= {"know_times": 4, "know_since": time.time(), "last_know": time.time()}
            row |= {} if self.family == "0.8" else {"is_known": 1}
        self.insert("person_info", row)
        return key

    def insert(self, table: str, row: dict[str, Any]) -> None:
        marks = ", ".join("?" * len(row))
        with self.opened() as connection:
            statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - our own names
            connection.execute(statement, (*row.values(),))

    def execute(self, statement: str, *values: object) -> None:
        with self.opened() as connection:
            connection.execute(statement, values)

    def emojis(self) -> dict[str, dict[str, Any]]:
        """The rows of its emojis by key."""
        with self.opened() as connection:
            rows = connection.execute(f"SELECT * FROM {self.table} ORDER BY id").fetchall()  # noqa: S608 - the same
        return {row[self.hash]: dict(row) for row in rows}

    def persons(self) -> dict[str, dict[str, Any]]:
        """The rows of its persons by user_id."""
        with self.opened() as connection:
            rows = connection.execute("SELECT * FROM person_info ORDER BY id").fetchall()
        return {row["user_id"]: dict(row) for row in rows}

    def files(self) -> set[str]:
        """Every file below its data folder except those of the database."""
        data = self.folder / "data"
        found = (str(file.relative_to(data)) for file in data.rglob("*") if file.is_file())
        return {name for name in found if not name.startswith("MaiBot.db")}

    def bytes(self) -> dict[str, bytes]:
        """The content of every file below its data folder."""
        data = self.folder / "data"
        return {str(f.relative_to(data)): f.read_bytes() for f in sorted(data.rglob("*")) if f.is_file()}


_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=1, isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement)
connection.execute("SELECT count(*) FROM person_info").fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(database: BotDatabase, *statements: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the database open during the block, after statements such as `BEGIN EXCLUSIVE`."""
    command = [sys.executable, "-I", "-S", "-c", _HOLDER, str(database.file), *statements]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.stdin.close()
            process.wait(10)
