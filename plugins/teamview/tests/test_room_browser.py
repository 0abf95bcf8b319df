"""The waiting room in a real browser, with agents and customers at the same time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.api import Person, Presence, Session, TenantView, User, service
from core.testing.application import invited_session, make_user, waiting_session
from core.testing.browser import NARROW, WIDE, axe, overflow, screenshot
from plugins.teamview.tests.conftest import Site


def row(page: Any, name: str) -> Any:
    return page.locator("teamview-room li", has=page.get_by_role("link", name=name, exact=True))


@pytest.mark.serves("V1", "V2", "V3", "V9")
async def test_two_agents_share_the_room(site: Site, tenant: TenantView) -> None:
    ada, bea = await make_user(tenant, "Ada"), await make_user(tenant, "Bea")
    carla, _ = await invited_session(tenant, ada, person=Person("Carla", "carla@example.org"))
    of_ada = await site.agent(ada, tenant, "/teamview/team")
    of_bea = await site.agent(bea, tenant, "/teamview/team")
    await of_ada.get_by_text("Nobody is waiting").wait_for()
    customer = await site.customer(carla, tenant)
    await of_ada.get_by_role("heading", name="Your customers · 1").wait_for()
    await of_bea.get_by_role("heading", name="Waiting room · 1").wait_for()
    await row(of_bea, "Carla").get_by_text("Waits for Ada").wait_for()
    await of_ada.get_by_role("status").get_by_text("Carla is waiting now").wait_for()
    await row(of_bea, "Carla").get_by_role("button", name="Attend Carla").click()
    await of_bea.wait_for_url(f"**/sessions/{carla.id}")
    await row(of_ada, "Carla").get_by_text("With Bea").wait_for()
    assert await row(of_ada, "Carla").get_by_role("button", name="Attend Carla").count() == 0
    await customer.close()


@pytest.mark.serves("V10")
async def test_who_is_gone_cannot_be_attended_and_the_button_says_why(
    site: Site, tenant: TenantView
) -> None:
    ada = await make_user(tenant, "Ada")
    session = await waiting_session(tenant)
    of_ada = await site.agent(ada, tenant, "/teamview/team")
    attend = row(of_ada, "Carla").get_by_role("button", name="Attend Carla")
    assert await attend.get_attribute("aria-disabled") == "true"
    customer = await site.customer(session, tenant)
    await of_ada.wait_for_function(
        """() => document.querySelector('teamview-room').shadowRoot
                 .querySelector('.attend:not([aria-disabled])')"""
    )
    await customer.close()
    await row(of_ada, "Carla").get_by_text("Not connected since").first.wait_for()
    assert "Not connected since" in (
        await attend.inner_text() + await attend.get_attribute("title")
    )
    await attend.click(force=True)
    await of_ada.locator("#toasts").get_by_text("Carla: Not connected since").wait_for()
    assert "/teamview/team" in of_ada.url


@pytest.mark.serves("V5", "V8")
async def test_one_control_switches_the_views_and_is_remembered(
    site: Site, tenant: TenantView
) -> None:
    ada, bea = await make_user(tenant, "Ada"), await make_user(tenant, "Bea")
    for owner, name in ((ada, "Mine"), (bea, "Theirs")):
        session, _ = await invited_session(tenant, owner, person=Person(name))
        await Session.filter(tenant_id=tenant.id, id=session.id).update(
            state="waiting", enqueued_at=datetime.now(UTC)
        )
    page = await site.agent(ada, tenant, "/home")
    await page.wait_for_url("**/teamview/team")
    assert await row(page, "Theirs").count() == 1
    await page.get_by_role("tab", name="Dark View").click()
    await page.wait_for_url("**/teamview/dark")
    assert await row(page, "Theirs").count() == 0
    assert await row(page, "Mine").count() == 1
    assert await page.get_by_role("heading", level=1).inner_text() == "Dark View"
    await page.go_back()
    await row(page, "Theirs").wait_for()
    await page.get_by_role("tab", name="Team View").press("ArrowRight")
    await page.wait_for_url("**/teamview/dark")
    await page.goto(site.url(tenant, "/home"))
    assert page.url.endswith("/teamview/dark")


@pytest.mark.serves("V4", "V14")
async def test_priority_and_deletion(site: Site, tenant: TenantView) -> None:
    ada = await make_user(tenant, "Ada")
    first = await waiting_session(tenant, "First")
    await Session.filter(tenant_id=tenant.id, id=first.id).update(
        enqueued_at=datetime.now(UTC) - timedelta(minutes=9)
    )
    await waiting_session(tenant, "Second")
    page = await site.agent(ada, tenant, "/teamview/team")
    names = page.locator("teamview-room .name")
    assert await names.all_inner_texts() == ["First", "Second"]
    await page.get_by_role("button", name="Raise priority: Second").click()
    await row(page, "Second").get_by_text("High").wait_for()
    assert await names.all_inner_texts() == ["Second", "First"]
    await page.get_by_role("button", name="More for First").click()
    await page.get_by_role("button", name="Delete…").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await row(page, "First").wait_for(state="detached")
    assert (await Session.get(tenant_id=tenant.id, id=first.id)).state == "ended"


@pytest.mark.serves("V4")
async def test_the_clock_runs_from_the_servers_time(site: Site, tenant: TenantView) -> None:
    ada = await make_user(tenant, "Ada")
    session = await waiting_session(tenant)
    await here(tenant, session)
    waited = timedelta(minutes=8, seconds=10)
    await Session.filter(tenant_id=tenant.id, id=session.id).update(
        enqueued_at=datetime.now(UTC) - waited
    )
    page = await site.agent(ada, tenant, "/teamview/team")
    clock = row(page, "Carla").locator(".timer")
    await page.locator("teamview-room .timer.over").wait_for()
    minutes, _, seconds = (await clock.inner_text()).partition(":")
    assert waited.seconds - 1 <= int(minutes) * 60 + int(seconds) <= waited.seconds + 15
    before = await clock.inner_text()
    await page.wait_for_timeout(1300)
    assert await clock.inner_text() != before


async def here(tenant: TenantView, session: Session) -> None:
    """Let the customer of *session* be on his page."""
    await service(Presence).join(tenant.id, session.id, "customer", str(session.customer_id))


async def crowd(tenant: TenantView) -> User:
    """Fill the room as on a busy day."""
    ada, bea = await make_user(tenant, "Ada"), await make_user(tenant, "Bea Ruiz")
    people = [
        ("John O’Brien", ada, "waiting", 536, 2),
        ("Ana Muñoz", ada, "waiting", 138, 0),
        ("Дмитрий Орлов", bea, "waiting", 255, 1),
        ("李 雷", None, "waiting", 19, 0),
        ("Nora Haddad", bea, "active", 400, 0),
        ("Lucía Fernández de la Torre y Montenegro", ada, "waiting", 61, -1),
        ("María José Vidal", ada, "scheduled", 0, 0),
    ]
    for name, owner, state, waited, priority in people:
        if owner is None:
            session = await waiting_session(tenant, name)
        else:
            session, _ = await invited_session(tenant, owner, person=Person(name))
        facts: dict[str, Any] = {"state": state, "priority": priority}
        if state != "scheduled":
            facts["enqueued_at"] = datetime.now(UTC) - timedelta(seconds=waited)
        if state == "active":
            facts["agent_id"] = bea.id
        await Session.filter(tenant_id=tenant.id, id=session.id).update(**facts)
        if state != "scheduled" and not name.startswith("Luc"):
            await here(tenant, session)
    return ada


@pytest.mark.parametrize(
    ("size", "dark"),
    [
        pytest.param(WIDE, False, id="wide and light"),
        pytest.param(NARROW, True, id="narrow, night"),
    ],
)
@pytest.mark.serves("V6")
async def test_the_room_is_for_everybody(
    site: Site, tenant: TenantView, dark: bool, size: tuple[int, int]
) -> None:
    ada = await crowd(tenant)
    page = await site.agent(ada, tenant, "/teamview/team", dark=dark, size=size)
    await page.get_by_role("heading", name="Your customers · 3").wait_for()
    await page.wait_for_timeout(300)
    name = f"teamview-{'dark' if dark else 'light'}-{size[0]}"
    await screenshot(page, name)
    assert await axe(page) == []
    assert await overflow(page) == []
    await page.locator("teamview-room summary").click()
    await page.get_by_role("button", name="More for Ana Muñoz").click()
    await screenshot(page, f"{name}-open")
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    assert await page.get_by_role("button", name="Delete…").count() == 0
    await row(page, "Ana Muñoz").get_by_role("link").first.click()
    await page.wait_for_url("**/sessions/*")
    await page.wait_for_timeout(300)
    await screenshot(page, f"{name}-session")
    assert await overflow(page) == []
