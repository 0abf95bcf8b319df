"""The timeline events core writes itself, and how a page tells of them."""

from __future__ import annotations

from core.current import service
from core.i18n import catalogs, gettext_in
from core.i18n import gettext_noop as _
from core.plugins import EventType, Registry

CORE_EVENTS = (
    EventType("core.session_opened", _("{name} opened the session"), "plus"),
    EventType("core.link_opened", _("The link was opened"), "eye"),
    EventType("core.link_withdrawn", _("{name} withdrew the link"), "ban"),
    EventType(
        "core.customer_arrived", _("{name} is in the waiting room"), "log-in", attention=True
    ),
    EventType("core.agent_joined", _("{name} attends now"), "user-check"),
    EventType("core.agent_left", _("{name} sent the customer back to the waiting room"), "undo-2"),
    EventType("core.priority_set", _("{name} changed the priority"), "arrow-up-down"),
    EventType("core.owner_changed", _("{name} gave the customer to {owner_name}"), "user-check"),
    EventType("core.session_ended", _("{name} ended the session"), "square"),
    EventType("core.file_added", "", "paperclip", attention=True),
    EventType("core.file_removed", _("{name} removed a file"), "trash-2"),
    EventType("core.plugin_enabled", _("{name} switched on {plugin}"), "plug"),
    EventType("core.plugin_disabled", _("{name} switched off {plugin}"), "plug"),
    EventType("core.internal", ""),
)


def event_lines() -> dict[str, dict[str, str]]:
    """Return type -> ``text`` and ``icon``, in the language of the moment, for pages.

    Of every installed plugin: the history stays readable when one is switched off.
    """
    known = [(catalogs.CORE, event) for event in CORE_EVENTS]
    for plugin in service(Registry):
        package = catalogs.package_of(type(plugin).__module__)
        known += [(package, event) for event in plugin.events]
    return {e.name: {"text": gettext_in(p, e.text), "icon": e.icon} for p, e in known if e.text}
