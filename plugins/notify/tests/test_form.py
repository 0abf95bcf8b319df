from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.api import Principal, Session, TenantView, User, invitation_of
from core.testing.application import Browser, make_user
from plugins.notify import form as form_
from plugins.notify.form import in_zone
from plugins.notify.tests._common import FORM, send, sent_session

MADRID = ZoneInfo("Europe/Madrid")


@pytest.mark.serves("V15", "V16", "V17", "V18", "V19", "V20")
async def test_the_form_makes_a_session_for_me(agent: Browser, tenant: TenantView) -> None:
    session = await sent_session(agent, tenant)
    assert session.customer.name == "Carla Pérez"
    assert session.owner is not None
    assert session.owner.name == "Ada"
    assert (session.state, session.language, session.channel) == ("scheduled", "es", "chat")
    assert session.scheduled_for is None
    invitation = await invitation_of(tenant, session.id)
    assert invitation is not None
    assert invitation.auto_connect
    assert not invitation.ask_id


@pytest.mark.serves("V20", "V23")
async def test_switches_that_are_off_are_off(agent: Browser, tenant: TenantView) -> None:
    session = await sent_session(agent, tenant, auto_connect=None, ask_id="on")
    invitation = await invitation_of(tenant, session.id)
    assert invitation is not None
    assert (invitation.auto_connect, invitation.ask_id) == (False, True)


@pytest.mark.serves("V16")
async def test_administrators_may_send_for_a_colleague(
    administrator: Browser, tenant: TenantView
) -> None:
    ada = await make_user(tenant, "Ada")
    page = await (await administrator.get("/notify/new")).get_data(as_text=True)
    assert "Ada" in page
    session = await sent_session(administrator, tenant, agent=str(ada.id))
    assert session.owner is not None
    assert session.owner.name == "Ada"


@pytest.mark.serves("V16", "S-01")
async def test_agents_send_for_themselves_alone(agent: Browser, tenant: TenantView) -> None:
    bea = await make_user(tenant, "Bea")
    page = await (await agent.get("/notify/new")).get_data(as_text=True)
    assert "Bea" not in page
    status, _, _ = await send(agent, agent=str(bea.id))
    assert status == 403
    assert await Session.filter(tenant_id=tenant.id).count() == 0


@pytest.mark.serves("S-01")
async def test_a_foreign_colleague_is_none(
    administrator: Browser, tenant: TenantView, other_tenant: TenantView
) -> None:
    stranger = await make_user(other_tenant, "Stranger")
    gone = await make_user(tenant, "Gone")
    await User.filter(tenant_id=tenant.id, id=gone.id).update(deleted_at=datetime.now(UTC))
    for wanted in (str(stranger.id), str(gone.id), "0", "x", "1 OR 1=1", ""):
        status, _, page = await send(administrator, agent=wanted)
        assert status == 400, wanted
        assert "no such colleague" in page
        assert "Stranger" not in page
    assert await Session.filter(tenant_id=tenant.id).count() == 0


@pytest.mark.serves("S-10")
@pytest.mark.parametrize(
    "field", ["owner_id", "tenant_id", "id", "state", "priority", "expires_at"]
)
async def test_unknown_fields_are_refused(agent: Browser, tenant: TenantView, field: str) -> None:
    status, _, _ = await send(agent, **{field: "1"})
    assert status == 400
    assert await Session.filter(tenant_id=tenant.id).count() == 0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"name": ""}, "Between 1 and 120", id="no name"),
        pytest.param({"name": "   "}, "Between 1 and 120", id="only spaces"),
        pytest.param({"name": "x" * 121}, "Between 1 and 120", id="long name"),
        pytest.param({"name": "a\r\nBcc: b"}, "invisible", id="line break in the name"),
        pytest.param({"name": "a\u202eb"}, "invisible", id="reversed name"),
        pytest.param({"email": ""}, "not an e-mail", id="no address"),
        pytest.param({"email": "carla"}, "not an e-mail", id="no at sign"),
        pytest.param({"email": "a@b.org, c@d.org"}, "not an e-mail", id="two addresses"),
        pytest.param({"email": "a@b.org\r\nBcc: c@d.org"}, "not an e-mail", id="forged header"),
        pytest.param({"type": "fax"}, "Choose one", id="unknown type"),
        pytest.param({"type": "sms", "phone": "+34600111222"}, "Choose one", id="sms is not on"),
        pytest.param({"language": "xx"}, "Choose one", id="foreign language"),
        pytest.param({"media": "video"}, "Choose one", id="video is not on"),
        pytest.param({"when": "never"}, "Choose one", id="unknown when"),
        pytest.param({"when": "later", "at": ""}, "Give a date", id="no date"),
        pytest.param({"when": "later", "at": "tomorrow"}, "Give a date", id="words"),
        pytest.param({"when": "later", "at": "2026-13-45T10:00"}, "Give a date", id="no such day"),
        pytest.param({"when": "later", "at": "2020-01-01T10:00"}, "in the past", id="past"),
        pytest.param({"when": "later", "at": "9999-12-31T23:59"}, "year away", id="far"),
        pytest.param({"when": "later", "at": "0001-01-01T00:00"}, "in the past", id="year one"),
        pytest.param({"auto_connect": "maybe"}, "on or off", id="third position"),
    ],
)
async def test_a_mistake_is_told_at_its_field_and_nothing_is_lost(
    agent: Browser, tenant: TenantView, changes: dict[str, str], complaint: str
) -> None:
    assert "sms" not in tenant.enabled
    status, _, page = await send(agent, **changes)
    assert status == 400
    assert complaint in page
    assert 'aria-invalid="true"' in page or "fieldset" in page
    assert 'id="problems"' in page
    if "name" not in changes:
        assert 'value="Carla Pérez"' in page
    assert await Session.filter(tenant_id=tenant.id).count() == 0


