"""What runs by itself."""

from __future__ import annotations

from core.api import TenantView
from plugins.email import services


async def tidy(tenant: TenantView) -> None:
    await services.tidy(tenant)
