"""What the database layer raises when the database itself is the trouble."""

from __future__ import annotations

import asyncio
import sqlite3

import asyncpg

from core.errors import AppError

RETRY_S = 2
_BUSY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    }
)


class DatabaseUnavailable(AppError):
    """``retry_s``: seconds after which trying again makes sense.

    After a commit that was cut off nobody knows whether it took place; whoever repeats
    the work must be able to do it twice.
    """

    status = 503
    code = "database-unavailable"
    message = "The database does not answer. Please try again in {retry_s} seconds."

    def __init__(self, **details: object) -> None:
        super().__init__(**{"retry_s": RETRY_S} | details)


def is_outage(error: BaseException) -> bool:
    """Tell a database that is away or stuck from a statement that is wrong.

    Only for errors that came out of a database call: a bare ``OSError`` says nothing else.
    """
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in _BUSY
    return isinstance(
        error,
        OSError
        | asyncio.TimeoutError
        | asyncpg.PostgresConnectionError
        | asyncpg.InterfaceError
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError,
    )
