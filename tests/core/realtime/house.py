"""A database with two tenants in it, and the parts of core that tests of this folder need."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from core.bus import Bus
from core.config import Config
from core.database import Database, connect
from core.models import Account, Customer, Plan, Session, SignIn, Tenant, User
from core.timeline import Timeline
from core.values import Actor, Draft, StoredEvent

SECRET = "tests only, tests only, tests only"


def config_for(database_url: str, redis_url: str = "", **more: Any) -> Config:
    given = {"data_dir": Path("/nonexistent"), "secret": SECRET} | more
    return Config.from_env({}, database_url=database_url, redis_url=redis_url, **given)


@asynccontextmanager
async def opened(database_url: str, *, fresh: bool = False) -> AsyncIterator[Database]:
    database = await connect(database_url, [])
    try:
        with database.entered():
            if fresh:
                await database.context.generate_schemas(safe=False)
            yield database
    finally:
        await database.close()


@dataclass
class Log:
    """An open timeline with its bus."""

    database: Database
    bus: Bus
    timeline: Timeline

    async def say(self, tenant: int, session: UUID, text: str, **more: Any) -> StoredEvent:
        return await self.timeline.append(draft(tenant, session, text, **more))


@asynccontextmanager
async def log_of(database: Database, database_url: str, redis_url: str = "") -> AsyncIterator[Log]:
    bus = Bus(config_for(database_url, redis_url))
    timeline = Timeline(bus)
    await bus.start(database)
    await timeline.start(database)
    try:
        yield Log(database, bus, timeline)
    finally:
        await timeline.stop()
        await bus.stop()


def draft(tenant: int, session: UUID | None, text: str, **more: Any) -> Draft:
    who = more.pop("actor", Actor("customer", "7", "Ada"))
    return Draft(tenant, "chat.message", who, {"text": text}, session_id=session, **more)


async def a_tenant(slug: str, plugins: tuple[str, ...] = ()) -> Tenant:
    account = await Account.create(number=slug, name=slug)
    plan = await Plan.create(name=slug, title=slug, plugins=list(plugins))
    return await Tenant.create(
        account=account, plan=plan, slug=slug, name=slug.title(), languages=["en"]
    )


async def a_session(tenant: Tenant) -> UUID:
    customer = await Customer.create(id=uuid4(), tenant=tenant, name="Ada")
    session = await Session.create(id=uuid4(), tenant=tenant, customer=customer)
    return session.id


@dataclass(frozen=True)
class Pass:
    """What a browser needs to get in: a token, and for a user the proof of our own page."""

    tenant_id: int
    slug: str
    kind: str
    id: str
    sign_in_id: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        if self.kind == "customer":
            return {"Authorization": f"Bearer {self.token}"}
        digest = hmac.digest(SECRET.encode(), f"csrf:{self.sign_in_id}".encode(), "sha256")
        csrf = urlsafe_b64encode(digest[:24]).decode()
        return {"Cookie": f"offhook_{self.slug}={self.token}", "X-CSRF-Token": csrf}


async def a_user(tenant: Tenant, name: str, role: str = "agent") -> Pass:
    email = f"{name}@{tenant.slug}.example"
    user = await User.create(tenant=tenant, email=email, name=name.title(), role=role)
    return await _pass(tenant, "user", str(user.id), user_id=user.id)


async def a_customer(tenant: Tenant, session_id: UUID) -> Pass:
    session = await Session.get(tenant_id=tenant.id, id=session_id)
    return await _pass(tenant, "customer", str(session.customer_id), session_id=session_id)


async def _pass(tenant: Tenant, kind: str, owner: str, **whose: Any) -> Pass:
    token = secrets.token_urlsafe(32)
    row = await SignIn.create(
        tenant_id=tenant.id,
        token_hash=hashlib.sha256(token.encode()).hexdigest(),
        expires_at=datetime.now(UTC) + timedelta(days=1),
        **whose,
    )
    return Pass(tenant.id, tenant.slug, kind, owner, row.id, token)
