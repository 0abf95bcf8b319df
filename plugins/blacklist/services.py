"""Who is turned away, and how the list is kept."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, Final, cast

from tortoise.exceptions import IntegrityError
from tortoise.expressions import F, Q

from core.api import (
    Actor,
    Arrival,
    BadInput,
    Config,
    Forbidden,
    NotFound,
    PersonRef,
    Refused,
    audit,
    service,
)
from core.api import gettext as _
from plugins.blacklist import entries, patterns
from plugins.blacklist.entries import EMAIL, ERASED, NETWORK, PATTERN, PHONE, Wanted
from plugins.blacklist.models import Entry

PAGE: Final = 50
MOST_SEARCHED: Final = 500
"""Networks and patterns of one tenant: each arrival is compared with every one of them."""


class CallerBlocked(Refused):
    """Says nothing about why: the list and its reasons are the tenant's own affair."""

    code = "not-taken"
    message = "We cannot take your request here. Please reach us in another way."


class TooManySearched(Refused):
    code = "blacklist-full"
    message = "There is room for {limit} networks and patterns. Remove some that are over."


class AlreadyListed(BadInput):
    status = 409
    code = "already-listed"
    message = "This is on the blacklist already."


# At the door


async def refuse_if_blocked(arrival: Arrival) -> None:
    """Raise ``CallerBlocked`` when an entry in force fits, and count the attempt with each.

    Who hides all of his addresses is not turned away here.
    """
    too_long = any(len(text) > patterns.LONGEST_VALUE for text in _texts(arrival))
    found = [] if too_long else await matching(arrival)
    if found:
        query = Entry.filter(tenant_id=arrival.tenant_id, id__in=found)
        await query.update(attempts=F("attempts") + 1, last_attempt_at=datetime.now(UTC))
    if too_long or found:
        raise CallerBlocked


async def matching(arrival: Arrival) -> list[int]:
    """Return the ids of the entries in force that fit the arrival."""
    known = _known(arrival.tenant_id, (arrival.email,), (arrival.phone,))
    exact = Q(*(Q(kind=kind, value=value) for kind, value in known), join_type=Q.OR)
    wanted = Q(kind__in=[NETWORK, PATTERN])
    rows = await (
        Entry.filter(_in_force(), exact | wanted if known else wanted, tenant_id=arrival.tenant_id)
        .limit(MOST_SEARCHED + 4)
        .values_list("id", "kind", "value")
    )
    peer = entries.address_of(arrival.address)
    texts = [text for text in _texts(arrival) if text]
    fits = {
        NETWORK: lambda value: peer is not None and peer in ip_network(value),
        PATTERN: lambda value: any(patterns.matches(value, text) for text in texts),
    }
    listed = cast("list[tuple[int, str, str]]", rows)
    return [i for i, kind, value in listed if kind not in fits or fits[kind](value)]


def _texts(arrival: Arrival) -> tuple[str, str, str]:
    return arrival.email, arrival.phone, arrival.name


def _in_force() -> Q:
    return Q(until=None) | Q(until__gt=datetime.now(UTC))


