"""The widget: coming in from a foreign site, and resuming there after a reload."""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

from core.api import (
    Arrival,
    BadInput,
    EntryPoint,
    NotFound,
    Principal,
    Session,
    SessionState,
    TenantView,
    addresses,
    admit,
    begin_customer,
    customer_addresses,
    follow_up,
    get_session,
    gettext,
    places,
    walk_in,
)
from plugins.chat.services import conversation
from plugins.chat.services.wording import is_blank, without_tricks

_ORIGIN: Final = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?")
MOST_NAME: Final = 120
LONGEST_SLUG: Final = 63


async def entry_point(tenant: TenantView | None, slug: str) -> EntryPoint:
    if tenant is None or len(slug) > LONGEST_SLUG:
        raise NotFound
    found = await EntryPoint.get_or_none(tenant_id=tenant.id, slug=slug)
    if found is None:
        raise NotFound
    return found


def frame_ancestors(point: EntryPoint) -> str:
    """Return who may show the widget, as the policy says it; what is no origin is left out."""
    origins = [origin.lower().rstrip("/") for origin in point.origins]
    return " ".join(["'self'", *(o for o in origins if _ORIGIN.fullmatch(o))])


def arrival(tenant: TenantView, point: EntryPoint, form: dict[str, Any], address: str) -> Arrival:
    """Return who comes in; ``BadInput`` names the field that is wrong."""
    if not form.keys() <= {"name", "email"} or not all(
        isinstance(value, str) for value in form.values()
    ):
        raise BadInput(field="form", problem=gettext("unknown field"))
    name = " ".join(without_tricks(form.get("name", "")).split())
    if is_blank(name) or len(name) > MOST_NAME:
        raise BadInput(field="name", problem=gettext("between 1 and 120 characters"))
    email = form.get("email", "").strip()
    return Arrival(
        tenant_id=tenant.id,
        channel=point.channel,
        entry_point=point.slug,
        address=address,
        email=addresses.email(email) if email else "",
        name=name,
    )


async def come_in(
    tenant: TenantView, point: EntryPoint, who: Arrival, language: str
) -> dict[str, Any]:
    """Open a session; the answer holds the token that resumes it, shown to nobody else."""
    session = await walk_in(tenant, point, who, language)
    return await _opened(tenant, session)


async def come_again(
    tenant: TenantView, point: EntryPoint, session_id: UUID, address: str
) -> dict[str, Any]:
    """Open a new session for the customer of an ended one."""
    old = await of_entry(tenant, point, session_id)
    if old.state is not SessionState.ENDED:
        return await state(tenant, old)
    known = {a.kind: a.value for a in await customer_addresses(tenant.id, old.customer.id)}
    who = Arrival(
        tenant_id=tenant.id,
        channel=old.channel,
        entry_point=point.slug,
        address=address,
        email=known.get("email", ""),
        phone=known.get("phone", ""),
        name=old.customer.name,
    )
    await admit(tenant, who)
    return await _opened(tenant, await follow_up(tenant, old))


async def of_entry(tenant: TenantView, point: EntryPoint, session_id: UUID) -> Session:
    """Return the session if it came in here: one site's widget does not show another's."""
    session = await get_session(tenant.id, session_id)
    if session.entry_point is None or session.entry_point.id != point.id:
        raise NotFound
    return session


async def _opened(tenant: TenantView, session: Session) -> dict[str, Any]:
    return await state(tenant, session) | {"token": await begin_customer(session)}


async def state(tenant: TenantView, session: Session) -> dict[str, Any]:
    place = (await places(tenant)).get(session.id)
    return {
        "session": str(session.id),
        "state": str(session.state),
        "place": place and {"place": place.place, "expected_s": place.expected_s},
    }


async def resume(tenant: TenantView, point: EntryPoint, who: Principal) -> dict[str, Any]:
    """Return where the customer stands, and his conversation."""
    if who.session_id is None:
        raise NotFound
    session = await of_entry(tenant, point, who.session_id)
    return await state(tenant, session) | {"chat": await conversation.start(tenant, session, who)}
