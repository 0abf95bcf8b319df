"""Every page, in every language, both appearances and two widths: no barrier, nothing cut off.

The pages are those of the URL map; a new one without a case here fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright

from core import sessions, sign_ins
from core.access import csrf_token
from core.current import service
from core.lifecycle import EndReason
from core.models import Audit, EntryPoint, Tenant
from core.sessions import Person
from core.tenancy import Tenancy
from core.testing.application import invited_session, make_user, waiting_session
from core.testing.browser import (
    BROWSER_ARGUMENTS,
    CHROMIUM,
    NARROW,
    WIDE,
    axe,
    overflow,
)
from core.timeline import Timeline
from core.values import Actor, Draft
from plugins.blacklist.models import Entry
from plugins.chat.models import QuickResponse
from plugins.email import services as email
from tests.conftest import Installation

LANGUAGES = ("en", "es", "ru", "zh-Hans")
NOT_PAGES = {
    "assets.favicon": "a picture",
    "assets.file": "static files",
    "chat.choices": "JSON",
    "chat.events": "JSON",
    "chat.resume": "JSON",
    "chat.script": "a script",
    "chat.start": "JSON",
    "email.mail_html": "the mail itself, in a sandbox",
    "files.fetch": "a download",
    "files.fetch_as_customer": "a download",
    "health.alive": "JSON",
    "health.ready": "JSON",
    "home.home": "leads to another page",
    "notify.card": "a piece of the session's page",
    "realtime.connect": "a socket",
    "teamview.home": "leads to another page",
}


@dataclass(slots=True)
class World:
    """What there is to see: people, sessions in every state, records of every plugin."""

    installation: Installation
    cookies: dict[str, str] = field(default_factory=dict)
    """Who -> the value of his cookie."""
    pages: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Endpoint -> who opens which path."""
    faults: list[str] = field(default_factory=list)
    """What the browser's console complained of."""

    def note(self, message: ConsoleMessage) -> None:
        expected = "404" in message.text or "410" in message.text
        if message.type in {"error", "warning"} and not expected:
            self.faults.append(f"{message.type}: {message.text}")


async def build(installation: Installation) -> World:
    tenant, world = installation.acme, World(installation)
    agent = await make_user(tenant, "Wanda", "administrator")
    world.cookies["agent"] = await sign_ins.begin_user(agent)
    acting = Actor("agent", str(agent.id), agent.name)
    waiting = await waiting_session(tenant, "Дмитрий Орлов")
    invited, invitation = await invited_session(
        tenant,
        agent,
        person=Person("李雷", "li@example.org", "+34600111222"),
        ask_id=True,
        scheduled_for=datetime.now(UTC) + timedelta(hours=3),
    )
    active = await waiting_session(tenant, "María José Vidal")
    await sessions.attend(tenant, active.id, acting)
    for who, text in ((acting, "Good afternoon"), (sessions.customer_actor(active), "Hello 👋")):
        await service(Timeline).append(
            Draft(tenant.id, "chat.message", who, {"text": text}, active.id, active.customer.id)
        )
    ended = await waiting_session(tenant, "John O'Brien")
    await sessions.end(tenant, ended.id, acting, EndReason.FINISHED)
    for name, session in (("waiting", waiting), ("attended", active), ("ended", ended)):
        world.cookies[name] = await sign_ins.begin_customer(session)
    entry = await Entry.create(
        tenant_id=tenant.id, kind="email", value="spam@example.org", created_by="system"
    )
    response = await QuickResponse.create(tenant_id=tenant.id, title="Hi", text="Hello {customer}")
    await Audit.create(tenant_id=tenant.id, actor=str(acting), actor_name="Wanda", action="x.y")
    point = await EntryPoint.get(tenant_id=tenant.id, slug="front")
    mail = await a_mail(installation, world)
    agents = {
        "account.show": ["/account/"],
        "administration.entry_points": ["/administration/entry-points"],
        "administration.features": ["/administration/features"],
        "administration.show_settings": [
            f"/administration/settings/{name}" for name in ("chat", "email")
        ],
        "audit.index": ["/audit/"],
        "blacklist.index": ["/blacklist/"],
        "blacklist.new": ["/blacklist/new"],
        "blacklist.show": [f"/blacklist/{entry.id}"],
        "chat.responses": ["/chat/responses"],
        "chat.edit_response": [f"/chat/responses/{response.id}"],
        "email.outbox": ["/email/outbox"],
        "email.mail": [mail],
        "notify.new": ["/notify/new"],
        "notify.sent": [f"/notify/sent/{invited.id}"],
        "notify.note": [f"/notify/sessions/{active.id}/note"],
        "notify.templates": ["/notify/templates"],
        "notify.template": ["/notify/templates/invitation/email/es"],
        "sessions.show": [f"/sessions/{one.id}" for one in (active, invited, ended)],
        "teamview.team": ["/teamview/team"],
        "teamview.dark": ["/teamview/dark"],
        "users.index": ["/users/"],
        "users.blank": ["/users/new"],
        "users.show": [f"/users/{agent.id}"],
    }
    world.pages = {name: [("agent", path) for path in paths] for name, paths in agents.items()}
    world.pages |= {
        "home.front": [("", "//")],
        "sign_in.show": [("", "/sign-in")],
        "sign_in.recover": [("", "/recover")],
        "sign_in.choose": [("", "/password/no-such-link")],
        "visit.entry": [("", f"/e/{point.slug}")],
        "visit.link": [("", f"/v/{sessions.link_token(invitation.id)}"), ("", "/v/no-such-link")],
        "visit.page": [(who, "/visit/") for who in ("waiting", "attended", "ended")],
        "chat.frame": [("", f"/chat/w/{point.slug}")],
    }
    return world


