"""Publish and subscribe, in and between processes. At most once: truth is the database.

In-process by default. With ``redis_url`` every message reaches every process; without, the rare
ones published with ``everywhere=True`` do, through a table that each process polls.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol
from uuid import uuid4

from core.bus_links import NoLink, RedisLink, TableLink
from core.config import Config
from core.database import Database

log = logging.getLogger(__name__)

Body = dict[str, Any]
Callback = Callable[[Body], Awaitable[None]]
KEYS_BEFORE_CLEANING: Final = 1000


class Link(Protocol):
    """How messages leave this process and arrive from others."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def send(self, channel: str, body: Body, *, everywhere: bool) -> None: ...
    async def claim(self, key: str, ttl_s: float) -> bool | None:
        """Tell whether no process has claimed *key* yet; ``None``: nobody to ask."""


class Bus:
    def __init__(self, config: Config) -> None:
        self._config = config
        self.origin = uuid4().hex
        """This process, or in tests this application."""
        self._callbacks: dict[str, tuple[Callback, ...]] = {}
        self._lost: dict[Callable[[], None], int] = {}
        self._claimed: dict[str, float] = {}
        self._link: Link = NoLink()

    def on(
        self, channel: str, callback: Callback, lost: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Call *callback* for each message; the returned function ends that.

        Callbacks of one channel run one after the other while the publisher waits, so they
        are quick. *lost* is called when messages of other processes may have been missed.
        """
        self._callbacks[channel] = (*self._callbacks.get(channel, ()), callback)
        if lost is not None:
            self._lost[lost] = self._lost.get(lost, 0) + 1

        def off() -> None:
            left = tuple(one for one in self._callbacks[channel] if one is not callback)
            if left:
                self._callbacks[channel] = left
            else:
                del self._callbacks[channel]
            if lost is not None:
                self._lost[lost] -= 1
                if not self._lost[lost]:
                    del self._lost[lost]

        return off

    async def publish(self, channel: str, body: Body, *, everywhere: bool = False) -> None:
        """Tell this process at once, then hand to the others.

        *everywhere*: rare and worth a row in the database, where that is the only way out.
        """
        await self._deliver(channel, body)
        await self._link.send(channel, body, everywhere=everywhere)

    async def publish_here(self, channel: str, body: Body) -> None:
        """Tell this process alone: the others find out for themselves."""
        await self._deliver(channel, body)

    async def _deliver(self, channel: str, body: Body) -> None:
        for callback in self._callbacks.get(channel, ()):
            try:
                await callback(body)
            except Exception:
                log.exception("a listener of %s failed", channel)

    def _missed(self) -> None:
        for lost in tuple(self._lost):
            try:
                lost()
            except Exception:
                log.exception("a listener failed to hear that messages were lost")

    async def start(self, database: Database) -> None:
        """Connect to the other processes; a Redis that is away is waited for in the background."""
        if self._config.redis_url:
            key = hashlib.sha256(self._config.secret.encode()).hexdigest()[:12]
            prefix = f"offhook:{key}:"
            self._link = RedisLink(
                self._config.redis_url, prefix, self.origin, self._deliver, self._missed, database
            )
        elif ":memory:" not in self._config.database_url:
            self._link = TableLink(self.origin, self._deliver, self._missed, database)
        await self._link.start()

    async def stop(self) -> None:
        link, self._link = self._link, NoLink()
        await link.stop()

    async def once(self, key: str, ttl_s: float, *, ours: bool = True) -> bool:
        """Return True for the first who asks for *key* within *ttl_s*, False for all others.

        *ours*: the key was made by this process, which may decide alone while the others
        cannot be asked; about a foreign key the answer is then False.
        """
        now = time.monotonic()
        if len(self._claimed) >= KEYS_BEFORE_CLEANING:
            self._claimed = {k: until for k, until in self._claimed.items() if until > now}
        if self._claimed.get(key, 0.0) > now:
            return False
        self._claimed[key] = now + ttl_s
        first = await self._link.claim(key, ttl_s)
        return ours if first is None else first
