"""Opening a conversation of 100,000 events, beside one of 100: the agent's page and its socket."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks._common import Page, end, median, open_seat, percentile, report, server
from benchmarks._site import furnish

LONG, SHORT, ROUNDS = 100_000, 100, 60


def fill(folder: Path, sessions: list[Any]) -> None:
    """Write the events as the timeline would."""
    with sqlite3.connect(folder / "site.sqlite3") as database:
        seq = 0
        for session, count in zip(sessions, (SHORT, LONG), strict=True):
            [customer] = database.execute(
                "SELECT customer_id FROM core_session WHERE id = ?", [str(session)]
            ).fetchone()
            database.executemany(
                "INSERT INTO core_event (tenant_id, seq, session_id, n, type, actor, actor_name,"
                " at_ms, internal, key, payload, customer_id)"
                " VALUES (1, ?, ?, ?, 'chat.message', 'customer:x', 'Ada', ?, 0, NULL, ?, ?)",
                (
                    (seq + n, str(session), n, n, orjson.dumps({"text": f"Message {n}"}), customer)
                    for n in range(1, count + 1)
                ),
            )
            seq += count
            database.execute(
                "UPDATE core_session SET last_n = ?, state = 'active' WHERE id = ?",
                [count, str(session)],
            )
        database.execute("UPDATE core_tenant SET last_seq = ?", [seq])


async def fetch_page(port: int, path: str, headers: dict[str, str]) -> tuple[float, bytes]:
    """Return how long the page took, and the page."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = {"Host": f"127.0.0.1:{port}", "Accept": "text/html", "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    began = time.perf_counter()
    writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
    answer = await reader.read()
    took = time.perf_counter() - began
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer[:500])
    return took, answer


class Opened:
    def __init__(self) -> None:
        self.answered = asyncio.Event()

    def hear(self, page: Page, frame: bytes) -> None:
        if b'"ok"' in frame:
            self.answered.set()


async def open_conversation(port: int, seat: Any, page: Page, opened: Opened, last: int) -> float:
    """Load the agent's page, then follow the session from the last event it shows."""
    took, answer = await fetch_page(port, f"/t/acme/sessions/{seat.session}", seat.headers)
    if f"Message {last}".encode() not in answer:
        raise RuntimeError("the page does not show the newest message")
    opened.answered.clear()
    topic = f"session:{seat.session}"
    message = {"id": "s", "op": "subscribe", "topic": topic, "after": last - 20}
    began = time.perf_counter()
    page.say(orjson.dumps(message))
    await asyncio.wait_for(opened.answered.wait(), 10)
    return took + time.perf_counter() - began


async def measure(port: int, seats: list[Any]) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {SHORT: [], LONG: []}
    opened = Opened()
    pages = [await open_seat(port, seat, opened.hear, subscribe=False) for seat in seats]
    for round_ in range(ROUNDS + 5):
        for seat, page, last in zip(seats, pages, (SHORT, LONG), strict=True):
            took = await open_conversation(port, seat, page, opened, last)
            if round_ >= 5:
                found[last].append(took * 1000)
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        seats = asyncio.run(furnish(folder, 2))
        agents = [seats[1], seats[3]]
        fill(folder, [seat.session for seat in agents])
        with server("benchmarks._site", path, folder / "ours.log") as ours:
            found = uvloop.run(measure(ours.port, agents))
    # Of many alternating tries the quicker ones tell what the work itself takes.
    ratio = percentile(found[LONG], 0.25) / percentile(found[SHORT], 0.25)
    detail = {
        "events": [SHORT, LONG],
        "p25_ms": [round(percentile(found[count], 0.25), 2) for count in (SHORT, LONG)],
        "p50_ms": [round(median(found[count]), 2) for count in (SHORT, LONG)],
    }
    report(
        "long_conversation",
        ratio,
        "times the short one's",
        "<= 1.2",
        met=ratio <= 1.2,
        detail=detail,
    )


if __name__ == "__main__":
    main()
    end()
