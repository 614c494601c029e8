"""data/MaiBot.db: the emoji and person_info tables of MaiBot 0.12, with invented rows at the first start."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from pathlib import Path

from src.pictures import Colour, face

_FILE = Path("data/MaiBot.db")
_EMOJI_FOLDER = Path("data/emoji_registed")
_TABLES = """
CREATE TABLE IF NOT EXISTS emoji (
    id INTEGER NOT NULL PRIMARY KEY, full_path TEXT NOT NULL, format TEXT NOT NULL, emoji_hash TEXT NOT NULL,
    description TEXT NOT NULL, query_count INTEGER NOT NULL, is_registered INTEGER NOT NULL,
    is_banned INTEGER NOT NULL, emotion TEXT, record_time REAL NOT NULL, register_time REAL,
    usage_count INTEGER NOT NULL, last_used_time REAL);
CREATE UNIQUE INDEX IF NOT EXISTS emoji_full_path ON emoji (full_path);
CREATE INDEX IF NOT EXISTS emoji_emoji_hash ON emoji (emoji_hash);
CREATE TABLE IF NOT EXISTS person_info (
    id INTEGER NOT NULL PRIMARY KEY, is_known INTEGER NOT NULL, person_id TEXT NOT NULL, person_name TEXT,
    name_reason TEXT, platform TEXT NOT NULL, user_id TEXT NOT NULL, nickname TEXT, group_nick_name TEXT,
    memory_points TEXT, know_times REAL, know_since REAL, last_know REAL);
CREATE UNIQUE INDEX IF NOT EXISTS person_info_person_id ON person_info (person_id);
CREATE INDEX IF NOT EXISTS person_info_user_id ON person_info (user_id);
"""
_FACES = (
    ((255, 205, 60), 1.0, "一张黄色的笑脸", "开心,友好"),
    ((120, 170, 255), -1.0, "一张蓝色的难过的脸", "难过,委屈"),
    ((255, 140, 120), 0.0, "一张面无表情的红脸", "无语,生气"),
)
_PERSONS = (("10001", "小林", "总在凌晨聊天"), ("10002", "阿树", "喜欢猫"), ("10003", "Echo", "说话很短"))


def open_database() -> sqlite3.Connection:
    """The open database (WAL, waits up to 1 s for a lock); the caller closes it."""
    for folder in (_EMOJI_FOLDER, Path("data/emoji")):
        folder.mkdir(parents=True, exist_ok=True)
    is_new = not _FILE.exists()
    connection = sqlite3.connect(_FILE, timeout=1)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(_TABLES)
    if is_new:
        with connection:
            now = time.time()
            connection.executemany(_insert("emoji", 12), [_emoji(now, *look) for look in _FACES])
            connection.executemany(_insert("person_info", 12), [_person(now, *person) for person in _PERSONS])
    return connection


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES (NULL{', ?' * columns})"


def _emoji(now: float, skin: Colour, smile: float, text: str, emotion: str) -> tuple[object, ...]:
    picture = face(skin, smile)
    digest = _md5(picture)
    path = _EMOJI_FOLDER / f"{digest}.png"
    path.write_bytes(picture)
    return str(path), "png", digest, text, 0, 1, 0, emotion, now, now, 0, now


def _person(now: float, user_id: str, name: str, point: str) -> tuple[object, ...]:
    groups = json.dumps([{"group_id": "20001", "group_nick_name": name}], ensure_ascii=False)
    points = json.dumps([f"印象:{point}:1.0"], ensure_ascii=False)
    digest = _md5(f"qq_{user_id}".encode())
    return 1, digest, name, "示例", "qq", user_id, name, groups, points, now, now, now


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
