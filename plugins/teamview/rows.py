"""A row of the waiting room as the page gets it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from core.api import Session, SessionState, User
from plugins.teamview.models import Mark

TOPIC: Final = "teamview.room"
SHOWN: Final = frozenset(
    {
        SessionState.SCHEDULED,
        SessionState.WAITING,
        SessionState.OFFERED,
        SessionState.ACTIVE,
        SessionState.INTERRUPTED,
    }
)


def row_of(session: Session, mark: Mark | None, *, online: bool) -> dict[str, Any]:
    """Return *session*, loaded with the people around it, as JSON. Times: ms since 1970.

    ``online_changed_ms`` is ``None`` when nobody saw the change that led to ``online``.
    """
    seen = mark is not None and mark.online == online
    return {
        "id": str(session.id),
        "customer": session.customer.name,
        "channel": str(session.channel),
        "state": str(session.state),
        "owner": _person(session.owner),
        "agent": _person(session.agent),
        "priority": session.priority,
        "queue": _line(session),
        "online": online,
        "online_changed_ms": _ms(mark.online_changed_at) if mark and seen else None,
        "unread": mark is not None and mark.attention_at is not None,
        "created_at_ms": _ms(session.created_at),
        "enqueued_at_ms": _ms(session.enqueued_at),
        "scheduled_for_ms": _ms(session.scheduled_for),
    }


def _person(user: User | None) -> dict[str, Any] | None:
    return None if user is None else {"id": user.id, "name": user.name}


def _line(session: Session) -> str:
    if session.queue is not None:
        return session.queue.name
    return session.entry_point.title if session.entry_point is not None else ""


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
