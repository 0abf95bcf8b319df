"""One message to five hundred watching agents: CPU per delivery, beside a bare server."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks._common import Page, Server, end, median, open_page, open_seat, report, server
from benchmarks._site import furnish

WATCHERS, ROUNDS, EVENTS, EVENTS_PER_S = 500, 5, 30, 10


class Audience:
    def __init__(self, topic: str) -> None:
        self.topic, self.pages, self.heard, self.number = topic, [], 0, 0
        self.wanted, self.all_heard = 0, asyncio.Event()

    pages: list[Page]

    def hear(self, page: Page, frame: bytes) -> None:
        if b'"n":' in frame[:120]:
            self.heard += 1
            if self.heard == self.wanted:
                self.all_heard.set()
        elif b'"ping"' in frame:
            page.say(b'{"op":"pong"}')

    def say(self) -> None:
        self.number += 1
        message = {"id": f"m{self.number}", "op": "send", "type": "chat.message"}
        text = f"{self.number} has come into the waiting room"
        self.pages[0].say(orjson.dumps({**message, "topic": self.topic, "data": {"text": text}}))


async def deliver(audience: Audience, target: Server) -> float:
    """Return the server's CPU microseconds per delivery; everybody must get everything."""
    wanted = audience.wanted = EVENTS * len(audience.pages)
    audience.heard = 0
    audience.all_heard.clear()
    before = target.cpu_s
    for _ in range(EVENTS):
        audience.say()
        await asyncio.sleep(1 / EVENTS_PER_S)
    await asyncio.wait_for(audience.all_heard.wait(), 30)
    return (target.cpu_s - before) / wanted * 1e6


async def measure(ours: Server, bare: Server, seats: list[Any]) -> dict[str, list[float]]:
    mine, theirs = Audience(f"session:{seats[0].session}"), Audience("room-0")
    for seat in seats:
        mine.pages.append(await open_seat(ours.port, seat, mine.hear))
        theirs.pages.append(await open_page(bare.port, "/room/0", theirs.hear))
    await asyncio.sleep(1)
    found: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(ROUNDS):
        found["ours"].append(await deliver(mine, ours))
        found["bare"].append(await deliver(theirs, bare))
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        seats = asyncio.run(furnish(folder, 1, WATCHERS))
        with (
            server("benchmarks._site", path, folder / "ours.log") as ours,
            server(
                "benchmarks.bare_server", str(folder / "bare.sqlite3"), folder / "b.log"
            ) as bare,
        ):
            found = uvloop.run(measure(ours, bare, seats))
    ratio = median([o / b for o, b in zip(found["ours"], found["bare"], strict=True)])
    detail = {f"{name}_us": [round(us, 1) for us in values] for name, values in found.items()}
    detail["watchers"] = [WATCHERS]
    report(
        "fan_out", ratio, "times the bare server's CPU", "<= 1.2", met=ratio <= 1.2, detail=detail
    )


if __name__ == "__main__":
    main()
    end()
