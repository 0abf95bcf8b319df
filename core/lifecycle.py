"""The states of a session and the moves between them. Pure: no database, no clock.

*Connected* is not a state: whether a customer is there right now is a presence lease.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from core.errors import Conflict


class SessionState(StrEnum):
    SCHEDULED = "scheduled"
    """Invited; the customer has not arrived yet."""
    WAITING = "waiting"
    OFFERED = "offered"
    ACTIVE = "active"
    INTERRUPTED = "interrupted"
    WRAPPING = "wrapping"
    ENDED = "ended"


class EndReason(StrEnum):
    FINISHED = "finished"
    """An agent ended it after attending."""
    LEFT = "left"
    """The customer said goodbye."""
    DELETED = "deleted"
    EXPIRED = "expired"
    PLUGIN_OFF = "plugin_off"
    """What carried the session was switched off for the tenant."""


class Channel(StrEnum):
    CHAT = "chat"
    VIDEO = "video"
    PHONE = "phone"
    EMAIL = "email"
    SMS = "sms"


S = SessionState

MOVES: Final[dict[SessionState, frozenset[SessionState]]] = {
    S.SCHEDULED: frozenset({S.WAITING, S.ENDED}),
    S.WAITING: frozenset({S.OFFERED, S.ACTIVE, S.ENDED}),
    S.OFFERED: frozenset({S.ACTIVE, S.WAITING, S.ENDED}),
    S.ACTIVE: frozenset({S.INTERRUPTED, S.WAITING, S.WRAPPING, S.ENDED}),
    S.INTERRUPTED: frozenset({S.ACTIVE, S.WAITING, S.WRAPPING, S.ENDED}),
    S.WRAPPING: frozenset({S.ENDED}),
    S.ENDED: frozenset(),
}
OPEN: Final = frozenset(S) - {S.ENDED}
IN_ROOM: Final = frozenset({S.WAITING, S.OFFERED, S.ACTIVE, S.INTERRUPTED})


class IllegalMove(Conflict):
    code = "illegal-move"
    message = "A session that is “{now}” cannot become “{to}”."


def move(now: SessionState, to: SessionState) -> SessionState:
    """Return *to*, or raise ``IllegalMove``. Every change of state goes through here."""
    if to not in MOVES[now]:
        raise IllegalMove(now=str(now), to=str(to))
    return to
