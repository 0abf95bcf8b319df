"""Customers who come and go, taken together: after a restart everybody is back at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from core.api import Database, Session, TenantView, publish_state, service
from plugins.teamview.models import Mark
from plugins.teamview.rows import SHOWN, TOPIC, row_of

TOGETHER_S: Final = 0.05
MOST: Final = 500
"""Sessions in one query."""

_waiting: WeakKeyDictionary[Database, dict[int, dict[UUID, bool]]] = WeakKeyDictionary()
"""Per application: tenant -> session -> whether its customer is there now."""


def changed(tenant: TenantView, session_id: UUID, *, online: bool) -> None:
    """Note it; a moment later it is kept and told, outside of the hook's time limit."""
    database = service(Database)
    waiting = _waiting.setdefault(database, {})
    is_first = tenant.id not in waiting
    waiting.setdefault(tenant.id, {})[session_id] = online
    if is_first:
        database.spawn(_settle(waiting, tenant.id), name="teamview: presence")


async def _settle(waiting: dict[int, dict[UUID, bool]], tenant_id: int) -> None:
    try:
        await asyncio.sleep(TOGETHER_S)
        while batch := dict(list(waiting[tenant_id].items())[:MOST]):
            for session_id in batch:
                del waiting[tenant_id][session_id]
            await _keep(tenant_id, batch)
    finally:
        del waiting[tenant_id]


async def _keep(tenant_id: int, batch: Mapping[UUID, bool]) -> None:
    query = Session.filter(tenant_id=tenant_id, id__in=list(batch), state__in=list(SHOWN))
    found = await query.select_related("customer", "owner", "agent", "queue", "entry_point")
    marks = Mark.filter(tenant_id=tenant_id, session_id__in=[session.id for session in found])
    known = set(await marks.values_list("session_id", flat=True))
    new = [Mark(tenant_id=tenant_id, session_id=s.id) for s in found if s.id not in known]
    await Mark.bulk_create(new, ignore_conflicts=True)
    now = datetime.now(UTC)
    for online in (True, False):
        ids = [session.id for session in found if batch[session.id] is online]
        if ids:
            await Mark.filter(tenant_id=tenant_id, session_id__in=ids).update(
                online=online, online_changed_at=now
            )
    by_session = {mark.session_id: mark for mark in await marks}
    rows = [row_of(s, by_session.get(s.id), online=batch[s.id]) for s in found]
    await publish_state(tenant_id, TOPIC, set=rows)
