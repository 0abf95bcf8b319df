"""Events as rows: numbering, recognising what is known already, and the SQL of both dialects."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from core.database import dialect, fetch
from core.errors import BadInput, Conflict, NotFound
from core.lifecycle import SessionState
from core.values import Actor, Draft, StoredEvent

COLUMNS: Final = (
    "tenant_id, seq, session_id, n, type, actor, actor_name, at_ms, internal, key, payload"
)
CHUNK_MAX: Final = 64
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_INSERT_COLUMNS = f"{COLUMNS}, customer_id"


class SessionEnded(Conflict):
    code = "session-ended"
    message = "This session has ended."


Row = StoredEvent | BaseException
"""What became of one entry: its event, or its own error."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A draft that can be written. ``done`` is told; ``None``: its transaction's owner is."""

    draft: Draft
    payload: str
    done: asyncio.Future[StoredEvent] | None = None


def prepare(draft: Draft, done: asyncio.Future[StoredEvent] | None = None) -> Entry:
    """Check what the database of one dialect or the other would refuse."""
    try:
        payload = orjson.dumps(draft.payload).decode()
    except (TypeError, orjson.JSONEncodeError) as error:
        raise BadInput(field="payload", problem="this cannot be written as JSON") from error
    if "\\u0000" in payload and _NUL.search(payload):
        raise BadInput(field="payload", problem="the character U+0000 is not allowed")
    for name, text in (("type", draft.type), ("actor", str(draft.actor)), ("key", draft.key or "")):
        if len(text) > 64 or "\0" in text:
            raise BadInput(field=name, problem="at most 64 characters")
    return Entry(draft, payload, done)


def event_of(row: Any) -> StoredEvent:
    kind, _, actor_id = row["actor"].partition(":")
    session_id = row["session_id"]
    return StoredEvent(
        tenant_id=row["tenant_id"],
        seq=row["seq"],
        session_id=UUID(session_id) if isinstance(session_id, str) else session_id,
        n=row["n"],
        type=row["type"],
        actor=Actor(kind, actor_id, row["actor_name"]),
        at_ms=row["at_ms"],
        payload=orjson.loads(row["payload"]),
        internal=bool(row["internal"]),
        key=row["key"],
    )


@dataclass(frozen=True, slots=True)
class Statements:
    """What one dialect says. Each takes whole columns, so that its text never changes."""

    sessions: str
    known: str
    advance: str
    tenants: str
    insert: str


# SQLite's module lets go of the interpreter at each row it reads or writes, and then has to wait
# for the busy event loop. So there rows travel as one JSON text, in one step.
_SQLITE = Statements(
    sessions="SELECT json_group_array(json_array(id, tenant_id, last_n, customer_id, state))"
    " AS rows FROM core_session WHERE id IN (SELECT value FROM json_each($1))",
    known=f"SELECT {COLUMNS} FROM core_event WHERE key IN (SELECT value FROM json_each($1))",  # noqa: S608
    advance="UPDATE core_session SET last_n = d.n"
    " FROM (SELECT value ->> 0 AS id, value ->> 1 AS n FROM json_each($1)) AS d"
    " WHERE core_session.id = d.id",
    tenants="UPDATE core_tenant SET last_seq = last_seq + d.k"
    " FROM (SELECT value ->> 0 AS id, value ->> 1 AS k FROM json_each($1)) AS d"
    " WHERE core_tenant.id = d.id RETURNING id, last_seq",
    insert=f"INSERT INTO core_event ({_INSERT_COLUMNS}) VALUES ",  # noqa: S608
)
_POSTGRES = Statements(
    # In the order of ids, lest two processes wait for each other.
    sessions="SELECT id, tenant_id, last_n, customer_id, state FROM core_session"
    " WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE",
    known=f"SELECT {COLUMNS} FROM core_event WHERE key = ANY($1::text[])",  # noqa: S608
    advance="UPDATE core_session SET last_n = d.n"
    " FROM unnest($1::uuid[], $2::int[]) AS d(id, n) WHERE core_session.id = d.id",
    tenants="WITH d AS (SELECT * FROM unnest($1::int[], $2::int[]) AS d(id, k)),"
    " locked AS (SELECT t.id, d.k FROM core_tenant t JOIN d ON t.id = d.id ORDER BY t.id"
    " FOR UPDATE OF t)"
    " UPDATE core_tenant SET last_seq = last_seq + locked.k FROM locked"
    " WHERE core_tenant.id = locked.id RETURNING core_tenant.id, last_seq",
    insert=f"INSERT INTO core_event ({_INSERT_COLUMNS})"  # noqa: S608
    " VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)",
)


