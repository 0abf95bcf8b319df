"""Who is turned away, until when, and what is counted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.api import SYSTEM, Arrival, Channel, Session, TenantView
from core.testing.application import Browser
from plugins.blacklist import services
from plugins.blacklist.entries import Wanted, last_day, stored_value, until_end_of
from plugins.blacklist.models import Entry
from plugins.blacklist.services import CallerBlocked

pytestmark = pytest.mark.serves("M23")


def arrival(tenant: TenantView, **facts: Any) -> Arrival:
    return Arrival(tenant.id, Channel.CHAT, **({"name": "Carla"} | facts))


async def block(tenant: TenantView, kind: str, text: str, until: datetime | None = None) -> Entry:
    wanted = Wanted(kind, stored_value(kind, text), "", until)
    return await services.add(tenant.id, wanted, SYSTEM)


async def is_refused(tenant: TenantView, **facts: Any) -> bool:
    try:
        await tenant.hooks.admit(arrival=arrival(tenant, **facts))
    except CallerBlocked:
        return True
    return False


@pytest.mark.parametrize(
    ("kind", "text", "facts", "refused"),
    [
        pytest.param("email", "Ana@Example.com", {"email": "ana@example.com"}, True, id="mail"),
        pytest.param("email", "ana@example.com", {"email": "anna@example.com"}, False, id="mail~"),
        pytest.param("phone", "+34 600 111 222", {"phone": "+34600111222"}, True, id="phone"),
        pytest.param("phone", "+34 600 111 222", {"phone": "+34600111223"}, False, id="phone~"),
        pytest.param("network", "203.0.113.0/24", {"address": "203.0.113.255"}, True, id="v4 end"),
        pytest.param("network", "203.0.113.0/24", {"address": "203.0.114.0"}, False, id="v4 next"),
        pytest.param("network", "203.0.113.9/24", {"address": "203.0.113.1"}, True, id="v4 host"),
        pytest.param("network", "203.0.113.9", {"address": "203.0.113.9"}, True, id="v4 single"),
        pytest.param(
            "network", "203.0.113.0/24", {"address": "::ffff:203.0.113.7"}, True, id="v4 mapped"
        ),
        pytest.param("network", "2001:db8::/32", {"address": "2001:db8:ff::1"}, True, id="v6"),
        pytest.param("network", "2001:db8::/32", {"address": "2001:db9::1"}, False, id="v6 next"),
        pytest.param("network", "fe80::/10", {"address": "fe80::1%eth0"}, True, id="v6 zone"),
        pytest.param("network", "203.0.113.0/24", {"address": "not an address"}, False, id="junk"),
        pytest.param("network", "203.0.113.0/24", {"address": ""}, False, id="unknown peer"),
        pytest.param("pattern", "*@spam.example", {"email": "x@spam.example"}, True, id="domain"),
        pytest.param(
            "pattern", "*@spam.example", {"email": "x@spam.example.org"}, False, id="whole value"
        ),
        pytest.param("pattern", "+34905*", {"phone": "+34905123456"}, True, id="prefix"),
        pytest.param("pattern", "*CASINO*", {"name": "Best casino ever"}, True, id="name"),
        pytest.param("pattern", "a.c", {"name": "abc"}, False, id="a dot is a dot"),
        pytest.param("pattern", "/^(buy|win)\\b/", {"name": "Win now"}, True, id="expression"),
        pytest.param("pattern", "*@spam.example", {}, False, id="no addresses"),
    ],
)
async def test_an_entry_fits(
    tenant: TenantView, kind: str, text: str, facts: dict[str, str], refused: bool
) -> None:
    await block(tenant, kind, text)
    assert await is_refused(tenant, **facts) is refused


@pytest.mark.parametrize(
    ("left", "refused"),
    [
        pytest.param(None, True, id="for good"),
        pytest.param(timedelta(seconds=30), True, id="not over yet"),
        pytest.param(timedelta(0), False, id="over this moment"),
        pytest.param(timedelta(days=-1), False, id="over"),
    ],
)
async def test_an_entry_holds_until(
    tenant: TenantView, left: timedelta | None, refused: bool
) -> None:
    until = None if left is None else datetime.now(UTC) + left
    await block(tenant, "email", "ana@example.com", until)
    assert await is_refused(tenant, email="ana@example.com") is refused


@pytest.mark.parametrize(
    ("zone", "day", "ends"),
    [
        pytest.param("Europe/Madrid", "2027-01-31", "2027-01-31T23:00:00+00:00", id="winter"),
        pytest.param("Europe/Madrid", "2027-03-27", "2027-03-27T23:00:00+00:00", id="before DST"),
        pytest.param("Europe/Madrid", "2027-03-28", "2027-03-28T22:00:00+00:00", id="DST day"),
        pytest.param("America/New_York", "2027-12-31", "2028-01-01T05:00:00+00:00", id="west"),
        pytest.param("Asia/Kolkata", "2028-02-29", "2028-02-29T18:30:00+00:00", id="half hours"),
    ],
)
def test_the_last_day_ends_at_the_tenants_midnight(zone: str, day: str, ends: str) -> None:
    until = until_end_of(day, zone, datetime(2026, 11, 1, tzinfo=UTC))
    assert until is not None
    assert until.isoformat() == ends
    assert last_day(until, zone).isoformat() == day


async def test_the_list_of_one_tenant_does_not_bind_another(
    tenant: TenantView, other_tenant: TenantView
) -> None:
    await block(tenant, "email", "ana@example.com")
    await block(tenant, "pattern", "*@example.com")
    assert await is_refused(tenant, email="ana@example.com")
    assert not await is_refused(other_tenant, email="ana@example.com")


async def test_attempts_at_the_same_time_are_all_counted(tenant: TenantView) -> None:
    entry = await block(tenant, "email", "ana@example.com")
    began = datetime.now(UTC)
    tries = [is_refused(tenant, email="ana@example.com") for _ in range(25)]
    assert all(await asyncio.gather(*tries))
    entry = await Entry.get(tenant_id=tenant.id, id=entry.id)
    assert entry.attempts == 25
    assert entry.last_attempt_at is not None
    assert entry.last_attempt_at >= began


async def test_every_entry_that_fits_counts_the_attempt(tenant: TenantView) -> None:
    fitting = [
        await block(tenant, "email", "ana@example.com"),
        await block(tenant, "pattern", "*@example.com"),
    ]
    beside = await block(tenant, "phone", "+34600111222")
    assert await is_refused(tenant, email="ana@example.com")
    counts = dict(await Entry.filter(tenant_id=tenant.id).values_list("id", "attempts"))
    assert counts == {fitting[0].id: 1, fitting[1].id: 1, beside.id: 0}


async def test_a_blocked_visitor_makes_no_session_and_is_not_told_why(
    app: Any, tenant: TenantView
) -> None:
    await block(tenant, "email", "ana@example.com")
    visitor = Browser(app, tenant)
    form = {"name": "Ana", "email": "ANA@example.com"}
    answer = await visitor.post("/e/front", form=form)
    page = await answer.get_data(as_text=True)
    assert answer.status_code == 403
    assert "We cannot take your request here" in page
    assert "blacklist" not in page.partition("<main")[2].lower()
    assert await Session.filter(tenant_id=tenant.id).count() == 0
    assert (
        await visitor.post("/e/front", form=form | {"email": "eve@example.com"})
    ).status_code in {302, 303}
    assert await Session.filter(tenant_id=tenant.id).count() == 1


async def test_a_broken_blacklist_lets_nobody_in(
    app: Any, tenant: TenantView, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Arrival) -> None:
        raise RuntimeError("no list today")

    monkeypatch.setattr(services, "refuse_if_blocked", fail)
    answer = await Browser(app, tenant).post("/e/front", form={"name": "Ana"})
    assert answer.status_code == 503
    assert await Session.filter(tenant_id=tenant.id).count() == 0


async def test_a_blacklist_switched_off_binds_nobody(tenant: TenantView, switch: Any) -> None:
    await block(tenant, "email", "ana@example.com")
    off = await switch(tenant, "blacklist", on=False)
    assert not await is_refused(off, email="ana@example.com")
    on = await switch(tenant, "blacklist", on=True)
    assert await is_refused(on, email="ana@example.com")


async def test_an_address_blocked_again_after_its_time_is_blocked_anew(
    tenant: TenantView,
) -> None:
    old = await block(tenant, "email", "ana@example.com", datetime.now(UTC) - timedelta(days=1))
    new = await block(tenant, "email", "ana@example.com")
    assert new.id != old.id
    with pytest.raises(services.AlreadyListed):
        await block(tenant, "email", "ana@example.com")


async def test_there_is_a_limit_of_what_each_arrival_is_compared_with(
    tenant: TenantView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MOST_SEARCHED", 2)
    await block(tenant, "pattern", "one*")
    await block(tenant, "network", "203.0.113.0/24")
    with pytest.raises(services.TooManySearched):
        await block(tenant, "pattern", "two*")
    await block(tenant, "email", "ana@example.com")
    assert await is_refused(tenant, address="203.0.113.1")
