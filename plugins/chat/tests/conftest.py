"""What the tests of chat share: sockets of agents and customers on a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from quart import Quart
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from core.testing.application import Browser
from core.testing.browser import Pages, served


@dataclass(slots=True)
class Line:
    """One page's socket. ``events``: those of the session that came, in the order they came."""

    socket: ClientConnection
    session: str
    answers: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    rest: list[dict[str, Any]] = field(default_factory=list)

    def message(self, text: Any, key: str | None = None, **more: Any) -> dict[str, Any]:
        return {
            "id": key or str(uuid4()),
            "op": "send",
            "type": "chat.message",
            "topic": f"session:{self.session}",
            "data": {"text": text} | more,
        }

    async def send(self, text: Any, key: str | None = None, **more: Any) -> dict[str, Any]:
        """Send a chat message and return the server's answer."""
        return (await self.call(self.message(text, key, **more)))[0]

    async def call(self, *frames: dict[str, Any]) -> list[dict[str, Any]]:
        """Send *frames* at once; return their answers when all are there."""
        for frame in frames:
            await self.socket.send(json.dumps(frame))
        async with asyncio.timeout(5):
            while not {frame["id"] for frame in frames} <= self.answers.keys():
                await self.hear()
        return [self.answers[frame["id"]] for frame in frames]

    async def hear(self) -> None:
        frame = json.loads(await self.socket.recv())
        if frame.get("op") == "ping":
            await self.socket.send('{"op":"pong"}')
        elif "n" in frame:
            self.events.append(frame)
        elif "id" in frame and ("ok" in frame or "error" in frame):
            self.answers[frame["id"]] = frame
        else:
            self.rest.append(frame)

    async def until(self, ready: Callable[[Line], bool]) -> None:
        async with asyncio.timeout(5):
            while not ready(self):
                await self.hear()

    def texts(self) -> list[str]:
        return [e["data"]["text"] for e in self.events if e["type"] == "chat.message"]


@dataclass(slots=True)
class Server:
    """The application on a port."""

    app: Quart
    url: str
    open_lines: list[ClientConnection] = field(default_factory=list)

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def of(self, tenant: Any) -> str:
        """Return the address of *tenant* by path, as a browser without own DNS reaches it."""
        return f"{self.url}/t/{tenant.slug}"

    async def line(self, who: Browser, session: Any, after: int | None = 0) -> Line:
        """Open a socket as *who* and subscribe to the session."""
        answer = await who.post("/realtime/ticket", headers={"Accept": "application/json"})
        assert answer.status_code == 200, await answer.get_data()
        ticket = (await answer.get_json())["ticket"]
        host = f"{who.tenant.slug}.localhost:{self.port}"
        socket = await connect(
            f"ws://{host}/realtime?ticket={ticket}",
            origin=Origin(f"http://{host}"),
            host="127.0.0.1",
        )
        self.open_lines.append(socket)
        line = Line(socket, str(session.id))
        await line.call(
            {"id": "s", "op": "subscribe", "topic": f"session:{session.id}", "after": after}
        )
        return line


def running(app: Quart) -> Any:
    """Return *app* for a server that need not start it: the fixture ``app`` has."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    return answer


@pytest.fixture
async def server(app: Quart) -> AsyncIterator[Server]:
    async with served(running(app)) as url:
        made = Server(app, url)
        yield made
        for socket in made.open_lines:
            await socket.close()


@pytest.fixture
async def pages(server: Server, pages: Pages) -> Pages:
    """As ever, but closed before the server: its going is no fault of a page."""
    return pages
