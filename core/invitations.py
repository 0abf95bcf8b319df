"""Further links to a session that was invited, or came by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from core.errors import Conflict
from core.lifecycle import SessionState
from core.models import Invitation
from core.sessions import LINK_LASTS, get, invitation_of, link_token, token_hash
from core.tenancy import TenantView
from core.values import Actor


class SessionOver(Conflict):
    code = "session-over"
    message = "This session has ended. Send a new notification instead."


async def new_link(tenant: TenantView, session_id: UUID, by: Actor) -> Invitation:
    """Make one more link to an open session, under the conditions of the last one.

    Earlier links stay valid until they are withdrawn. An ID that was given is not asked again.
    """
    session = await get(tenant.id, session_id)
    if session.state is SessionState.ENDED:
        raise SessionOver
    last = await invitation_of(tenant, session_id)
    invitation_id, now = uuid4(), datetime.now(UTC)
    return await Invitation.create(
        id=invitation_id,
        tenant_id=tenant.id,
        session=session,
        token_hash=token_hash(link_token(invitation_id)),
        created_by_id=int(by.id) if by.kind == "agent" else None,
        ask_id=last.ask_id if last else False,
        given_id=last.given_id if last else "",
        auto_connect=last.auto_connect if last else True,
        expires_at=max(session.scheduled_for or now, now) + LINK_LASTS,
    )


def is_open(invitation: Invitation) -> bool:
    """Tell whether the link still works."""
    return invitation.withdrawn_at is None and invitation.expires_at > datetime.now(UTC)
