"""What a page needs to show a conversation, a piece at a time."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from core.api import (
    Config,
    NotFound,
    Principal,
    Session,
    SessionState,
    StoredEvent,
    TenantView,
    Timeline,
    event_lines,
    get_session,
    service,
)
from plugins.chat.services.messages import settings_of

PAGE: Final = 50
MOST: Final = 200
NEWEST: Final = 2**31 - 1


async def page(
    tenant: TenantView, session: Session, who: Principal, before: int = NEWEST, limit: int = PAGE
) -> dict[str, Any]:
    """Return the last *limit* events below *before*, oldest first.

    ``more``: earlier ones exist in this session. ``previous``: the customer's session before
    this one, for agents, once there is nothing earlier in this one.
    """
    events = await service(Timeline).read(
        tenant.id, session.id, limit=limit + 1, before=before, internal=who.is_user
    )
    more = len(events) > limit
    earlier = None if more or not who.is_user else await _previous(tenant, session)
    return {
        "session": str(session.id),
        "events": [as_json(event) for event in events[-limit:]],
        "more": more,
        "previous": earlier,
    }


async def _previous(tenant: TenantView, session: Session) -> dict[str, Any] | None:
    query = Session.filter(
        tenant_id=tenant.id, customer_id=session.customer_id, created_at__lt=session.created_at
    )
    found = await query.order_by("-created_at").first()
    if found is None:
        return None
    at_ms = int(found.created_at.timestamp() * 1000)
    return {"session": str(found.id), "at": at_ms, "channel": str(found.channel)}


def as_json(event: StoredEvent) -> dict[str, Any]:
    """Return *event* as the socket sends it."""
    actor = event.actor
    return {
        "n": event.n,
        "type": event.type,
        "at": event.at_ms,
        "actor": {"kind": actor.kind, "id": actor.id, "name": actor.name},
        "data": event.payload,
    }


async def start(tenant: TenantView, session: Session, who: Principal) -> dict[str, Any]:
    """Return everything ``<chat-panel>`` begins with: the newest page, names, limits, rights."""
    chosen = settings_of(tenant)
    agent = session.agent.name if session.agent else ""
    return await page(tenant, session, who) | {
        "side": "agent" if who.is_user else "customer",
        "me": {"kind": who.actor.kind, "id": who.id, "name": who.name},
        "names": {
            "customer": session.customer.name,
            "agent": who.name if who.is_user else agent,
            "tenant": tenant.name,
        },
        "language": session.language,
        "arrived": session.enqueued_at is not None,
        "ended": session.state is SessionState.ENDED,
        "attended": session.state in {SessionState.ACTIVE, SessionState.INTERRUPTED},
        "greeting": "" if who.is_user else chosen.greeting,
        "limits": {
            "text": chosen.longest_message,
            "file_mb": service(Config).max_upload_mb,
        },
        "may": _rights(tenant, who, customers_attach=chosen.customers_attach),
        "lines": event_lines(),
    }


def _rights(tenant: TenantView, who: Principal, *, customers_attach: bool) -> dict[str, bool]:
    if not who.is_user:
        return {"send": True, "attach": customers_attach, "respond": False}
    return {
        "send": who.may(tenant, "chat.message.send"),
        "attach": who.may(tenant, "core.file.add"),
        "respond": who.may(tenant, "chat.response.use"),
    }


async def of(tenant: TenantView, session_id: UUID, who: Principal) -> Session:
    """Return the session if *who* may read it; ``NotFound`` otherwise."""
    allowed = who.may(tenant, "core.session.view") if who.is_user else who.session_id == session_id
    if not allowed:
        raise NotFound
    return await get_session(tenant.id, session_id)
