"""Every page there is, by the URL map, in a real browser: accessible, in its width, without faults.

A new page is looked at without being listed here. One whose address needs something that
nobody told this test how to make fails it.
"""

from __future__ import annotations

from typing import Any

import pytest
from quart import Quart
from werkzeug.routing import Rule

from core.access import CUSTOMER, USER, access_of
from core.models import Tenant
from core.tenancy import Tenancy, TenantView
from core.testing.application import (
    Browser,
    enter,
    invited_session,
    make_user,
    sign_in,
    waiting_session,
)
from core.testing.browser import NARROW, WIDE, axe, overflow, screenshot
from core.testing.site import Site

OWN_ROWS = {
    "blacklist.show",
    "chat.edit_response",
    "email.mail",
    "email.mail_html",
    "files.fetch",
    "files.fetch_as_customer",
    "sign_in.choose",
    "visit.link",
}
"""Pages about a row or a token of their own; the tests of their part make it and look at them."""

LOOKS = [
    pytest.param(WIDE, False, "en", "default", id="wide-light-en"),
    pytest.param(NARROW, True, "ru", "dusk", id="narrow-dark-ru-dusk"),
    pytest.param(WIDE, True, "zh-Hans", "default", id="wide-dark-zh", marks=pytest.mark.long),
    pytest.param(NARROW, False, "es", "default", id="narrow-light-es", marks=pytest.mark.long),
]


@pytest.fixture
async def people(app: Quart, tenant: TenantView) -> tuple[dict[str, Browser], dict[str, Any]]:
    """Return somebody of each kind, and what the addresses of pages can be filled with."""
    ada = await make_user(tenant, "Ada Lovelace", "administrator")
    for name in ("Carla Gómez", "Дмитрий Орлов", "李 雷"):
        await waiting_session(tenant, name)
    session = await waiting_session(tenant, "María José Vidal de la Fuente")
    await invited_session(tenant, ada)
    who = {
        "": Browser(app, tenant),
        USER: await sign_in(app, tenant, ada),
        CUSTOMER: await enter(app, tenant, session),
    }
    values = {
        "session_id": session.id,
        "user_id": ada.id,
        "slug": "front",
        "plugin": "email",
        "kind": "invitation",
        "channel": "email",
        "language": "es",
    }
    return who, values


def pages_of(app: Quart, values: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (endpoint, path, kind of person) of what can be fetched with GET."""
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.websocket:
            continue
        if rule.endpoint in OWN_ROWS or rule.endpoint == "assets.file":
            continue
        assert rule.arguments <= values.keys(), f"how is the address of {rule.endpoint} made?"
        found.append((rule.endpoint, _path(app, rule, values), _person(app, rule)))
    return sorted(found, key=lambda one: (one[2], one[0]))


def _path(app: Quart, rule: Rule, values: dict[str, Any]) -> str:
    chosen = {name: values[name] for name in rule.arguments}
    return app.url_map.bind("acme.localhost").build(rule.endpoint, chosen)


def _person(app: Quart, rule: Rule) -> str:
    access = access_of(app.view_functions[rule.endpoint])
    assert access is not None
    if USER in access.kinds:
        return USER
    return CUSTOMER if CUSTOMER in access.kinds else ""


@pytest.mark.serves("V33")
@pytest.mark.parametrize(("size", "dark", "language", "theme"), LOOKS)
async def test_every_page_is_accessible_and_fits(
    site: Site,
    tenant: TenantView,
    people: tuple[dict[str, Browser], dict[str, Any]],
    size: tuple[int, int],
    dark: bool,
    language: str,
    theme: str,
) -> None:
    who, values = people
    await Tenant.filter(id=tenant.id).update(theme=theme)
    await site.app.extensions["services"][Tenancy].touch(tenant.id)
    problems: list[str] = []
    looked_at: set[str] = set()
    windows = {}
    for kind, browser in who.items():
        context = await site.context(browser, size=size, dark=dark)
        await context.add_cookies(
            [{"name": "lang", "value": language, "url": site.url(tenant, "/")}]
        )
        windows[kind] = await site.pages.open(site.url(tenant, "/healthz"), context=context)
    for endpoint, path, kind in pages_of(site.app, values):
        answer = await who[kind].get(path)
        assert answer.status_code < 500, f"{endpoint} failed"
        if answer.status_code != 200 or answer.mimetype != "text/html":
            continue
        if "<html" not in await answer.get_data(as_text=True):
            continue  # a piece of a page
        page = windows[kind]
        before = len(site.pages.faults)
        await page.goto(site.url(tenant, path))
        assert await page.locator("html").get_attribute("lang") == language
        found = [*await axe(page), *await overflow(page), *site.pages.faults[before:]]
        problems += [f"{endpoint}: {problem}" for problem in found]
        looked_at.add(endpoint)
        width = "wide" if size == WIDE else "narrow"
        await screenshot(page, f"page-{endpoint}-{width}-{'dark' if dark else 'light'}")
    assert {"teamview.team", "sessions.show", "visit.page", "sign_in.show"} <= looked_at
    assert not problems, "\n".join(problems)


HARMS = {
    "button-name": "document.querySelector('main').append(document.createElement('button'))",
    "html-has-lang": "document.documentElement.removeAttribute('lang')",
    "label": "document.querySelector('label').remove()",
    "color-contrast": "document.querySelector('label').setAttribute('class', 'faint')",
}


async def test_planted_violations_are_found(site: Site, tenant: TenantView, app: Quart) -> None:
    page = await site.open(Browser(app, tenant), "/sign-in")
    assert await axe(page) == []
    await page.evaluate(
        """const sheet = new CSSStyleSheet();
           sheet.replaceSync('.faint { color: #bbb !important }');
           document.adoptedStyleSheets = [sheet]"""
    )
    for harm in HARMS.values():
        await page.evaluate(f"{harm}, 0")
    assert {violation.partition(" ")[0] for violation in await axe(page)} >= HARMS.keys()


async def test_a_planted_overflow_is_found(site: Site, tenant: TenantView, app: Quart) -> None:
    page = await site.open(Browser(app, tenant), "/sign-in", size=NARROW)
    assert await overflow(page) == []
    await page.evaluate("document.querySelector('h1').style.inlineSize = '900px'")
    assert await overflow(page) != []


async def test_a_fault_in_the_console_is_noticed(
    site: Site, tenant: TenantView, app: Quart
) -> None:
    page = await site.open(Browser(app, tenant), "/sign-in")
    for attempt in ("document.body.innerHTML = '<b>x</b>'", "eval('1')"):
        await page.evaluate(f"setTimeout(() => {{ {attempt} }})")
    await page.evaluate(
        """const image = new Image(); image.src = 'https://elsewhere.example/x.png';
           new Promise(done => image.onerror = done).then(() => 0)"""
    )
    faults = " ".join(site.pages.unexpected)
    assert "TrustedHTML" in faults
    assert "img-src" in faults
    site.pages.tolerate(".*")
