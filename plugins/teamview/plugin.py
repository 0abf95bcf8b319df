"""Facts about the plugin, and the hooks it answers."""

from __future__ import annotations

from quart import g, url_for

from core.api import (
    Action,
    Fragment,
    NavItem,
    Permission,
    Plugin,
    Session,
    StateTopic,
    StoredEvent,
    TenantView,
    gettext,
    hookimpl,
)
from core.api import gettext_noop as _
from plugins.teamview import services, views
from plugins.teamview.rows import TOPIC

FEATURES = "core.plugin.manage"


class TeamviewPlugin(Plugin):
    name = "teamview"
    title = "Team View"
    description = "The shared waiting room of the team and each agent's own, live."
    models = "plugins.teamview.models"
    blueprint = views.blueprint
    permissions = (Permission(views.VIEW, _("See the waiting room")),)
    nav = (
        NavItem(
            "teamview.home", _("Waiting room"), "users", permission=views.VIEW, order=10, home=True
        ),
    )
    topics = (StateTopic(TOPIC, views.VIEW, services.snapshot),)
    modules = {"agent": ("room.js",)}
    keeps = _(
        "Since when the customer of an open session is on or off line and has been waiting for an "
        "answer, until the session ends; for each agent the view he used last."
    )

    @hookimpl
    async def session_opened(self, tenant: TenantView, session: Session) -> None:
        await services.session_changed(tenant, session)

    @hookimpl
    async def session_changed(self, tenant: TenantView, session: Session) -> None:
        await services.session_changed(tenant, session)

    @hookimpl
    async def presence_changed(
        self, tenant: TenantView, session: Session, side: str, online: bool
    ) -> None:
        react = services.customer_presence if side == "customer" else services.agent_presence
        await react(tenant, session, online=online)

    @hookimpl
    async def event_kept(self, tenant: TenantView, event: StoredEvent) -> None:
        await services.event_kept(tenant, event)

    @hookimpl
    async def home_actions(self) -> Action | None:
        url = url_for("administration.features")
        return Action(gettext("Settings"), url, "settings", permission=FEATURES, order=90)

    @hookimpl
    async def desk_list(self, session: Session) -> Fragment | None:
        if not g.principal.may(g.tenant, views.VIEW):
            return None
        view = await services.chosen_view(g.tenant, g.principal.user_id)
        context = await views.element(view) | {"current": str(session.id)}
        return Fragment("teamview/list.html", context)
