"""Every fact a plugin can state and every hook it can answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from quart import g

from core.api import (
    Action,
    Actor,
    Arrival,
    EventType,
    Fragment,
    Health,
    JobType,
    MessageType,
    NavItem,
    Notice,
    Permission,
    PersonRef,
    Plugin,
    Receipt,
    Session,
    StateTopic,
    StoredEvent,
    TenantView,
    hookimpl,
)
from core.api import gettext as _t
from core.api import gettext_noop as _
from offhook_dummy import jobs, services, views
from offhook_dummy.settings import DummySettings


def _card(where: str) -> Fragment | None:
    if not g.tenant.setting("dummy", DummySettings).shown:
        return None
    return Fragment("dummy/card.html", {"where": where}, order=99)


class DummyPlugin(Plugin):
    name = "dummy"
    title = "Dummy plugin"
    description = "Uses every extension point; for tests and for authors of plugins."
    requires = ()
    min_core = "0.1"
    models = "offhook_dummy.models"
    blueprint = views.blueprint
    settings = DummySettings
    permissions = (
        Permission("dummy.note.view", _("See what the dummy says")),
        Permission("dummy.note.add", _("Have the dummy write a note"), ("administrator",)),
    )
    nav = (NavItem("dummy.index", _("Dummy"), "puzzle", "dummy.note.view", order=95, admin=True),)
    jobs = (
        JobType("dummy.note_later", jobs.note_later),
        JobType("dummy.count", jobs.count, cron_s=3600),
    )
    topics = (StateTopic(services.TOPIC, "dummy.note.view", services.snapshot),)
    messages = (MessageType("dummy.say", services.Say, services.say, "dummy.note.view"),)
    events = (EventType(services.SAID, _("{name} had the dummy speak"), "message-square"),)
    actions = {"dummy.note_added": _("Note added")}
    modules = {"agent": ("dummy.js",), "visit": ()}
    keeps = _("Notes about customers until the customer is erased.")

    async def on_enable(self, tenant: TenantView) -> None:
        services.told["on_enable"] += 1

    async def on_disable(self, tenant: TenantView) -> None:
        services.told["on_disable"] += 1

    @hookimpl
    async def admit(self, arrival: Arrival) -> None:
        services.refuse_nobody(arrival)

    @hookimpl
    async def session_opened(self, tenant: TenantView, session: Session) -> None:
        await services.heard(tenant, "session_opened")

    @hookimpl
    async def session_changed(self, tenant: TenantView, session: Session) -> None:
        await services.heard(tenant, "session_changed")

    @hookimpl
    async def presence_changed(
        self, tenant: TenantView, session: Session, side: str, online: bool
    ) -> None:
        await services.heard(tenant, "presence_changed")

    @hookimpl
    async def message_in(self, value: str, tenant: TenantView, session_id: str) -> str | None:
        return value.replace("dumb", "clever") if "dumb" in value else None

    @hookimpl
    async def accept_file(self, tenant: TenantView, session_id: UUID, by: Actor) -> None:
        services.told["accept_file"] += 1

    @hookimpl
    async def event_kept(self, tenant: TenantView, event: StoredEvent) -> None:
        services.told["event_kept"] += 1

    @hookimpl(trylast=True)
    async def deliver(self, tenant: TenantView, notice: Notice) -> Receipt | None:
        return await services.carry(notice)

    @hookimpl
    async def delivery_changed(
        self, tenant: TenantView, notice: Notice, state: str, reason: str
    ) -> None:
        services.told[f"delivery_{state}"] += 1

    @hookimpl
    async def home_actions(self) -> Action | None:
        return Action(_t("Dummy"), "/dummy/", "puzzle", permission="dummy.note.view", order=99)

    @hookimpl
    async def session_actions(self, session: Session) -> Action | None:
        return Action(_t("Dummy"), "/dummy/", "puzzle", permission="dummy.note.view", order=99)

    @hookimpl
    async def desk_list(self, session: Session) -> Fragment | None:
        return _card("desk_list")

    @hookimpl
    async def session_main(self, session: Session) -> Fragment | None:
        return _card("session_main")

    @hookimpl
    async def session_sidebar(self, session: Session) -> Fragment | None:
        return _card("session_sidebar")

    @hookimpl
    async def visit_main(self, session: Session) -> Fragment | None:
        return _card("visit_main")

    @hookimpl
    async def export_person(self, person: PersonRef) -> dict[str, Any] | None:
        return await services.export_person(person)

    @hookimpl
    async def erase_person(self, person: PersonRef, dry_run: bool) -> dict[str, int] | None:
        return await services.erase_person(person, dry_run=dry_run)

    @hookimpl
    async def health(self) -> Health | None:
        return Health("dummy")

    @hookimpl
    async def job_failed(self, name: str, tenant_id: int | None, args: dict[str, object]) -> None:
        services.told["job_failed"] += 1
