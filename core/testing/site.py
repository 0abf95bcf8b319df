"""The running application on a port, and people in front of its pages in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from quart import Quart

from core.models import Session, User
from core.tenancy import TenantView
from core.testing import application
from core.testing.application import Browser
from core.testing.browser import Pages, served

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page


@dataclass(slots=True)
class Site:
    """The application of the fixture ``app``, as browsers reach it."""

    app: Quart
    port: str
    pages: Pages

    def url(self, tenant: TenantView, path: str) -> str:
        return f"http://{tenant.slug}.localhost:{self.port}{path}"

    async def context(self, who: Browser, **options: Any) -> BrowserContext:
        """Return a context of its own in which *who* is signed in."""
        context = await self.pages.context(**options)
        if who.cookie:
            name, _, value = who.cookie.partition("=")
            await context.add_cookies(
                [{"name": name, "value": value, "url": self.url(who.tenant, "/")}]
            )
        return context

    async def open(self, who: Browser, path: str, **options: Any) -> Page:
        context = await self.context(who, **options)
        return await self.pages.open(self.url(who.tenant, path), context=context)

    async def agent(self, user: User, tenant: TenantView, path: str, **options: Any) -> Page:
        return await self.open(await application.sign_in(self.app, tenant, user), path, **options)

    async def customer(self, session: Session, tenant: TenantView, **options: Any) -> Page:
        who = await application.enter(self.app, tenant, session)
        return await self.open(who, "/visit/", **options)


@pytest.fixture
async def site(app: Quart, pages: Pages) -> AsyncIterator[Site]:
    """The application of the fixture ``app`` on a port, at ``<slug>.localhost``."""

    async def serving(scope: Any, receive: Any, send: Any) -> None:
        """The fixture ``app`` has started the application already and will stop it."""
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    async with served(serving) as url:
        yield Site(app, url.rpartition(":")[2], pages)
