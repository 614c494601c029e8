"""Tortoise's engine for PostgreSQL: transactions one after the other, and an outage that each request learns of at once.

Transactions wait for each other as they do with SQLite, whose only connection they need, because the operations of `store` read
rows before they change them. Reading waits for nobody.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import NestedTransactionContext, TransactionContext
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError, TransactionManagementError

from store.claim import Claim
from store.failures import Away, Taken

CONNECTIONS = 5
CONNECT_S = 5.0
ANSWER_S = 10.0
"""Time for a statement. A server that takes longer is as good as away."""
RETRY_PAUSE_S = 1.0
"""While the server is away, one attempt in this time reaches for it: requests are told at once, and it is not stormed when it
comes back."""
SESSION = {
    # A connection whose other end has vanished gives its lock back within a minute, and not after two hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "timezone": "UTC",
    # Statements of a millisecond are not worth compiling.
    "jit": "off",
}
_AWAY_STATES = (
    "08",  # connection exceptions
    "57P",  # shut down, crashed, starting
    "53300",  # too many connections
    "25006",  # read only: a standby that is not the primary any more, or yet
)


class _Outage:
    """Whether the server is away, as far as is known, and who may try to reach it."""

    def __init__(self) -> None:
        self._failure: BaseException | None = None
        self._next = 0.0

    def require_turn(self) -> None:
        """Raises Away if the server has failed to answer just now."""
        now = asyncio.get_running_loop().time()
        if self._failure is not None:
            if now < self._next:
                raise Away(str(self._failure)) from self._failure
            self._next = now + ANSWER_S + CONNECT_S  # until this attempt has ended

    def failed(self, error: BaseException) -> None:
        self._failure = error
        self._next = asyncio.get_running_loop().time() + RETRY_PAUSE_S

    def worked(self) -> None:
        self._failure = None

    def gave_up(self) -> None:
        """Whoever tried has left, and does not know: the next one may try soon."""
        self._next = min(self._next, asyncio.get_running_loop().time() + RETRY_PAUSE_S)


class Client(AsyncpgDBClient):
    """A pool of connections, which are made when they are needed. `dsn` is a connection URI as libpq reads it."""

    def __init__(self, dsn: str, name: str, patient: bool = False, **given: Any) -> None:
        """`name` says to another server who uses the database. `patient`: statements may take any time."""
        super().__init__(**given)
        self._dsn = dsn
        self._answer_s = None if patient else ANSWER_S
        self._session = {**SESSION, "application_name": name}
        self._claim = Claim(self._connect)
        self._outage = _Outage()
        self._transactions = asyncio.Lock()

    async def create_connection(self, with_db: bool) -> None:
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=CONNECTIONS,
            connect=self._connect_claimed,
            reset=_nothing_to_reset,
        )
        await self._post_connect()

    async def close(self) -> None:
        await super().close()
        await self._claim.release()

    async def take(self) -> Any:
        """A connection of the pool, to be given back. Raises Away, Taken."""
        self._outage.require_turn()
        try:
            async with self._pool_init_lock:
                if self._pool is None:
                    await self.create_connection(with_db=True)
            assert self._pool is not None
            if (
                self._claim.is_lost
            ):  # with the connection that held it alone: the others must not be used without it
                await self._pool.expire_connections()
            taken = await self._pool.acquire(timeout=CONNECT_S + ANSWER_S)
        except Taken:
            self._outage.worked()
            raise
        except asyncio.CancelledError:
            self._outage.gave_up()
            raise
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise self._translated(error) from error
        self._outage.worked()
        return taken

    async def give_back(self, connection: Any) -> None:
        """Never raises what is wrong with the connection, which is then closed."""
        if self._pool is not None:
            try:
                await self._pool.release(connection, timeout=CONNECT_S)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._translated(error)
            except asyncpg.InternalClientError:
                pass  # it was lost since `release` began, and the pool has taken it back by itself

    def acquire_connection(self) -> Any:
        return _Taken(self)

    def _in_transaction(self) -> TransactionContext:
        return _Transaction(_InTransaction(self), self._transactions)

    async def execute_many(self, query: str, values: list[Any]) -> None:
        """Tortoise's own leaves its transaction open when it is cancelled."""
        async with self._in_transaction() as transaction:
            await transaction.execute_many(query, values)

    async def _translate_exceptions(
        self, func: Callable[..., Awaitable[Any]], *args: Any, **named: Any
    ) -> Any:
        try:
            return await super()._translate_exceptions(func, *args, **named)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise self._translated(error) from error

    def _translated(self, error: BaseException) -> Away | OperationalError:
        if not _is_away(error):
            return OperationalError(str(error))
        self._outage.failed(error)
        return Away(str(error) or type(error).__name__)

    async def _connect(self, *_: object, **named: Any) -> Any:
        return await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_S,
            command_timeout=self._answer_s,
            server_settings=self._session,
            **{name: named[name] for name in ("loop", "connection_class", "record_class") if name in named},
        )

    async def _connect_claimed(self, *_: object, **named: Any) -> Any:
        await self._claim.make()
        return await self._connect(**named)


