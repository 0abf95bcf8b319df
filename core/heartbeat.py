"""One task that asks every page whether it is still there, and believes what it hears."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final

from core import frames, sign_ins
from core.database import Database
from core.errors import AppError
from core.presence import Presence
from core.sockets import SIGNED_OUT, SILENT, Socket

log = logging.getLogger(__name__)

TICK_S: Final = 0.5
LIVELY_S: Final = 5.0
"""Seconds between pings where somebody's presence in a session depends on it."""
IDLE_S: Final = 25.0
MISSED: Final = 2
HANDLE_S: Final = 10.0
"""Seconds after which the handling of a message is interrupted; a timer for each costs more."""
CHECK_S: Final = 300.0
"""Seconds after which a sign-in is looked up again and noted as seen."""


class Heartbeat:
    def __init__(self, sockets: dict[Socket, None]) -> None:
        self._sockets = sockets
        self._task: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._database: Database | None = None
        self._presence: Presence | None = None
        self._ping, self._pinged_at = "", 0.0

    def start(self, database: Database, presence: Presence) -> None:
        self._database, self._presence = database, presence
        self._task = database.spawn(self._beat_for_ever(), name="realtime: heartbeat")

    async def stop(self) -> None:
        tasks = [task for task in (self._task, self._looking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = asyncio.get_running_loop().time()
            self._beat(now)
            idle = self._looking is None or self._looking.done()
            if idle and (due := self._due(now)):
                # Beside the beat: a database that hangs must not make every page look silent.
                assert self._database is not None
                work = self._look_up(due)
                self._looking = self._database.spawn(work, name="realtime: sign-ins")

    async def _look_up(self, due: list[Socket]) -> None:
        try:
            await self.check_sign_ins(due)
        except AppError as error:
            log.warning("sign-ins of open pages could not be looked up: %s", error)

    def _due(self, now: float) -> list[Socket]:
        """Return those whose sign-in is to be looked up again."""
        due = [socket for socket in self._sockets if now - socket.checked_at >= CHECK_S]
        for socket in due:
            socket.checked_at = now
        return due

    def _beat(self, now: float) -> None:
        """Ping whom it is time to ping, give up the silent."""
        ping = frames.ping()
        for socket in tuple(self._sockets):
            if socket.busy_since is not None and now - socket.busy_since > HANDLE_S:
                socket.interrupt()
            interval_s = LIVELY_S if socket.sides else IDLE_S
            if now - socket.heard_at >= interval_s * MISSED:
                assert self._presence is not None
                self._presence.drop(socket, at_once=True)
                socket.close(SILENT, "no answer")
            elif now - socket.pinged_at >= interval_s:
                socket.pinged_at = now
                socket.send(ping)

    async def check_sign_ins(self, sockets: Iterable[Socket]) -> None:
        """Close those whose sign-in is over or whose role changed; the others were seen now."""
        found: dict[tuple[int, int], Any] = {}
        for socket in sockets:
            mine = socket.principal
            key = (mine.tenant_id, mine.sign_in_id)
            if key not in found:
                found[key] = await sign_ins.principal_of(*key)
                if found[key] is not None:
                    await sign_ins.touch(*key)
            now = found[key]
            if now is None or now.role != mine.role:
                socket.close(SIGNED_OUT, "signed out")
