from __future__ import annotations

from typing import Any

import pytest

from core.api import TenantView
from core.testing.application import Browser, make_user
from core.testing.browser import NARROW, WIDE, axe, overflow, screenshot
from core.testing.jobs import hurry
from core.testing.site import Site
from plugins.notify.models import State
from plugins.notify.tests._common import mails, sent_session, settled, text_of
from plugins.notify.tests.conftest import Carrier, away

PAYLOAD = "<img src=x onerror=alert(1)>"


@pytest.mark.serves("V7", "V18", "V19", "V21")
async def test_an_agent_sends_a_notification_and_copies_the_link(
    site: Site, agent: Browser, tenant: TenantView
) -> None:
    context = await site.context(agent)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    url = site.url(tenant, "/notify/new")
    page = await site.pages.open(url, context=context)
    assert not await page.get_by_label("Date and time").is_visible()
    await page.get_by_text("Later", exact=True).click()
    assert await page.get_by_label("Date and time").is_visible()
    await page.get_by_text("Now", exact=True).click()
    await page.get_by_text("Only a link").click()
    assert not await page.get_by_label("E-mail address").is_visible()
    await page.locator("label", has_text="E-mail").first.click()
    await page.get_by_label("Customer's name").fill("Carla")
    await page.get_by_label("E-mail address").fill("carla@example.org")
    await page.get_by_role("button", name="Send").click()
    await page.get_by_text("Sent", exact=True).wait_for()
    await page.get_by_role("button", name="Copy URL").click()
    await page.get_by_text("The link is copied.").wait_for()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == await page.get_by_role("textbox").input_value()
    assert "/v/" in copied
    (mail,) = mails(tenant)
    assert copied in text_of(mail)


async def test_the_form_works_without_scripts(
    site: Site, agent: Browser, tenant: TenantView
) -> None:
    context = await site.pages.browser.new_context(java_script_enabled=False)
    name, _, value = agent.cookie.partition("=")
    url = f"http://{tenant.slug}.localhost:{site.port}"
    await context.add_cookies([{"name": name, "value": value, "url": url}])
    page = await context.new_page()
    await page.goto(url + "/notify/new")
    await page.get_by_role("button", name="Send").click()
    problems = page.locator("#problems")
    await problems.wait_for()
    assert await problems.evaluate("e => e === document.activeElement")
    await page.get_by_label("Customer's name").fill("Carla")
    await page.get_by_label("E-mail address").fill("carla@example.org")
    await page.get_by_role("button", name="Send").click()
    await page.get_by_role("heading", name="Notification sent").wait_for()


@pytest.mark.serves("S-04")
async def test_mistakes_take_the_focus_and_lead_to_their_fields(site: Site, agent: Browser) -> None:
    site.pages.tolerate("400")
    page = await site.open(agent, "/notify/new")
    dialogs: list[Any] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog))
    await page.get_by_label("Customer's name").fill(PAYLOAD)
    await page.get_by_label("E-mail address").fill("carla")
    await page.get_by_role("button", name="Send").click()
    await page.locator("#problems").wait_for()
    assert await page.locator("#problems").evaluate("e => e === document.activeElement")
    assert await page.get_by_label("Customer's name").input_value() == PAYLOAD
    await page.locator("#problems a", has_text="E-mail address").click()
    assert await page.get_by_label("E-mail address").evaluate("e => e === document.activeElement")
    assert await axe(page) == []
    assert dialogs == []


async def test_the_card_beside_the_session_follows_the_delivery(
    site: Site, agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    carrier.failures = [away("451 greylisted")] * 9
    session = await sent_session(agent, tenant, name=PAYLOAD)
    page = await site.open(agent, f"/sessions/{session.id}")
    card = page.locator("notify-card")
    await card.get_by_text("Trying again").wait_for()
    await card.get_by_text("451 greylisted").wait_for()
    carrier.failures.clear()
    await hurry("notify.send")
    await card.get_by_text("Sent", exact=True).wait_for()
    assert await card.get_by_text("Trying again").count() == 0
    await card.get_by_role("button", name="Withdraw link").click()
    await page.get_by_role("button", name="Continue").click()
    await card.get_by_text("The link no longer works.").wait_for()


@pytest.mark.serves("V34", "V36", "V37")
async def test_files_are_added_with_progress_and_sent(
    site: Site, agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    session = await sent_session(agent, tenant)
    await settled(tenant, State.SENT)
    page = await site.open(agent, f"/notify/sessions/{session.id}/note")
    files: list[Any] = [
        {"name": f"{name}.txt", "mimeType": "text/plain", "buffer": b"hello"}
        for name in ("one", PAYLOAD)
    ]
    await page.get_by_label("Files").set_input_files(files)
    await page.wait_for_function("() => document.querySelectorAll('[name=file]').length === 2")
    await page.locator("li", has_text="one.txt").get_by_role("button", name="Remove").click()
    await page.get_by_label("Comment").fill("Here you are")
    await page.get_by_role("button", name="Send").click()
    await page.wait_for_url(f"**/sessions/{session.id}")
    await page.locator("notify-card").get_by_text("Sent", exact=True).nth(1).wait_for()
    assert [len(notice.files) for notice in carrier.notices] == [0, 1]


@pytest.mark.serves("V24")
@pytest.mark.parametrize(
    ("size", "dark"), [(WIDE, False), (NARROW, True)], ids=["wide and light", "narrow and dark"]
)
async def test_every_page_is_accessible_and_fits(
    site: Site,
    administrator: Browser,
    tenant: TenantView,
    size: tuple[int, int],
    dark: bool,
) -> None:
    site.pages.tolerate("400")
    await make_user(tenant, "Ada")
    session = await sent_session(administrator, tenant, language="en")
    await settled(tenant, State.SENT)
    paths = {
        "new": "/notify/new",
        "sent": f"/notify/sent/{session.id}",
        "note": f"/notify/sessions/{session.id}/note",
        "texts": "/notify/templates",
        "text": "/notify/templates/invitation/email/en",
        "session": f"/sessions/{session.id}",
    }
    page = await site.open(administrator, "/notify/new", size=size, dark=dark)
    for name, path in paths.items():
        await page.goto(f"http://{tenant.slug}.localhost:{site.port}{path}")
        await page.wait_for_load_state("networkidle")
        await screenshot(page, f"notify-{name}-{size[0]}-{'dark' if dark else 'light'}")
        if name != "session":
            assert await axe(page) == [], name
        assert await overflow(page) == [], name
