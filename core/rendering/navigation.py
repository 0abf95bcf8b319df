"""The menu: what the enabled plugins offer to this person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quart import g, url_for

from core.i18n import gettext_in
from core.plugins import NavItem


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of the menu, ready to show. ``name`` is its endpoint."""

    name: str
    title: str
    icon: str
    url: str
    home: bool
    admin: bool


def allowed(permission: str | None) -> bool:
    """Return whether the person of this request has *permission*; nobody has only ``None``."""
    if permission is None:
        return True
    principal = g.get("principal")
    return principal is not None and principal.may(g.tenant, permission)


def entries(offered: Iterable[tuple[str, str, NavItem]]) -> list[Entry]:
    """Return the entries for this person, homes first.

    *offered* holds plugin name (empty: core), package of its words, and item.
    """
    enabled = g.tenant.enabled
    items = [
        (package, item)
        for plugin, package, item in offered
        if (not plugin or plugin in enabled) and allowed(item.permission)
    ]
    items.sort(key=lambda pair: (not pair[1].home, pair[1].order, pair[1].endpoint))
    return [
        Entry(
            item.endpoint,
            gettext_in(package, item.title),
            item.icon,
            url_for(item.endpoint),
            item.home,
            item.admin,
        )
        for package, item in items
    ]
