"""The server: hypercorn in this process, and an end that pages understand."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from hypercorn.protocol import ws_stream
from hypercorn.protocol.events import Data
from quart import Quart
from wsproto.connection import ConnectionState

from core.current import Services
from core.realtime import Realtime

BACKLOG: Final = 4096
MESSAGE_MAX: Final = 64 * 1024
UNSENT_MS: Final = 20_000
"""How long the kernel keeps what a peer does not take, before it gives the connection up."""
SHUTDOWN_S: Final = 10.0


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; *port* 0 picks a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_MS)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def server_config(listener: socket.socket) -> HypercornConfig:
    config = HypercornConfig()
    config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    config.backlog = BACKLOG
    config.websocket_max_message_size = MESSAGE_MAX
    # Its pings are never checked, and they delay the end by up to one interval.
    config.websocket_ping_interval = None
    # A full queue of an application that has ended blocks hypercorn's own end of the connection
    # for ever. Nothing is lost by an open one: it is emptied at once, and Socket counts.
    config.max_app_queue_size = 0
    config.include_server_header = False
    config.graceful_timeout = SHUTDOWN_S
    config.accesslog = None
    return config


def without_deflate() -> None:
    """Compression costs 90 kB of memory per socket; hypercorn has no switch for it."""
    ws_stream.server_extensions_handshake = lambda *_: None  # type: ignore[attr-defined]


def send_text_directly() -> None:
    """Frame a text here rather than in wsproto: it goes out whole and uncompressed anyway.

    A message is one frame of a few bytes and the text (RFC 6455, 5.2); the general way there
    costs as much as the write to the network.
    """
    general = ws_stream.WSStream.app_send

    async def app_send(self: ws_stream.WSStream, message: Any) -> None:
        if (
            message is None
            or message["type"] != "websocket.send"
            or message.get("text") is None
            or self.closed
            or self.state is not ws_stream.ASGIWebsocketState.CONNECTED
            or self.connection.state is not ConnectionState.OPEN
        ):
            await general(self, message)
            return
        text = message["text"].encode()
        await self.send(Data(stream_id=self.stream_id, data=_text_header(len(text)) + text))

    if general.__module__ == ws_stream.__name__:  # and not done already
        ws_stream.WSStream.app_send = app_send  # type: ignore[method-assign]


def _text_header(length: int) -> bytes:
    if length < 126:
        return bytes((0x81, length))
    if length < 1 << 16:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")


def spare_the_collector() -> None:
    """Leave what the start has made out of every later collection: it stays to the end anyway.

    Looking through it again and again costs each message, and pauses all pages at once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def let_the_writer_in() -> None:
    """Hand the interpreter over sooner: SQLite's thread asks for it after every statement.

    With the usual 5 ms a commit waits longer for the busy loop than for the disk.
    """
    sys.setswitchinterval(0.0005)


async def serve(
    app: Quart, listener: socket.socket, *, stop: Callable[[], Awaitable[Any]] | None = None
) -> None:
    """Serve *app* until *stop* returns or a signal comes; then tell every page to come again."""
    without_deflate()
    send_text_directly()
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, asked.set)

    async def until_asked() -> None:
        spare_the_collector()
        let_the_writer_in()
        await (stop() if stop else asked.wait())
        services = cast("Services", app.extensions["services"])
        if Realtime in services:
            await services[Realtime].close_all()

    await hypercorn_serve(
        cast("Any", app), server_config(listener), shutdown_trigger=cast("Any", until_asked)
    )


def run(app: Quart, listener: socket.socket) -> None:
    """Serve *app* in a loop of its own until the process is asked to end."""
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.run(serve(app, listener))
        return
    asyncio.run(serve(app, listener))
