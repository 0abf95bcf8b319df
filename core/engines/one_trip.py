"""A whole transaction in one trip to SQLite's thread: a trip costs more than a statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from core.engines.sqlite import Client, naming_outages

T = TypeVar("T")


class _Direct:
    """The connection as its own thread sees it; its methods never wait."""

    def __init__(self, connection: sqlite3.Connection, client: Client) -> None:
        self._connection, self.capabilities = connection, client.capabilities

    async def execute_query_dict(
        self, query: str, values: Sequence[Any] = ()
    ) -> list[dict[str, Any]]:
        return [dict(row) for row in self._connection.execute(query, values).fetchall()]


async def in_short_transaction(
    connection: BaseDBAsyncClient, work: Callable[[Any], Coroutine[Any, Any, T]]
) -> T:
    """Run *work* in a transaction of its own, outside of any other.

    It gets a connection with ``execute_query_dict`` and may wait for nothing else. What SQLite
    raises reaches the caller as SQLite's own errors.
    """
    if not isinstance(connection, Client):
        async with in_transaction() as transaction:
            return await work(transaction)
    result: T = await _in_one_trip(connection, work)
    return result


@naming_outages
async def _in_one_trip(client: Client, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    async with client.acquire_connection() as connection:
        raw: sqlite3.Connection = connection._conn

        def run() -> T:
            raw.execute("BEGIN IMMEDIATE")
            try:
                result = _without_waiting(work(_Direct(raw, client)))
            except BaseException:
                raw.rollback()
                raise
            try:
                raw.commit()
            except sqlite3.Error:
                raw.rollback()
                raise
            return result

        done: T = await connection._execute(run)
        return done


def _without_waiting(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    work.close()
    raise RuntimeError("a short transaction waited for something else")
