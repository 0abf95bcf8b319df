"""The administrators' page and the buttons beside a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from core.api import (
    SYSTEM,
    Actor,
    Arrival,
    Channel,
    CustomerAddress,
    PersonRef,
    TenantView,
    Timeline,
    audit,
    service,
)
from core.testing.application import Browser, make_user, sign_in, waiting_session
from plugins.blacklist import services
from plugins.blacklist.entries import Wanted
from plugins.blacklist.models import Entry

pytestmark = pytest.mark.serves("M23")
ANA = "ana@example.com"


async def add(tenant: TenantView, kind: str = "email", value: str = ANA, **facts: Any) -> Entry:
    return await services.add(tenant.id, Wanted(kind, value, **facts), SYSTEM)


async def customer_with_mail(tenant: TenantView) -> Any:
    session = await waiting_session(tenant, "Ana")
    await CustomerAddress.create(
        tenant_id=tenant.id, customer_id=session.customer_id, kind="email", value=ANA
    )
    return session


async def test_an_administrator_adds_an_entry(tenant: TenantView, administrator: Browser) -> None:
    form = {"kind": "phone", "value": "+34 600-111-222", "reason": " calls  at night ", "until": ""}
    assert (await administrator.post("/blacklist/new", form=form)).status_code == 303
    entry = await Entry.get(tenant_id=tenant.id, kind="phone")
    assert (entry.value, entry.reason, entry.until) == ("+34600111222", "calls at night", None)
    assert entry.created_by_name == "Bo"
    page = await (await administrator.get("/blacklist/")).get_data(as_text=True)
    assert "+34600111222" in page
    assert "calls at night" in page
    assert [row.action for row in await audit.read(tenant.id)] == ["blacklist.entry_added"]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        pytest.param({"kind": "email", "value": "nobody"}, 400, id="no address"),
        pytest.param({"kind": "planet", "value": "x"}, 400, id="no kind"),
        pytest.param({"value": ANA}, 400, id="kind missing"),
        pytest.param({"kind": "email", "value": ANA, "until": "soon"}, 400, id="no date"),
        pytest.param({"kind": "email", "value": ANA, "until": "2020-01-01"}, 400, id="past"),
        pytest.param({"kind": "email", "value": ANA, "until": "9999-12-31"}, 400, id="far"),
        pytest.param({"kind": "email", "value": ANA, "reason": "x" * 201}, 400, id="long reason"),
        pytest.param({"kind": "email", "value": ANA, "attempts": "0"}, 400, id="unknown field"),
        pytest.param({"kind": "email", "value": "taken@example.com"}, 409, id="listed already"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_saved(
    tenant: TenantView, administrator: Browser, form: dict[str, str], status: int
) -> None:
    await add(tenant, value="taken@example.com")
    answer = await administrator.post("/blacklist/new", form=form)
    assert answer.status_code == status
    assert await Entry.filter(tenant_id=tenant.id).count() == 1


async def test_a_refused_form_keeps_what_was_typed(administrator: Browser) -> None:
    form = {"kind": "network", "value": "<b>10.0.0.0/99</b>", "reason": "noise", "until": ""}
    page = await (await administrator.post("/blacklist/new", form=form)).get_data(as_text=True)
    assert "&lt;b&gt;10.0.0.0/99&lt;/b&gt;" in page
    assert "<b>10.0.0.0/99" not in page
    assert 'value="noise"' in page
    assert 'aria-invalid="true"' in page


@pytest.mark.serves("M13")
async def test_an_edit_changes_only_what_it_shows(
    tenant: TenantView, administrator: Browser
) -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    entry = await add(tenant, reason="rude", until=until)
    await Entry.filter(tenant_id=tenant.id, id=entry.id).update(attempts=7)
    path = f"/blacklist/{entry.id}"
    assert (await administrator.post(path, form={"reason": "very rude"})).status_code == 303
    now = await Entry.get(tenant_id=tenant.id, id=entry.id)
    assert (now.reason, now.value, now.attempts, now.until) == ("very rude", ANA, 7, until)


async def test_saving_an_entry_that_is_over_without_a_new_day_is_fine(
    tenant: TenantView, administrator: Browser
) -> None:
    entry = await add(tenant, until=datetime.now(UTC) - timedelta(days=3))
    page = await (await administrator.get(f"/blacklist/{entry.id}")).get_data(as_text=True)
    day = page.split('name="until"')[0].rsplit('value="', 1)[1][:10]
    form = {"value": ANA, "reason": "again", "until": day}
    assert (await administrator.post(f"/blacklist/{entry.id}", form=form)).status_code == 303
    assert (await Entry.get(tenant_id=tenant.id, id=entry.id)).until == entry.until


async def test_a_long_list_has_pages_and_can_be_searched(
    tenant: TenantView, administrator: Browser
) -> None:
    for i in range(services.PAGE + 5):
        await add(tenant, value=f"user{i:03}@example.com")
    first = await (await administrator.get("/blacklist/")).get_data(as_text=True)
    second = await (await administrator.get("/blacklist/?page=2")).get_data(as_text=True)
    beyond = await (await administrator.get("/blacklist/?page=99")).get_data(as_text=True)
    assert "user054@" in first
    assert "user004@" not in first
    assert "user004@" in second
    assert "user004@" in beyond
    found = await (await administrator.get("/blacklist/?q=USER004")).get_data(as_text=True)
    assert "user004@" in found
    assert "user005@" not in found
    none = await (await administrator.get("/blacklist/?q=%25")).get_data(as_text=True)
    assert "Nothing found" in none


async def test_a_removed_entry_is_gone(tenant: TenantView, administrator: Browser) -> None:
    entry = await add(tenant)
    assert (await administrator.post(f"/blacklist/{entry.id}/remove")).status_code == 303
    assert not await Entry.exists(tenant_id=tenant.id)
    assert (await administrator.post(f"/blacklist/{entry.id}/remove")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/blacklist/"),
        ("GET", "/blacklist/new"),
        ("POST", "/blacklist/new"),
        ("GET", "/blacklist/{id}"),
        ("POST", "/blacklist/{id}"),
        ("POST", "/blacklist/{id}/remove"),
    ],
)
async def test_the_list_is_for_administrators_of_its_tenant(
    app: Any,
    tenant: TenantView,
    agent: Browser,
    foreign_administrator: Browser,
    method: str,
    path: str,
) -> None:
    entry = await add(tenant)
    path = path.format(id=entry.id)
    assert (await agent.open(path, method)).status_code == 403
    nobody = await Browser(app, tenant).open(path, method)
    assert nobody.status_code in {303, 401, 403}
    if "{" not in path and str(entry.id) in path:
        assert (await foreign_administrator.open(path, method)).status_code == 404
    assert await Entry.exists(tenant_id=tenant.id, id=entry.id)


async def test_an_agent_blocks_and_unblocks_an_address_of_his_customer(
    tenant: TenantView, agent: Browser
) -> None:
    session = await customer_with_mail(tenant)
    page = await (await agent.get(f"/sessions/{session.id}")).get_data(as_text=True)
    assert f"Block <bdi>{ANA}</bdi>" in page
    form = {"kind": "email", "value": ANA}
    path = f"/blacklist/sessions/{session.id}"
    assert (await agent.post(f"{path}/block", form=form)).status_code == 303
    page = await (await agent.get(f"/sessions/{session.id}")).get_data(as_text=True)
    assert f"Unblock <bdi>{ANA}</bdi>" in page
    assert (await agent.post(f"{path}/unblock", form=form)).status_code == 303
    assert not await Entry.exists(tenant_id=tenant.id)
    told = await service(Timeline).read(tenant.id, session.id)
    kinds = [(event.type, event.internal) for event in told]
    assert ("blacklist.address_blocked", True) in kinds
    assert ("blacklist.address_unblocked", True) in kinds


async def test_an_agent_cannot_block_somebody_else_from_a_session(
    tenant: TenantView, agent: Browser, foreign_administrator: Browser
) -> None:
    session = await customer_with_mail(tenant)
    path = f"/blacklist/sessions/{session.id}/block"
    other = {"kind": "email", "value": "eve@example.com"}
    assert (await agent.post(path, form=other)).status_code == 404
    own = {"kind": "email", "value": ANA}
    assert (await foreign_administrator.post(path, form=own)).status_code == 404
    assert not await Entry.filter(tenant_id=tenant.id).exists()


async def test_only_who_blocked_or_manages_unblocks(
    app: Any, tenant: TenantView, agent: Browser, administrator: Browser
) -> None:
    session = await customer_with_mail(tenant)
    form, path = {"kind": "email", "value": ANA}, f"/blacklist/sessions/{session.id}"
    await agent.post(f"{path}/block", form=form)
    colleague = await sign_in(app, tenant, await make_user(tenant, "Cy"))
    assert (await colleague.post(f"{path}/unblock", form=form)).status_code == 403
    page = await (await colleague.get(f"/sessions/{session.id}")).get_data(as_text=True)
    assert "Only an administrator can unblock it." in page
    assert (await administrator.post(f"{path}/unblock", form=form)).status_code == 303


async def test_erasing_a_person_leaves_a_fingerprint_that_still_holds(
    tenant: TenantView, other_tenant: TenantView, administrator: Browser
) -> None:
    session = await customer_with_mail(tenant)
    await add(tenant, reason="wrote to my home")
    await add(other_tenant)
    person = PersonRef(tenant.id, cast("UUID", session.customer_id), (ANA,))
    told = await services.export_person(person)
    assert told is not None
    [entry] = told["entries"]
    assert (entry["value"], entry["reason"]) == (ANA, "wrote to my home")
    assert await services.erase_person(person, dry_run=True) == {"entries": 1}
    assert (await Entry.get(tenant_id=tenant.id)).value == ANA
    assert await services.erase_person(person, dry_run=False) == {"entries": 1}
    assert await services.erase_person(person, dry_run=False) == {"entries": 0}
    left = await Entry.get(tenant_id=tenant.id)
    assert (left.kind, left.reason) == ("erased_email", "")
    assert ANA not in left.value
    with pytest.raises(services.CallerBlocked):
        await services.refuse_if_blocked(Arrival(tenant.id, Channel.CHAT, email=ANA))
    assert (await Entry.get(tenant_id=other_tenant.id)).value == ANA
    page = await (await administrator.get("/blacklist/")).get_data(as_text=True)
    assert "E-mail of an erased person" in page
    form = {"value": "eve@example.com"}
    assert (await administrator.post(f"/blacklist/{left.id}", form=form)).status_code == 400


def test_who_blocked_may_unblock() -> None:
    ada = Actor("agent", "7", "Ada")
    entry = Entry(created_by="agent:7")
    assert services.may_unblock(entry, ada, manages=False)
    assert not services.may_unblock(entry, Actor("agent", "70", "Ada"), manages=False)
