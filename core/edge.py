"""What is looked at before the application sees a request: who really sent it, and is it one."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from core.config import is_address

Scope = dict[str, Any]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_HOST: Final = re.compile(r"[A-Za-z0-9.\-:\[\]]{1,255}")
_SECURE: Final = {"http": "https", "https": "https", "ws": "wss", "wss": "wss"}
_PLAIN: Final = {"http": "http", "https": "http", "ws": "ws", "wss": "ws"}


def guarded(inner: Asgi, trusted_proxies: int) -> Asgi:
    """Refuse what two servers could read in two ways; believe our own proxies and nobody else."""

    async def enter(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await inner(scope, receive, send)
        elif problem := _problem(scope):
            await _refuse(scope, send, problem)
        else:
            known = forwarded(scope, trusted_proxies) if trusted_proxies else scope
            await inner(known, receive, send)

    return enter


def forwarded(scope: Scope, proxies: int) -> Scope:
    """Return *scope* as the outermost of our *proxies* saw it.

    Each proxy appends to ``X-Forwarded-*``, so the value that counts is as far from the end as
    there are proxies; what stands before it the client may have made up.
    """
    headers: Headers = scope["headers"]
    changes: Scope = {}
    address = _value(headers, b"x-forwarded-for", proxies)
    if is_address(address):
        changes["client"] = (address, 0)
    scheme = _value(headers, b"x-forwarded-proto", proxies).lower()
    if scheme in {"http", "https"}:
        changes["scheme"] = (_SECURE if scheme == "https" else _PLAIN)[scope["scheme"]]
    host = _value(headers, b"x-forwarded-host", proxies)
    if _is_host(host):
        others = [(name, value) for name, value in headers if name != b"host"]
        changes["headers"] = [(b"host", host.encode()), *others]
    return scope | changes


def _is_host(text: str) -> bool:
    return bool(_HOST.fullmatch(text)) and all(len(label) < 64 for label in text.split("."))


def _value(headers: Iterable[tuple[bytes, bytes]], wanted: bytes, proxies: int) -> str:
    lines = b",".join(value for name, value in headers if name.lower() == wanted)
    values = lines.decode("latin1").split(",")
    return values[-proxies].strip() if len(values) >= proxies else ""


def _problem(scope: Scope) -> bytes:
    names = {name.lower() for name, _value in scope["headers"]}
    if {b"transfer-encoding", b"content-length"} <= names:
        # A proxy and we could disagree where the next request begins.
        return b"The length of this request is given twice.\n"
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    if host and not _is_host(host.decode("latin1")):
        return b"This is no name of a host.\n"
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return b"The address has a character that nothing can be named with.\n"
    return b""


async def _refuse(scope: Scope, send: Any, problem: bytes) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"connection", b"close"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": problem, "more_body": False})
