"""Sockets that Quart lets in and that are then served without it.

Quart decides as for any request: tenant, origin, guard, view. What it would keep for the life
of a socket (two tasks, a queue without bounds, the request) costs memory and, for each message,
one more turn of the loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from quart import websocket

Asgi = Callable[[Any, Any, Any], Awaitable[None]]
Serve = Callable[[Any, Any], Awaitable[None]]
_KEY: Final = "offhook.serve"


def hand_over(serve: Serve) -> None:
    """Let *serve(receive, send)* go on with the socket of this view once the view has returned."""
    scope: dict[str, Any] = websocket.scope  # type: ignore[assignment]
    scope[_KEY] = serve


def handing_over(inner: Asgi) -> Asgi:
    """Wrap *inner*, which is Quart; accept and serve what its views hand over."""

    async def enter(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await inner(scope, receive, send)
            return

        async def answer(message: Any) -> None:
            # Quart closes what a view did not accept.
            if _KEY not in scope:
                await send(message)

        await inner(scope, receive, answer)
        serve = scope.pop(_KEY, None)
        if serve is not None:
            await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
            await serve(receive, send)

    return enter
