"""What people type into the form, checked and in its one stored form. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from zoneinfo import ZoneInfo

from core.api import BadInput, addresses
from core.api import gettext as _
from plugins.blacklist import patterns

EMAIL: Final = "email"
PHONE: Final = "phone"
NETWORK: Final = "network"
PATTERN: Final = "pattern"
KINDS: Final = (EMAIL, PHONE, NETWORK, PATTERN)
ERASED: Final = {EMAIL: "erased_email", PHONE: "erased_phone"}
"""Kinds of entries about a person who was erased: only a fingerprint of the address is left."""

LONGEST_REASON: Final = 200
FURTHEST: Final = timedelta(days=365 * 50)


class BadNetwork(BadInput):
    code = "bad-network"
    message = "This is not a network. Write an IP address or a range such as 203.0.113.0/24."


class BadMask(BadInput):
    code = "bad-pattern"
    message = "This is not a pattern. Write a mask such as *@example.com, or /expression/."


class BlocksEverybody(BadInput):
    code = "blocks-everybody"
    message = "This would turn everybody away."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an entry is to say."""

    kind: str
    value: str
    reason: str = ""
    until: datetime | None = None


def stored_value(kind: str, text: str) -> str:
    """Return *text* as an entry of *kind* keeps it, or raise ``BadInput``."""
    text = text.strip()
    if kind == EMAIL:
        return addresses.email(text)
    if kind == PHONE:
        return addresses.phone(text)
    if kind == NETWORK:
        return network(text)
    if kind == PATTERN:
        return pattern(text)
    raise BadInput(field="kind", problem=_("choose one of the list"))


def network(text: str) -> str:
    try:
        found = ip_network(text[:64], strict=False)
    except ValueError:
        raise BadNetwork(field="value") from None
    if found.prefixlen == 0:
        raise BlocksEverybody(field="value")
    return str(found)


def pattern(text: str) -> str:
    try:
        patterns.check(text)
    except patterns.BadPattern as error:
        kind = BlocksEverybody if str(error) == "everybody" else BadMask
        raise kind(field="value") from None
    return text


def reason(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > LONGEST_REASON:
        raise BadInput(field="reason", problem=_("at most 200 characters"))
    return text


def until_end_of(text: str, zone: str, now: datetime) -> datetime | None:
    """Return when the day *text* (ISO) ends in *zone*, in UTC; empty: ``None``, for good."""
    if not text.strip():
        return None
    try:
        last_day = date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(field="until", problem=_("a date is expected")) from None
    if last_day > (now + FURTHEST).date():
        raise BadInput(field="until", problem=_("this is too far away"))
    midnight = datetime.combine(last_day + timedelta(days=1), time(), ZoneInfo(zone))
    if midnight <= now:
        raise BadInput(field="until", problem=_("this day is over"))
    return midnight.astimezone(UTC)


def last_day(until: datetime, zone: str) -> date:
    """Return the last whole day an entry holds: the inverse of ``until_end_of``."""
    return (until - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return a peer's network address; ``None`` when it is not one. Mapped IPv4 is IPv4."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
