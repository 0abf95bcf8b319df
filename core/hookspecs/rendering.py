"""Slots: the places in core's and plugins' pages where plugins add a piece of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.hooks import collect

if TYPE_CHECKING:
    from core.models import Session
    from core.values import Action, Fragment


class RenderingHooks:
    @collect
    async def home_actions(self) -> Action | None:
        """An entry of the floating action button on both homes. Used by: ``notify``."""

    @collect
    async def session_actions(self, session: Session) -> Action | None:
        """A button for one session, on its page and in its row. Used by: ``notify``."""

    @collect
    async def desk_list(self, session: Session) -> Fragment | None:
        """The left column of the agent's session page: how to get to the other sessions.

        Used by: ``teamview``.
        """

    @collect
    async def session_main(self, session: Session) -> Fragment | None:
        """The middle of the agent's session page. Used by: ``chat``."""

    @collect
    async def session_sidebar(self, session: Session) -> Fragment | None:
        """A card beside the open session, shown to the agent; 20 rem wide.

        Used by: ``notify``, ``blacklist``.
        """

    @collect
    async def visit_main(self, session: Session) -> Fragment | None:
        """A part of the customer's page, while he waits, is attended, and afterwards.

        Used by: ``chat``.
        """
