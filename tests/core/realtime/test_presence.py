from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from core import heartbeat, presence
from core.presence import Presence
from core.realtime import Realtime
from tests.core.realtime.conftest import Site
from tests.core.realtime.house import a_user
from tests.core.realtime.page import Page
from tests.core.realtime.probe import Probe


@pytest.fixture(autouse=True)
def changes() -> list[tuple[str, bool]]:
    """What the plugin hears; emptied for each test."""
    Probe.presence.clear()
    return Probe.presence


async def _sides(page: Page) -> dict[str, bool]:
    heard = await page.hear()
    rows = heard["snapshot"] if "snapshot" in heard else heard["delta"]["set"]
    return {row["id"]: row["online"] for row in rows}


@pytest.mark.serves("A17")
async def test_both_sides_see_the_other_go_and_come(
    site: Site, changes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "GRACE_S", 0.2)
    topic = f"presence:{site.session}"
    agent = await site.open(site.agent)
    await agent.subscribe(site.topic)
    await agent.subscribe(topic)
    assert await _sides(agent) == {"customer": False, "agent": True}

    customer = await site.open(site.customer)
    assert await _sides(agent) == {"customer": True}
    assert site.services[Presence].online(site.session, "customer")
    await customer.subscribe(topic)
    assert await _sides(customer) == {"customer": True, "agent": True}

    await customer.close()
    assert await _sides(agent) == {"customer": False}
    assert not site.services[Presence].online(site.session, "customer")
    customer = await site.open(site.customer)
    await customer.subscribe(topic)
    assert await _sides(agent) == {"customer": True}
    assert (await _sides(customer))["agent"]
    await agent.close()
    assert await _sides(customer) == {"agent": False}
    await asyncio.sleep(0.1)
    assert changes == [
        ("agent", True),
        ("customer", True),
        ("customer", False),
        ("customer", True),
        ("agent", False),
    ]


@pytest.mark.serves("A17", "R-09")
async def test_a_reload_or_a_second_tab_does_not_flicker(site: Site, changes: list[Any]) -> None:
    first = await site.open(site.customer)
    second = await site.open(site.customer)
    await first.close()
    await asyncio.sleep(0.2)
    await second.close()
    again = await site.open(site.customer)
    await asyncio.sleep(presence.GRACE_S + 0.5)
    assert changes == [("customer", True)]
    assert "ok" in await again.subscribe(site.topic)


@pytest.mark.serves("A17", "R-10")
async def test_a_page_that_falls_silent_is_offline_as_of_its_last_frame(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LIVELY_S", 0.5)
    monkeypatch.setattr(heartbeat, "TICK_S", 0.05)
    agent, customer = await site.open(site.agent), await site.open(site.customer)
    await agent.subscribe(f"presence:{site.session}")
    assert (await _sides(agent))["customer"]
    await asyncio.sleep(1.5)  # it lives on by its answers
    assert site.services[Presence].online(site.session, "customer")

    customer.answering = False
    silent_since = time.monotonic()
    assert await _sides(agent) == {"customer": False}
    assert 0.4 < time.monotonic() - silent_since < 2.0
    assert await customer.close_code() == 4408


async def test_users_are_online_while_a_page_is_open(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "GRACE_S", 0.1)
    other = await a_user(site.beta, "zoe")
    page, _ = await site.open(site.agent), await site.open(other)
    here = site.services[Presence]
    assert here.users_online(site.acme.id) == {int(site.agent.id)}
    assert here.users_online(site.beta.id) == {int(other.id)}
    await page.close()
    await asyncio.sleep(0.4)
    assert here.users_online(site.acme.id) == set()


async def test_an_agent_is_there_for_the_session_he_looks_at(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "GRACE_S", 0.1)
    agent = await site.open(site.agent)
    here = site.services[Presence]
    assert not here.online(site.session, "agent")
    await agent.subscribe(site.topic)
    assert here.online(site.session, "agent")
    await agent.ask("unsubscribe", topic=site.topic)
    await asyncio.sleep(0.3)
    assert not here.online(site.session, "agent")


async def test_a_closed_page_leaves_no_lease(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "GRACE_S", 0.1)
    for _ in range(3):
        await site.open(site.agent)
    await site.services[Realtime].close_all()
    await asyncio.sleep(0.4)
    here = site.services[Presence]
    assert (here._here, here._told, here._graces) == ({}, set(), {})
