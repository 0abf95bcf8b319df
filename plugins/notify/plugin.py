"""What the plugin is to core."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from quart import url_for

from core.api import (
    Action,
    EventType,
    Fragment,
    JobType,
    NavItem,
    Notice,
    Permission,
    PersonRef,
    Plugin,
    Session,
    StateTopic,
    Tenancy,
    TenantView,
    gettext,
    hookimpl,
    service,
)
from core.api import gettext_noop as _
from plugins.notify import jobs, services, template_views, views


class NotifyPlugin(Plugin):
    name = "notify"
    title = "Notifications"
    description = "Invites customers by e-mail or SMS, and sends them messages and files later."
    models = "plugins.notify.models"
    blueprint = template_views.blueprint
    permissions = (
        Permission("notify.invitation.send", _("Send notifications")),
        Permission(
            "notify.invitation.send_for_others",
            _("Send notifications in the name of colleagues"),
            ("administrator",),
        ),
        Permission("notify.note.send", _("Send mail and files to customers")),
        Permission(
            "notify.template.edit", _("Change the texts of notifications"), ("administrator",)
        ),
    )
    nav = (
        NavItem(
            "notify.templates",
            _("Texts of notifications"),
            "file-text",
            "notify.template.edit",
            order=70,
            admin=True,
        ),
    )
    jobs = (JobType("notify.send", jobs.send, tries=jobs.TRIES),)
    topics = (StateTopic(services.TOPIC, "notify.invitation.send", services.snapshot),)
    actions = {
        "notify.link_made": _("Made a new link for a customer"),
        "notify.link_withdrawn": _("Withdrew a customer's link"),
        "notify.template_saved": _("Changed the text of a notification"),
        "notify.template_reset": _("Returned to our text of a notification"),
    }
    events = (
        EventType("notify.invitation_sent", _("The invitation went to {address}"), "send"),
        EventType(
            "notify.invitation_failed",
            _("The invitation to {address} could not be delivered"),
            "triangle-alert",
            attention=True,
        ),
        EventType("notify.note_sent", _("{name} wrote by mail: {comment}"), "mail"),
        EventType(
            "notify.note_failed",
            _("The mail to {address} could not be delivered"),
            "triangle-alert",
            attention=True,
        ),
    )
    modules = {"agent": ("card.js",)}
    keeps = (
        "To whom, when and by which channel each notice went, and how that ended, as long as the"
        " session is kept. What a mail to a customer said is in the session's timeline."
    )

    @hookimpl
    async def home_actions(self) -> Action | None:
        return Action(
            gettext("Send a notification"),
            url_for("notify.new"),
            icon="send",
            permission="notify.invitation.send",
            order=10,
        )

    @hookimpl
    async def session_actions(self, session: Session) -> Action | None:
        return Action(
            gettext("Mail and files"),
            url_for("notify.note", session_id=session.id),
            icon="paperclip",
            permission="notify.note.send",
        )

    @hookimpl
    async def session_sidebar(self, session: Session) -> Fragment | None:
        return Fragment("notify/card.html", await views.card_context(session.id), order=20)

    @hookimpl
    async def delivery_changed(self, tenant: TenantView, notice: Notice) -> None:
        await services.show(tenant, notice.ref)

    @hookimpl
    async def job_failed(self, name: str, tenant_id: int | None, args: dict[str, object]) -> None:
        if name == "notify.send" and tenant_id is not None:
            tenant = await service(Tenancy).get(tenant_id)
            await services.given_up(tenant, UUID(str(args["delivery"])))

    @hookimpl
    async def export_person(self, person: PersonRef) -> dict[str, Any] | None:
        return await services.export_person(person)

    @hookimpl
    async def erase_person(self, person: PersonRef, dry_run: bool) -> dict[str, int] | None:
        return await services.erase_person(person, dry_run=dry_run)
