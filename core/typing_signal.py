"""“… is typing”: passed on to the others in the session, never stored."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from core import frames
from core.bus import Bus
from core.current import service
from core.plugins import Incoming, MessageType

EVERY_S: Final = 1.0
"""More often is not passed on."""


class Typing(msgspec.Struct, forbid_unknown_fields=True):
    pass


_latest: dict[tuple[str, str], float] = {}


async def _pass_on(incoming: Incoming) -> dict[str, Any] | None:
    principal, topic = incoming.principal, incoming.topic
    if incoming.session_id is None or not topic.startswith("session:"):
        return None
    now, who = time.monotonic(), (principal.id, topic)
    if now - _latest.get(who, 0.0) < EVERY_S:
        return None
    if len(_latest) > 1000:
        for key in [key for key, at in _latest.items() if now - at >= EVERY_S]:
            del _latest[key]
    _latest[who] = now
    frame = frames.encode(
        {"topic": topic, "type": TYPING.name, "actor": frames.actor(principal.actor)}
    )
    body = {
        "tenant": incoming.tenant.id,
        "from": f"{principal.kind}:{principal.id}",
        "frame": frame,
    }
    await service(Bus).publish(topic, body)
    return None


TYPING: Final = MessageType(
    "core.typing", Typing, _pass_on, permission="core.session.attend", customers=True
)
