"""The administrators' page of the audit log."""

from __future__ import annotations

from typing import Final

from quart import Blueprint, g, jsonify, request, url_for
from quart.typing import ResponseReturnValue

from core import audit, i18n
from core.access import permitted
from core.current import service
from core.errors import BadInput
from core.i18n import gettext as _
from core.i18n import gettext_noop
from core.i18n.catalogs import package_of
from core.models import Audit
from core.plugins import Registry
from core.rendering import Page, render
from core.web.problems import wants_page

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

ACTIONS: Final = {
    "core.signed_in": gettext_noop("Signed in"),
    "core.password_changed": gettext_noop("Changed the password"),
    "core.user_created": gettext_noop("Made a user"),
    "core.user_changed": gettext_noop("Changed a user"),
    "core.user_deleted": gettext_noop("Deleted a user"),
    "core.user_link_sent": gettext_noop("Sent a password link"),
    "core.session_deleted": gettext_noop("Deleted a session"),
    "core.plugin_enabled": gettext_noop("Switched a feature on"),
    "core.plugin_disabled": gettext_noop("Switched a feature off"),
    "core.settings_saved": gettext_noop("Changed settings"),
    "core.entry_point_added": gettext_noop("Made an entry point"),
    "core.entry_point_changed": gettext_noop("Changed an entry point"),
}


@blueprint.get("/")
@permitted("core.audit.view")
async def index() -> ResponseReturnValue:
    before = request.args.get("before")
    if before is not None and not (before.isdecimal() and len(before) < 18):
        raise BadInput(field="before", problem=_("a whole number is expected"))
    rows = await audit.read(g.tenant.id, int(before) if before else None, audit.PAGE + 1)
    older = rows[audit.PAGE - 1].id if len(rows) > audit.PAGE else None
    shown = rows[: audit.PAGE]
    if not wants_page():
        return jsonify(entries=[_plain(row) for row in shown], before=older)
    return await render(
        "core/audit.html",
        Page(title=_("Audit log"), nav="audit.index", home=url_for("home.home")),
        entries=[(row, title(row.action)) for row in shown],
        older=older,
        is_first=before is None,
    )


def title(action: str) -> str:
    """Say what was done; what a plugin did, also when it is off by now, in the plugin's words."""
    if own := ACTIONS.get(action):
        return _(own)
    plugin = service(Registry).plugins.get(action.split(".")[0])
    if plugin is None or action not in plugin.actions:
        return action
    return i18n.gettext_in(package_of(type(plugin).__module__), plugin.actions[action])


def _plain(row: Audit) -> dict[str, object]:
    return {
        "id": row.id,
        "at": row.at.isoformat(),
        "actor": row.actor,
        "actor_name": row.actor_name,
        "action": row.action,
        "subject": row.subject,
        "details": row.details,
    }
