"""SQLite for Tortoise: writers queue instead of failing, and no transaction is left open."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tortoise.backends.base.client import (
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
)
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError, TransactionManagementError

from core.engines.errors import DatabaseUnavailable, is_outage

T = TypeVar("T")


def naming_outages(
    method: Callable[..., Coroutine[Any, Any, T]],
) -> Callable[..., Coroutine[Any, Any, T]]:
    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> T:
        try:
            return await method(*args, **kwargs)
        except (OperationalError, TransactionManagementError, sqlite3.Error) as error:
            cause = error if isinstance(error, sqlite3.Error) else error.args[0]
            if isinstance(cause, sqlite3.Error) and is_outage(cause):
                raise DatabaseUnavailable from error
            raise

    return call


class Client(SqliteClient):
    """One connection of one process."""

    create_connection = naming_outages(SqliteClient.create_connection)
    execute_insert = naming_outages(SqliteClient.execute_insert)
    execute_many = naming_outages(SqliteClient.execute_many)
    execute_query = naming_outages(SqliteClient.execute_query)
    execute_query_dict = naming_outages(SqliteClient.execute_query_dict)
    execute_script = naming_outages(SqliteClient.execute_script)

    def _in_transaction(self) -> TransactionContext:
        return _Transaction(_ImmediateTransaction(self), self._lock)


class _ImmediateTransaction(SqliteTransactionWrapper):
    # Tortoise says BEGIN, which takes the write lock only at the first write. A transaction
    # that has read by then and finds another process's commit fails at once, whatever the
    # busy_timeout: https://www.sqlite.org/isolation.html. IMMEDIATE waits its turn instead.

    execute_insert = naming_outages(SqliteTransactionWrapper.execute_insert)
    execute_many = naming_outages(SqliteTransactionWrapper.execute_many)
    execute_query = naming_outages(SqliteTransactionWrapper.execute_query)
    execute_query_dict = naming_outages(SqliteTransactionWrapper.execute_query_dict)
    execute_script = naming_outages(SqliteTransactionWrapper.execute_script)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_ImmediateTransaction(self))

    @naming_outages
    async def begin(self) -> None:
        await self._connection.rollback()
        await self._connection.execute("BEGIN IMMEDIATE")

    @naming_outages
    async def commit(self) -> None:
        try:
            await super().commit()
        except sqlite3.Error:
            await self._connection.rollback()
            self._finalized = True
            raise

    async def abandon(self) -> None:
        await self._connection.rollback()


class _Transaction(SqliteTransactionContext):
    connection: _ImmediateTransaction

    async def __aenter__(self) -> TransactionalDBClient:
        """Begin, or leave nothing behind.

        Tortoise keeps its lock when BEGIN fails, and a cancelled BEGIN still reaches SQLite:
        the next statements would then run inside a transaction that nobody commits.
        """
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            try:
                if self.connection._connection:
                    await asyncio.shield(self.connection.abandon())
            finally:
                self._trxlock.release()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        return self.connection


def get_client_class(db_info: dict[str, Any]) -> type[Client]:
    return Client
