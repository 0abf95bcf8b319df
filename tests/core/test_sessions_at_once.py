"""Two who do the same at the same moment, and what is cut off half-way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from quart import Quart

from core import sessions, switching
from core.current import service
from core.errors import LimitReached
from core.lifecycle import Channel, EndReason, SessionState
from core.models import Invitation, Plan, Session, User
from core.sessions import EntryPointClosed
from core.tenancy import Tenancy, TenantView
from core.testing.application import enter, invited_session, make_user, waiting_session
from core.timeline import Timeline
from core.values import SYSTEM, Actor


@pytest.fixture
async def ada(app: Quart, tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


async def types(tenant: TenantView, session: Session) -> list[str]:
    return [e.type for e in await service(Timeline).read(tenant.id, session.id)]


@pytest.mark.serves("V26")
async def test_a_link_opened_twice_at_once_was_opened_once(tenant: TenantView, ada: User) -> None:
    session, invitation = await invited_session(tenant, ada)
    token = sessions.link_token(invitation.id)
    await asyncio.gather(*(sessions.open_link(tenant, token) for _ in range(4)))
    assert (await types(tenant, session)).count("core.link_opened") == 1


async def test_a_link_withdrawn_twice_was_withdrawn_once(tenant: TenantView, ada: User) -> None:
    session, invitation = await invited_session(tenant, ada)
    for _ in range(2):
        await sessions.withdraw_link(tenant, invitation.id, SYSTEM)
    assert (await types(tenant, session)).count("core.link_withdrawn") == 1


@pytest.mark.serves("V27")
async def test_two_pages_of_one_customer_arrive_once_and_neither_fails(
    app: Quart, tenant: TenantView, ada: User
) -> None:
    session, _ = await invited_session(tenant, ada)
    customer = await enter(app, tenant, session)
    answers = await asyncio.gather(*(customer.get("/visit/") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert (await types(tenant, session)).count("core.customer_arrived") == 1


async def test_a_customer_who_leaves_twice_sees_the_end_and_no_error(
    app: Quart, tenant: TenantView
) -> None:
    session = await waiting_session(tenant)
    customer = await enter(app, tenant, session)
    answers = await asyncio.gather(*(customer.post("/visit/leave") for _ in range(3)))
    assert {answer.status_code for answer in answers} == {302}
    assert (await types(tenant, session)).count("core.session_ended") == 1


@pytest.mark.serves("V14")
async def test_a_deletion_that_is_cut_off_leaves_no_link_that_works(
    tenant: TenantView, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, invitation = await invited_session(tenant, ada)

    async def cut_off(*_: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(sessions, "tell_places", cut_off)
    with pytest.raises(ConnectionResetError):
        await sessions.delete(tenant, session.id, SYSTEM)
    found = await Session.get(tenant_id=tenant.id, id=session.id)
    link = await Invitation.get(tenant_id=tenant.id, id=invitation.id)
    assert found.end_reason is EndReason.DELETED
    assert link.withdrawn_at is not None


@pytest.mark.serves("M3")
async def test_of_many_at_once_no_more_come_in_than_the_plan_allows(tenant: TenantView) -> None:
    await Plan.filter(name="plan-acme").update(limits={"open_sessions": 2})
    tenant = await service(Tenancy).touch(tenant.id)
    came = await asyncio.gather(
        *(waiting_session(tenant, f"C{i}") for i in range(6)), return_exceptions=True
    )
    assert sum(isinstance(one, LimitReached) for one in came) == 4
    assert await Session.filter(tenant_id=tenant.id).count() == 2


@pytest.mark.serves("X3")
async def test_a_session_that_ends_by_itself_does_not_stop_the_switching(
    tenant: TenantView, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await waiting_session(tenant), await waiting_session(tenant, "Dora")
    end = sessions.end

    async def too_late(at: TenantView, which: Any, by: Actor, reason: EndReason) -> Session:
        if which == first.id:
            await end(at, which, by, EndReason.LEFT)
        return await end(at, which, by, reason)

    monkeypatch.setattr(sessions, "end", too_late)
    await switching.switch(tenant, "chat", SYSTEM, on=False)
    rows = await Session.filter(tenant_id=tenant.id).order_by("created_at")
    assert [row.end_reason for row in rows] == [EndReason.LEFT, EndReason.PLUGIN_OFF]
    assert rows[1].id == second.id


@pytest.mark.serves("X3")
async def test_nobody_comes_in_for_a_medium_that_is_off(tenant: TenantView) -> None:
    session = await waiting_session(tenant)
    tenant = await switching.switch(tenant, "chat", SYSTEM, on=False)
    with pytest.raises(EntryPointClosed):
        await waiting_session(tenant, "Dora")
    with pytest.raises(EntryPointClosed):
        await sessions.follow_up(tenant, await sessions.get(tenant.id, session.id))
    tenant = await switching.switch(tenant, "chat", SYSTEM, on=True)
    assert (await waiting_session(tenant, "Eva")).state is SessionState.WAITING
    assert session.channel is Channel.CHAT
