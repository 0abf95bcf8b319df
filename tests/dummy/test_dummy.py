"""The dummy is installed as its own distribution, as somebody else's plugin would be."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from offhook_dummy import services
from offhook_dummy.models import Note
from offhook_dummy.plugin import DummyPlugin
from offhook_dummy.storage import MemoryStorage
from quart import Quart

from core import privacy, sessions, settings
from core.current import service
from core.drivers import available
from core.health import check
from core.hooks import Hooks
from core.jobs import Jobs, enqueue
from core.lifecycle import Channel, EndReason
from core.models import Event
from core.plugins import Plugin, discover
from core.storage import Storage
from core.tenancy import Tenancy, TenantView
from core.testing.application import Browser, enter, make_tenant, waiting_session
from core.testing.contracts import rules
from core.testing.contracts.storage import StorageContract
from core.values import Arrival, Notice

CALLBACKS = {"on_enable", "on_disable"}


@pytest.fixture
async def tenant(app: Quart) -> TenantView:
    """A tenant that has the dummy beside everything else."""
    row = await make_tenant("acme", plugins=tuple(discover().plugins))
    return await service(Tenancy).get(row.id)


class TestMemoryStorage(StorageContract):
    @pytest.fixture
    def storage(self) -> Storage:
        return MemoryStorage()


@pytest.mark.serves("X4")
def test_it_is_found_where_it_is_installed() -> None:
    registry = discover()
    assert isinstance(registry.plugins["dummy"], DummyPlugin)
    assert registry.sources["dummy"].startswith("offhook-dummy ")
    assert "memory" in available(Storage)  # type: ignore[type-abstract]


@pytest.mark.serves("X4")
def test_it_uses_every_extension_point() -> None:
    facts = {name for name in Plugin.__annotations__ if not name.startswith("_")} | CALLBACKS
    assert facts - vars(DummyPlugin).keys() == set()
    assert {name for name, _ in rules.impls_of(DummyPlugin())} == set(rules.specs())


async def test_its_page_its_menu_and_its_setting_work(
    app: Quart, tenant: TenantView, administrator: Browser
) -> None:
    response = await administrator.get("/dummy/")
    page = await response.get_data(as_text=True)
    assert response.status_code == 200
    assert "Hello, Bo" in page
    wished = settings.check(DummyPlugin.settings, {"greeting": "Good day"})
    await service(Tenancy).save_settings(tenant.id, "dummy", wished)
    assert "Good day, Bo" in await (await administrator.get("/dummy/")).get_data(as_text=True)


@pytest.mark.serves("X3")
async def test_everything_of_it_vanishes_and_returns(
    app: Quart, tenant: TenantView, agent: Browser, switch: Any
) -> None:
    session = await waiting_session(tenant)
    path = f"/sessions/{session.id}"

    async def traces() -> tuple[int, int]:
        page = await (await agent.get(path)).get_data(as_text=True)
        return page.count("data-dummy="), (await agent.get("/dummy/")).status_code

    assert await traces() == (3, 200)
    await switch(tenant, "dummy", on=False)
    assert await traces() == (0, 404)
    await switch(tenant, "dummy", on=True)
    assert await traces() == (3, 200)


async def test_the_customers_page_has_its_slot(app: Quart, tenant: TenantView) -> None:
    customer = await enter(app, tenant, await waiting_session(tenant))
    page = await (await customer.get("/visit/")).get_data(as_text=True)
    assert 'data-dummy="visit_main"' in page


async def test_it_guards_the_door(tenant: TenantView) -> None:
    arrival = Arrival(tenant.id, Channel.CHAT, name="Nobody")
    with pytest.raises(services.NotToday):
        await sessions.admit(tenant, arrival)


async def test_it_hears_of_sessions_and_events(tenant: TenantView) -> None:
    services.told.clear()
    await waiting_session(tenant)
    assert services.told["session_opened"] == 1


async def test_it_changes_messages_and_carries_notices(tenant: TenantView) -> None:
    hooks = tenant.hooks
    text = await hooks.message_in(value="a dumb text", tenant=tenant, session_id="x")
    assert text == "a clever text"
    notice = Notice("ref", "dummy", "you", "You", "Hi", "Hello")
    receipt = await hooks.deliver(tenant=tenant, notice=notice)
    assert receipt is not None
    assert receipt.driver == "dummy"


@pytest.mark.serves("X13")
async def test_its_job_writes_and_erasing_reaches_it_even_when_it_is_off(
    tenant: TenantView, switch: Any
) -> None:
    session = await waiting_session(tenant)
    customer: UUID = session.customer_id  # type: ignore[assignment]
    args = {"customer_id": str(customer), "text": "likes tea"}
    await enqueue("dummy.note_later", args, tenant_id=tenant.id)
    await service(Jobs).work_off()
    async with asyncio.timeout(5):
        while not await Note.exists(tenant_id=tenant.id):
            await asyncio.sleep(0.02)

    await sessions.end(tenant, session.id, sessions.customer_actor(session), EndReason.LEFT)
    await switch(tenant, "dummy", on=False)
    exported = await privacy.export_person(tenant.id, customer)
    assert exported["dummy"] == {"notes": ["likes tea"]}
    await privacy.erase_person(tenant.id, customer, dry_run=False)
    assert not await Note.exists(tenant_id=tenant.id)
    told = Event.filter(tenant_id=tenant.id, session_id=session.id)
    assert await told.exists()
    assert not await told.exclude(payload={}).exists()


async def test_it_tells_how_it_is(app: Quart) -> None:
    assert "dummy" in {part.component for part in await check()}
    assert service(Hooks).broken == {}
