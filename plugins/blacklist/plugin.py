"""Facts about the plugin, and the hooks it answers."""

from __future__ import annotations

from typing import Any

from quart import g

from core.api import (
    Arrival,
    EventType,
    Fragment,
    NavItem,
    Permission,
    PersonRef,
    Plugin,
    Session,
    hookimpl,
)
from core.api import gettext_noop as _
from plugins.blacklist import services, views


class BlacklistPlugin(Plugin):
    name = "blacklist"
    title = "Blacklist"
    description = "Turn unwanted callers away before they get in: by address, network or pattern."
    models = "plugins.blacklist.models"
    blueprint = views.blueprint
    permissions = (
        Permission("blacklist.entry.add", _("Block and unblock a customer's address")),
        Permission("blacklist.entry.manage", _("Manage the blacklist"), ("administrator",)),
    )
    nav = (
        NavItem(
            "blacklist.index",
            _("Blacklist"),
            "ban",
            permission="blacklist.entry.manage",
            order=70,
            admin=True,
        ),
    )
    events = (
        EventType("blacklist.address_blocked", _("{name} blocked an address"), "ban"),
        EventType("blacklist.address_unblocked", _("{name} unblocked an address"), "circle-check"),
    )
    actions = {
        "blacklist.entry_added": _("Blocked an address"),
        "blacklist.entry_changed": _("Changed an entry of the blacklist"),
        "blacklist.entry_removed": _("Unblocked an address"),
    }
    keeps = _(
        "Blocked addresses with reason and author, and how often each was tried, until somebody "
        "removes them; of an erased person only a fingerprint of his addresses."
    )

    @hookimpl(tryfirst=True)
    async def admit(self, arrival: Arrival) -> None:
        await services.refuse_if_blocked(arrival)

    @hookimpl
    async def session_sidebar(self, session: Session) -> Fragment | None:
        if not g.principal.may(g.tenant, "blacklist.entry.add"):
            return None
        card = await views.card_of(session)
        return Fragment("blacklist/card.html", card, order=90) if card["rows"] else None

    @hookimpl
    async def export_person(self, person: PersonRef) -> dict[str, Any] | None:
        return await services.export_person(person)

    @hookimpl
    async def erase_person(self, person: PersonRef, dry_run: bool) -> dict[str, int] | None:
        return await services.erase_person(person, dry_run=dry_run)
