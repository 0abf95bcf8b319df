"""Core's parts put together without the web: an installation with one tenant and toy plugins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import files, hookspecs, privacy
from core.bus import Bus
from core.config import Config
from core.current import Services
from core.database import Database, connect
from core.hooks import Hooks
from core.jobs import Jobs, Pace
from core.models import Account, Plan, Tenant
from core.plugins import Plugin, Registry
from core.storage import Storage
from core.storage_disk import DiskStorage
from core.tenancy import Tenancy, TenantView
from core.timeline import Timeline


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.ms

    def tick(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)


@dataclass
class Parts:
    services: Services
    database: Database
    clock: Clock

    @property
    def jobs(self) -> Jobs:
        return self.services[Jobs]

    @property
    def tenancy(self) -> Tenancy:
        return self.services[Tenancy]

    async def tenant(self, slug: str, plugins: Sequence[str] = (), **limits: int) -> TenantView:
        account = await Account.create(number=slug, name=slug)
        plan = await Plan.create(name=slug, title=slug, plugins=list(plugins), limits=limits)
        row = await Tenant.create(account=account, plan=plan, slug=slug, name=slug)
        return await self.tenancy.get(row.id)


@asynccontextmanager
async def started(
    database_url: str,
    folder: Path,
    plugins: Sequence[Plugin] = (),
    *,
    schema: bool = True,
    pace: Pace | None = None,
    **config: Any,
) -> AsyncIterator[Parts]:
    """Yield the parts, running but for the jobs. *schema*: this is the first process there."""
    settings = Config(data_dir=folder, database_url=database_url, secret="s" * 32, **config)
    registry = Registry({plugin.name: plugin for plugin in plugins})
    hooks = Hooks(*hookspecs.ALL)
    for plugin in plugins:
        hooks.register(plugin.name, plugin)
    services, clock = Services(), Clock()
    bus = Bus(settings)
    tenancy = Tenancy(settings, registry, bus)
    for part in (settings, registry, hooks, bus, tenancy, Timeline(bus)):
        services.add(part)
    services.add(Jobs(registry, hooks, tenancy, bus, pace=pace, clock_ms=clock))
    services.add(DiskStorage({"root": str(folder / "files")}), Storage)
    database = await connect(database_url, [])
    services.add(database)
    with services.bound(), database.entered():
        try:
            database.base.run(services.enter)
            if schema:
                await database.context.generate_schemas()
            files.connect()
            privacy.connect()
            await services[Timeline].start(database)
            yield Parts(services, database, clock)
        finally:
            await services[Jobs].stop()
            await services[Timeline].stop()
            await database.close()
