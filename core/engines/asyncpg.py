"""PostgreSQL for Tortoise: outages are named, waiting is bounded, the pool never leaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    NestedTransactionContext,
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections

from core.engines.errors import DatabaseUnavailable, is_outage

log = logging.getLogger(__name__)

ACQUIRE_S = 10.0
"""Seconds to wait for a free connection; asyncpg itself would wait for ever."""


class _NamingOutages:
    async def _translate_exceptions(
        self, func: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any
    ) -> Any:
        try:
            return await super()._translate_exceptions(  # type: ignore[misc]
                func, *args, **kwargs
            )
        except Exception as error:
            if is_outage(error):
                raise DatabaseUnavailable from error
            raise


class _PooledConnection(PoolConnectionWrapper[Any]):
    async def __aenter__(self) -> Any:
        await self.ensure_connection()
        self.connection = await self.client._pool.acquire(timeout=ACQUIRE_S)
        return self.connection


class Client(_NamingOutages, AsyncpgDBClient):
    """The pool of one process."""

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        return _PooledConnection(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return _Transaction(_TransactionClient(self), self._pool_init_lock)


class _TransactionClient(_NamingOutages, TransactionWrapper):
    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_TransactionClient(self))


class _Transaction(TransactionContextPooled):
    client: _TransactionClient

    async def __aenter__(self) -> TransactionalDBClient:
        """Begin, or give the connection back: Tortoise loses it from the pool when BEGIN fails."""
        try:
            await self.ensure_connection()
            pool: Any = self.client._parent._pool
            self.client._connection = await pool.acquire(timeout=ACQUIRE_S)
            try:
                await self.client.begin()
            except BaseException:
                await asyncio.shield(pool.release(self.client._connection))
                raise
        except Exception as error:
            if is_outage(error):
                raise DatabaseUnavailable from error
            raise
        self.token = get_connections().set(self.client.connection_name, self.client)
        return self.client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        try:
            await super().__aexit__(exc_type, exc_val, exc_tb)
        except Exception as error:
            if not is_outage(error):
                raise
            if exc_type is None:
                raise DatabaseUnavailable from error
            # The body's own error is the news; that its rollback found no server is not.
            log.warning("the connection was lost before the rollback: %s", error)


def get_client_class(db_info: dict[str, Any]) -> type[Client]:
    return Client
