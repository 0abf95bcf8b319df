"""Switching a plugin: everything of it goes and returns, for one tenant, at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from quart import Quart

from core import switching
from core.current import service
from core.jobs import Jobs, enqueue
from core.lifecycle import EndReason, SessionState
from core.models import Audit, Job, Session
from core.tenancy import Tenancy, TenantView
from core.testing.application import Browser, waiting_session
from core.timeline import Timeline
from core.values import SYSTEM

Switch = Callable[..., Awaitable[TenantView]]


@pytest.mark.serves("X3")
async def test_pages_menu_and_slots_vanish_and_return(
    agent: Browser, tenant: TenantView, switch: Switch
) -> None:
    async def seen() -> tuple[int, bool, bool]:
        page = await agent.get("/notify/new")
        home = await (await agent.get("/teamview/team")).get_data(as_text=True)
        assert isinstance(home, str)
        return page.status_code, "/notify/new" in home, "/static/notify/" in home

    assert (await seen())[:2] == (200, True)
    await switch(tenant, "notify", on=False)
    assert await seen() == (404, False, False)
    await switch(tenant, "notify", on=True)
    assert (await seen())[:2] == (200, True)


@pytest.mark.serves("X3")
async def test_the_other_tenant_notices_nothing(
    tenant: TenantView, foreign_administrator: Browser, switch: Switch
) -> None:
    before = (await service(Tenancy).of_slug("beta"), await service(Tenancy).of_slug("acme"))
    await switch(tenant, "chat", on=False)
    assert await service(Tenancy).of_slug("beta") is before[0]
    assert (await foreign_administrator.get("/notify/new")).status_code == 200


@pytest.mark.serves("X3")
async def test_sessions_that_the_plugin_carried_end_and_say_why(
    tenant: TenantView, other_tenant: TenantView, switch: Switch
) -> None:
    mine, theirs = await waiting_session(tenant), await waiting_session(other_tenant)
    await switch(tenant, "chat", on=False)
    ended = await Session.get(tenant_id=tenant.id, id=mine.id)
    assert (ended.state, ended.end_reason) == (SessionState.ENDED, EndReason.PLUGIN_OFF)
    kept = await Session.get(tenant_id=other_tenant.id, id=theirs.id)
    assert kept.state is SessionState.WAITING


@pytest.mark.serves("X3")
async def test_jobs_are_parked_and_wake_up_again(tenant: TenantView, switch: Switch) -> None:
    await switch(tenant, "notify", on=False)
    name = next(iter(service(Tenancy)._registry.plugins["notify"].jobs)).name
    job_id = await enqueue(name, {}, tenant_id=tenant.id)
    await service(Jobs).work_off()
    assert (await Job.get(id=job_id)).status == "parked"
    await switch(tenant, "notify", on=True)
    assert (await Job.get(id=job_id)).status != "parked"


async def test_switching_is_an_event_and_an_audit_row(tenant: TenantView, switch: Switch) -> None:
    await switch(tenant, "chat", on=False)
    await switch(tenant, "chat", on=False)
    rows = await Audit.filter(tenant_id=tenant.id, action="core.plugin_disabled")
    assert [row.subject for row in rows] == ["chat"]


async def test_what_others_need_is_not_switched_off_under_them(
    app: Quart, tenant: TenantView
) -> None:
    """The requirement is planted, because no plugin here requires another one."""
    plugins = service(Tenancy)._registry.plugins
    original = type(plugins["teamview"]).requires
    type(plugins["teamview"]).requires = ("chat",)
    try:
        with pytest.raises(switching.NeededByOthers, match="Team View"):
            await switching.switch(tenant, "chat", SYSTEM, on=False)
        without = await switching.switch(tenant, "teamview", SYSTEM, on=False)
        without = await switching.switch(without, "chat", SYSTEM, on=False)
        with pytest.raises(switching.NeedsOthers, match="Chat"):
            await switching.switch(without, "teamview", SYSTEM, on=True)
    finally:
        type(plugins["teamview"]).requires = original
    assert service(Timeline)
