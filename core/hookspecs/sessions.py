"""Hooks around the life of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.hooks import demand, event, limit

if TYPE_CHECKING:
    from core.models import Session
    from core.tenancy import TenantView
    from core.values import Arrival


class SessionHooks:
    @demand
    @limit(0.25)
    async def admit(self, arrival: Arrival) -> None:
        """Decide whether somebody may come in, before there is a session.

        Runs on the arriving person's request, for links, entry points, widgets and later
        for calls: stay under 50 ms. Raise a subclass of ``Refused`` to turn him away; core
        counts the refusal and makes no session. Used by: ``blacklist``.
        """

    @event
    async def session_opened(self, tenant: TenantView, session: Session) -> None:
        """The session was saved: invited, or already waiting. Slow work belongs in a job.

        Used by: ``teamview``.
        """

    @event
    async def session_changed(self, tenant: TenantView, session: Session) -> None:
        """State, agent, owner or priority changed, and the change is committed.

        Also told when the session began or ended. Used by: ``teamview``.
        """

    @event
    async def presence_changed(
        self, tenant: TenantView, session: Session, side: str, online: bool
    ) -> None:
        """Somebody of this session went offline or came back; ``side``: customer or agent.

        Used by: ``teamview``.
        """
