"""A page's socket without a network: the application's own ASGI ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from quart.testing.connections import WebsocketDisconnectError, WebsocketResponseError

from core.testing.application import Browser


@dataclass(slots=True)
class Line:
    page: Any
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Send a message and return its answer; what comes before it is kept."""
        number = fields.pop("id", f"q{len(self.heard)}-{op}")
        await self.page.send(json.dumps({"id": number, "op": op, **fields}))
        async with asyncio.timeout(5):
            while True:
                message = json.loads(await self.page.receive())
                if message.get("id") == number and ("ok" in message or "error" in message):
                    return dict(message)
                self.heard.append(message)

    async def close_code(self, within_s: float) -> int:
        """Return with which code the server closes; ``TimeoutError`` when it does not."""
        async with asyncio.timeout(within_s):
            while True:
                try:
                    self.heard.append(json.loads(await self.page.receive()))
                except WebsocketDisconnectError as closed:
                    return int(closed.args[0])


async def ticket_of(who: Browser) -> str:
    answer = await who.post("/realtime/ticket", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    return str((await answer.get_json())["ticket"])


@asynccontextmanager
async def line(who: Browser, ticket: str | None = None, **headers: str) -> AsyncIterator[Line]:
    ticket = await ticket_of(who) if ticket is None else ticket
    client = who.app.test_client(use_cookies=False)
    sent = {k: v for k, v in (who.headers | headers).items() if k not in {"Cookie"}}
    async with client.websocket(f"/realtime?ticket={ticket}", headers=sent) as page:
        # as in a browser: nothing is sent before the socket is open
        while not page.accepted and page.status_code is None:
            await asyncio.sleep(0.002)
        yield Line(page)


async def refusal(who: Browser, ticket: str, **headers: str) -> int:
    """Return the status with which a handshake is refused; 101 when it is not."""
    try:
        async with line(who, ticket, **headers) as opened:
            await opened.ask("unsubscribe", topic="x")
    except WebsocketResponseError as error:
        return int(error.response.status_code)
    return 101
