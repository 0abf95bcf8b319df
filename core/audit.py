"""The audit log: who changed what, for administrators."""

from __future__ import annotations

from typing import Any

from quart import has_request_context, request

from core.models import Audit
from core.values import Actor

PAGE: int = 50


async def write(
    tenant_id: int, actor: Actor, action: str, subject: str = "", **details: Any
) -> None:
    """Note an act, within the caller's transaction if there is one.

    *details* hold ids and names of fields; never a password, a token or a text.
    """
    await Audit.create(
        tenant_id=tenant_id,
        actor=str(actor),
        actor_name=actor.name[:120],
        action=action,
        subject=subject[:80],
        details=details,
        address=(request.remote_addr or "")[:45] if has_request_context() else "",
    )


async def read(tenant_id: int, before: int | None = None, limit: int = PAGE) -> list[Audit]:
    """Return the newest entries first; *before*: only those older than this id."""
    query = Audit.filter(tenant_id=tenant_id)
    if before is not None:
        query = query.filter(id__lt=before)
    return await query.order_by("-id").limit(limit)
