"""The looks at pages would notice: planted violations, overflow, faults in the console."""

from __future__ import annotations

from quart import Quart

from core.tenancy import TenantView
from core.testing.application import Browser
from core.testing.browser import NARROW, axe, overflow
from core.testing.site import Site

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
