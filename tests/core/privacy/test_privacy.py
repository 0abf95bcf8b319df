from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from core import files, privacy
from core.errors import NotFound, PluginBroken
from core.hooks import hookimpl
from core.lifecycle import SessionState
from core.models import (
    Customer,
    CustomerAddress,
    Event,
    File,
    Invitation,
    Job,
    Session,
    SignIn,
)
from core.plugins import Plugin
from core.tenancy import TenantView
from core.testing.contracts.storage import chunks
from core.timeline import Timeline
from core.values import Actor, Draft, PersonRef
from tests.core.parts import Parts, started

SECRETS = ("Bo Ek", "bo@example.org", "+46701234567", "my knee", "knee.txt", "ID-77", "gluten")


class Remembering(Plugin):
    """Keeps a note about people, and can be out of order."""

    name = "remembering"
    title = "Remembering"

    def __init__(self) -> None:
        self.notes: set[UUID] = set()
        self.fails = False
        self.knew: list[PersonRef] = []

    @hookimpl
    async def export_person(self, person: PersonRef) -> dict[str, Any] | None:
        return {"note": "likes tea"} if person.customer_id in self.notes else None

    @hookimpl
    async def erase_person(self, person: PersonRef, dry_run: bool) -> dict[str, int] | None:
        if self.fails:
            raise RuntimeError("out of order")
        self.knew.append(person)
        found = {"notes": int(person.customer_id in self.notes)}
        if not dry_run:
            self.notes.discard(person.customer_id)
        return found


@pytest.fixture
def remembering() -> Remembering:
    return Remembering()


@pytest.fixture
async def parts(
    database_url: str, tmp_path: Path, remembering: Remembering
) -> AsyncIterator[Parts]:
    async with started(database_url, tmp_path, [remembering]) as parts:
        yield parts


async def person(parts: Parts, tenant: TenantView, plugin: Remembering) -> UUID:
    """Somebody with a trace in every table of core."""
    who = uuid4()
    await Customer.create(id=who, tenant_id=tenant.id, name="Bo Ek", notes="gluten")
    for kind, value in (("email", "bo@example.org"), ("phone", "+46701234567")):
        await CustomerAddress.create(tenant_id=tenant.id, customer_id=who, kind=kind, value=value)
    session = await Session.create(
        id=uuid4(), tenant_id=tenant.id, customer_id=who, state=SessionState.ENDED
    )
    later = datetime.now(UTC) + timedelta(days=1)
    await Invitation.create(
        id=uuid4(),
        tenant_id=tenant.id,
        session=session,
        token_hash=uuid4().hex,
        given_id="ID-77",
        expires_at=later,
    )
    await SignIn.create(
        tenant_id=tenant.id, session=session, token_hash=uuid4().hex, expires_at=later
    )
    customer = Actor("customer", str(who), "Bo Ek")
    draft = Draft(tenant.id, "chat.message", customer, {"text": "my knee"}, session.id)
    await parts.services[Timeline].append(draft)
    await files.add(tenant, session.id, customer, "knee.txt", chunks(b"my knee"))
    plugin.notes.add(who)
    return who


async def dump(tenant_id: int) -> str:
    models = (Customer, CustomerAddress, Session, Invitation, SignIn, Event, File)
    rows = [await model.filter(tenant_id=tenant_id).values() for model in models]
    return orjson.dumps([*rows, await Job.all().values()], default=str).decode()


@pytest.mark.serves("X13")
async def test_the_export_holds_everything_of_this_person_and_nothing_of_others(
    parts: Parts, remembering: Remembering
) -> None:
    acme, other = await parts.tenant("acme"), await parts.tenant("other")
    who = await person(parts, acme, remembering)
    await Customer.create(id=uuid4(), tenant_id=acme.id, name="Somebody Else")

    text = orjson.dumps(await privacy.export_person(acme.id, who)).decode()

    for secret in (*SECRETS, "likes tea"):
        assert secret in text, secret
    assert "Somebody Else" not in text
    with pytest.raises(NotFound):
        await privacy.export_person(other.id, who)


@pytest.mark.serves("X13", "S-31")
async def test_erasing_leaves_no_trace_in_records_or_on_disk(
    parts: Parts, remembering: Remembering, tmp_path: Path
) -> None:
    acme = await parts.tenant("acme")
    who, kept = await person(parts, acme, remembering), await person(parts, acme, remembering)
    events = await Event.filter(tenant_id=acme.id).count()

    counted = await privacy.erase_person(acme.id, who)
    assert counted["core"] == {"events": 2, "files": 1, "addresses": 2, "sessions": 1}
    assert counted["remembering"] == {"notes": 1}
    assert who in remembering.notes

    await privacy.erase_person(acme.id, who, dry_run=False)
    await privacy.erase_person(acme.id, kept, dry_run=False)
    await parts.jobs.work_off()

    left = await dump(acme.id)
    for secret in SECRETS:
        assert secret not in left, secret
    assert [p for p in (tmp_path / "files").rglob("*") if p.is_file()] == []
    assert remembering.notes == set()
    assert await Event.filter(tenant_id=acme.id).count() == events


@pytest.mark.serves("X13")
async def test_a_plugin_that_fails_fails_the_whole_and_the_job_repeats(
    parts: Parts, remembering: Remembering
) -> None:
    acme = await parts.tenant("acme")
    who = await person(parts, acme, remembering)
    remembering.fails = True
    with pytest.raises(PluginBroken):
        await privacy.erase_person(acme.id, who, dry_run=False)
    await privacy.later(acme.id, who)
    await parts.jobs.work_off()
    assert "Bo Ek" in await dump(acme.id)

    remembering.fails = False
    parts.clock.tick(60)
    await parts.jobs.work_off()
    assert "Bo Ek" not in await dump(acme.id)
    assert remembering.knew[-1].emails == ("bo@example.org",)


async def test_an_open_session_is_in_the_way(parts: Parts, remembering: Remembering) -> None:
    acme = await parts.tenant("acme")
    who = await person(parts, acme, remembering)
    await Session.filter(tenant_id=acme.id).update(state=SessionState.WAITING)
    with pytest.raises(privacy.StillOpen):
        await privacy.erase_person(acme.id, who, dry_run=False)
    assert "Bo Ek" in await dump(acme.id)
