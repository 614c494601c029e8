"""What `doctor` says of the database: which one it is, and whether a server can use it."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from cli.finding import FAIL, OK, Finding
from mailauncher.errors import Text
from mailauncher.settings import Settings
from store.database import is_postgresql, sqlite_file
from store.database_status import see, without_password

_SQLITE_HEADER = b"SQLite format 3\0"


def examine(settings: Settings) -> Iterator[Finding]:
    if is_postgresql(settings.database_url):
        yield _postgresql(settings.database_url)
    elif file := sqlite_file(settings.data_folder, settings.database_url):
        yield _sqlite(file)
    else:
        yield Finding(
            FAIL,
            Text(
                f"无法使用数据库 {without_password(settings.database_url)}",
                f"The database {without_password(settings.database_url)} cannot be used",
            ),
            Text(
                "database_url 应为 postgres://… 或 sqlite://…，留空则用数据文件夹中的 SQLite",
                "database_url must be postgres://... or sqlite://..., or empty for SQLite in the data folder",
            ),
        )


def _postgresql(url: str) -> Finding:
    shown, seen = without_password(url), asyncio.run(see(url))
    if seen.problem is not None:
        what, remedy = seen.problem
        problem = Text(
            f"无法使用数据库 {shown}：{what.zh}", f"The database {shown} cannot be used: {what.en}"
        )
        return Finding(FAIL, problem, remedy)
    zh, en = (f"，{seen.holder} 正在使用", f", used by {seen.holder}") if seen.holder else ("", "")
    return Finding(
        OK,
        Text(
            f"数据库 {shown}（PostgreSQL {seen.version}）有应答{zh}",
            f"The database {shown} answers (PostgreSQL {seen.version}){en}",
        ),
    )


def _sqlite(file: Path) -> Finding:
    """Looks at the beginning of the file alone: to open it as a database would write beside it."""
    try:
        with file.open("rb") as opened:
            begin = opened.read(len(_SQLITE_HEADER))
    except FileNotFoundError:
        what = Text(f"数据库 {file} 将在首次启动时创建", f"The database {file} is made at the first start")
        return Finding(OK, what)
    except OSError as error:
        return Finding(
            FAIL,
            Text(
                f"无法读取数据库 {file}（{error.strerror}）",
                f"The database {file} cannot be read ({error.strerror})",
            ),
            Text("让当前用户可以读写它", "let this user read and write it"),
        )
    if begin not in (_SQLITE_HEADER, b""):
        return Finding(
            FAIL,
            Text(f"{file} 不是 SQLite 数据库", f"{file} is not a SQLite database"),
            Text("从备份恢复它", "restore it from a backup"),
        )
    version = sqlite3.sqlite_version
    return Finding(OK, Text(f"数据库 {file}（SQLite {version}）", f"Database {file} (SQLite {version})"))
