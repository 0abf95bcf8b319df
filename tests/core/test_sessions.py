"""Sessions: from the invitation to the end, and who may take whom when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from quart import Quart

from core import sessions
from core.current import service
from core.errors import BadInput, LimitReached, NotFound
from core.lifecycle import Channel, EndReason, IllegalMove, SessionState
from core.line import places
from core.models import Customer, EntryPoint, Invitation, Plan, RefusedArrivals, Session, User
from core.plugins import Registry
from core.sessions import LinkGone, Person
from core.tenancy import Tenancy, TenantView
from core.testing.application import invited_session, make_user, waiting_session
from core.timeline import Timeline
from core.values import SYSTEM, Actor, Arrival


@pytest.fixture
async def ada(app: Quart, tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


def acting(user: User) -> Actor:
    return Actor("agent", str(user.id), user.name)


async def types(tenant: TenantView, session: Session) -> list[str]:
    return [e.type for e in await service(Timeline).read(tenant.id, session.id)]


@pytest.mark.serves("V15", "V26")
async def test_an_invitation_makes_a_session_and_a_link_that_opens_it(
    tenant: TenantView, ada: User
) -> None:
    session, invitation = await invited_session(tenant, ada)
    assert session.state is SessionState.SCHEDULED
    token = sessions.link_token(invitation.id)
    found = await sessions.open_link(tenant, token)
    assert found.session_id == session.id
    assert token not in str(vars(invitation)), "the record does not hold the token"


@pytest.mark.serves("V26", "S-09")
@pytest.mark.parametrize("change", ["expired", "withdrawn", "deleted", "guessed", "foreign"])
async def test_a_link_that_is_over_opens_nothing(
    tenant: TenantView, other_tenant: TenantView, ada: User, change: str
) -> None:
    session, invitation = await invited_session(tenant, ada)
    token, at = sessions.link_token(invitation.id), tenant
    mine = Invitation.filter(tenant_id=tenant.id, id=invitation.id)
    if change == "expired":
        await mine.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    elif change == "withdrawn":
        await sessions.withdraw_link(tenant, invitation.id, acting(ada))
    elif change == "deleted":
        await sessions.delete(tenant, session.id, acting(ada))
    elif change == "guessed":
        token = token[:-1] + ("A" if token[-1] != "A" else "B")
    else:
        at = other_tenant
    with pytest.raises(NotFound if change in {"guessed", "foreign"} else LinkGone):
        await sessions.open_link(at, token)


@pytest.mark.serves("V27", "X7")
async def test_the_place_in_line_is_kept_through_coming_back_and_being_handed_back(
    tenant: TenantView, ada: User
) -> None:
    first = await waiting_session(tenant, "First")
    second = await waiting_session(tenant, "Second")
    await sessions.attend(tenant, first.id, acting(ada))
    assert (await places(tenant))[second.id].place == 1
    again = await sessions.hand_back(tenant, first.id, acting(ada))
    assert again.enqueued_at == first.enqueued_at
    assert (await sessions.arrive(tenant, first.id)).enqueued_at == first.enqueued_at
    there = await places(tenant)
    assert (there[first.id].place, there[second.id].place) == (1, 2)


@pytest.mark.serves("V4")
async def test_a_higher_priority_goes_first(tenant: TenantView, ada: User) -> None:
    first, second = await waiting_session(tenant, "A"), await waiting_session(tenant, "B")
    await sessions.set_priority(tenant, second.id, acting(ada), 2)
    there = await places(tenant)
    assert (there[second.id].place, there[first.id].place) == (1, 2)
    with pytest.raises(BadInput):
        await sessions.set_priority(tenant, second.id, acting(ada), 3)


@pytest.mark.serves("X16")
async def test_those_who_wait_for_one_agent_have_a_line_of_their_own(
    tenant: TenantView, ada: User
) -> None:
    await waiting_session(tenant, "For anybody")
    session, _ = await invited_session(tenant, ada)
    await sessions.arrive(tenant, session.id)
    assert (await places(tenant))[session.id].place == 1


@pytest.mark.serves("X16")
async def test_the_expected_wait_is_told_once_enough_is_known(
    tenant: TenantView, ada: User
) -> None:
    waiting = await waiting_session(tenant)
    assert (await places(tenant))[waiting.id].expected_s is None
    now = datetime.now(UTC)
    for minutes in (4, 6, 8):
        done = await waiting_session(tenant, f"Done {minutes}")
        await sessions.attend(tenant, done.id, acting(ada))
        await sessions.end(tenant, done.id, acting(ada), EndReason.FINISHED)
        began = now - timedelta(minutes=minutes)
        await Session.filter(tenant_id=tenant.id, id=done.id).update(
            attended_at=began, ended_at=now
        )
    assert (await places(tenant))[waiting.id].expected_s == 360


@pytest.mark.serves("V25", "R-25")
async def test_of_ten_agents_who_attend_at_once_exactly_one_wins(tenant: TenantView) -> None:
    session = await waiting_session(tenant)
    agents = [await make_user(tenant, f"Agent{n}") for n in range(10)]
    results = await asyncio.gather(
        *(sessions.attend(tenant, session.id, acting(agent)) for agent in agents),
        return_exceptions=True,
    )
    won = [r for r in results if isinstance(r, Session)]
    assert len(won) == 1
    assert all(isinstance(r, Session | IllegalMove) for r in results)
    joined = [t for t in await types(tenant, session) if t == "core.agent_joined"]
    assert len(joined) == 1
    assert (await sessions.get(tenant.id, session.id)).agent_id == won[0].agent_id


@pytest.mark.serves("C13", "X1")
async def test_the_timeline_tells_the_whole_visit(tenant: TenantView, ada: User) -> None:
    session = await waiting_session(tenant)
    await sessions.attend(tenant, session.id, acting(ada))
    await sessions.end(tenant, session.id, acting(ada), EndReason.FINISHED)
    events = await service(Timeline).read(tenant.id, session.id)
    assert [e.type for e in events] == [
        "core.session_opened",
        "core.customer_arrived",
        "core.agent_joined",
        "core.session_ended",
    ]
    assert [e.n for e in events] == [1, 2, 3, 4]
    assert events[-1].payload == {"reason": "finished"}


@pytest.mark.serves("V14")
async def test_a_deleted_session_leaves_the_room_and_keeps_its_history(
    tenant: TenantView, ada: User
) -> None:
    session = await waiting_session(tenant)
    await sessions.delete(tenant, session.id, acting(ada))
    assert await sessions.in_room(tenant) == []
    assert "core.session_ended" in await types(tenant, session)
    with pytest.raises(IllegalMove):
        await sessions.attend(tenant, session.id, acting(ada))


async def test_a_foreign_session_cannot_be_moved(
    tenant: TenantView, other_tenant: TenantView, ada: User
) -> None:
    session = await waiting_session(tenant)
    for act in (
        sessions.attend(other_tenant, session.id, acting(ada)),
        sessions.end(other_tenant, session.id, SYSTEM, EndReason.FINISHED),
        sessions.set_priority(other_tenant, session.id, SYSTEM, 1),
        sessions.arrive(other_tenant, session.id),
    ):
        with pytest.raises(NotFound):
            await act
    assert (await sessions.get(tenant.id, session.id)).state is SessionState.WAITING


async def test_a_known_customer_is_recognised_by_address_and_name(
    tenant: TenantView, ada: User
) -> None:
    first, _ = await invited_session(tenant, ada, person=Person("Carla", "c@example.org"))
    again, _ = await invited_session(tenant, ada, person=Person("CARLA", "c@example.org"))
    sibling, _ = await invited_session(tenant, ada, person=Person("Dario", "c@example.org"))
    assert first.customer_id == again.customer_id
    assert sibling.customer_id != first.customer_id
    assert await Customer.filter(tenant_id=tenant.id).count() == 2


async def test_the_plan_limits_open_sessions(tenant: TenantView, ada: User) -> None:
    await Plan.filter(name="plan-acme").update(limits={"open_sessions": 1})
    limited = await service(Tenancy).touch(tenant.id)
    session = await waiting_session(limited)
    with pytest.raises(LimitReached):
        await waiting_session(limited, "One too many")
    await sessions.end(limited, session.id, acting(ada), EndReason.FINISHED)
    assert await waiting_session(limited, "Now")


async def test_a_refused_arrival_is_counted_and_makes_no_session(tenant: TenantView) -> None:
    point = await EntryPoint.get(tenant_id=tenant.id, slug="front")
    await EntryPoint.filter(tenant_id=tenant.id, id=point.id).update(is_open=False)
    point.is_open = False
    arrival = Arrival(tenant.id, Channel.CHAT, "front", "192.0.2.7", name="Carla")
    with pytest.raises(sessions.EntryPointClosed):
        await sessions.walk_in(tenant, point, arrival, "en")
    assert await Session.filter(tenant_id=tenant.id).count() == 0


async def test_a_broken_guard_lets_nobody_in(tenant: TenantView) -> None:
    """S-27: a guard that cannot be asked refuses, and the refusal is counted."""
    from core.errors import PluginBroken
    from core.hooks import Hooks

    service(Hooks).mark_broken("blacklist", "broken by the test")
    with pytest.raises(PluginBroken):
        await waiting_session(tenant)
    assert await Session.filter(tenant_id=tenant.id).count() == 0
    row = await RefusedArrivals.get(tenant_id=tenant.id)
    assert (row.code, row.count) == ("plugin-broken", 1)


async def test_somebody_who_left_can_contact_us_again(tenant: TenantView, ada: User) -> None:
    session = await waiting_session(tenant)
    await sessions.attend(tenant, session.id, acting(ada))
    old = await sessions.end(tenant, session.id, acting(ada), EndReason.FINISHED)
    new = await sessions.follow_up(tenant, old)
    assert (new.customer_id, new.owner_id) == (old.customer_id, ada.id)
    assert new.state is SessionState.WAITING
    assert [s.id for s in await sessions.of_customer(tenant, old.customer.id)] == [new.id, old.id]


async def test_an_unknown_session_is_not_found(tenant: TenantView) -> None:
    with pytest.raises(NotFound):
        await sessions.get(tenant.id, uuid4())
    assert service(Registry).plugins
