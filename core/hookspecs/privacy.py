"""Hooks for people's rights over their data. Asked of every installed plugin, enabled or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.hooks import demand, limit

if TYPE_CHECKING:
    from core.values import PersonRef


class PrivacyHooks:
    @demand
    @limit(60)
    async def export_person(self, person: PersonRef) -> dict[str, Any] | None:
        """Return everything kept about the person, as plain data.

        Used by: every plugin with data.
        """

    @demand
    @limit(60)
    async def erase_person(self, person: PersonRef, dry_run: bool = True) -> dict[str, int] | None:
        """Remove it, or with ``dry_run`` only count; the result maps what to how many.

        Repeated until it succeeds, so it must be harmless to run twice.
        Used by: every plugin with data.
        """
