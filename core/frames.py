"""What goes over the socket to the page, encoded once for everybody who gets it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import orjson

from core.values import Actor, StoredEvent


def encode(message: dict[str, Any]) -> str:
    return orjson.dumps(message).decode()


def topic_of(event: StoredEvent) -> str:
    return f"session:{event.session_id}"


def event_frame(event: StoredEvent, topic: str | None = None) -> str:
    return encode(
        {
            "topic": topic or topic_of(event),
            "n": event.n,
            "type": event.type,
            "at": event.at_ms,
            "actor": actor(event.actor),
            "data": event.payload,
        }
    )


def hidden_frame(topic: str, n: int) -> str:
    """For customers: an internal event only counts, so that ``n`` has no gaps."""
    return encode({"topic": topic, "n": n, "type": "core.internal"})


def event_body(event: StoredEvent, topic: str) -> dict[str, Any]:
    """What the bus carries of an event: enough to pass it on without looking into it."""
    return {
        "tenant": event.tenant_id,
        "n": event.n,
        "internal": event.internal,
        "frame": event_frame(event, topic),
    }


def actor(who: Actor) -> dict[str, str]:
    return {"kind": who.kind, "id": who.id, "name": who.name}


def ok(message_id: str, result: dict[str, Any] | None) -> str:
    return encode({"id": message_id, "ok": result or {}})


def error(message_id: str | None, code: str, message: str) -> str:
    return encode({"id": message_id, "error": {"code": code, "message": message}})


def snapshot(topic: str, version: int, rows: Sequence[dict[str, Any]]) -> str:
    return encode({"topic": topic, "v": version, "snapshot": rows})


def delta(topic: str, version: int, rows: Sequence[Any], gone: Sequence[Any]) -> str:
    return encode({"topic": topic, "v": version, "delta": {"set": rows, "gone": gone}})


def closed(topic: str, code: str) -> str:
    return encode({"topic": topic, "closed": code})


def ping() -> str:
    return encode({"op": "ping", "now": time.time_ns() // 1_000_000})
