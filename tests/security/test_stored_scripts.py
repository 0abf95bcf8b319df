"""Markup that people type stays text, on every page, for everybody who sees it."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect
from quart import Quart

from core import sessions
from core.current import service
from core.models import Audit, Customer, EntryPoint, File, Invitation, Tenant, User
from core.tenancy import Tenancy, TenantView
from core.testing.site import Site
from core.timeline import Timeline
from core.values import Actor, Draft
from plugins.blacklist.models import Entry
from plugins.chat.models import QuickResponse
from plugins.chat.services.messages import ChatSettings
from plugins.notify.models import Delivery, Template
from tests.security.house import Cast, House, furnish, people, text_of
from tests.security.routes import Route, routes

PAYLOADS = (
    "<img src=x onerror=alert(1)>x{{7*7}}x${7*7}x",
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "'onmouseover='alert(1)' autofocus onfocus='alert(1)",
    "</textarea><iframe srcdoc='<script>parent.alert(1)</script>'>",
    'javascript:alert(1)//https://x.test/"onclick=alert(1)',
    "{{ ''.__class__.__mro__[1].__subclasses__() }}{% raw %}",
    "<!--<template shadowrootmode=open><slot onslotchange=alert(1)>",
    "\u202e<b onclick=alert(1)>\u2066gnp.exe",
    "<math><mtext><style><a title='</style><img src=x onerror=alert(1)>'>",
    "%(name)s {name} {0} <x onpointerrawupdate=alert(1)>",
)
WORST = PAYLOADS[0]
NO_PAGE = {
    "assets.file", "assets.favicon", "health.alive", "health.ready", "files.fetch",
    "files.fetch_as_customer", "chat.events", "chat.start", "chat.choices", "chat.script",
    "chat.resume", "email.mail_html", "sign_in.show", "sign_in.choose", "home.front", "home.home",
    "teamview.home", "visit.link", "visit.page", "visit.entry", "chat.frame", "users.blank",
    "sign_in.recover", "notify.sent",
}  # fmt: skip
"""Data, redirects, pages that show nothing anybody typed, and those of customers, opened apart."""


async def poison(house: House) -> None:
    """Put the payloads into every text that somebody can type, past the checks of the forms."""
    mine = {"tenant_id": house.tenant.id}
    await Tenant.filter(id=house.tenant.id).update(name=WORST)
    await User.filter(**mine).update(name=WORST)
    await EntryPoint.filter(**mine, id=house.point.id).update(title=WORST)
    await Customer.filter(**mine).update(name=WORST, notes=WORST, reference=WORST)
    await Invitation.filter(**mine).update(given_id=WORST, auto_connect=False)
    await File.filter(**mine).update(name=WORST)
    await Audit.filter(**mine).update(actor_name=WORST, subject=WORST, action=WORST)
    await Delivery.filter(**mine).update(name=WORST, reason=WORST, address=WORST)
    await Template.filter(**mine).update(subject=WORST, body=WORST)
    await Entry.filter(**mine).update(reason=WORST, created_by_name=WORST)
    await QuickResponse.filter(**mine).update(title=WORST, text=WORST)
    await service(Tenancy).save_settings(house.tenant.id, "chat", ChatSettings(greeting=WORST))
    for number, text in enumerate(PAYLOADS):
        await User.create(**mine, email=f"u{number}@x.example", name=text)
        await EntryPoint.create(**mine, slug=f"p{number}", title=text)
        await QuickResponse.create(**mine, title=text, text=text)
        by = {"created_by": "agent:1", "created_by_name": text}
        await Entry.create(**mine, kind="email", value=f"{number}{text}", reason=text, **by)
        await _talk(house, text)


async def _talk(house: House, text: str) -> None:
    """Say *text* as customer, agent and mail, and as the name of a file and of who speaks."""
    by = Actor("agent", str(house.agent.id), text)
    file = {"file": str(house.file.id), "name": text, "size": 5, "media_type": text}
    for session in (house.waiting, house.invited):
        customer = Actor("customer", str(session.customer_id), text)
        for kind, who, payload in (
            ("chat.message", customer, {"text": text}),
            ("chat.message", by, {"text": text}),
            ("notify.note_sent", by, {"comment": text, "files": []}),
            ("notify.note_failed", by, {"address": text, "reason": text}),
            ("core.file_added", customer, file),
            ("core.file_removed", by, file),
        ):
            await service(Timeline).append(Draft(house.tenant.id, kind, who, payload, session.id))


@pytest.fixture
async def poisoned(app: Quart, tenant: TenantView) -> tuple[House, Cast]:
    house = await furnish(tenant)
    await poison(house)
    return house, await people(app, house)


def pages_of(app: Quart) -> Iterator[Route]:
    for route in routes(app):
        if route.method == "GET" and route.endpoint not in NO_PAGE:
            yield route


def at_the_door(house: House) -> list[str]:
    token = sessions.link_token(house.invitation.id)
    slug = house.point.slug
    return [f"/e/{slug}", f"/chat/w/{slug}", f"/v/{token}", "/sign-in?next=" + quote(WORST)]


class Suspicious(HTMLParser):
    """Collects what no template of ours writes: handlers, script addresses, foreign elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"iframe", "object", "embed", "base", "math", "b", "x", "img"}:
            self.found.append(tag)
        for name, value in attrs:
            to_script = name in {"href", "src", "action", "formaction", "xlink:href"} and (
                (value or "").strip().lower().startswith(("javascript:", "data:", "vbscript:"))
            )
            if name.startswith("on") or name == "srcdoc" or to_script:
                self.found.append(f"{tag} {name}={value}")


