from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from quart import Quart

from core import passwords
from core.config import Config
from core.tenancy import TenantView
from core.testing import application
from tests.security.house import Cast, House, furnish, people


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "hasher", cheap)
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()


@pytest.fixture
async def acme(tenant: TenantView) -> House:
    return await furnish(tenant)


@pytest.fixture
async def beta(other_tenant: TenantView) -> House:
    return await furnish(other_tenant)


@pytest.fixture
async def cast(app: Quart, acme: House) -> Cast:
    return await people(app, acme)


@pytest.fixture
async def app(config: Config) -> Any:
    """The running application without its jobs, which would change rows by themselves."""
    made = application.create_app(config, work=False)
    async with made.test_app():
        services = made.extensions["services"]
        services.enter()
        with services[application.Database].entered():
            yield made
    application._services.set(None)
