"""What pages subscribe to: streams that never lose an event, states with snapshot and deltas."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import UUID

from core import frames
from core.bus import Bus
from core.database import Database, fetch
from core.errors import AppError, NotFound
from core.sockets import Socket
from core.timeline import Timeline

log = logging.getLogger(__name__)

PAGE: Final = 100
"""Events read at once on a resume; an outbox must be able to hold them."""
STATE: Final = "state"
"""Bus channel: ``{"tenant", "topic", "set", "gone"}`` of every state topic."""
Row = dict[str, Any]
Snapshot = Callable[[], Awaitable[Sequence[Row]]]


class Stream:
    """The events of one session for the sockets of this process, in order and without gaps.

    The bus only hints. An event that comes early, late or never is read from the log.
    """

    def __init__(
        self, tenant_id: int, session_id: UUID, timeline: Timeline, database: Database
    ) -> None:
        self.tenant_id, self.session_id = tenant_id, session_id
        self.topic = f"session:{session_id}"
        self._timeline, self._database = timeline, database
        self._sockets: dict[Socket, None] = {}
        self._ahead: dict[Socket, int] = {}
        """Sockets that read more from the log than was told yet."""
        self._joining = 0
        self._last: int | None = None
        self._seen = 0
        self._catching_up = False

    async def last_n(self) -> int:
        """Return the newest number there is; ``NotFound`` for a session of another tenant."""
        rows = await fetch(
            self._database.connection,
            "SELECT last_n FROM core_session WHERE id = $1 AND tenant_id = $2",
            [self.session_id, self.tenant_id],
        )
        if not rows:
            raise NotFound
        last: int = rows[0]["last_n"]
        if self._last is None:
            self._last = last
            if self._seen > last:
                self._catch_up_soon()
        return last

    async def join(self, socket: Socket, after: int | None) -> int:
        """Send what came after *after*, then everything that comes; return the newest number."""
        self._joining += 1
        try:
            last = await self.last_n()
            after = await self._replay(socket, last if after is None else min(after, last))
            self._sockets[socket] = None
        finally:
            self._joining -= 1
        if after > (self._last or 0):
            self._ahead[socket] = after
        return last

    async def _replay(self, socket: Socket, after: int) -> int:
        while socket.closing is None:
            page = await self._timeline.read(
                self.tenant_id, self.session_id, after=after, limit=PAGE
            )
            for event in page:
                hidden = event.internal and not socket.principal.is_user
                socket.send(
                    frames.hidden_frame(self.topic, event.n or 0)
                    if hidden
                    else frames.event_frame(event, self.topic)
                )
                after = event.n or after
            if len(page) < PAGE and after >= (self._last or 0):
                break
            await socket.drained()
        return after

    def leave(self, socket: Socket) -> bool:
        """Return whether nobody is left."""
        self._sockets.pop(socket, None)
        self._ahead.pop(socket, None)
        return not self._sockets and not self._joining

    async def heard(self, body: dict[str, Any]) -> None:
        """Take one bus message: an event, or something passing without a number."""
        if body["tenant"] != self.tenant_id:
            return
        n = body.get("n")
        if n is None:
            self._pass_on(body)
            return
        self._seen = max(self._seen, n)
        if self._last is None or self._catching_up:
            return
        if n == self._last + 1:
            self._tell(n, body["frame"], internal=body["internal"])
        elif n > self._last:
            self._catch_up_soon()

    def lost(self) -> None:
        """Something may have been missed: look into the log."""
        if self._last is not None:
            self._catch_up_soon()

    def _catch_up_soon(self) -> None:
        if not self._catching_up:
            self._catching_up = True
            self._database.spawn(self._catch_up(), name=f"catch up {self.topic}")

    async def _catch_up(self) -> None:
        try:
            while True:
                events = await self._timeline.read(
                    self.tenant_id, self.session_id, after=self._last or 0, limit=PAGE
                )
                for event in events:
                    self._tell(
                        event.n or 0, frames.event_frame(event, self.topic), internal=event.internal
                    )
                if len(events) < PAGE and self._seen <= (self._last or 0):
                    return
                if not events:
                    log.warning("event %s of %s is not in the log", self._seen, self.topic)
                    return
        except AppError as error:
            log.warning("%s cannot be brought up to date: %s", self.topic, error)
        finally:
            self._catching_up = False

    def _tell(self, n: int, frame: str, *, internal: bool) -> None:
        self._last = n
        hidden = frames.hidden_frame(self.topic, n) if internal else ""
        for socket in tuple(self._sockets):
            if self._ahead and self._ahead.get(socket, 0) >= n:
                continue
            self._ahead.pop(socket, None)
            socket.send(hidden if hidden and not socket.principal.is_user else frame)

    def _pass_on(self, body: dict[str, Any]) -> None:
        for socket in tuple(self._sockets):
            if f"{socket.principal.kind}:{socket.principal.id}" != body["from"]:
                socket.send(body["frame"])


class State:
    """A live state for the sockets of this process: a snapshot for each, then deltas for all."""

    def __init__(self, tenant_id: int, topic: str) -> None:
        self.tenant_id, self.topic = tenant_id, topic
        self.sockets: dict[Socket, Snapshot] = {}
        self._version = 0
        self._joining: dict[Socket, list[str]] = {}

    async def join(self, socket: Socket, snapshot: Snapshot) -> None:
        """Send a snapshot, and after it the deltas that came while it was made."""
        version = self._version
        waiting = self._joining[socket] = []
        try:
            rows = await snapshot()
            if self._joining.get(socket) is not waiting:
                return  # it left while the snapshot was made
            socket.send(frames.snapshot(self.topic, version, rows))
            for frame in waiting:
                socket.send(frame)
            self.sockets[socket] = snapshot
        finally:
            if self._joining.get(socket) is waiting:
                del self._joining[socket]

    async def refresh(self) -> None:
        """Deltas may have been missed: a new snapshot for everybody."""
        for socket, snapshot in tuple(self.sockets.items()):
            if socket in self.sockets and socket not in self._joining:
                try:
                    await self.join(socket, snapshot)
                except Exception as error:
                    log.warning("no new snapshot of %s for one page", self.topic, exc_info=error)

    def leave(self, socket: Socket) -> bool:
        """Return whether nobody is left."""
        self.sockets.pop(socket, None)
        self._joining.pop(socket, None)
        return not self.sockets and not self._joining

    def tell(self, rows: Sequence[Row], gone: Sequence[Any]) -> None:
        self._version += 1
        frame = frames.delta(self.topic, self._version, rows, gone)
        for waiting in self._joining.values():
            waiting.append(frame)
        for socket in tuple(self.sockets):
            if socket not in self._joining:
                socket.send(frame)


class Topics:
    """The streams and states that have somebody here."""

    def __init__(self, bus: Bus, timeline: Timeline) -> None:
        self._bus, self._timeline = bus, timeline
        self._database: Database | None = None
        self._streams: dict[tuple[int, UUID], tuple[Stream, Callable[[], None]]] = {}
        self._states: dict[tuple[int, str], State] = {}

    def start(self, database: Database) -> None:
        self._database = database

    async def join_stream(
        self, socket: Socket, session_id: UUID, after: int | None
    ) -> tuple[int, Callable[[], None]]:
        """Return the newest number and how to leave. ``after`` ``None``: only what comes."""
        assert self._database is not None
        key = (socket.principal.tenant_id, session_id)
        found = self._streams.get(key)
        if found is None:
            stream = Stream(*key, self._timeline, self._database)
            off = self._bus.on(stream.topic, stream.heard, lost=stream.lost)
            found = self._streams[key] = (stream, off)
        stream = found[0]

        def leave() -> None:
            if stream.leave(socket) and self._streams.get(key) is found:
                del self._streams[key]
                found[1]()

        try:
            last = await stream.join(socket, after)
        except BaseException:
            leave()
            raise
        return last, leave

    async def join_state(
        self, socket: Socket, topic: str, snapshot: Snapshot
    ) -> Callable[[], None]:
        key = (socket.principal.tenant_id, topic)
        state = self._states.setdefault(key, State(*key))

        def leave() -> None:
            if state.leave(socket) and self._states.get(key) is state:
                del self._states[key]

        try:
            await state.join(socket, snapshot)
        except BaseException:
            leave()
            raise
        return leave

    def state(self, tenant_id: int, topic: str) -> State | None:
        return self._states.get((tenant_id, topic))

    def states(self) -> list[State]:
        return list(self._states.values())
