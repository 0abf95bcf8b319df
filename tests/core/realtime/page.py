"""A page as a test sees it: a ticket, a socket, and the resuming that ``bus.js`` does."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.core.realtime.house import Pass


async def get_ticket(port: int, who: Pass, **headers: str) -> str:
    status, body = await post(port, f"/t/{who.slug}/realtime/ticket", who.headers | headers)
    if status != 200:
        raise ConnectionRefusedError(f"{status}: {body[:200]!r}")
    ticket: str = json.loads(body)["ticket"]
    return ticket


async def post(port: int, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = {
            "Host": f"127.0.0.1:{port}",
            "Origin": f"http://127.0.0.1:{port}",
            "Accept": "application/json",
            "Content-Length": "0",
            "Connection": "close",
        } | headers
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode())
        async with asyncio.timeout(30):
            answer = await reader.read()
    finally:
        writer.close()
    head_bytes, _, body = answer.partition(b"\r\n\r\n")
    if not head_bytes:
        raise ConnectionResetError
    return int(head_bytes.split()[1]), body


def address(port: int, slug: str, ticket: str) -> str:
    return f"ws://127.0.0.1:{port}/t/{slug}/realtime?ticket={ticket}"


async def dial(port: int, who: Pass, **options: Any) -> ClientConnection:
    ticket = await get_ticket(port, who)
    return await connect(
        address(port, who.slug, ticket),
        origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
        compression=None,
        ping_interval=None,
        close_timeout=1,
        open_timeout=30,
        **options,
    )


class Page:
    """A connected page that answers pings and sorts what it hears."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: deque[dict[str, Any]] = deque()
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.answering = True
        self._news = asyncio.Event()
        self._reader = asyncio.ensure_future(self._read())

    @classmethod
    async def open(cls, port: int, who: Pass) -> Page:
        return cls(await dial(port, who))

    async def _read(self) -> None:
        try:
            async for data in self.connection:
                message = json.loads(data)
                if message.get("op") == "ping":
                    if self.answering:
                        await self.connection.send('{"op":"pong"}')
                elif "id" in message and message["id"] in self.answers:
                    self.answers.pop(message["id"]).set_result(message)
                else:
                    self.heard.append(message)
                    self._news.set()
        except ConnectionClosed:
            pass
        self._news.set()

    async def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        number = fields.pop("id", None) or uuid4().hex
        answer = self.answers[number] = asyncio.get_running_loop().create_future()
        await self.connection.send(json.dumps({"id": number, "op": op, **fields}))
        return await asyncio.wait_for(answer, 10)

    async def subscribe(self, topic: str, after: int | None = None) -> dict[str, Any]:
        more = {} if after is None else {"after": after}
        return await self.ask("subscribe", topic=topic, **more)

    async def say(self, topic: str, text: str, **more: Any) -> dict[str, Any]:
        return await self.ask("send", type="probe.say", topic=topic, data={"text": text}, **more)

    async def hear(self, within_s: float = 5.0) -> dict[str, Any]:
        async with asyncio.timeout(within_s):
            while not self.heard:
                self._news.clear()
                await self._news.wait()
                if not self.heard and self._reader.done():
                    raise AssertionError(f"closed: {self.connection.close_code}")
        return self.heard.popleft()

    async def hears_nothing(self, for_s: float = 0.3) -> bool:
        await asyncio.sleep(for_s)
        return not self.heard

    async def close_code(self, within_s: float = 5.0) -> int | None:
        await asyncio.wait_for(self.connection.wait_closed(), within_s)
        return self.connection.close_code

    async def close(self) -> None:
        await self.connection.close()
        await asyncio.gather(self._reader, return_exceptions=True)
