"""How bus messages travel between processes: not at all, by Redis, or by a polled table."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import orjson
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from core.database import Database, fetch
from core.errors import AppError

log = logging.getLogger(__name__)

Deliver = Callable[[str, dict[str, Any]], Awaitable[None]]
LOST: Final = "!lost"
"""The channel on which a process says that it could not send for a while."""
WAITING_MAX: Final = 10_000
POLL_S: Final = 0.5
KEPT_MS: Final = 60_000
OVERLAP: Final = 64
"""Rows read again at each poll: a lower number may be committed after a higher one."""


class NoLink:
    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    async def send(self, channel: str, body: dict[str, Any], *, everywhere: bool) -> None:
        return None

    async def claim(self, key: str, ttl_s: float) -> bool | None:
        return None


class RedisLink:
    """One subscription per process to everything of this installation, and one sender task."""

    def __init__(
        self,
        url: str,
        prefix: str,
        origin: str,
        deliver: Deliver,
        missed: Callable[[], None],
        database: Database,
    ) -> None:
        self._prefix, self._origin = prefix, origin.encode()
        self._deliver, self._missed, self._database = deliver, missed, database
        self._sender = aioredis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        self._hearer = aioredis.from_url(url, socket_connect_timeout=2, health_check_interval=5)
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._wake = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()
        self._dropped = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        ready = asyncio.Event()
        self._tasks = [
            self._database.spawn(self._hear(ready), name="bus: hear"),
            self._database.spawn(self._send(), name="bus: send"),
        ]
        with suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), 2)

    async def stop(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._sent.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sender.aclose()
        await self._hearer.aclose()

    async def send(self, channel: str, body: dict[str, Any], *, everywhere: bool) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.clear()
            self._dropped = True
        self._waiting.append((channel, orjson.dumps(body)))
        self._sent.clear()
        self._wake.set()

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting or self._dropped:
                batch, self._waiting = self._waiting, deque()
                await self._publish(batch)
            self._sent.set()

    async def _publish(self, batch: deque[tuple[str, bytes]]) -> None:
        """Send *batch* in one go. What fails is lost, and the others are told so later."""
        if self._dropped:
            batch.appendleft((LOST, b"{}"))
        try:
            async with self._sender.pipeline(transaction=False) as pipe:
                for channel, body in batch:
                    pipe.publish(self._prefix + channel, self._origin + body)
                await pipe.execute()
        except (RedisError, OSError) as error:
            if not self._dropped:
                log.warning("Redis is away, other processes hear nothing: %s", error)
            self._dropped = True
            await asyncio.sleep(0.3)
        else:
            self._dropped = False

    async def _hear(self, ready: asyncio.Event) -> None:
        while True:
            try:
                async with self._hearer.pubsub() as pubsub:
                    await pubsub.psubscribe(self._prefix + "*")
                    async for message in pubsub.listen():
                        if message["type"] == "psubscribe":
                            ready.set()
                            self._missed()
                        elif message["type"] == "pmessage":
                            await self._heard(message["channel"], message["data"])
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("the subscription to Redis was cut: %s", error)
            await asyncio.sleep(0.2)

    async def _heard(self, channel: bytes, data: bytes) -> None:
        sender, body = data[:32], data[32:]
        if sender == self._origin:
            return
        name = channel.decode()[len(self._prefix) :]
        if name == LOST:
            self._missed()
            return
        try:
            await self._deliver(name, orjson.loads(body))
        except orjson.JSONDecodeError:
            log.warning("a message on %s is not JSON", name)

    async def claim(self, key: str, ttl_s: float) -> bool | None:
        try:
            name = f"{self._prefix}once:{key}"
            return bool(await self._sender.set(name, b"1", nx=True, px=int(ttl_s * 1000)))
        except (RedisError, OSError):
            return None


class TableLink:
    """Processes on one database without Redis: rare messages as rows, polled by everybody."""

    def __init__(
        self, origin: str, deliver: Deliver, missed: Callable[[], None], database: Database
    ) -> None:
        self._origin, self._deliver, self._missed = origin, deliver, missed
        self._database = database
        self._seen: deque[int] = deque(maxlen=OVERLAP * 4)
        self._last = 0
        self._polled = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        rows = await self._fetch("SELECT COALESCE(MAX(id), 0) AS id FROM core_bus_message")
        self._last = rows[0]["id"]
        rows = await self._fetch(
            "SELECT id FROM core_bus_message WHERE id > $1", self._last - OVERLAP
        )
        self._seen.extend(row["id"] for row in rows)
        self._task = self._database.spawn(self._poll_for_ever(), name="bus: poll")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _fetch(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        return await fetch(self._database.connection, sql, params)

    async def send(self, channel: str, body: dict[str, Any], *, everywhere: bool) -> None:
        if not everywhere:
            return
        text = orjson.dumps({"from": self._origin, "body": body}).decode()
        now_ms = time.time_ns() // 1_000_000
        try:
            await self._fetch(
                "INSERT INTO core_bus_message (channel, body, at_ms) VALUES ($1, $2, $3)",
                channel,
                text,
                now_ms,
            )
            await self._fetch("DELETE FROM core_bus_message WHERE at_ms < $1", now_ms - KEPT_MS)
        except AppError:
            log.warning("other processes were not told of a change on %s", channel)

    async def claim(self, key: str, ttl_s: float) -> bool | None:
        return None

    async def _poll_for_ever(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self._poll()
            except AppError as error:
                log.warning("the bus table could not be read: %s", error)

    async def _poll(self) -> None:
        rows = await self._fetch(
            "SELECT id, channel, body FROM core_bus_message WHERE id > $1 ORDER BY id",
            self._last - OVERLAP,
        )
        now = time.monotonic()
        if now - self._polled > KEPT_MS / 1000 * 0.8:
            self._missed()
        self._polled = now
        for row in rows:
            if row["id"] in self._seen:
                continue
            self._seen.append(row["id"])
            self._last = max(self._last, row["id"])
            message = orjson.loads(row["body"])
            if message["from"] != self._origin:
                await self._deliver(row["channel"], message["body"])
