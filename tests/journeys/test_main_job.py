"""Invited, waiting, attended, nothing lost: as the people see it."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from core.testing.browser import NARROW, Pages, screenshot
from tests.conftest import Installation

SLOW = 10_000


async def invite(agent: Page, installation: Installation, *, ask_id: bool = False) -> str:
    """Send a notification through the form and return the customer's link."""
    await agent.goto(installation.at(installation.acme, "/notify/new"))
    await (
        agent.get_by_label("Customer’s name")
        .or_(agent.locator("[name=name]"))
        .first.fill("María José Vidal")
    )
    await agent.locator("[name=email]").fill("maria@example.org")
    await agent.locator("[name=language]").select_option("es")
    if ask_id:
        await agent.locator("[name=ask_id]").check()
    await screenshot(agent, "journey-invite")
    await agent.get_by_role("button", name="Send", exact=False).last.click()
    await agent.wait_for_url("**/notify/sent/**")
    return await agent.locator("#url").input_value()


async def say(page: Page, text: str) -> None:
    await (
        page.get_by_role("textbox", name="Message")
        .or_(page.get_by_role("textbox", name="Mensaje"))
        .first.fill(text)
    )
    await page.keyboard.press("Enter")


async def switch(administrator: Page, installation: Installation, name: str) -> None:
    """Press the button of one feature, and confirm where that is asked."""
    await administrator.goto(installation.at(installation.acme, "/administration/features"))
    card = administrator.locator(f"[data-feature={name}]")
    await card.locator("button").first.click()
    if await administrator.locator("dialog[open]").count():
        await administrator.get_by_role("button", name="Continue").click()
    await administrator.wait_for_load_state("networkidle")


def said(page: Page, text: str) -> Locator:
    """Return the bubble that holds *text*."""
    return page.locator("chat-panel .text").filter(has_text=text)


@pytest.mark.serves(
    *("V1", "V2", "V4", "V6", "V7", "V9", "V10", "V15", "V19", "V21", "V23", "V24", "V25", "V26"),
    *("V27", "V33", "X16", "X3", "C12", "C13"),
)
async def test_invited_by_mail_waits_is_attended_and_chats(
    installation: Installation, pages: Pages
) -> None:
    pages.tolerate("status of 404")
    agent = await installation.signed_in(pages, installation.acme, "Ada")
    await invite(agent, installation, ask_id=True)

    # The mail is in the outbox, in the customer's language, and holds the link.
    administrator = await installation.signed_in(pages, installation.acme, "Bo")
    await administrator.goto(installation.at(installation.acme, "/email/outbox"))
    await administrator.get_by_role("link", name="Acme Clinic").last.click()
    mail = administrator.locator("main a[href*='/v/']").first
    await expect(mail).to_be_visible(timeout=SLOW)
    link = await mail.get_attribute("href")
    assert link is not None

    await agent.goto(installation.at(installation.acme, "/teamview/team"))
    row = agent.get_by_role("listitem").filter(has_text="María José Vidal")
    await agent.get_by_text("Invited").click()
    await expect(row).to_contain_text("Has not arrived yet")

    # The customer, without account, gives the ID and is told that he waits.
    customer = await pages.open(link, size=NARROW, language="es-ES")
    await expect(customer.locator("html")).to_have_attribute("lang", "es")
    await customer.locator("[name=id]").fill("12345678Z")
    await screenshot(customer, "journey-door")
    await customer.locator("main form button").click()
    await customer.wait_for_url("**/visit/")
    await expect(customer.locator("[data-place]")).to_have_text("1")
    await expect(customer.locator("[data-waited]")).not_to_have_text("–")
    assert await customer.locator("video-call, [data-call]").count() == 0, "only agents start"

    # The agent sees him at once, with a running clock, and attends.
    await expect(row.locator(".timer")).to_contain_text(":", timeout=SLOW)
    await screenshot(agent, "journey-room")
    await row.get_by_role("button", name="Attend").click()
    await agent.wait_for_url("**/sessions/**")
    await expect(customer.locator("[data-attended]")).to_contain_text("Ada", timeout=SLOW)

    # They chat; both see the same conversation, in the same order.
    await say(agent, "Buenas tardes, ¿en qué puedo ayudarle?")
    await expect(said(customer, "¿en qué puedo ayudarle?")).to_be_visible(timeout=SLOW)
    await say(customer, "Tengo una pregunta sobre mi receta.")
    await expect(said(agent, "Tengo una pregunta")).to_be_visible(timeout=SLOW)
    await screenshot(agent, "journey-desk")
    await screenshot(customer, "journey-customer")

    # Meanwhile an administrator switches a plugin off and on; the two go on talking.
    await switch(administrator, installation, "notify")
    gone = await administrator.goto(installation.at(installation.acme, "/notify/new"))
    assert gone is not None
    assert gone.status == 404
    await say(agent, "Le escucho.")
    await expect(said(customer, "Le escucho.")).to_be_visible(timeout=SLOW)
    await switch(administrator, installation, "notify")
    await say(customer, "Gracias.")
    await expect(said(agent, "Gracias.")).to_be_visible(timeout=SLOW)

    # He closes the page and comes back by the same link: the same session, nothing lost.
    await customer.goto("about:blank")
    await expect(agent.get_by_text("offline", exact=False).first).to_be_visible(timeout=20_000)
    await customer.goto(link)
    await expect(said(customer, "Tengo una pregunta")).to_be_visible(timeout=SLOW)

    # The session ends for both; the history stays.
    await agent.get_by_role("button", name="End", exact=True).click()
    await agent.get_by_role("button", name="Continue").click()
    await expect(customer.locator("[data-when=ended]")).to_be_visible(timeout=SLOW)
    await customer.reload()
    await expect(said(customer, "Tengo una pregunta")).to_be_visible(timeout=SLOW)
    await expect(said(agent, "Tengo una pregunta")).to_be_visible(timeout=SLOW)
    await screenshot(customer, "journey-ended")


