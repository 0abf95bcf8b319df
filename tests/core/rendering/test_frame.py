"""The frame of every page in a browser: menus, appearance, questions, the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.tenancy import TenantView
from core.testing.application import Browser, make_user, sign_in
from core.testing.site import Site

if TYPE_CHECKING:
    from playwright.async_api import Page


async def focused(page: Page) -> str:
    return await page.evaluate("document.activeElement.textContent.trim()")  # type: ignore[no-any-return]


async def test_a_menu_opens_and_closes_by_keyboard_and_gives_the_focus_back(
    site: Site, agent: Browser
) -> None:
    page = await site.open(agent, "/account/")
    summary = page.locator("details.menu summary", has_text="Account")
    await summary.focus()
    await page.keyboard.press("Enter")
    sign_out = page.get_by_role("button", name="Sign out", exact=True)
    assert await sign_out.is_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")
    assert not await sign_out.is_visible()
    assert await focused(page) == "Account"
    await summary.click()
    await page.locator("h1").click()
    assert not await sign_out.is_visible()


async def test_the_first_tab_leads_past_the_menu(site: Site, agent: Browser) -> None:
    page = await site.open(agent, "/account/")
    await page.keyboard.press("Tab")
    assert await focused(page) == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("dark", [False, True], ids=["from light", "from dark"])
async def test_the_appearance_is_switched_and_remembered(
    site: Site, agent: Browser, dark: bool
) -> None:
    page = await site.open(agent, "/account/", dark=dark)
    background = "getComputedStyle(document.body).backgroundColor"
    before = await page.evaluate(background)
    await page.locator(".tools > [data-appearance]").click()
    after = await page.evaluate(background)
    assert after != before
    await page.reload()
    assert await page.evaluate(background) == after
    assert await page.locator("html").get_attribute("data-theme") == ("light" if dark else "dark")


async def test_a_question_is_asked_before_a_form_is_sent(
    site: Site, tenant: TenantView, app: Any
) -> None:
    bo = await make_user(tenant, "Bo", "administrator")
    page = await site.open(await sign_in(app, tenant, bo), "/administration/features")
    button = page.locator("[data-feature=blacklist] button")
    await button.click()
    await page.get_by_role("button", name="Cancel").click()
    assert "Switch off" in await button.inner_text()
    await button.click()
    await page.get_by_role("button", name="Continue").click()
    await page.locator("[data-feature=blacklist]").get_by_text("Off", exact=True).wait_for()
    assert await page.locator("dialog").count() == 0


async def test_a_form_whose_part_of_the_page_is_renewed_meanwhile_is_sent(
    site: Site, tenant: TenantView, app: Any
) -> None:
    bo = await make_user(tenant, "Bo", "administrator")
    page = await site.open(await sign_in(app, tenant, bo), "/administration/features")
    await page.locator("[data-feature=blacklist] button").click()
    await page.evaluate(
        "(old => old.replaceWith(old.cloneNode(true)))"
        "(document.querySelector('[data-feature=blacklist] form'))"
    )
    await page.get_by_role("button", name="Continue").click()
    await page.locator("[data-feature=blacklist]").get_by_text("Off", exact=True).wait_for()


@pytest.mark.serves("A17")
async def test_the_page_says_that_the_connection_is_gone_and_takes_it_back(
    site: Site, agent: Browser
) -> None:
    site.pages.tolerate("ERR_INTERNET_DISCONNECTED|WebSocket")
    page = await site.open(agent, "/teamview/team")
    online = "import('@offhook/bus').then(({ bus }) => bus.state)"
    for _ in range(100):
        if await page.evaluate(online) == "online":
            break
        await page.wait_for_timeout(50)
    await page.context.set_offline(True)
    banner = page.locator("#connection").get_by_text("You are offline. Reconnecting…")
    await banner.wait_for(timeout=8000)
    await page.context.set_offline(False)
    await banner.wait_for(state="detached", timeout=15000)


@pytest.mark.serves("V33")
async def test_the_clock_shows_the_tenants_time_not_the_computers(
    site: Site, agent: Browser, tenant: TenantView
) -> None:
    page = await site.open(agent, "/account/?lang=es")
    shown = await page.locator("offhook-clock time").inner_text()
    wanted = await page.evaluate(
        """new Intl.DateTimeFormat('es', {timeStyle: 'short', timeZone: 'Europe/Madrid'})
             .format(Number(document.querySelector('meta[name=now]').content))"""
    )
    assert shown == wanted
    assert tenant.timezone == "Europe/Madrid"
