"""Work in the background."""

from __future__ import annotations

from uuid import UUID

from core.api import TenantView
from offhook_dummy import services


async def note_later(tenant: TenantView, customer_id: str, text: str) -> None:
    await services.add_note(tenant.id, UUID(customer_id), text)


async def count(tenant: TenantView) -> None:
    services.told["hourly"] += 1
