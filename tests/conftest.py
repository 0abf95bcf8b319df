"""A whole installation on a port of its own, as browsers reach it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Page
from quart import Quart

from core.app import create_app
from core.config import Config
from core.current import Services
from core.database import Database
from core.serving import listen, serve
from core.tenancy import Tenancy, TenantView
from core.testing.application import PASSWORD, make_tenant, make_user
from core.testing.browser import Pages


@dataclass(slots=True)
class Installation:
    """Two tenants: ``acme`` speaks English and Spanish, ``beta`` English."""

    app: Quart
    url: str
    acme: TenantView
    beta: TenantView

    def at(self, tenant: TenantView, path: str = "/") -> str:
        return f"{self.url}/t/{tenant.slug}{path}"

    async def signed_in(
        self, pages: Pages, tenant: TenantView, name: str, **options: object
    ) -> Page:
        """Sign in through the form, as *name*, and arrive at the home page."""
        page = await pages.open(self.at(tenant), **options)  # type: ignore[arg-type]
        await page.locator("input[name=email]").fill(f"{name.lower()}@{tenant.slug}.example")
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/teamview/**")
        return page


@pytest.fixture
async def installation(tmp_path: Path, migrated_sqlite: Path) -> AsyncIterator[Installation]:
    shutil.copy(migrated_sqlite, tmp_path / "offhook.sqlite3")
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(Config.from_env({}, data_dir=tmp_path, public_url=url))
    stop = asyncio.Event()
    server = asyncio.create_task(serve(app, listener, stop=stop.wait))
    services: Services = app.extensions["services"]
    while Database not in services:
        await asyncio.sleep(0.02)
    with services.bound(), services[Database].entered():
        await make_tenant("acme", name="Acme Clinic")
        await make_tenant("beta", name="Beta Advice", languages=["en"])
        tenancy = services[Tenancy]
        acme, beta = await tenancy.of_slug("acme"), await tenancy.of_slug("beta")
        assert acme is not None
        assert beta is not None
        for name in ("Ada", "Ben"):
            await make_user(acme, name)
        await make_user(acme, "Bo", "administrator")
        await make_user(beta, "Cleo")
        yield Installation(app, url, acme, beta)
    stop.set()
    await server
