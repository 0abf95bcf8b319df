"""Tickets: what a page shows to open its socket. For one use, within half a minute."""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from typing import Final

from core.bus import Bus
from core.config import Config
from core.errors import NotSignedIn

LASTS_S: Final = 30


class Tickets:
    """A ticket names a tenant, a sign-in there, and the process that made it."""

    def __init__(self, config: Config, bus: Bus) -> None:
        self._key, self._bus = config.secret.encode(), bus

    def issue(self, tenant_id: int, sign_in_id: int) -> str:
        until = int(time.time()) + LASTS_S
        parts = (tenant_id, sign_in_id, until, self._bus.origin[:16], secrets.token_hex(12))
        text = ".".join(map(str, parts))
        return f"{text}.{self._seal(text)}"

    async def redeem(self, tenant_id: int, ticket: str) -> int:
        """Return the sign-in; ``NotSignedIn`` for a ticket that is false, late, foreign or used."""
        text, _, seal = ticket.rpartition(".")
        if not hmac.compare_digest(self._seal(text).encode(), seal.encode()):
            raise NotSignedIn
        owner, sign_in_id, until, origin, nonce = text.split(".")
        if int(owner) != tenant_id or time.time() > int(until):
            raise NotSignedIn
        ours = origin == self._bus.origin[:16]
        if not await self._bus.once(f"ticket:{nonce}", LASTS_S + 5, ours=ours):
            raise NotSignedIn
        return int(sign_in_id)

    def _seal(self, text: str) -> str:
        digest = hmac.digest(self._key, b"ticket:" + text.encode(), "sha256")
        return urlsafe_b64encode(digest[:24]).decode()
