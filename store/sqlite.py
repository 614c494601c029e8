"""Tortoise's engine for SQLite, with transactions that end however they are interrupted."""

import asyncio
import sqlite3
from contextlib import suppress
from typing import Any

from tortoise.backends.base.client import ConnectionWrapper
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
)
from tortoise.connection import get_connections


class _Transaction(SqliteTransactionContext):
    """Gives the lock of the only connection back, and leaves no transaction open in it, whatever happens.

    Tortoise keeps the lock for ever if beginning fails or is cancelled: from then on every statement waits, and the server
    cannot even end. And a commit that fails for want of room leaves the transaction open: whatever others write is then part
    of it and lost with it, and the next transaction cannot begin.
    """

    async def __aenter__(self) -> SqliteTransactionWrapper:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            await self._undo()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        return self.connection  # type: ignore[no-any-return]

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        get_connections().reset(self.token)
        if kind is not None or self.connection._finalized:
            await self._undo()
            return
        try:
            await self.connection.commit()
        except BaseException:
            await self._undo()
            raise
        self._trxlock.release()

    async def _undo(self) -> None:
        """Rolls back what is still open, and gives the lock back after that, even if the caller is cancelled once more."""
        await asyncio.shield(asyncio.create_task(self._rolled_back()))

    async def _rolled_back(self) -> None:
        try:
            connection = self.connection._connection
            if connection is not None:
                # Without an open transaction, as where SQLite has undone it already, this does nothing. ValueError: the
                # connection is closed, and the transaction with it.
                with suppress(sqlite3.Error, ValueError):
                    await connection.rollback()
        finally:
            self._trxlock.release()


class _LockedConnection(ConnectionWrapper[Any]):
    """Gives the lock back even if the connection cannot be opened; Tortoise keeps it."""

    async def __aenter__(self) -> Any:
        await self._lock.acquire()
        try:
            await self.ensure_connection()
        except BaseException:
            self._lock.release()
            raise
        return self.connection


class Client(SqliteClient):
    """One connection, whose lock whoever uses it holds."""

    async def create_connection(self, with_db: bool) -> None:
        """Opens the file, all or nothing: Tortoise goes on with a connection some of whose settings could not be made."""
        try:
            await super().create_connection(with_db)
        except BaseException:
            opened, self._connection = self._connection, None
            if opened is not None:
                await asyncio.shield(opened.close())
            raise

    def acquire_connection(self) -> _LockedConnection:
        return _LockedConnection(self._lock, self)

    def _in_transaction(self) -> _Transaction:
        return _Transaction(SqliteTransactionWrapper(self), self._lock)

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        """Tortoise's own leaves its transaction open when it is cancelled."""
        async with self._in_transaction() as transaction:
            await transaction.execute_many(query, values)


client_class = Client
