"""What the tests of the waiting room share: a real server, and people in front of real pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from quart import Quart

from core.api import Session, TenantView, User
from core.testing import application
from core.testing.application import Browser
from core.testing.browser import Pages, served


@dataclass(slots=True)
class Site:
    """The running application, and the browser's pages."""

    app: Quart
    port: str
    pages: Pages

    def url(self, tenant: TenantView, path: str) -> str:
        return f"http://{tenant.slug}.localhost:{self.port}{path}"

    async def open(self, who: Browser, path: str, **options: Any) -> Any:
        """Open *path* in a browser of its own in which *who* is signed in."""
        context = await self.pages.context(**options)
        name, _, value = who.cookie.partition("=")
        await context.add_cookies(
            [{"name": name, "value": value, "url": self.url(who.tenant, "/")}]
        )
        page = await self.pages.open(self.url(who.tenant, path), context=context)
        page.set_default_timeout(5000)
        return page

    async def agent(self, user: User, tenant: TenantView, path: str, **options: Any) -> Any:
        who = await application.sign_in(self.app, tenant, user)
        return await self.open(who, path, **options)

    async def customer(self, session: Session, tenant: TenantView) -> Any:
        who = await application.enter(self.app, tenant, session)
        return await self.open(who, "/visit/")


@pytest.fixture
async def site(app: Quart, pages: Pages) -> AsyncIterator[Site]:
    async def serving(scope: Any, receive: Any, send: Any) -> None:
        """The test has started the application already and will stop it."""
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    async with served(serving) as url:
        yield Site(app, url.rpartition(":")[2], pages)
        for context in pages.browser.contexts:
            await context.close()
