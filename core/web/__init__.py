"""What core answers over HTTP and WebSocket."""

from __future__ import annotations

from core.i18n import gettext_noop as _
from core.plugins import NavItem
from core.web import (
    account,
    administration,
    assets,
    audit_log,
    files,
    health,
    home,
    sessions,
    sign_in,
    users,
    visit,
)
from core.web import socket as socket_views

BLUEPRINTS = (
    home.blueprint,
    assets.blueprint,
    sign_in.blueprint,
    account.blueprint,
    users.blueprint,
    audit_log.blueprint,
    administration.blueprint,
    sessions.blueprint,
    visit.blueprint,
    files.blueprint,
    health.blueprint,
    socket_views.blueprint,
)
NAV = (
    NavItem("users.index", _("Users"), "users", "core.user.manage", order=80, admin=True),
    NavItem(
        "administration.features",
        _("Features"),
        "puzzle",
        "core.plugin.manage",
        order=81,
        admin=True,
    ),
    NavItem(
        "administration.entry_points",
        _("Entry points"),
        "door-open",
        "core.setting.manage",
        order=82,
        admin=True,
    ),
    NavItem("audit.index", _("Audit log"), "history", "core.audit.view", order=89, admin=True),
)
