"""The append-only log of what happened, committed before anybody is told."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.exceptions import IntegrityError, OperationalError
from tortoise.transactions import in_transaction

from core.bus import Bus
from core.database import Database, fetch
from core.engines.one_trip import in_short_transaction
from core.errors import AppError
from core.event_rows import COLUMNS, Entry, Row, SessionEnded, event_of, prepare, write
from core.frames import event_body, topic_of
from core.values import Draft, StoredEvent

__all__ = ["NEWEST", "SessionEnded", "Timeline", "Unit"]

log = logging.getLogger(__name__)

BATCH_MAX: Final = 500
NEWEST: Final = 2**31 - 1
"""As ``before`` of ``read``: the last page."""
REFUSED: Final = (IntegrityError, OperationalError, sqlite3.Error)
"""What the database says to something in a group that it does not take."""
Listener = Callable[[StoredEvent], Awaitable[None]]


class Unit:
    """One transaction with its events. ``events`` is filled when the transaction is committed."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.events: list[StoredEvent] = []

    def append(self, draft: Draft) -> None:
        """Write *draft* at the end of this transaction."""
        self.drafts.append(draft)


class Timeline:
    """Appends in groups: one task takes all that wait and commits them in one transaction."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._ending = False
        self._to_tell = _Line(self._tell_pages)
        self._to_listen = _Line(self._tell_listeners)
        self._listeners: list[Listener] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._database: Database | None = None

    async def start(self, database: Database) -> None:
        self._database, self._ending = database, False
        self._tasks = [
            database.spawn(self._write_for_ever(), name="timeline: write"),
            database.spawn(self._to_tell.run(), name="timeline: tell pages"),
            database.spawn(self._to_listen.run(), name="timeline: tell listeners"),
        ]

    async def stop(self) -> None:
        """Commit and tell what waits, then end."""
        self._ending = True
        self._wake.set()
        await asyncio.gather(*self._tasks[:1], return_exceptions=True)
        await self._to_tell.finish()
        await self._to_listen.finish()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks, self._database = [], None

    @property
    def _connection(self) -> BaseDBAsyncClient:
        if self._database is None:
            raise RuntimeError("the timeline has not started")
        return self._database.connection

    def on_kept(self, listener: Listener) -> None:
        """Call *listener* for each event of this process after its commit, one at a time."""
        self._listeners.append(listener)

    async def append(self, draft: Draft) -> StoredEvent:
        """Return when the event is committed. The same ``key`` again returns the first one.

        Raises ``NotFound`` for a session that is not the tenant's. To write together with
        other changes use ``transaction``; inside one this would wait for itself.
        """
        if isinstance(self._connection, TransactionalDBClient):
            raise RuntimeError("inside a transaction use Timeline.transaction and unit.append")
        done: asyncio.Future[StoredEvent] = asyncio.get_running_loop().create_future()
        self._waiting.append(prepare(draft, done))
        self._wake.set()
        return await done

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Unit]:
        """A transaction of the caller; the unit's events are committed with it, then told."""
        if isinstance(self._connection, TransactionalDBClient):
            raise RuntimeError("Timeline.transaction must be the outermost transaction")
        unit = Unit()
        async with in_transaction() as connection:
            yield unit
            entries = [prepare(draft) for draft in unit.drafts]
            if entries:
                unit.events = _all_or_error(await write(connection, entries))
        self._keep(unit.events)

    async def read(
        self,
        tenant_id: int,
        session_id: UUID,
        after: int = 0,
        limit: int = 200,
        before: int | None = None,
        internal: bool = True,
    ) -> list[StoredEvent]:
        """Return events in order: the first *limit* beyond *after*, or with *before* the last.

        *internal*: also those only for agents. A foreign session has no events.
        """
        newest = before is not None
        sql = (
            f"SELECT {COLUMNS} FROM core_event WHERE session_id = $1 AND tenant_id = $2"  # noqa: S608
            f" AND n > $3 AND n < $4{'' if internal else ' AND NOT internal'}"
            f" ORDER BY n {'DESC' if newest else 'ASC'} LIMIT $5"
        )
        last = NEWEST if before is None else before
        params = [session_id, tenant_id, after, last, limit]
        events = [event_of(row) for row in await fetch(self._connection, sql, params)]
        return events[::-1] if newest else events

    async def has_session(self, tenant_id: int, session_id: UUID) -> bool:
        """Tell whether the session is this tenant's."""
        sql = "SELECT 1 AS yes FROM core_session WHERE id = $1 AND tenant_id = $2"
        return bool(await fetch(self._connection, sql, [session_id, tenant_id]))

    async def _write_for_ever(self) -> None:
        while not self._ending:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write_waiting()

    async def _write_waiting(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
        try:
            rows = await self._write_together(batch)
        except Exception as error:
            if isinstance(error, REFUSED) and len(batch) > 1:
                await self._write_singly(batch)
                return
            rows = [_named(error)] * len(batch)
        self._finish(batch, rows)

    async def _write_together(self, batch: Sequence[Entry]) -> list[Row]:
        return await in_short_transaction(
            self._connection, lambda connection: write(connection, batch)
        )

    async def _write_singly(self, batch: Sequence[Entry]) -> None:
        """One of *batch* is refused by the database; the others must not suffer."""
        for entry in batch:
            try:
                rows = await self._write_together([entry])
            except Exception as error:
                rows = [_named(error)]
            self._finish([entry], rows)

    def _finish(self, batch: Sequence[Entry], rows: list[Row]) -> None:
        for entry, row in zip(batch, rows, strict=True):
            if entry.done is None or entry.done.done():
                continue
            if isinstance(row, BaseException):
                entry.done.set_exception(row)
            else:
                entry.done.set_result(row)
        self._keep([row for row in rows if isinstance(row, StoredEvent)])

    def _keep(self, events: Sequence[StoredEvent]) -> None:
        new = [event for event in events if not event.repeated]
        self._to_tell.put(new)
        if self._listeners:
            self._to_listen.put(new)

    async def _tell_pages(self, event: StoredEvent) -> None:
        if event.session_id is not None:
            topic = topic_of(event)
            await self._bus.publish(topic, event_body(event, topic))

    async def _tell_listeners(self, event: StoredEvent) -> None:
        for listener in self._listeners:
            try:
                await listener(event)
            except Exception:
                log.exception("a listener of the timeline failed")


class _Line:
    """Committed events on their way to one kind of hearer, so that the slow hold up nobody."""

    def __init__(self, tell: Listener) -> None:
        self._tell = tell
        self._events: deque[StoredEvent] = deque()
        self._wake = asyncio.Event()

    def put(self, events: Sequence[StoredEvent]) -> None:
        self._events.extend(events)
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.finish()

    async def finish(self) -> None:
        while self._events:
            await self._tell(self._events.popleft())


def _all_or_error(rows: Sequence[Row]) -> list[StoredEvent]:
    events = []
    for row in rows:
        if isinstance(row, BaseException):
            raise row
        events.append(row)
    return events


def _named(error: Exception) -> Exception:
    if isinstance(error, AppError):
        return error
    log.error("events could not be written", exc_info=error)
    return AppError()
