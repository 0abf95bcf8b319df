"""The application in a test: migrated, with two tenants, and people signed in to it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from quart import Quart, Response

from core import migrator, sessions, sign_ins, switching
from core.access import Principal, csrf_token
from core.app import create_app
from core.config import Config
from core.current import Services, _services
from core.database import Database
from core.lifecycle import Channel
from core.models import Account, EntryPoint, Invitation, Plan, Queue, Session, Tenant, User
from core.plugins import discover
from core.sessions import Person, Visit
from core.tenancy import Tenancy, TenantView
from core.values import SYSTEM, Actor, Arrival

PASSWORD = "correct-horse-26"
LANGUAGES = ["en", "es", "ru", "zh-Hans"]
_hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Cheap to make and to check, so that tests need not wait for it."""


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with every table and no rows; tests copy it."""
    path = tmp_path_factory.mktemp("migrated") / "offhook.sqlite3"
    asyncio.run(migrator.upgrade(f"sqlite://{path}", list(discover())))
    return path


@pytest.fixture
def config(tmp_path: Path, migrated_sqlite: Path) -> Config:
    """An operator's configuration on a fresh SQLite database."""
    shutil.copy(migrated_sqlite, tmp_path / "offhook.sqlite3")
    return Config.from_env({}, data_dir=tmp_path, public_url="http://localhost")


@pytest.fixture
async def app(config: Config) -> AsyncIterator[Quart]:
    """The running application; the test itself runs inside of it, so services are found."""
    made = create_app(config)
    async with made.test_app():
        services: Services = made.extensions["services"]
        services.enter()
        with services[Database].entered():
            yield made
    _services.set(None)


async def make_tenant(slug: str, plugins: tuple[str, ...] | None = None, **facts: Any) -> Tenant:
    """Make a tenant with a plan of its own. *plugins*: what it holds; default: all of ours."""
    names = our_plugins() if plugins is None else list(plugins)
    account, _ = await Account.get_or_create(number="1", defaults={"name": "Tests"})
    plan = await Plan.create(name=f"plan-{slug}", title=slug, plugins=names)
    values = {"name": slug.title(), "languages": LANGUAGES, "timezone": "Europe/Madrid"} | facts
    tenant = await Tenant.create(account=account, plan=plan, slug=slug, **values)
    queue = await Queue.create(tenant=tenant, name="Front desk", is_default=True)
    await EntryPoint.create(tenant=tenant, slug="front", title="Front desk", queue=queue)
    return tenant


def our_plugins() -> list[str]:
    """Return the plugins of this distribution; what else is installed here is not asked for."""
    registry = discover()
    return [name for name in registry.plugins if registry.sources[name].startswith("offhook ")]


async def make_user(tenant: TenantView, name: str, role: str = "agent") -> User:
    return await User.create(
        tenant_id=tenant.id,
        email=f"{name.lower()}@{tenant.slug}.example",
        name=name,
        role=role,
        password_hash=_hashed,
    )


@pytest.fixture
async def tenant(app: Quart) -> TenantView:
    """``acme``, with every installed plugin on."""
    made = await make_tenant("acme")
    return await app.extensions["services"][Tenancy].get(made.id)  # type: ignore[no-any-return]


@pytest.fixture
async def other_tenant(app: Quart) -> TenantView:
    """``beta``, which must never be seen by ``acme``."""
    made = await make_tenant("beta")
    return await app.extensions["services"][Tenancy].get(made.id)  # type: ignore[no-any-return]


@pytest.fixture
def switch(app: Quart) -> Callable[..., Awaitable[TenantView]]:
    """Return what switches a plugin of a tenant and gives the tenant as it is then."""

    async def turn(tenant: TenantView, plugin: str, *, on: bool) -> TenantView:
        now = await app.extensions["services"][Tenancy].get(tenant.id)
        return await switching.switch(now, plugin, SYSTEM, on=on)

    return turn


@dataclass(slots=True)
class Browser:
    """A client of one tenant: sends a sign-in's cookie, and proves that our own page sent it."""

    app: Quart
    tenant: TenantView
    cookie: str = ""
    csrf: str = ""

    @property
    def headers(self) -> dict[str, str]:
        host = f"{self.tenant.slug}.localhost"
        headers = {"Host": host, "Origin": f"http://{host}", "Accept": "text/html"}
        if self.cookie:
            headers |= {"Cookie": self.cookie, "X-CSRF-Token": self.csrf}
        return headers

    async def open(self, path: str, method: str = "GET", **options: Any) -> Response:
        headers = self.headers | options.pop("headers", {})
        client = self.app.test_client(use_cookies=False)
        return await client.open(path, method=method, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Response:
        return await self.open(path, **options)

    async def post(self, path: str, **options: Any) -> Response:
        return await self.open(path, "POST", **options)


async def principal_of(user: User) -> Principal:
    """Return *user* as one who has signed in."""
    found = await sign_ins.find(user.tenant_id, await sign_ins.begin_user(user))
    assert found is not None
    return found


async def sign_in(app: Quart, tenant: TenantView, user: User) -> Browser:
    """Return a browser in which *user* is signed in."""
    token = await sign_ins.begin_user(user)
    principal = await sign_ins.find(tenant.id, token)
    assert principal is not None
    return Browser(app, tenant, f"offhook={token}", csrf_token(principal.sign_in_id))


async def enter(app: Quart, tenant: TenantView, session: Session) -> Browser:
    """Return a browser in which the customer of *session* is on his page."""
    token = await sign_ins.begin_customer(session)
    principal = await sign_ins.find(tenant.id, token)
    assert principal is not None
    return Browser(app, tenant, f"offhook_visit={token}", csrf_token(principal.sign_in_id))


@pytest.fixture
async def agent(app: Quart, tenant: TenantView) -> Browser:
    """An agent of ``acme`` named Ada, signed in."""
    return await sign_in(app, tenant, await make_user(tenant, "Ada"))


@pytest.fixture
async def administrator(app: Quart, tenant: TenantView) -> Browser:
    """An administrator of ``acme`` named Bo, signed in."""
    return await sign_in(app, tenant, await make_user(tenant, "Bo", "administrator"))


@pytest.fixture
async def foreign_administrator(app: Quart, other_tenant: TenantView) -> Browser:
    """An administrator of ``beta``, signed in there."""
    return await sign_in(
        app, other_tenant, await make_user(other_tenant, "Mallory", "administrator")
    )


async def waiting_session(tenant: TenantView, name: str = "Carla") -> Session:
    """Let a customer in through the front desk; he waits."""
    point = await EntryPoint.get(tenant_id=tenant.id, slug="front")
    arrival = Arrival(tenant.id, Channel.CHAT, "front", "192.0.2.7", name=name)
    return await sessions.walk_in(tenant, point, arrival, "en")


async def invited_session(
    tenant: TenantView, owner: User, **wishes: Any
) -> tuple[Session, Invitation]:
    """Invite a customer for *owner*; *wishes* go into the ``Visit``."""
    person = wishes.pop("person", Person("Carla", "carla@example.org"))
    by = Actor("agent", str(owner.id), owner.name)
    return await sessions.invite(tenant, Visit(person=person, owner_id=owner.id, **wishes), by)
