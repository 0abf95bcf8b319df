"""Hooks for those who run the installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.hooks import collect, event, limit

if TYPE_CHECKING:
    from core.values import Health


class OpsHooks:
    @collect
    @limit(5)
    async def health(self) -> Health | None:
        """Tell whether the plugin can work right now. Asked of everyone. Used by: ``email``."""

    @event
    @limit(5)
    async def job_failed(self, name: str, tenant_id: int | None, args: dict[str, object]) -> None:
        """A job of some plugin has used up its tries. Used by: ``notify``."""
