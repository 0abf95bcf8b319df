"""Who is there: leases that open pages hold, in this process and as the others tell of theirs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from core.access import Principal
from core.bus import Bus
from core.current import service
from core.database import Database
from core.models import Session
from core.sockets import Socket
from core.tenancy import Tenancy, TenantView

log = logging.getLogger(__name__)

CHANGED: Final = "presence"
"""Bus channel: ``{"tenant", "session", "side", "online"}``."""
LEASES: Final = "presence_leases"
"""Bus channel: ``{"origin", "all", "up", "down"}``: the leases of one process, all or changes."""
ASKED: Final = "presence_asked"

CUSTOMER: Final = "customer"
AGENT: Final = "agent"
USER: Final = "user"
SIDES: Final = (CUSTOMER, AGENT)

GRACE_S: Final = 2.0
"""After a clean close the page may be loading again."""
RENEW_S: Final = 5.0
EXPIRE_S: Final = 12.0
"""A process that was not heard for so long holds no leases any more."""

Place = tuple[int, str, str]
"""Tenant, session and side; for a user: tenant, his id and ``USER``."""


class Presence:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._here: dict[Place, dict[str, int]] = {}
        """Place -> who is there -> by how many pages."""
        self._there: dict[str, tuple[float, set[Place]]] = {}
        """Other process -> until when its leases hold, and which."""
        self._told: set[Place] = set()
        """Places known to be online, so that a change is told once."""
        self._sessions: set[tuple[str, str]] = set()
        self._graces: dict[Place, asyncio.TimerHandle] = {}
        self._database: Database | None = None
        self._task: asyncio.Task[None] | None = None
        bus.on(LEASES, self._heard_leases, lost=self._ask)
        bus.on(ASKED, self._asked)

    async def start(self, database: Database) -> None:
        self._database = database
        self._task = database.spawn(self._renew_for_ever(), name="presence: renew")
        await self._bus.publish(ASKED, {"origin": self._bus.origin})

    async def stop(self) -> None:
        for grace in self._graces.values():
            grace.cancel()
        self._graces.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._here:
            await self._tell_leases(down=self._here)

    # Asking

    def online(self, session_id: UUID, side: str) -> bool:
        """Tell whether somebody of *side* is there, as far as the last seconds show."""
        return (str(session_id), side) in self._sessions

    def online_sessions(self, tenant_id: int, side: str) -> set[str]:
        """Return the ids of the tenant's sessions in which somebody of *side* is there."""
        return {who for tenant, who, kind in self._told if (tenant, kind) == (tenant_id, side)}

    def users_online(self, tenant_id: int) -> set[int]:
        """Return the users of the tenant who have a page open."""
        return {int(who) for tenant, who, kind in self._told if (tenant, kind) == (tenant_id, USER)}

    async def rows(
        self, tenant: TenantView, principal: Principal, session_id: UUID
    ) -> list[dict[str, Any]]:
        """Return the state topic ``presence:<session>``: both sides."""
        sides = [(side, (tenant.id, str(session_id), side)) for side in SIDES]
        return [{"id": side, "online": place in self._told} for side, place in sides]

    # Leases

    async def join(self, tenant_id: int, session_id: UUID, side: str, who: str) -> None:
        """*who* opened a page of the session. Pages are counted."""
        self._take((tenant_id, str(session_id), side), who)

    async def leave(self, tenant_id: int, session_id: UUID, side: str, who: str) -> None:
        """One page less; the side is offline when none came back within the grace."""
        self._give((tenant_id, str(session_id), side), who, GRACE_S)

    async def enter(self, socket: Socket) -> None:
        """A page connected. A customer's is always about his session."""
        mine, socket.present = socket.principal, True
        if mine.is_user:
            self._take((mine.tenant_id, mine.id, USER), mine.id)
        elif mine.session_id is not None:
            await self.attend(socket, mine.session_id)

    async def attend(self, socket: Socket, session_id: UUID) -> None:
        """The page shows this session."""
        if socket.present and session_id not in socket.sides:
            mine = socket.principal
            side = socket.sides[session_id] = AGENT if mine.is_user else CUSTOMER
            await self.join(mine.tenant_id, session_id, side, mine.id)

    def unattend(self, socket: Socket, session_id: UUID) -> None:
        """The page shows it no more."""
        mine = socket.principal
        if mine.session_id == session_id:
            return
        if side := socket.sides.pop(session_id, None):
            self._give((mine.tenant_id, str(session_id), side), mine.id, GRACE_S)

    def drop(self, socket: Socket, *, at_once: bool = False) -> None:
        """The page is gone. *at_once*: it has been silent so long that no grace is due."""
        if not socket.present:
            return
        mine, grace_s = socket.principal, 0.0 if at_once else GRACE_S
        places = [(mine.tenant_id, str(session), side) for session, side in socket.sides.items()]
        if mine.is_user:
            places.append((mine.tenant_id, mine.id, USER))
        socket.present = False
        socket.sides.clear()
        for place in places:
            self._give(place, mine.id, grace_s)

    def _take(self, place: Place, who: str) -> None:
        whos = self._here.setdefault(place, {})
        whos[who] = whos.get(who, 0) + 1
        if grace := self._graces.pop(place, None):
            grace.cancel()
        elif len(whos) == 1 and whos[who] == 1:
            self._spawn(self._tell_leases(up=[place]))
        self._settle(place)

    def _give(self, place: Place, who: str, grace_s: float) -> None:
        whos = self._here.get(place)
        if whos is None or who not in whos:
            return
        whos[who] -= 1
        if not whos[who]:
            del whos[who]
        if whos:
            return
        if grace_s:
            loop = asyncio.get_running_loop()
            self._graces[place] = loop.call_later(grace_s, self._end, place)
        else:
            self._end(place)

    def _end(self, place: Place) -> None:
        self._graces.pop(place, None)
        if not self._here.get(place):
            self._here.pop(place, None)
            self._spawn(self._tell_leases(down=[place]))
            self._settle(place)

    def _settle(self, place: Place) -> None:
        """Compare what holds now with what was told, and tell the difference."""
        online = place in self._here or any(place in places for _, places in self._there.values())
        if online == (place in self._told):
            return
        change = set.add if online else set.discard
        change(self._told, place)
        if place[2] in SIDES:
            change(self._sessions, place[1:])
            self._spawn(self._announce(place, online=online))

    async def _announce(self, place: Place, *, online: bool) -> None:
        """Tell this process's watchers; every process notices for its own. Hooks run in one."""
        tenant_id, session, side = place
        body = {"tenant": tenant_id, "session": session, "side": side, "online": online}
        await self._bus.publish_here(CHANGED, body)
        if not await self._is_ours_to_tell(place, online=online):
            return
        found = Session.get_or_none(tenant_id=tenant_id, id=UUID(session))
        row = await found.select_related("customer", "owner", "agent", "queue", "entry_point")
        if row is not None:
            tenant = await service(Tenancy).get(tenant_id)
            await tenant.hooks.presence_changed(
                tenant=tenant, session=row, side=side, online=online
            )

    async def _is_ours_to_tell(self, place: Place, *, online: bool) -> bool:
        if not self._there:
            return True
        key = f"presence:{':'.join(map(str, place))}:{online}"
        return await self._bus.once(key, GRACE_S, ours=place in self._here)

    def _spawn(self, work: Any) -> None:
        if self._database is None:
            work.close()
        else:
            self._database.spawn(work, name="presence: tell")

    # Other processes

    async def _tell_leases(
        self, *, up: Iterable[Place] = (), down: Iterable[Place] = (), everything: bool = False
    ) -> None:
        body = {
            "origin": self._bus.origin,
            "all": everything,
            "up": list(self._here if everything else up),
            "down": list(down),
        }
        await self._bus.publish(LEASES, body)

    async def _heard_leases(self, body: dict[str, Any]) -> None:
        origin = body["origin"]
        if origin == self._bus.origin:
            return
        before = self._there.get(origin, (0.0, set()))[1]
        up = {(t, s, side) for t, s, side in body["up"]}
        down = {(t, s, side) for t, s, side in body["down"]}
        now = up if body["all"] else (before | up) - down
        until = asyncio.get_running_loop().time() + EXPIRE_S
        self._there[origin] = (until, now)
        for place in before ^ now:
            self._settle(place)

    async def _asked(self, body: dict[str, Any]) -> None:
        if body["origin"] != self._bus.origin:
            await self._tell_leases(everything=True)

    def _ask(self) -> None:
        self._spawn(self._bus.publish(ASKED, {"origin": self._bus.origin}))
        self._spawn(self._tell_leases(everything=True))

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            if self._there or self._here:
                await self._tell_leases(everything=True)
            now = asyncio.get_running_loop().time()
            for origin, (until, places) in tuple(self._there.items()):
                if until < now:
                    del self._there[origin]
                    for place in places:
                        self._settle(place)
