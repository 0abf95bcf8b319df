"""The job that sends. Its arguments are ids only: the link is made again when it goes out."""

from __future__ import annotations

from uuid import UUID

from core.api import TenantView
from plugins.notify import services

TRIES = 16
"""With growing pauses about five hours: longer than a greylist or a restart of a mail server."""


async def send(tenant: TenantView, delivery: str) -> None:
    await services.send(tenant, UUID(delivery))