async def _nothing_to_reset(_: object) -> None:
    """Sessions are never changed, and to ask for their settings anew would take as long again as most statements."""


class _Taken:
    """A connection for one statement."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __aenter__(self) -> Any:
        self._connection = await self._client.take()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._client.give_back(self._connection)


class _InTransaction(TransactionWrapper):
    """The client inside a transaction."""

    _parent: Any

    async def _translate_exceptions(
        self, func: Callable[..., Awaitable[Any]], *args: Any, **named: Any
    ) -> Any:
        try:
            return await super()._translate_exceptions(func, *args, **named)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise self._translated(error) from error

    def _translated(self, error: BaseException) -> Exception:
        found: Exception = self._parent._translated(error)
        return found

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_InTransaction(self))


class _Transaction(TransactionContext):
    """Gives its connection and the turn back however it ends. A connection whose transaction could be neither committed nor
    undone is closed: the server undoes it then."""

    def __init__(self, inside: _InTransaction, turn: asyncio.Lock) -> None:
        self._inside = inside
        self._turn = turn

    async def __aenter__(self) -> Any:
        await self._turn.acquire()
        try:
            self._inside._connection = await self._inside._parent.take()
            try:
                await self._inside.begin()
            except BaseException:
                await self._end(self._undo())
                raise
        except BaseException:
            self._turn.release()
            raise
        self._token = get_connections().set(self._inside.connection_name, self._inside)
        return self._inside

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        get_connections().reset(self._token)
        try:
            if kind is not None or self._inside._finalized:
                await self._end(self._undo())
                return
            try:
                await self._inside.commit()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                await self._end(self._undo())
                raise self._inside._translated(error) from error
            except BaseException:
                await self._end(self._undo())
                raise
            await self._end(self._inside._parent.give_back(self._inside._connection))
        finally:
            self._turn.release()

    async def _end(self, work: Any) -> None:
        """Completes it even if the caller is cancelled once more."""
        await asyncio.shield(asyncio.create_task(work))

    async def _undo(self) -> None:
        connection = self._inside._connection
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._inside.rollback()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TransactionManagementError):
            with contextlib.suppress(asyncpg.InterfaceError):  # the pool has taken it back when it was lost
                connection.terminate()
        finally:
            await self._inside._parent.give_back(connection)


def _is_away(error: BaseException) -> bool:
    if isinstance(error, OSError):  # a timeout is one too
        return True
    if isinstance(error, asyncpg.InterfaceError):
        # The pool takes a connection back at once when it is lost between two statements of a transaction.
        return any(word in str(error) for word in ("closed", "closing", "released back to the pool"))
    return str(getattr(error, "sqlstate", "")).startswith(_AWAY_STATES)


client_class = Client
