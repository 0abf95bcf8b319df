"""The pages as people see them: reachable by keyboard and screen reader, on a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import audit, password_links
from core.models import User
from core.tenancy import TenantView
from core.testing.application import (
    PASSWORD,
    Browser,
    invited_session,
    make_user,
    sign_in,
    waiting_session,
)
from core.testing.browser import NARROW, WIDE, axe, overflow, screenshot
from core.testing.site import Site
from core.values import Actor

SCROLLS_SIDEWAYS = """() => [...document.querySelectorAll('.table-wrap')]
    .some(e => e.scrollWidth > e.clientWidth)"""
SHAPES = [
    pytest.param(WIDE, False, id="desk"),
    pytest.param(NARROW, True, id="phone at night"),
]


@pytest.fixture
async def boss(tenant: TenantView) -> User:
    for name in ("Ada", "Konstantin Wladimirowitsch von und zu Hohenlohe-Schillingsfürst"):
        await make_user(tenant, name)
    return await make_user(tenant, "Bo", "administrator")


@pytest.mark.parametrize(("size", "dark"), SHAPES)
@pytest.mark.serves("V28", "V31", "V33")
async def test_pages_have_no_barriers_and_fit(
    site: Site,
    tenant: TenantView,
    boss: User,
    allow_users: Callable[..., Any],
    size: tuple[int, int],
    dark: bool,
) -> None:
    await allow_users(3)
    ada = await User.get(tenant_id=tenant.id, name="Ada")
    await waiting_session(tenant)
    await invited_session(tenant, ada)
    await audit.write(tenant.id, Actor("agent", "1", "Bo"), "core.user_changed", "user:2")
    link = await password_links.link_url(tenant, ada, password_links.FIRST)
    who, nobody = await sign_in(site.app, tenant, boss), Browser(site.app, tenant)
    visits = [
        (nobody, "/sign-in"),
        (nobody, "/recover"),
        (nobody, "/password/" + link.rpartition("/")[2]),
        (who, "/users/"),
        (who, "/users/new"),
        (who, f"/users/{ada.id}"),
        (who, "/account/"),
        (who, "/audit/"),
    ]
    faults = []
    for person, path in visits:
        page = await site.open(person, path, size=size, dark=dark)
        await screenshot(page, f"access-{visits.index((person, path))}-{size[0]}")
        if await page.evaluate(SCROLLS_SIDEWAYS):
            faults.append(f"{path}: its table scrolls sideways")
        faults += [f"{path}: {one}" for one in await axe(page) + await overflow(page)]
        await page.context.close()
    assert not faults, "\n".join(faults)


@pytest.mark.serves("V31", "S-06")
async def test_person_signs_in_changes_the_password_and_signs_out(
    site: Site, tenant: TenantView, boss: User
) -> None:
    page = await site.open(Browser(site.app, tenant), "/sign-in")
    await page.get_by_label("E-mail address").fill(boss.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/home")
    await page.locator("header details.menu summary").last.click()
    await page.get_by_role("link", name="My account").click()
    await page.get_by_label("Old password").fill(PASSWORD)
    await page.get_by_label("New password", exact=False).first.fill("seven green kettles")
    await page.get_by_label("Repeat the new password").fill("seven green kettles")
    await page.get_by_role("button", name="Change the password").click()
    await page.get_by_text("Your password was changed.").wait_for()
    await page.locator("header details.menu summary").last.click()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.wait_for_url("**/sign-in")


@pytest.mark.serves("V30")
async def test_administrator_is_asked_before_a_user_is_deleted(
    site: Site, tenant: TenantView, boss: User
) -> None:
    ada = await User.get(tenant_id=tenant.id, name="Ada")
    await invited_session(tenant, ada)
    page = await site.agent(boss, tenant, f"/users/{ada.id}")
    await page.get_by_label("Who takes over").select_option(label="Bo")
    await page.get_by_role("button", name="Delete the user").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Delete this user?").wait_for()
    assert (await User.get(tenant_id=tenant.id, id=ada.id)).deleted_at is None
    await dialog.get_by_role("button", name="Continue").click()
    await page.get_by_text("The user was deleted.").wait_for()
    assert (await User.get(tenant_id=tenant.id, id=ada.id)).deleted_at is not None
