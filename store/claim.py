"""One server on one PostgreSQL database: a lock that ends with the connection that holds it, and so with its server."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from store.failures import Taken

# In the schema that the tables are in: two servers may share a database with a schema each.
_KEY = "hashtextextended('mailauncher in ' || current_schema(), 0)"
HOLDER = f"""
SELECT application_name || coalesce(' from ' || host(client_addr), '') AS holder
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid::bigint << 32 | objid::bigint = {_KEY}
"""  # noqa: S608 - our own text


class Claim:
    """What a server has on its database. It is made before the first connection, and anew when the server comes back after an
    outage, before any statement: another server may have taken the database meanwhile."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._making = asyncio.Lock()

    @property
    def is_lost(self) -> bool:
        """Whether it was made, and its connection has ended."""
        return self._connection is not None and self._connection.is_closed()

    async def make(self) -> None:
        """Returns once the database is this server's. Raises Taken, and what connecting raises."""
        async with self._making:
            if self._connection is not None and not self._connection.is_closed():
                return
            connection = await self._connect()
            try:
                if not await connection.fetchval(f"SELECT pg_try_advisory_lock({_KEY})"):
                    holder = await connection.fetchval(HOLDER)
                    raise Taken(holder or "?")
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection

    async def release(self) -> None:
        """Gives the database to others. It is theirs at the end of this, also if the server is away."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.execute("SELECT pg_advisory_unlock_all()")
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=1)
