"""What must hold when many ask at once, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import migrator, users
from core.config import Config
from core.credentials import Attempt, WrongCredentials, authenticate
from core.current import service
from core.errors import TooMany
from core.models import User
from core.plugins import discover
from core.tenancy import Tenancy, TenantView
from core.testing.application import make_user
from core.values import Actor
from tests.core.access.conftest import Clock, together


@pytest.fixture
async def config(tmp_path: Path, database_url: str) -> Config:
    await migrator.upgrade(database_url, list(discover()))
    return Config.from_env({}, data_dir=tmp_path, database_url=database_url)


@pytest.fixture
async def bo(tenant: TenantView) -> User:
    return await make_user(tenant, "Bo", "administrator")


@pytest.fixture
async def ada(tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


@pytest.mark.serves("V28")
async def test_administrators_at_once_do_not_exceed_the_limit(
    tenant: TenantView, bo: User, allow_users: Callable[..., Any]
) -> None:
    await allow_users(3)
    limited = await service(Tenancy).get(tenant.id)
    by = Actor("agent", str(bo.id), bo.name)
    people = [{"name": "Cy", "email": f"u{n}@acme.example", "role": "agent"} for n in range(6)]
    results = await together(*(users.create(limited, by, person) for person in people))
    made = [one for one in results if isinstance(one, User)]
    refused = [one for one in results if isinstance(one, users.UserLimitReached)]
    assert (len(made), len(refused)) == (2, 4)
    assert len(await users.listed(tenant.id)) == 3


@pytest.mark.serves("V28")
async def test_one_address_is_taken_once(tenant: TenantView, bo: User) -> None:
    by = Actor("agent", str(bo.id), bo.name)
    person = {"name": "Cy", "email": "cy@acme.example", "role": "agent"}
    results = await together(*(users.create(tenant, by, person) for _ in range(4)))
    assert sum(isinstance(one, User) for one in results) == 1
    assert sum(isinstance(one, users.EmailTaken) for one in results) == 3


@pytest.mark.serves("V29")
async def test_two_administrators_cannot_demote_each_other_at_once(
    tenant: TenantView, bo: User
) -> None:
    di = await make_user(tenant, "Di", "administrator")
    by = Actor("agent", str(bo.id), bo.name)
    results = await together(
        users.change(tenant, bo.id, by, {"role": "agent"}),
        users.change(tenant, di.id, by, {"role": "agent"}),
        users.delete(tenant, di.id, by, None),
    )
    roles = [user.role for user in await users.listed(tenant.id)]
    assert roles.count("administrator") == 1
    assert any(isinstance(result, users.LastAdministrator) for result in results)


@pytest.mark.serves("S-08")
async def test_two_hundred_addresses_at_once_get_no_more_guesses_than_one(
    tenant: TenantView, ada: User, clock: Clock
) -> None:
    total = 0
    for wave in range(4):
        attempts = [Attempt(ada.email, f"guess {n}", f"198.51.{wave}.{n}") for n in range(50)]
        results = await together(*(authenticate(tenant.id, one) for one in attempts))
        assert {type(r) for r in results} <= {WrongCredentials, TooMany}
        total += sum(isinstance(r, WrongCredentials) for r in results)
        clock.tick(minutes=14)
    assert 3 <= total <= 10
