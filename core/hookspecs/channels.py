"""Hooks around messages and the channels that carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.hooks import demand, event, first, fold, limit

if TYPE_CHECKING:
    from uuid import UUID

    from core.tenancy import TenantView
    from core.values import Actor, Notice, Receipt, StoredEvent


class ChannelHooks:
    @fold
    @limit(0.25)
    async def message_in(self, value: str, tenant: TenantView, session_id: str) -> str | None:
        """Change the text of a chat message before it is stored, or leave it: ``None``.

        Runs on the sender's socket for every message: stay under 10 ms. Used by: ``chat``
        (invisible control characters are taken out).
        """

    @demand
    @limit(0.25)
    async def accept_file(self, tenant: TenantView, session_id: UUID, by: Actor) -> None:
        """Decide whether *by* may add a file to the session; asked before its bytes are read.

        Raise a subclass of ``Refused`` or ``Conflict`` to say no. Used by: ``chat``.
        """

    @event
    async def event_kept(self, tenant: TenantView, event: StoredEvent) -> None:
        """A timeline event is stored and acknowledged. Used by: ``teamview`` (unread marks)."""

    @first
    @limit(45)
    async def deliver(self, tenant: TenantView, notice: Notice) -> Receipt | None:
        """Hand a notice to the channel it names; ``None``: not my channel.

        Runs in a job. Raise ``DriverError(retryable=True)`` to be asked again later.
        Used by: ``email``.
        """

    @event
    async def delivery_changed(
        self, tenant: TenantView, notice: Notice, state: str, reason: str
    ) -> None:
        """A notice was ``sent``, is ``retrying`` or has ``failed``. Used by: ``notify``."""
