"""The line: everybody's place in it, and what he may expect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from core.access import Principal
from core.current import service
from core.lifecycle import SessionState
from core.models import Session
from core.realtime import Realtime, publish_state
from core.tenancy import TenantView


@dataclass(frozen=True, slots=True)
class Place:
    """``place`` 1 is next. ``expected_s``: seconds, ``None`` while too little is known."""

    place: int
    expected_s: int | None


async def places(tenant: TenantView) -> dict[UUID, Place]:
    """Return everybody's place, each in the line of the agent or the queue he waits for."""
    query = Session.filter(tenant_id=tenant.id, state=SessionState.WAITING)
    rows = await query.order_by("-priority", "enqueued_at").only(
        "id", "owner_id", "queue_id", "priority", "enqueued_at"
    )
    pace = await _pace_s(tenant)
    lines: dict[tuple[int | None, int | None], int] = {}
    result = {}
    for row in rows:
        line = (row.owner_id, None if row.owner_id else row.queue_id)
        place = lines[line] = lines.get(line, 0) + 1
        result[row.id] = Place(place, None if pace is None else round(pace * place))
    return result


async def _pace_s(tenant: TenantView) -> float | None:
    """Return the mean length of the last 20 attended sessions of the past week; 3 at least."""
    since = datetime.now(UTC) - timedelta(days=7)
    query = Session.filter(
        tenant_id=tenant.id,
        state=SessionState.ENDED,
        attended_at__not_isnull=True,
        ended_at__gte=since,
    )
    rows = await query.order_by("-ended_at").limit(20).values_list("attended_at", "ended_at")
    spans = [(ended - attended).total_seconds() for attended, ended in rows]
    return sum(spans) / len(spans) if len(spans) >= 3 else None


def connect() -> None:
    """Let customers watch their place. Called once, when the application is put together."""
    service(Realtime).state("place", _watched_place)


async def _watched_place(
    tenant: TenantView, principal: Principal, session_id: UUID
) -> list[dict[str, Any]]:
    place = (await places(tenant)).get(session_id)
    return [_place_row(place)] if place else []


async def tell_places(tenant: TenantView) -> None:
    """Tell everybody in line his place, after anything in the line moved."""
    for session_id, place in (await places(tenant)).items():
        await publish_state(tenant.id, f"place:{session_id}", set=[_place_row(place)])


def _place_row(place: Place) -> dict[str, Any]:
    return {"id": "place", "place": place.place, "expected_s": place.expected_s}
