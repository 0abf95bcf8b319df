"""A realtime server that does what a test tells it to: loses, repeats and reorders."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
from quart import Quart, Websocket, send_file, websocket

import core

SCRIPTS = Path(core.__file__).parent / "static" / "js"
PAGE = """<!doctype html><meta name="root" content=""><meta name="csrf" content="token-of-the-page">
<link rel="icon" href="data:,">
<script type="module">
import {{ Bus, bus, waitBefore }} from '/js/bus.js';
Math.random = () => 0;  // the shortest wait, so that tests need not wait
Object.assign(window, {{ Bus, bus, waitBefore, seen: [], states: [], answers: [] }});
bus.addEventListener('state', e => states.push(e.detail));
</script>"""


class FakeServer:
    def __init__(self) -> None:
        self.app = Quart("fake", static_folder=None)
        self.sockets: list[Websocket] = []
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.tickets: list[str | None] = []
        self.ticket_status = 200
        self._opened = asyncio.Condition()
        self.app.get("/")(self._page)
        self.app.get("/js/<name>")(self._script)
        self.app.post("/realtime/ticket")(self._ticket)
        self.app.websocket("/realtime")(self._socket)

    async def _page(self) -> tuple[str, dict[str, str]]:
        return PAGE.format(), {"Content-Type": "text/html"}

    async def _script(self, name: str) -> Any:
        return await send_file(SCRIPTS / name, mimetype="text/javascript")

    async def _ticket(self) -> Any:
        from quart import request

        self.tickets.append(request.headers.get("X-CSRF-Token"))
        return {"ticket": f"t{len(self.tickets)}"}, self.ticket_status

    async def _socket(self) -> None:
        await websocket.accept()
        async with self._opened:
            self.sockets.append(websocket._get_current_object())  # type: ignore[attr-defined]
            self._opened.notify_all()
        while True:
            await self.inbox.put(orjson.loads(await websocket.receive()))

    async def connections(self, count: int) -> None:
        """Wait until the page has connected for the *count*-th time."""
        async with asyncio.timeout(10), self._opened:
            await self._opened.wait_for(lambda: len(self.sockets) >= count)

    async def received(self, op: str) -> dict[str, Any]:
        """Return the next frame from the page, which must be an *op*."""
        async with asyncio.timeout(10):
            frame = await self.inbox.get()
        assert frame["op"] == op, frame
        return frame

    async def send(self, *frames: dict[str, Any]) -> None:
        for frame in frames:
            await self.sockets[-1].send(orjson.dumps(frame).decode())

    async def event(self, *numbers: int, topic: str = "session:1") -> None:
        await self.send(*({"topic": topic, "n": n, "type": "chat.message"} for n in numbers))

    async def drop(self, code: int) -> None:
        await self.sockets[-1].close(code)
