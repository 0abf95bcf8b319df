"""The server is killed again and again while people chat. What was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from websockets.exceptions import WebSocketException

from core.models import Event
from core.testing.services import answers, free_port
from tests.core.realtime.house import Pass, a_customer, a_session, a_tenant, a_user, opened
from tests.core.realtime.page import dial

ROOT = Path(__file__).parents[3]
TROUBLES = (OSError, WebSocketException, TimeoutError, asyncio.IncompleteReadError)


@dataclass
class Server:
    """The application in a process of its own, on a port that outlives it."""

    url: str
    folder: Path
    port: int
    redis_url: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.core.realtime.probe"]
        command += [self.url, str(self.folder / "data"), str(self.port), self.redis_url]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    async def ready(self) -> None:
        while not answers(self.port):
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            await asyncio.sleep(0.02)

    def end(self, how: int) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(15)
            self.process = None

    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")[-3000:]


@contextmanager
def a_server(url: str, folder: Path, redis_url: str = "") -> Iterator[Server]:
    server = Server(url, folder, free_port(), redis_url)
    server.start()
    try:
        yield server
    finally:
        server.end(signal.SIGKILL)


@dataclass
class Chatter:
    """One page that never gives up: it resumes, and sends again what was not acknowledged."""

    port: int
    who: Pass
    topic: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    unsent: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    attempts: int = 0
    room: list[Chatter] = field(default_factory=list)
    """Everybody in this session, himself included."""

    @property
    def last(self) -> int:
        return self.seen[-1]["n"] if self.seen else 0

    async def live(self, until: asyncio.Event) -> None:
        while not (until.is_set() and self.is_complete):
            try:
                await self._once(until)
            except TROUBLES:
                self.attempts += 1
                # Full jitter, as bus.js has it, only faster.
                await asyncio.sleep(random.uniform(0.02, min(1.0, 0.2 * 2**self.attempts)))

    @property
    def is_complete(self) -> bool:
        newest = max((n for one in self.room for n in one.acknowledged.values()), default=0)
        return self.last >= newest and not any(one.unsent for one in self.room)

    async def _once(self, until: asyncio.Event) -> None:
        connection = await dial(self.port, self.who)
        try:
            await connection.send(
                json.dumps({"id": "s", "op": "subscribe", "topic": self.topic, "after": self.last})
            )
            for number, text in self.unsent.items():
                await self._post(connection, number, text)
            while not (until.is_set() and self.is_complete):
                if len(self.unsent) < 3 and not until.is_set():
                    self.sent += 1
                    number = uuid4().hex
                    self.unsent[number] = f"{self.who.id} {self.sent}"
                    await self._post(connection, number, self.unsent[number])
                patience_s = 0.5 if until.is_set() else 5
                self._take(json.loads(await asyncio.wait_for(connection.recv(), patience_s)))
                self.attempts = 0
        finally:
            connection.transport.abort()

    async def _post(self, connection: Any, number: str, text: str) -> None:
        message = {"id": number, "op": "send", "type": "probe.say", "topic": self.topic}
        await connection.send(json.dumps({**message, "data": {"text": text}}))

    def _take(self, message: dict[str, Any]) -> None:
        if "n" in message and message.get("topic") == self.topic:
            if message["n"] > self.last:
                assert message["n"] == self.last + 1, "a gap in the stream"
                self.seen.append(message)
        elif message.get("id") in self.unsent:
            assert "ok" in message, message
            self.acknowledged[message["id"]] = message["ok"]["n"]
            del self.unsent[message["id"]]


async def people(url: str, count: int) -> tuple[int, list[tuple[UUID, Pass]]]:
    async with opened(url, fresh=True):
        tenant = await a_tenant("acme", ("probe",))
        result = []
        for number in range(count // 2):
            session = await a_session(tenant)
            result.append((session, await a_customer(tenant, session)))
            result.append((session, await a_user(tenant, f"agent{number}")))
        return tenant.id, result


@pytest.mark.serves("R-01", "R-08")
async def test_nothing_acknowledged_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'chat.sqlite3'}"
    tenant_id, everybody = await people(url, 50)
    rng = random.Random(int(os.environ.get("OFFHOOK_TEST_SEED", time.time())))
    kills = 20
    with a_server(url, tmp_path) as server:
        await server.ready()
        chatters = [Chatter(server.port, who, f"session:{s}") for s, who in everybody]
        for one in chatters:
            one.room = [other for other in chatters if other.topic == one.topic]
        over = asyncio.Event()
        lives = [asyncio.ensure_future(chatter.live(over)) for chatter in chatters]
        for _ in range(kills):
            await _until_they_talk(chatters, lives, rng.uniform(0.05, 0.9))
            server.end(signal.SIGKILL)
            server.start()
            began = time.monotonic()
            await server.ready()
            assert time.monotonic() - began < 20
        await _until_they_talk(chatters, lives, 0.5)
        over.set()
        await asyncio.wait_for(asyncio.gather(*lives), 60)

    await _compare(url, tenant_id, everybody, chatters)


async def _until_they_talk(chatters: list[Chatter], lives: list[Any], then_s: float) -> None:
    """Wait until some have been acknowledged anew, then a little, so that kills hit any moment."""
    before = sum(len(chatter.acknowledged) for chatter in chatters)
    deadline = time.monotonic() + 30
    while sum(len(c.acknowledged) for c in chatters) < before + 50:
        for life in lives:
            if life.done():
                life.result()
        assert time.monotonic() < deadline, "the server did not come back"
        await asyncio.sleep(0.01)
    await asyncio.sleep(then_s)


async def _compare(
    url: str, tenant_id: int, everybody: list[tuple[UUID, Pass]], chatters: list[Chatter]
) -> None:
    async with opened(url):
        total = await Event.filter(tenant_id=tenant_id).count()
        seqs = await Event.filter(tenant_id=tenant_id).order_by("seq").values_list("seq", flat=True)
        assert seqs == list(range(1, total + 1))
        for (session, _), chatter in zip(everybody, chatters, strict=True):
            rows = await Event.filter(tenant_id=tenant_id, session_id=session).order_by("n")
            log = [(row.n, row.payload["text"]) for row in rows]
            assert [n for n, _ in log] == list(range(1, len(log) + 1))
            assert [(e["n"], e["data"]["text"]) for e in chatter.seen] == log
            own = [text for _, text in log if text.startswith(f"{chatter.who.id} ")]
            assert own == [f"{chatter.who.id} {i + 1}" for i in range(chatter.sent)]
            assert len(chatter.acknowledged) == chatter.sent
    assert total == sum(chatter.sent for chatter in chatters) > 1000
