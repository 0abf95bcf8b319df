"""What the benchmarks share: servers as processes, a light client, one line of JSON."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def report(name: str, value: float, unit: str, target: str, *, met: bool, detail: Any) -> None:
    """Print the result; the process ends with 1 when the target is missed."""
    line = {
        "name": name,
        "value": round(value, 4),
        "unit": unit,
        "target": target,
        "met": met,
        "detail": detail,
    }
    print(orjson.dumps(line).decode(), flush=True)
    if not met:
        _missed.append(name)


_missed: list[str] = []


def end() -> None:
    sys.exit(1 if _missed else 0)


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    port: int

    @property
    def cpu_s(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    @property
    def pss(self) -> int:
        return int(psutil.Process(self.process.pid).memory_full_info().pss)


@contextmanager
def server(module: str, argument: str, log: Path) -> Iterator[Server]:
    """Run ``python -m module argument port`` until it listens, and end it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, argument, str(port)],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        deadline = time.monotonic() + 30
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{module} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)
        yield Server(process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


class Page(asyncio.Protocol):
    """A WebSocket client that does the least: text frames in and out, one callback."""

    def __init__(self, hear: Callable[[Page, bytes], None]) -> None:
        self.hear = hear
        self.buffer = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        if not self.opened.done():
            head, found, buffer = buffer.partition(b"\r\n\r\n")
            if not found:
                self.buffer = head
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                self.opened.set_exception(ConnectionRefusedError(head[:100]))
                return
            self.opened.set_result(None)
        position, end = 0, len(buffer)
        while end - position >= 2:
            length, start = buffer[position + 1], position + 2
            if length == 126:
                length = int.from_bytes(buffer[start : start + 2], "big")
                start += 2
            elif length == 127:
                length = int.from_bytes(buffer[start : start + 8], "big")
                start += 8
            if end < start + length:
                break
            if buffer[position] & 15 == 1:
                self.hear(self, buffer[start : start + length])
            position = start + length
        self.buffer = buffer[position:]

    def say(self, message: bytes) -> None:
        length = len(message)
        if length < 126:
            head = bytes((0x81, 0x80 | length))
        else:
            head = bytes((0x81, 0xFE)) + length.to_bytes(2, "big")
        self.transport.write(head + b"\0\0\0\0" + message)


async def open_page(
    port: int, path: str, hear: Callable[[Page, bytes], None], headers: dict[str, str] | None = None
) -> Page:
    loop = asyncio.get_running_loop()
    _, page = await loop.create_connection(lambda: Page(hear), "127.0.0.1", port)
    host = f"127.0.0.1:{port}"
    lines = {
        "Host": host,
        "Origin": f"http://{host}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    page.transport.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
    await page.opened
    return page


async def take_ticket(port: int, headers: dict[str, str]) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    host = f"127.0.0.1:{port}"
    lines = {"Host": host, "Origin": f"http://{host}", "Content-Length": "0"}
    lines |= {"Accept": "application/json", "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"POST /t/acme/realtime/ticket HTTP/1.1\r\n{head}\r\n".encode())
    answer = await reader.read()
    writer.close()
    head_bytes, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head_bytes.partition(b"\r\n")[0]:
        raise ConnectionRefusedError(answer[:300])
    return str(orjson.loads(body)["ticket"])


async def open_seat(
    port: int, seat: Any, hear: Callable[[Page, bytes], None], *, subscribe: bool = True
) -> Page:
    """Open a page of ours: ticket, socket, subscription to its session."""
    ticket = await take_ticket(port, seat.headers)
    page = await open_page(port, f"/t/acme/realtime?ticket={ticket}", hear)
    if subscribe:
        topic = f"session:{seat.session}"
        page.say(orjson.dumps({"id": "s", "op": "subscribe", "topic": topic}))
    return page


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0
