"""Slow pages, fast pages and herds: each costs a bounded amount, and others do not notice."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import statistics
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.core.realtime.house import Pass
from tests.core.realtime.page import Page, address, dial, get_ticket
from tests.core.realtime.test_kill import TROUBLES, Server, a_server, people

MB = 1024 * 1024


def rss(server: Server) -> int:
    assert server.process is not None
    return int(psutil.Process(server.process.pid).memory_info().rss)


async def raw(server: Server, who: Pass, receive_buffer: int | None = None) -> socket.socket:
    """Return a connected WebSocket without a library that would read for us."""
    ticket = await get_ticket(server.port, who)
    path = address(server.port, who.slug, ticket).partition(str(server.port))[2]
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", server.port))
    host = f"127.0.0.1:{server.port}"
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
    head += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    head += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    await loop.sock_sendall(connection, head.encode())
    assert b" 101 " in await loop.sock_recv(connection, 4096)
    return connection


def text_frame(message: dict[str, Any]) -> bytes:
    """One masked frame; the mask is zero, so the text stays as it is."""
    data = json.dumps(message).encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data)]) + b"\0\0\0\0" + data


@pytest.mark.serves("R-15")
async def test_a_slow_page_costs_little_and_is_closed(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'slow.sqlite3'}"
    _, [(session, customer), (_, agent)] = await people(url, 2)
    topic, slow_pages = f"session:{session}", 3
    with a_server(url, tmp_path) as server:
        await server.ready()
        sender, reader = await Page.open(server.port, agent), await Page.open(server.port, customer)
        await reader.subscribe(topic)
        quick = await _round_trips(sender, reader, topic, "x")
        slow = [await raw(server, customer, 4096) for _ in range(slow_pages)]
        before = rss(server)
        for connection in slow:
            connection.send(text_frame({"id": "s", "op": "subscribe", "topic": topic}))
        await asyncio.sleep(0.2)
        while_slow = await _round_trips(sender, reader, topic, "y" * 40_000)
        for _ in range(70):
            await sender.say(topic, "z" * 60_000)
            await reader.hear()
            await asyncio.sleep(0.02)
        grown = rss(server) - before

        assert grown < (5 * slow_pages + 10) * MB, f"{grown / MB:.1f} MB"
        assert statistics.median(while_slow) < max(1.2 * statistics.median(quick), 0.05)
        assert await _is_closed(slow[0])
        assert server.log().count("Traceback") == 0
        for connection in slow:
            connection.close()
        await asyncio.gather(sender.close(), reader.close())


async def _round_trips(sender: Page, reader: Page, topic: str, text: str) -> list[float]:
    times = []
    for _ in range(20):
        began = time.perf_counter()
        await sender.say(topic, text)
        await reader.hear()
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)
    return times


async def _is_closed(connection: socket.socket) -> bool:
    """Read what the kernel still has; the end, or a reset, must come."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        while True:
            try:
                if not await loop.sock_recv(connection, 1 << 20):
                    return True
            except ConnectionResetError:
                return True


@pytest.mark.serves("R-16", "S-32")
async def test_a_flood_is_cut_off_before_it_fills_memory(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'fast.sqlite3'}"
    _, [(session, customer), (_, agent)] = await people(url, 2)
    topic = f"session:{session}"
    with a_server(url, tmp_path) as server:
        await server.ready()
        calm = await Page.open(server.port, agent)
        await calm.subscribe(topic)
        before = rss(server)
        codes = []
        for _ in range(5):
            connection = await dial(server.port, customer, max_queue=None)
            codes.append(await _flood(connection, topic))
            assert "ok" in await calm.say(topic, "still here")
        grown = rss(server) - before
        await calm.close()

        assert set(codes) == {1008}
        assert grown < 10 * MB, f"{grown / MB:.1f} MB"


async def _flood(connection: ClientConnection, topic: str) -> int | None:
    message = {"id": "f", "op": "send", "type": "probe.say", "topic": topic}
    data = json.dumps({**message, "data": {"text": "x" * 30_000}})
    try:
        async with asyncio.timeout(10):
            while True:
                await connection.send(data)
    except (ConnectionClosed, TimeoutError):
        await connection.close()
        return connection.close_code


@pytest.mark.serves("R-18")
async def test_a_herd_of_five_hundred_comes_back(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'herd.sqlite3'}"
    _, everybody = await people(url, 50)
    with a_server(url, tmp_path) as server:
        await server.ready()
        herd = [Sheep(server.port, everybody[i % 50][1]) for i in range(500)]
        lives = [asyncio.ensure_future(sheep.live()) for sheep in herd]
        await _all_back(herd, lives, 0, 60)
        server.end(signal.SIGKILL)
        server.start()
        began = time.monotonic()
        await server.ready()
        await _all_back(herd, lives, 1, 120)
        took = time.monotonic() - began
        page = await Page.open(server.port, everybody[0][1])
        assert "ok" in await page.say(f"session:{everybody[0][0]}", "and it works")
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        await page.close()
    assert took < 60


class Sheep:
    def __init__(self, port: int, who: Pass) -> None:
        self.port, self.who, self.times, self.attempts = port, who, 0, 0

    async def live(self) -> None:
        while True:
            ceiling_s = 7.0 if self.times and not self.attempts else min(30.0, 2.0**self.attempts)
            await asyncio.sleep(random.uniform(0.3, max(0.4, ceiling_s)))
            try:
                connection = await dial(self.port, self.who)
            except TROUBLES:
                self.attempts += 1
                continue
            self.times, self.attempts = self.times + 1, 0
            try:
                await connection.wait_closed()
            finally:
                connection.transport.abort()


async def _all_back(herd: list[Sheep], lives: list[Any], times: int, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while any(sheep.times <= times for sheep in herd):
        assert not any(life.done() for life in lives)
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
