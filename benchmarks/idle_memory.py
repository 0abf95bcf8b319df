"""Memory of one open page that has sent ten messages and now only stays."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks._common import Page, Server, end, open_seat, report, server
from benchmarks._site import furnish

SOCKETS, WARM, MESSAGES, MOST_KB = 1000, 100, 10, 40.0


class Crowd:
    def __init__(self) -> None:
        self.acknowledged = 0
        self.news = asyncio.Event()

    def hear(self, page: Page, frame: bytes) -> None:
        if b'"ping"' in frame:
            page.say(b'{"op":"pong"}')
        elif b'"ok"' in frame and b'"id":"m' in frame:
            self.acknowledged += 1
            self.news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while self.acknowledged < count:
                self.news.clear()
                await self.news.wait()

    async def join(self, target: Server, seats: list[Any]) -> None:
        """Open a page for each seat and let it send its messages."""
        self.acknowledged = 0
        for index, seat in enumerate(seats):
            page = await open_seat(target.port, seat, self.hear)
            for number in range(MESSAGES):
                message = {"id": f"m{number}", "op": "send", "type": "chat.message"}
                topic = f"session:{seat.session}"
                text = {"text": f"This is message {number} of this page."}
                page.say(orjson.dumps({**message, "topic": topic, "data": text}))
            await self.until((index - 20) * MESSAGES)
        await self.until(len(seats) * MESSAGES)
        await asyncio.sleep(3)


async def measure(ours: Server, seats: list[Any]) -> tuple[int, int]:
    crowd = Crowd()
    await crowd.join(ours, seats[:WARM])
    before = ours.pss
    await crowd.join(ours, seats[WARM:])
    return before, ours.pss


def main() -> None:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        seats = asyncio.run(furnish(folder, (SOCKETS + WARM) // 2))
        with server("benchmarks._site", path, folder / "ours.log") as ours:
            before, after = uvloop.run(measure(ours, seats))
    each_kb = (after - before) / SOCKETS / 1024
    detail = {
        "sockets": SOCKETS,
        "messages_each": MESSAGES,
        "before_mb": round(before / 1024**2, 1),
        "after_mb": round(after / 1024**2, 1),
    }
    report("idle_memory", each_kb, "kB per socket", "<= 40", met=each_kb <= MOST_KB, detail=detail)


if __name__ == "__main__":
    main()
    end()