def _known(
    tenant_id: int, emails: tuple[str, ...], phones: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Return the pairs of kind and value that stand for these addresses, erased ones too."""
    pairs = [(EMAIL, value) for value in emails if value]
    pairs += [(PHONE, value) for value in phones if value]
    return pairs + [(ERASED[k], fingerprint(tenant_id, k, v)) for k, v in pairs]


def fingerprint(tenant_id: int, kind: str, value: str) -> str:
    """Return what is left of an erased address: recognisable at the door, not readable."""
    key = service(Config).secret.encode()
    return hmac.digest(key, f"blacklist:{tenant_id}:{kind}:{value}".encode(), "sha256").hex()


# The list


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list. ``page`` counts from 1."""

    rows: list[Entry]
    total: int
    page: int
    pages: int


async def search(tenant_id: int, words: str, page: int) -> Listing:
    """Return the entries whose value, reason or author contain *words*, newest first."""
    query = Entry.filter(tenant_id=tenant_id)
    words = words.strip()[:100]
    if words:
        query = query.filter(
            Q(value__icontains=words)
            | Q(reason__icontains=words)
            | Q(created_by_name__icontains=words)
        )
    total = await query.count()
    pages = max(1, -(-total // PAGE))
    page = min(max(page, 1), pages)
    rows = await query.order_by("-id").offset((page - 1) * PAGE).limit(PAGE)
    return Listing(rows, total, page, pages)


async def get(tenant_id: int, entry_id: int) -> Entry:
    found = await Entry.get_or_none(tenant_id=tenant_id, id=entry_id)
    if found is None:
        raise NotFound
    return found


async def add(tenant_id: int, wanted: Wanted, by: Actor) -> Entry:
    """Put *wanted* on the list. An entry that is over makes room for the new one."""
    await _check_room(tenant_id, wanted.kind)
    query = Entry.filter(tenant_id=tenant_id, kind=wanted.kind, value=wanted.value)
    await query.filter(until__lte=datetime.now(UTC)).delete()
    try:
        entry = await Entry.create(
            tenant_id=tenant_id,
            kind=wanted.kind,
            value=wanted.value,
            reason=wanted.reason,
            until=wanted.until,
            created_by=str(by),
            created_by_name=by.name[:120],
        )
    except IntegrityError:
        raise AlreadyListed(field="value") from None
    await audit.write(tenant_id, by, "blacklist.entry_added", str(entry.id), kind=wanted.kind)
    return entry


async def _check_room(tenant_id: int, kind: str) -> None:
    if kind not in (NETWORK, PATTERN):
        return
    query = Entry.filter(tenant_id=tenant_id, kind__in=[NETWORK, PATTERN])
    if await query.count() >= MOST_SEARCHED:
        raise TooManySearched(limit=MOST_SEARCHED)


async def edit(tenant_id: int, entry_id: int, changes: Mapping[str, Any], by: Actor) -> None:
    """Change only what *changes* names: ``value``, ``reason``, ``until``."""
    await get(tenant_id, entry_id)
    if not changes:
        return
    try:
        await Entry.filter(tenant_id=tenant_id, id=entry_id).update(**changes)
    except IntegrityError:
        raise AlreadyListed(field="value") from None
    await audit.write(
        tenant_id, by, "blacklist.entry_changed", str(entry_id), fields=sorted(changes)
    )


def parse_changes(
    form: Mapping[str, str], entry: Entry, zone: str, now: datetime
) -> dict[str, Any]:
    """Check what an edit form sent. A field that it does not show is not among the changes.

    An unchanged last day stays what it is, also when it is over.
    """
    changes: dict[str, Any] = {}
    if "value" in form:
        if entry.kind in ERASED.values():
            raise BadInput(field="value", problem=_("this person was erased"))
        changes["value"] = entries.stored_value(entry.kind, form["value"])
    if "reason" in form:
        changes["reason"] = entries.reason(form["reason"])
    if "until" in form:
        now_set = str(entries.last_day(entry.until, zone)) if entry.until else ""
        if form["until"].strip() != now_set:
            changes["until"] = entries.until_end_of(form["until"], zone, now)
    return changes


async def remove(tenant_id: int, entry_id: int, by: Actor) -> None:
    entry = await get(tenant_id, entry_id)
    await Entry.filter(tenant_id=tenant_id, id=entry_id).delete()
    await audit.write(tenant_id, by, "blacklist.entry_removed", str(entry_id), kind=entry.kind)


# Around one customer


@dataclass(frozen=True, slots=True)
class Standing:
    """One address of a customer. ``entry``: what blocks exactly it, if anything does."""

    kind: str
    value: str
    entry: Entry | None


async def standings(tenant_id: int, addresses: list[tuple[str, str]]) -> list[Standing]:
    """Tell of each address, given as kind and value, whether it is blocked right now."""
    values = [value for _kind, value in addresses]
    query = Entry.filter(_in_force(), tenant_id=tenant_id, kind__in=[EMAIL, PHONE])
    found = {(e.kind, e.value): e for e in await query.filter(value__in=values)}
    return [Standing(kind, value, found.get((kind, value))) for kind, value in addresses]


def check_may_unblock(entry: Entry, actor: Actor, *, manages: bool) -> None:
    if not may_unblock(entry, actor, manages=manages):
        raise Forbidden


def may_unblock(entry: Entry, actor: Actor, *, manages: bool) -> bool:
    """Who does not manage the list takes back only what he put on it himself."""
    return manages or entry.created_by == str(actor)


# Privacy


async def _about(person: PersonRef) -> list[Entry]:
    known = _known(person.tenant_id, person.emails, person.phones)
    if not known:
        return []
    exact = Q(*(Q(kind=kind, value=value) for kind, value in known), join_type=Q.OR)
    return await Entry.filter(exact, tenant_id=person.tenant_id).order_by("id")


async def export_person(person: PersonRef) -> dict[str, Any] | None:
    found = await _about(person)
    rows = [
        {
            "kind": entry.kind,
            "value": entry.value,
            "reason": entry.reason,
            "until": entry.until.isoformat() if entry.until else None,
            "created_at": entry.created_at.isoformat(),
            "attempts": entry.attempts,
            "last_attempt_at": entry.last_attempt_at and entry.last_attempt_at.isoformat(),
        }
        for entry in found
    ]
    return {"entries": rows} if rows else None


async def erase_person(person: PersonRef, *, dry_run: bool) -> dict[str, int]:
    """Reduce the person's entries to fingerprints: they hold, but nobody can read of whom."""
    readable = [entry for entry in await _about(person) if entry.kind in ERASED]
    if dry_run:
        return {"entries": len(readable)}
    for entry in readable:
        mark = fingerprint(person.tenant_id, entry.kind, entry.value)
        query = Entry.filter(tenant_id=person.tenant_id, id=entry.id)
        kind = ERASED[entry.kind]
        twin = Entry.filter(tenant_id=person.tenant_id, kind=kind, value=mark)
        await twin.delete()
        await query.update(kind=kind, value=mark, reason="", created_by_name="")
    return {"entries": len(readable)}
