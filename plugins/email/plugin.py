"""What the plugin is to core."""

from __future__ import annotations

from typing import Any

from core.api import (
    Health,
    JobType,
    NavItem,
    Notice,
    Permission,
    PersonRef,
    Plugin,
    Receipt,
    TenantView,
    hookimpl,
)
from core.api import gettext_noop as _
from plugins.email import jobs, services, settings, views

DAY_S = 24 * 3600


class EmailPlugin(Plugin):
    name = "email"
    title = "E-mail"
    description = "Sends invitations and notices by e-mail, with your name and in your colours."
    blueprint = views.blueprint
    settings = settings.EmailSettings
    permissions = (Permission("email.outbox.view", _("Look into the outbox"), ("administrator",)),)
    nav = (
        NavItem("email.outbox", _("Outbox"), "inbox", "email.outbox.view", order=80, admin=True),
    )
    jobs = (JobType("email.tidy", jobs.tidy, cron_s=DAY_S),)
    keeps = (
        "Where no mail server is set: the mails themselves, in the outbox, for 30 days."
        " With a mail server nothing."
    )

    @hookimpl
    async def deliver(self, tenant: TenantView, notice: Notice) -> Receipt | None:
        return await services.deliver(tenant, notice) if notice.channel == "email" else None

    @hookimpl
    async def health(self) -> Health | None:
        return await services.health()

    @hookimpl
    async def export_person(self, person: PersonRef) -> dict[str, Any] | None:
        return await services.export_person(person)

    @hookimpl
    async def erase_person(self, person: PersonRef, dry_run: bool) -> dict[str, int] | None:
        return await services.erase_person(person, dry_run=dry_run)
