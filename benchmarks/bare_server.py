"""The peer: Quart, hypercorn and SQLite with a group commit, and nothing that makes a product.

No sign-in, no tenants, no hooks, no permissions, no limits. What it stores is as durable.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import time
from typing import Any

import orjson
import uvloop
from hypercorn.asyncio import serve
from quart import Quart, websocket

from core.serving import listen, server_config, without_deflate

BATCH_MAX = 500
Waiting = tuple[str, str, "asyncio.Future[int]"]


class Store:
    """A writer thread that takes all that waits and commits it at once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.waiting: list[Waiting] = []
        self.wake = threading.Event()
        self.numbers: dict[str, int] = {}

    def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        threading.Thread(target=self.write, daemon=True).start()

    def write(self) -> None:
        db = sqlite3.connect(self.path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE IF NOT EXISTS message (room, n, at, text, PRIMARY KEY (room, n))")
        while True:
            self.wake.wait()
            self.wake.clear()
            while self.waiting:
                batch, self.waiting = self.waiting[:BATCH_MAX], self.waiting[BATCH_MAX:]
                rows = []
                for room, text, _ in batch:
                    n = self.numbers[room] = self.numbers.get(room, 0) + 1
                    rows.append((room, n, time.time(), text))
                db.execute("BEGIN IMMEDIATE")
                db.executemany("INSERT INTO message VALUES (?, ?, ?, ?)", rows)
                db.execute("COMMIT")
                self.loop.call_soon_threadsafe(self.done, batch, rows)

    @staticmethod
    def done(batch: list[Waiting], rows: list[Any]) -> None:
        for (_, _, future), row in zip(batch, rows, strict=True):
            future.set_result(row[1])

    async def append(self, room: str, text: str) -> int:
        future = self.loop.create_future()
        self.waiting.append((room, text, future))
        self.wake.set()
        return await future


def make_app(path: str) -> Quart:
    app, store = Quart(__name__), Store(path)
    rooms: dict[str, set[Any]] = {}

    @app.before_serving
    async def start() -> None:
        store.start()

    @app.websocket("/room/<room>")
    async def talk(room: str) -> None:
        me = websocket._get_current_object()  # type: ignore[attr-defined]
        await websocket.accept()
        members = rooms.setdefault(room, set())
        members.add(me)
        try:
            while True:
                message = orjson.loads(await websocket.receive())
                n = await store.append(room, message["data"]["text"])
                event = orjson.dumps(
                    {
                        "topic": room,
                        "n": n,
                        "type": message["type"],
                        "at": int(time.time() * 1000),
                        "actor": {"kind": "customer", "id": "1", "name": "Customer"},
                        "data": message["data"],
                    }
                ).decode()
                for member in tuple(members):
                    await member.send(event)
                await me.send(orjson.dumps({"id": message["id"], "ok": {"n": n}}).decode())
        finally:
            members.discard(me)

    return app


if __name__ == "__main__":
    without_deflate()
    listener = listen("127.0.0.1", int(sys.argv[2]))
    uvloop.run(serve(make_app(sys.argv[1]), server_config(listener)))  # type: ignore[arg-type]