async def write(connection: BaseDBAsyncClient, entries: Sequence[Entry]) -> list[Row]:
    """Number and insert *entries* inside the caller's transaction.

    The result stands in their order. An entry whose session or tenant does not exist gets
    ``NotFound``, one that is known its first event; both use up no number.
    """
    writing = _Writing(connection, entries)
    await writing.find_sessions()
    await writing.recognise()
    writing.refuse()
    await writing.find_tenants()
    await writing.insert()
    return [row for row in writing.rows if row is not None]


@dataclass(slots=True)
class _Session:
    last_n: int
    customer_id: Any
    has_ended: bool


class _Writing:
    """One pass over one batch; the steps run in the order of ``write``."""

    def __init__(self, connection: BaseDBAsyncClient, entries: Sequence[Entry]) -> None:
        self.connection, self.entries = connection, entries
        self.is_sqlite = dialect(connection) == "sqlite"
        self.sql = _SQLITE if self.is_sqlite else _POSTGRES
        self.rows: list[Row | None] = [None] * len(entries)
        self.repeats: dict[int, int] = {}
        """Entry -> the earlier one of this batch with the same key."""
        self.sessions: dict[tuple[UUID | None, int], _Session] = {}
        self.tenant_seq: dict[int, int] = {}

    async def _columns(self, sql: str, *columns: Sequence[Any]) -> list[dict[str, Any]]:
        if self.is_sqlite:
            rows = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
            return await fetch(self.connection, sql, [orjson.dumps(rows).decode()])
        return await fetch(self.connection, sql, columns)

    def _open(self) -> list[tuple[int, Draft]]:
        return [
            (index, entry.draft)
            for index, entry in enumerate(self.entries)
            if self.rows[index] is None and index not in self.repeats
        ]

    async def find_sessions(self) -> None:
        """Read the sessions; on PostgreSQL they are locked from here on, on SQLite all is."""
        ids = {entry.draft.session_id for entry in self.entries} - {None}
        if not ids:
            return
        found = await self._columns(self.sql.sessions, list(ids))
        rows = orjson.loads(found[0]["rows"]) if self.is_sqlite else [r.values() for r in found]
        for session_id, tenant_id, last_n, customer_id, state in rows:
            key = (UUID(session_id) if self.is_sqlite else session_id, tenant_id)
            self.sessions[key] = _Session(last_n, customer_id, state == SessionState.ENDED)

    async def recognise(self) -> None:
        keyed = [(i, draft) for i, draft in self._open() if draft.key is not None]
        if not keyed:
            return
        found = await self._columns(self.sql.known, list({draft.key for _, draft in keyed}))
        known = {_identity(event): event for event in map(event_of, found)}
        first: dict[tuple[int, UUID | None, str | None], int] = {}
        for index, draft in keyed:
            identity = _identity(draft)
            if identity in known:
                self.rows[index] = _as_repeated(known[identity])
            elif (earlier := first.setdefault(identity, index)) != index:
                self.repeats[index] = earlier

    def refuse(self) -> None:
        for index, draft in self._open():
            if draft.session_id is None:
                continue
            session = self.sessions.get((draft.session_id, draft.tenant_id))
            if session is None:
                self.rows[index] = NotFound()
            elif draft.while_open and session.has_ended:
                self.rows[index] = SessionEnded()

    async def find_tenants(self) -> None:
        counts: dict[int, int] = {}
        for _, draft in self._open():
            counts[draft.tenant_id] = counts.get(draft.tenant_id, 0) + 1
        if counts:
            for row in await self._columns(self.sql.tenants, list(counts), list(counts.values())):
                self.tenant_seq[row["id"]] = row["last_seq"] - counts[row["id"]]
        for index, draft in self._open():
            if draft.tenant_id not in self.tenant_seq:
                self.rows[index] = NotFound()

    async def insert(self) -> None:
        at_ms = _now_ms()
        values = []
        advanced: dict[UUID, int] = {}
        for index, draft in self._open():
            event = self._numbered(draft, at_ms)
            self.rows[index] = event
            values.append(self._values(event, draft, self.entries[index].payload))
            if event.session_id is not None and event.n is not None:
                advanced[event.session_id] = event.n
        if advanced:
            await self._columns(self.sql.advance, list(advanced), list(advanced.values()))
        if self.is_sqlite:
            await self._insert_in_chunks(values)
        elif values:
            await self.connection.execute_many(self.sql.insert, values)
        for index, earlier in self.repeats.items():
            row = self.rows[earlier]
            self.rows[index] = _as_repeated(row) if isinstance(row, StoredEvent) else row

    async def _insert_in_chunks(self, values: list[list[Any]]) -> None:
        """Insert many rows in one step, in sizes so few that their statements stay prepared."""
        start = 0
        while left := len(values) - start:
            size = min(CHUNK_MAX, 1 << (left.bit_length() - 1))
            sql = self.sql.insert + ",".join(["(?,?,?,?,?,?,?,?,?,?,?,?)"] * size)
            flat = [value for row in values[start : start + size] for value in row]
            await fetch(self.connection, sql, flat)
            start += size

    def _numbered(self, draft: Draft, at_ms: int) -> StoredEvent:
        self.tenant_seq[draft.tenant_id] += 1
        session = self.sessions.get((draft.session_id, draft.tenant_id))
        if session is not None:
            session.last_n += 1
        return StoredEvent(
            draft.tenant_id,
            self.tenant_seq[draft.tenant_id],
            draft.session_id,
            session.last_n if session else None,
            draft.type,
            draft.actor,
            at_ms,
            draft.payload,
            draft.internal,
            draft.key,
        )

    def _values(self, event: StoredEvent, draft: Draft, payload: str) -> list[Any]:
        session = self.sessions.get((event.session_id, event.tenant_id))
        session_id: Any = event.session_id
        customer_id: Any = draft.customer_id or (session and session.customer_id)
        if self.is_sqlite:
            session_id = session_id and str(session_id)
            customer_id = customer_id and str(customer_id)
        return [
            event.tenant_id,
            event.seq,
            session_id,
            event.n,
            event.type,
            str(event.actor),
            event.actor.name.replace("\0", "")[:120],
            event.at_ms,
            event.internal,
            event.key,
            payload,
            customer_id,
        ]


def _identity(event: Draft | StoredEvent) -> tuple[int, UUID | None, str | None]:
    return event.tenant_id, event.session_id, event.key


def _as_repeated(event: StoredEvent) -> StoredEvent:
    return StoredEvent(
        event.tenant_id,
        event.seq,
        event.session_id,
        event.n,
        event.type,
        event.actor,
        event.at_ms,
        event.payload,
        event.internal,
        event.key,
        repeated=True,
    )


_latest_ms = 0


def _now_ms() -> int:
    """Milliseconds since 1970 that never go back while this process runs."""
    global _latest_ms
    _latest_ms = max(_latest_ms, time.time_ns() // 1_000_000)
    return _latest_ms
