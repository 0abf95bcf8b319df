"""The dummy's work: notes about customers, and a count of what it was told."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import msgspec

from core.api import (
    Arrival,
    Draft,
    Incoming,
    Notice,
    PersonRef,
    Principal,
    Receipt,
    Refused,
    TenantView,
    Timeline,
    load,
    publish_state,
    service,
)
from offhook_dummy.greeters import Greeter
from offhook_dummy.models import Note
from offhook_dummy.settings import DummySettings

TOPIC = "dummy.counts"
SAID = "dummy.said"
told: Counter[str] = Counter()
"""How often each event hook was heard in this process."""


class Say(msgspec.Struct, forbid_unknown_fields=True):
    text: str


class NotToday(Refused):
    code = "dummy-not-today"
    message = "The dummy lets nobody in who is called Nobody."


def refuse_nobody(arrival: Arrival) -> None:
    if arrival.name == "Nobody":
        raise NotToday


async def greeting(tenant: TenantView, name: str) -> str:
    wished = tenant.setting("dummy", DummySettings)
    greeter = load(Greeter, "plain", {"greeting": wished.greeting})  # type: ignore[type-abstract]
    return await greeter.greet(name)


async def heard(tenant: TenantView, what: str) -> None:
    told[what] += 1
    await publish_state(tenant.id, TOPIC, set=[{"id": what, "count": told[what]}])


async def snapshot(tenant: TenantView, principal: Principal) -> list[dict[str, Any]]:
    return [{"id": what, "count": count} for what, count in told.items()]


async def say(incoming: Incoming) -> dict[str, Any]:
    """Write what somebody says through his socket into the timeline."""
    draft = Draft(
        incoming.tenant.id,
        SAID,
        incoming.principal.actor,
        {"text": incoming.data.text},
        incoming.session_id,
        key=incoming.key,
    )
    stored = await service(Timeline).append(draft)
    return {"n": stored.n}


async def add_note(tenant_id: int, customer_id: UUID, text: str) -> Note:
    return await Note.create(tenant_id=tenant_id, customer_id=customer_id, text=text)


async def carry(notice: Notice) -> Receipt | None:
    return Receipt("dummy", notice.ref) if notice.channel == "dummy" else None


async def export_person(person: PersonRef) -> dict[str, Any] | None:
    notes = Note.filter(tenant_id=person.tenant_id, customer_id=person.customer_id)
    texts = await notes.values_list("text", flat=True)
    return {"notes": list(texts)} if texts else None


async def erase_person(person: PersonRef, *, dry_run: bool) -> dict[str, int]:
    notes = Note.filter(tenant_id=person.tenant_id, customer_id=person.customer_id)
    count = await notes.count()
    if not dry_run:
        await Note.filter(tenant_id=person.tenant_id, customer_id=person.customer_id).delete()
    return {"notes": count}
