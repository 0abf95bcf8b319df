"""The blacklist in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from quart import Quart

from core.api import SYSTEM, CustomerAddress, TenantView
from core.testing.application import Browser, waiting_session
from core.testing.browser import NARROW, WIDE, Pages, axe, overflow, screenshot, served
from plugins.blacklist import services
from plugins.blacklist.entries import Wanted
from plugins.blacklist.models import Entry

pytestmark = pytest.mark.serves("M23")


@pytest.fixture
async def site(app: Quart, pages: Pages) -> AsyncIterator[str]:
    async def serving(scope: Any, receive: Any, send: Any) -> None:
        """The test has started the application already and will stop it."""
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    async with served(serving) as url:
        yield url.rpartition(":")[2]
        for context in pages.browser.contexts:
            await context.close()


async def opened(pages: Pages, port: str, who: Browser, path: str, **options: Any) -> Any:
    context = await pages.context(**options)
    home = f"http://{who.tenant.slug}.localhost:{port}"
    name, _, value = who.cookie.partition("=")
    await context.add_cookies([{"name": name, "value": value, "url": home}])
    page = await pages.open(home + path, context=context)
    page.set_default_timeout(5000)
    return page


@pytest.mark.parametrize(
    ("size", "dark"),
    [
        pytest.param(WIDE, False, id="wide and light"),
        pytest.param(NARROW, True, id="narrow, night"),
    ],
)
async def test_an_administrator_keeps_the_list(
    pages: Pages,
    site: str,
    tenant: TenantView,
    administrator: Browser,
    size: tuple[int, int],
    dark: bool,
) -> None:
    now = datetime.now(UTC)
    for kind, value, reason, until in (
        ("email", "ana.with.a.very.long.address@subdomain.example.com", "Insults", None),
        ("phone", "+34600111222", "", now + timedelta(days=3)),
        ("network", "2001:db8::/32", "Scanner", now - timedelta(days=3)),
    ):
        await services.add(tenant.id, Wanted(kind, value, reason, until), SYSTEM)
    await Entry.filter(tenant_id=tenant.id, kind="email").update(attempts=3, last_attempt_at=now)
    page = await opened(pages, site, administrator, "/blacklist/", size=size, dark=dark)
    await screenshot(page, f"blacklist-{size[0]}")
    assert await axe(page) == []
    assert await overflow(page) == []
    await page.get_by_role("link", name="Block somebody").click()
    await page.get_by_label("What to block").select_option("pattern")
    await page.get_by_label("Address, network or pattern").fill("*")
    await page.get_by_role("button", name="Block", exact=True).click()
    await page.get_by_text("This would turn everybody away.").wait_for()
    await screenshot(page, f"blacklist-form-{size[0]}")
    assert await axe(page) == []
    assert await overflow(page) == []
    pages.tolerate("status of 400")
    await page.get_by_label("Address, network or pattern").fill("*@spam.example")
    await page.get_by_role("button", name="Block", exact=True).click()
    await page.locator("bdi", has_text="*@spam.example").wait_for()
    await page.get_by_role("button", name="Remove *@spam.example").click()
    await page.get_by_role("button", name="Continue").click()
    await page.locator("bdi", has_text="*@spam.example").wait_for(state="detached")
    assert await Entry.filter(tenant_id=tenant.id).count() == 3


async def test_an_agent_blocks_beside_the_session(
    pages: Pages, site: str, tenant: TenantView, agent: Browser
) -> None:
    session = await waiting_session(tenant, "Ana")
    await CustomerAddress.create(
        tenant_id=tenant.id, customer_id=session.customer_id, kind="phone", value="+34600111222"
    )
    page = await opened(pages, site, agent, f"/sessions/{session.id}")
    await page.get_by_role("button", name="Block +34600111222", exact=True).click()
    await page.get_by_role("button", name="Cancel").click()
    assert not await Entry.exists(tenant_id=tenant.id)
    await page.get_by_role("button", name="Block +34600111222", exact=True).click()
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Unblock +34600111222").wait_for()
    await screenshot(page, "blacklist-session")
    assert await Entry.exists(tenant_id=tenant.id, value="+34600111222")
    await page.get_by_role("button", name="Unblock +34600111222").click()
    await page.get_by_role("button", name="Block +34600111222", exact=True).wait_for()
