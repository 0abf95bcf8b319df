"""Limits on guessing: each try is counted before it is judged, and the pauses grow.

The counters are rows, so neither a restart nor a second process forgets them.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tortoise.expressions import F

from core.errors import TooMany
from core.models import Throttle
from core.scoping import across_tenants

DAY: Final = timedelta(hours=24)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """``pauses_s``: seconds to wait after the first, second … try; the last one repeats.

    After ``forget`` without a try the count begins anew.
    """

    name: str
    pauses_s: tuple[int, ...]
    forget: timedelta = DAY

    def pause(self, tries: int) -> timedelta:
        index = min(tries, len(self.pauses_s)) - 1
        return timedelta(seconds=self.pauses_s[index])


ACCOUNT: Final = Rule("account", (0, 0, 0, 5, 10, 20, 40, 80, 160, 3600))
"""Ten tries, and then one each hour. Also for the sign-ins of one known device."""
ADDRESS: Final = Rule("address", (0,) * 50 + (2, 4, 8, 16, 32, 64, 128, 256, 512, 900), HOUR)
"""One network address against all accounts. An office behind one address has room."""
MAIL: Final = Rule("mail", (0, 60, 600, 3600))
"""Mails with a link to one mailbox."""
MAIL_ADDRESS: Final = Rule("mail-address", (0,) * 10 + (30, 60, 120, 300, 900), HOUR)


async def take(tenant_id: int, rule: Rule, who: str) -> None:
    """Count a try of *who*; raise ``TooMany`` while it has to wait. Not inside a transaction.

    Counting and judging are one conditional update: tries at the same time pass one by one.
    """
    key = _key(rule, who)
    for _ in range(30):
        now = _now()
        row, _made = await Throttle.get_or_create(
            {"failures": 0, "last_at": now}, tenant_id=tenant_id, key=key
        )
        if row.blocked_until is not None and row.blocked_until > now:
            raise TooMany(retry_s=math.ceil((row.blocked_until - now).total_seconds()))
        before = row.failures
        tries = 1 if now - row.last_at > rule.forget else before + 1
        passed = await Throttle.filter(tenant_id=tenant_id, key=key, failures=before).update(
            failures=tries, last_at=now, blocked_until=now + rule.pause(tries)
        )
        if passed:
            return
    raise TooMany(retry_s=1)


async def give_back(tenant_id: int, rule: Rule, who: str) -> None:
    """The try was no guess: as if it had not taken place. Earlier ones stay counted."""
    await Throttle.filter(tenant_id=tenant_id, key=_key(rule, who), failures__gt=0).update(
        failures=F("failures") - 1, blocked_until=None
    )


async def sweep() -> None:
    """Delete what is forgotten, for all tenants."""
    await across_tenants(Throttle).filter(last_at__lt=_now() - DAY).delete()


def network(address: str) -> str:
    """Return what counts as one address: of IPv6 the /64 that one customer has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _key(rule: Rule, who: str) -> str:
    return hashlib.sha256(f"{rule.name}:{who}".encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
