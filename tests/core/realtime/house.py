"""A database with two tenants in it, and the parts of core that tests of this folder need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from core.bus import Bus
from core.config import Config
from core.database import Database, connect
from core.models import Account, Customer, Plan, Session, Tenant
from core.timeline import Timeline
from core.values import Actor, Draft, StoredEvent

SECRET = "tests only, tests only, tests only"


def config_for(database_url: str, redis_url: str = "", **more: Any) -> Config:
    return Config.from_env(
        {},
        data_dir=Path("/nonexistent"),
        database_url=database_url,
        redis_url=redis_url,
        secret=SECRET,
        **more,
    )


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
