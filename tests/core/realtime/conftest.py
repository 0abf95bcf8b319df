from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from quart import Quart

from core.current import Services
from core.database import Database
from core.models import Tenant
from core.serving import listen, serve
from tests.core.realtime.house import (
    Log,
    Pass,
    a_customer,
    a_session,
    a_tenant,
    a_user,
    log_of,
    opened,
)
from tests.core.realtime.page import Page
from tests.core.realtime.probe import make_app


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database with core's tables; every test runs on both dialects."""
    async with opened(database_url, fresh=True) as database:
        yield database


@pytest.fixture
async def log(database: Database, database_url: str) -> AsyncIterator[Log]:
    with database.entered():
        async with log_of(database, database_url) as log:
            yield log


@dataclass
class Site:
    """The whole application with the probe plugin, served on a real port by this process."""

    app: Quart
    port: int
    database: Database
    folder: Path
    acme: Tenant
    beta: Tenant
    session: UUID
    agent: Pass
    boss: Pass
    customer: Pass
    pages: list[Page]

    @property
    def services(self) -> Services:
        return cast("Services", self.app.extensions["services"])

    @property
    def topic(self) -> str:
        return f"session:{self.session}"

    async def open(self, who: Pass) -> Page:
        page = await Page.open(self.port, who)
        self.pages.append(page)
        return page


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    url = f"sqlite://{tmp_path / 'site.sqlite3'}"
    async with opened(url, fresh=True):
        acme, beta = await a_tenant("acme", ("probe",)), await a_tenant("beta", ("probe",))
        session = await a_session(acme)
        agent, boss = await a_user(acme, "ann"), await a_user(acme, "bo", "administrator")
        customer = await a_customer(acme, session)
    app = make_app(url, tmp_path / "data")
    listener = listen("127.0.0.1", 0)
    port, stop = listener.getsockname()[1], asyncio.Event()
    serving = asyncio.ensure_future(serve(app, listener, stop=stop.wait))
    services: Services = app.extensions["services"]
    while Database not in services:
        await asyncio.sleep(0.01)
        if serving.done():
            serving.result()
    everything = (acme, beta, session, agent, boss, customer, [])
    site = Site(app, port, services[Database], tmp_path, *everything)
    with services.bound(), services[Database].entered():
        yield site
    stop.set()
    await serving
    for page in site.pages:
        await page.close()