async def a_mail(installation: Installation, world: World) -> str:
    """Send an invitation through the form, and return the path of its mail in the outbox."""
    client = installation.app.test_client(use_cookies=False)
    principal = await sign_ins.find(installation.acme.id, world.cookies["agent"])
    assert principal is not None
    origin = installation.url
    response = await client.post(
        "/t/acme/notify/new",
        headers={
            "Host": origin.removeprefix("http://"),
            "Origin": origin,
            "Cookie": f"offhook_acme={world.cookies['agent']}",
        },
        form={
            "csrf": csrf_token(principal.sign_in_id),
            "name": "Nora Haddad",
            "when": "now",
            "type": "email",
            "email": "nora@example.org",
            "language": "es",
            "details": "on",
        },
    )
    assert response.status_code in {302, 303}, await response.get_data(as_text=True)
    async with asyncio.timeout(20):
        while not (mails := await email.kept_mails(installation.acme)):
            await asyncio.sleep(0.05)
    return f"/email/outbox/{mails[0].id}"


def test_every_page_has_a_case(app: object) -> None:
    """A route that shows a page is opened below; one that does not says why."""
    rules = app.url_map.iter_rules()  # type: ignore[attr-defined]
    shown = {r.endpoint for r in rules if "GET" in (r.methods or ()) or r.websocket}
    shown = {name for name in shown if not name.startswith("dummy")}
    assert shown - NOT_PAGES.keys() - CASES == set()
    assert not NOT_PAGES.keys() & CASES


CASES = {
    "account.show", "administration.entry_points", "administration.features",
    "administration.show_settings", "audit.index", "blacklist.index", "blacklist.new",
    "blacklist.show", "chat.edit_response", "chat.frame", "chat.responses", "email.mail",
    "email.outbox", "home.front", "notify.new", "notify.note", "notify.sent", "notify.template",
    "notify.templates", "sessions.show", "sign_in.choose", "sign_in.recover", "sign_in.show",
    "teamview.dark", "teamview.team", "users.blank", "users.index", "users.show", "visit.entry",
    "visit.link", "visit.page",
}  # fmt: skip


@pytest.fixture
async def opened(installation: Installation) -> AsyncIterator[tuple[World, dict[str, Page]]]:
    """One window for each person of the world."""
    world = await build(installation)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(BROWSER_ARGUMENTS)
        )
        windows = {}
        for who in ("", *world.cookies):
            context = await browser.new_context(reduced_motion="reduce")
            if who:
                name = "offhook_acme" if who == "agent" else "offhook_acme_visit"
                await context.add_cookies(
                    [
                        {
                            "name": name,
                            "value": world.cookies[who],
                            "url": f"{installation.url}/t/acme/",
                        }
                    ]
                )
            windows[who] = await context.new_page()
            windows[who].on("console", lambda message: world.note(message))
            windows[who].on("pageerror", lambda e: world.faults.append(f"script: {e}"))
        yield world, windows
        await browser.close()


async def barriers(page: Page) -> list[str]:
    """Look at the page in both appearances and widths."""
    found = []
    for size in (WIDE, NARROW):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        found += [f"{size[0]}px: cut off: {one}" for one in await overflow(page)]
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found += [f"{size[0]}px {scheme}: {one}" for one in await axe(page)]
    return found


@pytest.mark.serves("V33")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_page_has_a_barrier(opened: tuple[World, dict[str, Page]], language: str) -> None:
    world, windows = opened
    assert world.pages.keys() == CASES
    if language in {"es", "zh-Hans"}:
        await Tenant.filter(id=world.installation.acme.id).update(theme="dusk")
        await service(Tenancy).touch(world.installation.acme.id)
    found = []
    for endpoint, cases in world.pages.items():
        for who, path in cases:
            page, base = windows[who], world.installation.url
            url = base + "/" if path == "//" else f"{base}/t/acme{path}"
            await page.goto(f"{url}?lang={language}")
            await page.wait_for_load_state("load")
            assert await page.locator("html").get_attribute("lang") == language, endpoint
            found += [f"{endpoint} ({who or 'nobody'}): {one}" for one in await barriers(page)]
    assert not found, "\n".join(found)
    assert not world.faults, "\n".join(world.faults)