def suspicious(html: str) -> list[str]:
    parser = Suspicious()
    parser.feed(html)
    return parser.found


def test_the_parser_would_see_it() -> None:
    assert suspicious("<img src=x onerror=alert(1)>") == ["img", "img onerror=alert(1)"]
    assert suspicious('<a href=" javascript:alert(1)">')
    assert not suspicious('<a href="/x" class="y">&lt;img onerror=alert(1)&gt;</a>')


@pytest.mark.serves("S-04")
async def test_no_page_has_markup_that_somebody_typed(
    app: Quart, poisoned: tuple[House, Cast]
) -> None:
    house, cast = poisoned
    shown, wrong = 0, []
    visits = [("administrator", route.path(app, house)) for route in pages_of(app)]
    visits += [("agent", path) for path in ("/teamview/dark", f"/sessions/{house.invited.id}")]
    visits += [("customer", "/visit/"), *(("nobody", path) for path in at_the_door(house))]
    for person, path in visits:
        answer = await dict(cast)[person].get(path)
        html = await text_of(answer)
        assert answer.status_code == 200, path
        shown += "{{7*7}}" in html
        wrong += [f"{path}: {found}" for found in suspicious(html)]
        assert "x49x" not in html, path
    assert not wrong, "\n".join(wrong)
    assert shown > 20, "the pages showed nothing of what was typed"


@pytest.mark.serves("S-04")
async def test_form_shown_again_has_no_markup_either(app: Quart, cast: Cast, acme: House) -> None:
    shown = 0
    for route in routes(app):
        case = route.case
        signs_in = route.endpoint == "sign_in.set_password"
        if route.method == "GET" or not case.form or signs_in:
            continue
        who = next(w for p, w in reversed(list(cast)) if p in case.who)
        for text in (PAYLOADS[0] + "y" * 4200, PAYLOADS[3], PAYLOADS[5]):
            form = dict.fromkeys(case.form, text) | {"csrf": who.csrf}
            answer = await who.open(route.path(app, acme), route.method, form=form)
            assert answer.status_code < 500
            html = await text_of(answer)
            shown += "onerror" in html or "onload" in html
            if answer.mimetype == "text/html":
                assert not suspicious(html), route.rule
    assert shown > 5


LOOK = """() => {
  const found = [], seen = [document];
  for (const root of seen) for (const e of root.querySelectorAll('*')) {
    if (e.shadowRoot) seen.push(e.shadowRoot);
    for (const a of e.attributes)
      if (a.name.startsWith('on') || a.name === 'srcdoc') found.push(`${e.tagName} ${a.name}`);
    for (const name of ['href', 'src', 'action'])
      if (/^\\s*(javascript|data|vbscript):/i.test(e.getAttribute(name) ?? '')) found.push(name);
    if (e.matches('iframe, object, embed, math, x, b')) found.push(e.tagName);
  }
  const text = seen.map(r => (r.body ?? r).textContent).join(' ');
  return {found, raw: text.includes('{{7*7}}'), evaluated: text.includes('x49x')};
}"""


@pytest.mark.serves("S-04")
async def test_browsers_run_nothing_that_somebody_typed(
    app: Quart, site: Site, poisoned: tuple[House, Cast]
) -> None:
    house, cast = poisoned
    tabs: dict[str, Page] = {}
    dialogs: list[str] = []
    shown = []
    for person, who in cast:
        context = await site.context(who)
        context.on("dialog", lambda dialog: dialogs.append(dialog.message))
        tabs[person] = await site.pages.open(site.url(house.tenant, "/healthz"), context=context)
    visits = [("administrator", route.path(app, house)) for route in pages_of(app)]
    visits += [("agent", path) for path in ("/teamview/dark", f"/sessions/{house.waiting.id}")]
    visits += [("customer", "/visit/"), *(("nobody", path) for path in at_the_door(house))]
    for person, path in visits:
        page = tabs[person]
        await page.goto(site.url(house.tenant, path))
        if path.startswith("/sessions/") or path == "/visit/":
            await expect(page.locator("chat-panel .bubble").first).to_be_visible()
        elif path == "/teamview/team":
            await expect(page.locator("teamview-room li").first).to_be_visible()
        seen: dict[str, Any] = await page.evaluate(LOOK)
        assert seen["found"] == [], path
        assert not seen["evaluated"], path
        shown += [path] if seen["raw"] else []
    assert dialogs == []
    assert len(shown) > 20, shown
