"""The waiting room as a live state: its snapshot, and what each change means for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from core.api import (
    CORE_EVENTS,
    BadInput,
    NotFound,
    Presence,
    Principal,
    Registry,
    Session,
    StoredEvent,
    TenantView,
    get_session,
    in_room,
    publish_state,
    service,
)
from core.api import gettext as _
from plugins.teamview import presence
from plugins.teamview.models import Choice, Mark
from plugins.teamview.rows import SHOWN, TOPIC, row_of

TEAM: Final = "team"
DARK: Final = "dark"
VIEWS: Final = (TEAM, DARK)
ARRIVAL: Final = "core.customer_arrived"
"""Wants attention, too, but a new row in the room says so by itself."""


async def snapshot(tenant: TenantView, principal: Principal) -> list[dict[str, Any]]:
    """Return every session invited or in the room; each page shows its agent's part."""
    marks = {mark.session_id: mark for mark in await Mark.filter(tenant_id=tenant.id)}
    there = service(Presence).online_sessions(tenant.id, "customer")
    return [
        row_of(session, marks.get(session.id), online=str(session.id) in there)
        for session in await in_room(tenant)
    ]


async def session_changed(tenant: TenantView, session: Session) -> None:
    """Show the session as it is now, or take it out of the room."""
    if session.state not in SHOWN:
        await Mark.filter(tenant_id=tenant.id, session_id=session.id).delete()
        await publish_state(tenant.id, TOPIC, gone=[str(session.id)])
        return
    mark = await Mark.get_or_none(tenant_id=tenant.id, session_id=session.id)
    online = service(Presence).online(session.id, "customer")
    await publish_state(tenant.id, TOPIC, set=[row_of(session, mark, online=online)])


async def customer_presence(tenant: TenantView, session: Session, *, online: bool) -> None:
    presence.changed(tenant, session.id, online=online)


async def agent_presence(tenant: TenantView, session: Session, *, online: bool) -> None:
    """An agent who has the session open sees what the customer wrote."""
    if online:
        await _answered(tenant, session.id)


async def event_kept(tenant: TenantView, event: StoredEvent) -> None:
    """Mark a session in which a customer wrote and nobody looks; unmark it when somebody does."""
    if event.session_id is None or event.internal or event.repeated:
        return
    if event.actor.kind == "agent":
        await _answered(tenant, event.session_id)
    elif event.actor.kind == "customer" and wants_attention(event.type):
        await _wrote(tenant, event.session_id)


def wants_attention(event_type: str) -> bool:
    """Tell whether core or the plugin that writes this type of event says an agent should look."""
    if event_type == ARRIVAL:
        return False
    known = (*CORE_EVENTS, *(kind for plugin in service(Registry) for kind in plugin.events))
    return any(kind.attention for kind in known if kind.name == event_type)


async def _wrote(tenant: TenantView, session_id: UUID) -> None:
    if service(Presence).online(session_id, "agent"):
        return
    marks = Mark.filter(tenant_id=tenant.id, session_id=session_id)
    if await marks.filter(attention_at__isnull=False).exists():
        return
    session = await get_session(tenant.id, session_id)
    if session.state in SHOWN:
        await Mark.get_or_create(tenant_id=tenant.id, session_id=session_id)
        if await marks.filter(attention_at=None).update(attention_at=datetime.now(UTC)):
            await session_changed(tenant, session)


async def _answered(tenant: TenantView, session_id: UUID) -> None:
    marks = Mark.filter(tenant_id=tenant.id, session_id=session_id, attention_at__isnull=False)
    if await marks.exists() and await marks.update(attention_at=None):
        await session_changed(tenant, await get_session(tenant.id, session_id))


# The view an agent likes


async def chosen_view(tenant: TenantView, user_id: int) -> str:
    found = await Choice.get_or_none(tenant_id=tenant.id, user_id=user_id)
    return TEAM if found is None else found.view


async def choose_view(tenant: TenantView, user_id: int, view: str) -> None:
    if view not in VIEWS:
        raise BadInput(field="view", problem=_("team or dark"))
    await Choice.update_or_create(defaults={"view": view}, tenant_id=tenant.id, user_id=user_id)


def known_view(view: str) -> str:
    if view not in VIEWS:
        raise NotFound
    return view