async def test_every_mistake_is_told_at_once(agent: Browser) -> None:
    _, _, page = await send(agent, name="", email="x", when="later", at="x")
    for complaint in ("Between 1 and 120", "not an e-mail", "Give a date"):
        assert complaint in page


async def test_a_field_sent_twice_is_refused(agent: Browser) -> None:
    body = "&".join(f"{k}={v}" for k, v in FORM.items()) + "&email=eve%40example.org"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await agent.post("/notify/new", data=body, headers=kind)
    assert response.status_code == 400


@pytest.mark.serves("S-04")
async def test_what_was_typed_comes_back_as_text(agent: Browser, tenant: TenantView) -> None:
    payload = '"><script>alert(1)</script>'
    _, _, page = await send(agent, name=payload, email="x")
    assert "<script>alert" not in page
    session = await sent_session(agent, tenant, name=payload)
    page = await (await agent.get(f"/notify/sent/{session.id}")).get_data(as_text=True)
    assert "<script>alert" not in page


@pytest.mark.serves("V19")
async def test_only_what_is_switched_on_is_offered(
    agent: Browser, tenant: TenantView, switch: Callable[..., Awaitable[TenantView]]
) -> None:
    page = await (await agent.get("/notify/new")).get_data(as_text=True)
    assert 'value="email"' in page
    assert 'value="sms"' not in page
    await switch(tenant, "email", on=False)
    page = await (await agent.get("/notify/new")).get_data(as_text=True)
    assert 'value="email"' not in page
    status, _, _ = await send(agent)
    assert status == 400
    assert (await send(agent, type="link", email=None))[0] == 303


@pytest.mark.serves("V18", "V33")
async def test_the_appointment_is_in_the_tenants_zone(agent: Browser, tenant: TenantView) -> None:
    local = (datetime.now(MADRID) + timedelta(days=3)).replace(hour=10, minute=30)
    session = await sent_session(agent, tenant, when="later", at=local.strftime("%Y-%m-%dT%H:%M"))
    assert session.scheduled_for is not None
    assert session.scheduled_for.astimezone(MADRID).strftime("%H:%M") == "10:30"
    assert session.scheduled_for.utcoffset() == timedelta(0)


@pytest.mark.serves("V18")
async def test_this_very_minute_is_not_the_past(agent: Browser, tenant: TenantView) -> None:
    now = datetime.now(MADRID).strftime("%Y-%m-%dT%H:%M")
    assert (await send(agent, when="later", at=now))[0] == 303


@pytest.mark.serves("V18")
@pytest.mark.parametrize(
    ("local", "utc"),
    [
        pytest.param("2027-03-28T01:59", "2027-03-28T00:59", id="before the gap"),
        pytest.param("2027-03-28T02:00", None, id="the gap begins"),
        pytest.param("2027-03-28T02:59", None, id="the gap ends"),
        pytest.param("2027-03-28T03:00", "2027-03-28T01:00", id="after the gap"),
        pytest.param("2027-10-31T02:30", "2027-10-31T00:30", id="twice: the first"),
        pytest.param("2027-10-31T03:00", "2027-10-31T02:00", id="after it came twice"),
        pytest.param("2027-07-01T12:00", "2027-07-01T10:00", id="summer"),
    ],
)
def test_clocks_that_are_changed(local: str, utc: str | None) -> None:
    at = in_zone(datetime.fromisoformat(local), MADRID)
    expected = None if utc is None else datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert at == expected


@pytest.mark.serves("V18")
@pytest.mark.usefixtures("agent")
async def test_a_time_that_does_not_exist_is_explained(tenant: TenantView) -> None:
    ada = await User.get(tenant_id=tenant.id, name="Ada")
    me = Principal("user", str(ada.id), ada.name, tenant.id, ada.role, 1)
    wanted = FORM | {"when": "later", "at": "2027-03-28T02:30"}
    with pytest.raises(form_.FormInvalid) as caught:
        form_.read(tenant, me, [ada], wanted, now=datetime(2027, 3, 1, tzinfo=UTC))
    assert "clocks" in caught.value.fields["at"]
