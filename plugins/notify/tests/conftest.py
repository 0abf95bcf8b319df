from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from quart import Quart

from core.api import DriverError, Notice, Receipt, TenantView
from core.testing.application import Browser
from core.testing.browser import Pages, served
from plugins.email import services as email_services


class Carrier:
    """Stands in for the mail plugin's transport: fails as told, then takes the notice over."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.failures: list[Exception] = []

    async def deliver(self, tenant: TenantView, notice: Notice) -> Receipt:
        if self.failures:
            raise self.failures.pop(0)
        self.notices.append(notice)
        return Receipt("test")


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setattr(email_services, "deliver", made.deliver)
    return made


def away(text: str = "451 later") -> DriverError:
    return DriverError(text, retryable=True)


def refused(text: str = "550 no such user") -> DriverError:
    return DriverError(text, retryable=False)


@dataclass(slots=True)
class Site:
    """The running application behind a real port, and the browser's pages."""

    app: Quart
    port: str
    pages: Pages

    async def open(self, who: Browser, path: str, **options: Any) -> Any:
        """Open *path* in a browser of its own in which *who* is signed in."""
        url = f"http://{who.tenant.slug}.localhost:{self.port}"
        context = await self.pages.context(**options)
        name, _, value = who.cookie.partition("=")
        await context.add_cookies([{"name": name, "value": value, "url": url}])
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await self.pages.open(url + path, context=context)
        page.set_default_timeout(8000)
        return page


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
