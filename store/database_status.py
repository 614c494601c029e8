"""What a database is, and whether the launcher can use it; seen from inside by a server, or from outside beside one."""

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from mailauncher.errors import Text
from mailauncher.log import mask
from store.statements import is_sqlite

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
OLDEST_POSTGRESQL = 14
"""Older ones cannot count bits."""
ANSWER_S = 5.0
"""A database that takes longer counts as one that does not answer."""


class DatabaseStatus(NamedTuple):
    """`place` is a file or a URL without its password. `version` is that of SQLite, or of the PostgreSQL server, and None if it
    does not answer, as is `answer_ms`, the time that it took to answer."""

    system: str
    place: str
    version: str | None
    answer_ms: float | None

    @property
    def answers(self) -> bool:
        return self.version is not None


class Problem(NamedTuple):
    """Why a PostgreSQL database cannot be used, and the way out."""

    what: Text
    remedy: Text


class Seen(NamedTuple):
    """A PostgreSQL database, seen from outside. `version`: None, it could not be reached. `holder`: the server of ours that uses
    it."""

    version: str | None
    holder: str | None
    problem: Problem | None


_HOSTS = re.compile(r"(?:(?:\[[\da-f:.%]+\]|[^\[\]:,]*)(?::\d*)?(?:,|$))*", re.IGNORECASE)
_SHOWN_OPTIONS = ("host", "port", "dbname", "user", "sslmode")


def without_password(url: str) -> str:
    """The URL as it may be shown. Of one that is not written as it should be, such as with a password whose `/` or `@` is not
    encoded, only the scheme."""
    scheme = url.partition("://")[0]
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme}://***"
    userinfo, at, hosts = parts.netloc.rpartition("@")
    if "@" in userinfo + parts.path + parts.query + parts.fragment or not _HOSTS.fullmatch(hosts):
        return f"{scheme}://***"
    options = [f"{name}={value}" for name, value in parse_qsl(parts.query) if name in _SHOWN_OPTIONS]
    query = f"?{'&'.join(options)}" if options else ""
    return f"{scheme}://{userinfo.partition(':')[0]}{at}{hosts}{parts.path}{query}"


def unsuitable(version: int, encoding: str, schema: str | None, *, may_create: bool) -> Problem | None:
    """What is wrong with a PostgreSQL database, whose server has this `server_version_num`, for tables in this schema."""
    if version < OLDEST_POSTGRESQL * 10_000:
        found = version // 10_000
        return Problem(
            Text(
                f"数据库服务器是 PostgreSQL {found}，需要 {OLDEST_POSTGRESQL} 或更新版本",
                f"The server of the database is PostgreSQL {found}, and {OLDEST_POSTGRESQL} or newer is needed",
            ),
            Text("升级它，或改用另一个数据库", "upgrade it, or use another database"),
        )
    if encoding != "UTF8":
        return Problem(
            Text(
                f"数据库的编码是 {encoding}，应为 UTF8",
                f"The database has the encoding {encoding} instead of UTF8",
            ),
            Text(
                "请用 CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0 新建",
                "make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
            ),
        )
    if schema is None or not may_create:
        return Problem(
            Text("用户不能在数据库中建表", "The user may not create tables in the database"),
            Text(
                "把数据库归该用户所有：ALTER DATABASE … OWNER TO …",
                "make that user its owner: ALTER DATABASE ... OWNER TO ...",
            ),
        )
    return None


_SUITABILITY = (
    "SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding, "
    "current_schema() AS schema, "
    "coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create"
)


async def version_of(connection: Any) -> str:
    """Of what is behind a connection of Tortoise."""
    if is_sqlite(connection):
        # The count reads the file: the version alone would also be told of one that is damaged.
        [row] = await connection.execute_query_dict(
            "SELECT sqlite_version() AS version, count(*) FROM sqlite_master"
        )
    else:
        [row] = await connection.execute_query_dict("SELECT current_setting('server_version') AS version")
    return _number(row["version"])


def _number(version: str) -> str:
    """Without the name of a distribution's package, which stands behind it."""
    return version.partition(" ")[0]


async def problem_of(connection: Any) -> Problem | None:
    """What is wrong with the PostgreSQL database of this connection of Tortoise."""
    [row] = await connection.execute_query_dict(_SUITABILITY)
    return unsuitable(**row)


async def see(url: str) -> Seen:
    """Looks at a PostgreSQL database without using it."""
    try:
        import asyncpg  # noqa: PLC0415 - only where PostgreSQL is used

        from store.claim import HOLDER  # noqa: PLC0415 - it imports that
    except ModuleNotFoundError:
        return Seen(None, None, _NO_ASYNCPG)
    try:
        connection = await asyncpg.connect(url, timeout=ANSWER_S, command_timeout=ANSWER_S)
        try:
            row = await connection.fetchrow(_SUITABILITY)
            holder = await connection.fetchval(HOLDER)
            version = await connection.fetchval("SHOW server_version")
        finally:
            await connection.close(timeout=1)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return Seen(None, None, _unreachable(error))
    return Seen(_number(version), holder, unsuitable(**dict(row)))


_NO_ASYNCPG = Problem(
    Text("缺少 asyncpg", "asyncpg is missing"),
    Text("pip install 'mailauncher[postgres]'", "pip install 'mailauncher[postgres]'"),
)
NOT_AN_ADDRESS = Problem(
    Text("database_url 不是有效的地址", "database_url is not a valid address"),
    Text(
        "按 postgres://用户:密码@主机:端口/库名 书写；密码中的 / @ : ? # % 等字符写成 %2F 这样的形式",
        "write it as postgres://user:password@host:port/name; characters such as / @ : ? # % in the password as %2F",
    ),
)
_REMEDIES = {
    "28": Text(
        "改正 database_url 或 ~/.pgpass 中的用户与密码；服务器的 pg_hba.conf 规定谁可以登录",
        "correct user and password in database_url or ~/.pgpass; pg_hba.conf of the server says who may log in",
    ),
    "3D": Text(
        "新建数据库：createdb --encoding UTF8 --template template0，或改正 database_url",
        "create the database with createdb --encoding UTF8 --template template0, or correct database_url",
    ),
    "": Text(
        "启动数据库服务器，或改正 database_url",
        "start the server of the database, or correct database_url",
    ),
}
"""By the class of PostgreSQL's error; of other errors it says the most that is known."""


def _unreachable(error: Exception) -> Problem:
    if type(error) is ValueError:  # its text may have a part of the password
        return NOT_AN_ADDRESS
    reason = mask(str(error)) or type(error).__name__
    remedy = _REMEDIES.get(str(getattr(error, "sqlstate", ""))[:2], _REMEDIES[""])
    return Problem(Text(reason, reason), remedy)
