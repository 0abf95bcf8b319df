"""Two tenants with a postman instead of mail, cheap password hashes, and people."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from quart import Quart, Response, g

from core import passwords, sign_ins, throttle
from core.access import customer_or_user, permitted
from core.app import create_app
from core.config import Config
from core.current import Services, _services, service
from core.database import Database
from core.hooks import hookimpl
from core.jobs import Jobs
from core.models import Plan
from core.plugins import Blueprint, Permission, Plugin
from core.tenancy import Tenancy, TenantView
from core.testing.application import make_tenant
from core.values import Notice, Receipt

pages = Blueprint("postman", __name__)


@pages.get("/bag")
@permitted("postman.bag.open")
async def bag() -> str:
    return "letters"


@pages.post("/drop")
@customer_or_user
async def drop() -> dict[str, str]:
    return {"kind": g.principal.kind}


class Postman(Plugin):
    """Takes every mail and keeps it."""

    name = "postman"
    title = "Postman"
    blueprint = pages
    permissions = (Permission("postman.bag.open", "Open the bag", ("agent",)),)

    def __init__(self) -> None:
        self.letters: list[Notice] = []
        self.away = False

    @hookimpl
    async def deliver(self, tenant: TenantView, notice: Notice) -> Receipt | None:
        if self.away:
            return None
        self.letters.append(notice)
        return Receipt("postman")

    def links(self, address: str) -> list[str]:
        """Return the paths of the links in the mails to *address*."""
        texts = [one.text for one in self.letters if one.address == address]
        return [re.search(r"https?://[^/]+(?:/t/\w+)?(/password/\S+)", t)[1] for t in texts]  # type: ignore[index]


@dataclass
class Clock:
    """What the limits and the sign-ins take for the time."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def tick(self, **time: float) -> None:
        self.ahead += timedelta(**time)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(sign_ins, "_now", made)
    monkeypatch.setattr(throttle, "_now", made)
    return made


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "hasher", cheap)
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()


@pytest.fixture
def postman() -> Postman:
    return Postman()


@pytest.fixture
async def app(config: Config, postman: Postman) -> AsyncIterator[Quart]:
    made = create_app(config, extra=(postman,), work=False)
    async with made.test_app():
        services: Services = made.extensions["services"]
        services.enter()
        with services[Database].entered():
            yield made
    _services.set(None)


@pytest.fixture
async def tenant(app: Quart) -> TenantView:
    made = await make_tenant("acme", ("postman", "chat"))
    return await service(Tenancy).get(made.id)


@pytest.fixture
async def other_tenant(app: Quart) -> TenantView:
    made = await make_tenant("beta", ("postman", "chat"))
    return await service(Tenancy).get(made.id)


@pytest.fixture
def allow_users(tenant: TenantView) -> Callable[..., Any]:
    async def limit(count: int) -> None:
        await Plan.filter(name="plan-acme").update(limits={"users": count})
        await service(Tenancy).touch(tenant.id)

    return limit


@dataclass
class Visitor:
    """A browser with nothing in it but what the server sets; knows no token by itself."""

    app: Quart
    host: str = "acme.localhost"
    root: str = ""
    scheme: str = "http"
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: dict[str, str] = field(default_factory=dict)
    """Name -> the whole header, as last received."""

    async def open(self, path: str, method: str = "GET", **options: Any) -> Response:
        headers = {"Host": self.host, "Accept": "text/html"}
        if method != "GET":
            headers["Origin"] = f"{self.scheme}://{self.host}"
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        headers |= options.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        client = self.app.test_client(use_cookies=False)
        response = await client.open(
            self.root + path, method=method, headers=headers, scheme=self.scheme, **options
        )
        for line in response.headers.getlist("Set-Cookie"):
            name, _, rest = line.partition("=")
            self.set_cookies[name] = line
            self.cookies[name] = rest.partition(";")[0]
            if "Max-Age=0" in line:
                del self.cookies[name]
        return response

    async def get(self, path: str, **options: Any) -> Response:
        return await self.open(path, **options)

    async def post(self, path: str, form: dict[str, Any] | None = None, **options: Any) -> Response:
        return await self.open(path, "POST", form=form or {}, **options)

    async def sign_in(self, email: str, password: str, **more: Any) -> Response:
        return await self.post("/sign-in", {"email": email, "password": password, **more})

    async def token(self, path: str = "/account/") -> str:
        """Return the token in the forms of a page."""
        html = await (await self.get(path)).get_data(as_text=True)
        found = re.search(r'name="csrf" value="([^"]+)"', html)
        assert found, html[:2000]
        return found[1]


@pytest.fixture
def visitor(app: Quart, tenant: TenantView) -> Visitor:
    return Visitor(app)


async def work_off() -> None:
    await service(Jobs).work_off()


async def text_of(response: Response) -> str:
    return str(await response.get_data(as_text=True))


async def together(*waiting: Any) -> list[Any]:
    return await asyncio.gather(*waiting, return_exceptions=True)
