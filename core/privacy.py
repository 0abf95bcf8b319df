"""A person's rights over his data: everything told, everything erased, by every plugin."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from core.bus import Bus
from core.current import service
from core.errors import AppError, NotFound
from core.hooks import Hooks
from core.jobs import Jobs, enqueue
from core.models import (
    Audit,
    Customer,
    CustomerAddress,
    Event,
    File,
    Invitation,
    Session,
    SignIn,
)
from core.plugins import JobType
from core.tenancy import TenantView
from core.values import PersonRef

ERASED: Final = ""


class StillOpen(AppError):
    status = 409
    code = "sessions-still-open"
    message = "This person has an open session. End it first, then erase."


def connect() -> None:
    service(Jobs).register(JobType("core.erase_person", _erase_job, tries=20, timeout_s=600))


async def person(tenant_id: int, customer_id: UUID) -> PersonRef:
    """Return the person with every address, as plugins know him by those."""
    if not await Customer.exists(tenant_id=tenant_id, id=customer_id):
        raise NotFound
    rows = await CustomerAddress.filter(tenant_id=tenant_id, customer_id=customer_id)
    known: dict[str, list[str]] = {"email": [], "phone": []}
    for row in rows:
        known[row.kind].append(row.value)
    return PersonRef(tenant_id, customer_id, tuple(known["email"]), tuple(known["phone"]))


async def export_person(tenant_id: int, customer_id: UUID) -> dict[str, Any]:
    """Return everything kept about the person, as plain data, by plugin.

    Every installed plugin is asked, also those that are switched off; if one cannot answer,
    there is no export: half of it would pass for all of it.
    """
    who = await person(tenant_id, customer_id)
    found: dict[str, Any] = {"core": await _core_export(who)}
    for answer in await service(Hooks).everyone.export_person(person=who):
        found[answer.plugin] = answer.value
    return found


async def erase_person(
    tenant_id: int, customer_id: UUID, *, dry_run: bool = True
) -> dict[str, dict[str, int]]:
    """Erase the person everywhere, or with *dry_run* count what that would touch.

    Harmless to run twice; an error of any plugin comes out, and the whole must be repeated.
    ``later`` does that. The plugins go first: they know him by addresses that core erases last.
    """
    who = await person(tenant_id, customer_id)
    if not dry_run:
        await _refuse_open(who)
    counts: dict[str, dict[str, int]] = {"core": await _core_counts(who)}
    answers = await service(Hooks).everyone.erase_person(person=who, dry_run=dry_run)
    counts |= {answer.plugin: answer.value for answer in answers}
    if not dry_run:
        await _core_erase(who)
    return counts


async def later(tenant_id: int, customer_id: UUID) -> None:
    """Have the person erased by a job that repeats until every plugin has done its part."""
    who = await person(tenant_id, customer_id)
    await _refuse_open(who)
    args = {"customer_id": str(customer_id)}
    await enqueue("core.erase_person", args, tenant_id=tenant_id, key=str(customer_id))


async def _erase_job(tenant: TenantView, customer_id: str) -> None:
    await erase_person(tenant.id, UUID(customer_id), dry_run=False)


async def _refuse_open(who: PersonRef) -> None:
    states = await _of(Session, who).values_list("state", flat=True)
    if any(state != "ended" for state in cast("list[str]", states)):
        raise StillOpen


def _of(model: type[Model], who: PersonRef) -> QuerySet[Any]:
    return model.filter(tenant_id=who.tenant_id, customer_id=who.customer_id)


async def _sessions(who: PersonRef) -> list[UUID]:
    return cast("list[UUID]", await _of(Session, who).values_list("id", flat=True))


def _events(who: PersonRef, sessions: list[UUID]) -> QuerySet[Any]:
    """All that happened in his sessions, whoever did it: agents' messages speak of him, too."""
    scope = Event.filter(tenant_id=who.tenant_id)
    return scope.filter(Q(session_id__in=sessions) | Q(customer_id=who.customer_id))


async def _core_export(who: PersonRef) -> dict[str, Any]:
    sessions = await _sessions(who)
    return {
        "person": _plain(asdict(who)),
        "customer": _rows(
            await Customer.filter(tenant_id=who.tenant_id, id=who.customer_id).values(
                "kind", "name", "language", "reference", "notes", "created_at"
            )
        ),
        "sessions": _rows(
            await _of(Session, who).values(
                "id", "channel", "state", "language", "created_at", "attended_at", "ended_at"
            )
        ),
        "events": _rows(
            await _events(who, sessions)
            .order_by("seq")
            .values("seq", "session_id", "type", "actor", "actor_name", "at_ms", "payload")
        ),
        "files": _rows(
            await _of(File, who).values("id", "name", "media_type", "size", "sha256", "created_at")
        ),
        "invitations": _rows(
            await Invitation.filter(tenant_id=who.tenant_id, session_id__in=sessions).values(
                "id", "given_id", "created_at", "expires_at", "opened_at"
            )
        ),
        "sign_ins": _rows(
            await SignIn.filter(tenant_id=who.tenant_id, session_id__in=sessions).values(
                "address", "device", "created_at", "seen_at"
            )
        ),
    }


def _rows(rows: Any) -> list[dict[str, Any]]:
    return [_plain(row) for row in rows]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: _text(value) for key, value in row.items()}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


async def _core_counts(who: PersonRef) -> dict[str, int]:
    sessions = await _sessions(who)
    return {
        "events": await _events(who, sessions).count(),
        "files": await _of(File, who).filter(deleted_at=None).count(),
        "addresses": await _of(CustomerAddress, who).count(),
        "sessions": len(sessions),
    }


async def _core_erase(who: PersonRef) -> None:
    """Blank what tells about him; rows that others count on stay, without content."""
    sessions = await _sessions(who)
    async with in_transaction():
        for key in await _of(File, who).values_list("key", flat=True):
            await enqueue("core.drop_bytes", {"key": key})
        await _of(File, who).filter(deleted_at=None).update(deleted_at=datetime.now(UTC))
        await _of(File, who).update(name=ERASED, sha256=ERASED)
        events = _events(who, sessions)
        await events.filter(actor__startswith="customer:").update(actor_name=ERASED)
        await _events(who, sessions).update(payload={})
        await Invitation.filter(tenant_id=who.tenant_id, session_id__in=sessions).delete()
        sign_ins = SignIn.filter(tenant_id=who.tenant_id, session_id__in=sessions)
        ended = await sign_ins.values_list("id", flat=True)
        await SignIn.filter(tenant_id=who.tenant_id, session_id__in=sessions).delete()
        await Audit.filter(tenant_id=who.tenant_id, actor=f"customer:{who.customer_id}").update(
            actor_name=ERASED, address=ERASED
        )
        await _of(CustomerAddress, who).delete()
        await Customer.filter(tenant_id=who.tenant_id, id=who.customer_id).update(
            name=ERASED, reference=ERASED, notes=ERASED, language=None
        )
    await service(Bus).publish("sign_in_ended", {"ids": list(ended)}, everywhere=True)
