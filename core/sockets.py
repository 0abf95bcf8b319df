"""One page's socket: bounded both ways, and never a reason for anybody else to wait."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from core.access import Principal

log = logging.getLogger(__name__)

GONE_AWAY: Final = 1006
RESTART: Final = 1012
OVERLOAD: Final = 1013
TOO_FAST: Final = 1008
SIGNED_OUT: Final = 4401
GONE: Final = 4404
SILENT: Final = 4408

GOODBYE_S: Final = 1.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Transmit = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Limits:
    """What one socket may use. Rates are messages per second."""

    rate: float = 50.0
    burst: float = 100.0
    inbox: int = 64
    inbox_bytes: int = 256 * 1024
    outbox: int = 256
    outbox_bytes: int = 1024 * 1024


class Socket:
    """A connected page. ``send`` and ``close`` never wait; ``run`` lasts until it is over."""

    __slots__ = (
        "_bucket",
        "_bucket_at",
        "_handle",
        "_inbox",
        "_inbox_bytes",
        "_limits",
        "_outbox",
        "_outbox_bytes",
        "_room",
        "_sending",
        "_task",
        "_transmit",
        "_worker",
        "busy_since",
        "checked_at",
        "closing",
        "heard_at",
        "loop",
        "overran",
        "pinged_at",
        "present",
        "principal",
        "sides",
        "topics",
    )

    def __init__(
        self,
        principal: Principal,
        limits: Limits,
        transmit: Transmit,
        handle: Callable[[Socket, Any], Awaitable[None]],
    ) -> None:
        """*transmit* is the server's ``send``; *handle* gets each message, one at a time."""
        self.principal = principal
        self.loop = asyncio.get_running_loop()
        self.topics: dict[str, Callable[[], None]] = {}
        """Subscribed topic -> how to leave it."""
        self.sides: dict[UUID, str] = {}
        """Session -> the side of it on which this socket says that somebody is there."""
        self.present = False
        self.busy_since: float | None = None
        """Since when the message that is handled now is handled."""
        self.overran = False
        self.closing: tuple[int, str] | None = None
        self.heard_at = self.pinged_at = self.checked_at = self.loop.time()
        self._limits, self._transmit, self._handle = limits, transmit, handle
        self._outbox: deque[str] | None = None
        self._outbox_bytes = 0
        self._sending: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._inbox: deque[tuple[Any, int]] | None = None
        self._inbox_bytes = 0
        self._worker: asyncio.Task[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._bucket, self._bucket_at = limits.burst, self.heard_at

    async def run(self, receive: Receive, decode: Callable[..., Any]) -> None:
        """Take messages in until the page or this side closes.

        *decode(socket, data)* returns a message for *handle*, or ``None`` for one that needs no
        more. It must not wait, so that the server's unbounded queue stays empty.
        """
        self._task = task = cast("asyncio.Task[Any]", asyncio.current_task())
        try:
            while (event := await receive())["type"] != "websocket.disconnect":
                if event["type"] == "websocket.receive":
                    self._take(event.get("bytes") or event.get("text") or "", decode)
        except asyncio.CancelledError:
            if self.closing is None:
                raise
            task.uncancel()
            await self._say_goodbye(receive, *self.closing)
        finally:
            self.closing = self.closing or (GONE_AWAY, "")
            for running in (self._worker, self._sending):
                if running is not None:
                    running.cancel()

    async def _say_goodbye(self, receive: Receive, code: int, reason: str) -> None:
        """Close, and wait a little for the answer: an end with data unread would be a reset."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(GOODBYE_S):
                await self._transmit({"type": "websocket.close", "code": code, "reason": reason})
                while (await receive())["type"] != "websocket.disconnect":
                    continue

    # Out

    def send(self, frame: str) -> None:
        """Send now what the connection takes; what it does not take waits, up to a limit."""
        if self.closing is not None:
            return
        if self._sending is None:
            self._transmit_now(frame)
            return
        if self._outbox is None:
            self._outbox = deque()
        self._outbox.append(frame)
        self._outbox_bytes += len(frame)
        limits = self._limits
        if len(self._outbox) > limits.outbox or self._outbox_bytes > limits.outbox_bytes:
            self.close(OVERLOAD, "too slow")

    def _transmit_now(self, frame: str) -> None:
        # A task for each delivery would cost more than the delivery. The server's send hardly
        # ever waits, so it runs right here, and only one that does wait becomes a task.
        sending = self._transmit(_text(frame))
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except Exception:
            log.debug("a socket failed while sending", exc_info=True)
            return
        self._sending = self.loop.create_task(self._send_rest(_Rest(sending, waits_for)))

    async def _send_rest(self, first: _Rest) -> None:
        try:
            await first
            while self._outbox:
                frame = self._outbox.popleft()
                self._outbox_bytes -= len(frame)
                await self._transmit(_text(frame))
        except Exception:
            log.debug("a socket failed while sending", exc_info=True)
        finally:
            self._sending = self._outbox = None
            self._outbox_bytes = 0
            if self._room is not None and not self._room.done():
                self._room.set_result(None)
            self._room = None

    async def drained(self) -> None:
        """Return when nothing waits to be sent; before sending much at once."""
        if self._sending is not None and self.closing is None:
            self._room = self._room or self.loop.create_future()
            await asyncio.shield(self._room)

    def close(self, code: int, reason: str = "") -> None:
        """End this socket; what was not sent yet is dropped."""
        if self.closing is not None:
            return
        self.closing = (code, reason)
        if self._sending is not None:
            self._sending.cancel()
        if self._task is not None:
            self._task.cancel()

    # In

    def _take(self, data: Any, decode: Callable[..., Any]) -> None:
        now = self.heard_at = self.loop.time()
        limits = self._limits
        refilled = self._bucket + (now - self._bucket_at) * limits.rate
        self._bucket, self._bucket_at = min(limits.burst, refilled) - 1, now
        if self._bucket < 0:
            self.close(TOO_FAST, "too many messages")
            return
        message = decode(self, data)
        if message is None or self.closing is not None:
            return
        if self._inbox is None:
            self._inbox = deque()
        self._inbox.append((message, len(data)))
        self._inbox_bytes += len(data)
        if len(self._inbox) > limits.inbox or self._inbox_bytes > limits.inbox_bytes:
            self.close(TOO_FAST, "too many messages wait")
        elif self._worker is None:
            self._worker = self.loop.create_task(self._work())

    def interrupt(self) -> None:
        """The message that is handled now takes too long: *handle* finds ``overran`` set."""
        if self._worker is not None:
            self.overran, self.busy_since = True, None
            self._worker.cancel()

    async def _work(self) -> None:
        """Handle what came in, one by one; ends when there is no more, as most sockets are idle."""
        try:
            while self._inbox and self.closing is None:
                message, size = self._inbox.popleft()
                self._inbox_bytes -= size
                self.busy_since = self.heard_at
                await self._handle(self, message)
        except Exception:
            log.exception("a message could not be handled")
            self.close(1011, "internal")
        finally:
            self._worker = self.busy_since = None
            if not self._inbox:
                self._inbox = None


def _text(frame: str) -> dict[str, Any]:
    return {"type": "websocket.send", "bytes": None, "text": frame}


class _Rest:
    """A coroutine that was started by hand and now waits for its first future."""

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine, self._waits_for = coroutine, waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        try:
            while True:
                try:
                    sent = yield waits_for
                except BaseException as error:
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(sent)
        except StopIteration:
            return