@pytest.mark.serves("X3")
async def test_a_plugin_goes_and_returns_while_others_work(
    installation: Installation, pages: Pages
) -> None:
    """Nobody of another tenant sees an error or a dropped socket."""
    pages.tolerate(r"status of 404")
    failures: list[str] = []
    closed: list[str] = []

    def watch(page: Page) -> None:
        page.on("response", lambda r: failures.append(r.url) if r.status >= 500 else None)
        page.on("websocket", lambda s: s.on("close", lambda _: closed.append(s.url)))

    agent = await installation.signed_in(pages, installation.acme, "Ada")
    stranger = await installation.signed_in(pages, installation.beta, "Cleo")
    administrator = await installation.signed_in(pages, installation.acme, "Bo")
    for page in (agent, stranger, administrator):
        watch(page)
    await stranger.goto(installation.at(installation.beta, "/teamview/team"))
    visitor = await pages.open(installation.at(installation.beta, "/e/front"))
    await visitor.locator("[name=name]").fill("Quentin")
    await visitor.keyboard.press("Enter")
    row = stranger.get_by_role("listitem").filter(has_text="Quentin")
    await expect(row.get_by_role("button", name="Attend")).to_be_visible(timeout=SLOW)
    watch(visitor)

    await switch(administrator, installation, "notify")
    gone = await agent.goto(installation.at(installation.acme, "/notify/new"))
    assert gone is not None
    assert gone.status == 404
    home = await agent.goto(installation.at(installation.acme, "/teamview/team"))
    assert home is not None
    assert home.status == 200
    await expect(agent.locator("a[href*='/notify/new']")).to_have_count(0)
    there = await stranger.request.get(installation.at(installation.beta, "/notify/new"))
    assert there.status == 200

    await switch(administrator, installation, "notify")
    back = await agent.goto(installation.at(installation.acme, "/notify/new"))
    assert back is not None
    assert back.status == 200

    # And the other tenant's live page never noticed.
    await visitor.get_by_role("textbox", name="Message").fill("Still here")
    await visitor.keyboard.press("Enter")
    await expect(row.get_by_text("New message")).to_be_visible(timeout=SLOW)
    assert not failures
    assert not [url for url in closed if "/t/beta/" in url]


@pytest.mark.serves("V25", "V27", "V3")
async def test_two_agents_see_who_attends_and_one_takes_over(
    installation: Installation, pages: Pages
) -> None:
    """What one agent does changes the other's page without a reload."""
    customer = await pages.open(installation.at(installation.acme, "/e/front"))
    await customer.locator("[name=name]").fill("Dmitri")
    await customer.keyboard.press("Enter")
    await customer.wait_for_url("**/visit/")
    first = await installation.signed_in(pages, installation.acme, "Ada")
    second = await installation.signed_in(pages, installation.acme, "Ben")
    row = first.get_by_role("listitem").filter(has_text="Dmitri")
    await row.get_by_role("button", name="Attend").click()
    await first.wait_for_url("**/sessions/**")
    other = second.get_by_role("listitem").filter(has_text="Dmitri")
    await expect(other).to_contain_text("With Ada", timeout=SLOW)
    await expect(other.get_by_role("button", name="Attend")).to_have_count(0)

    await second.goto(first.url)
    state = second.locator("[data-session-state]")
    await expect(state).to_contain_text("Attended by Ada")
    await first.get_by_role("button", name="Back to the room").click()
    await expect(state).to_contain_text("In the waiting room", timeout=SLOW)
    await expect(customer.locator("[data-place]")).to_be_visible(timeout=SLOW)
    await second.get_by_role("button", name="Attend").first.click()
    await expect(customer.locator("[data-attended]")).to_contain_text("Ben", timeout=SLOW)
    await expect(first.locator("[data-session-state]")).to_contain_text("Ben", timeout=SLOW)
