"""Which tenant is this request for, and what does it have: the one place that knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

import msgspec
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from core import settings as settings_
from core.bus import Bus
from core.config import Config
from core.current import service
from core.errors import NotFound, UnknownPlugin
from core.hooks import Hooks, TenantHooks
from core.models import Domain, PluginSwitch, Setting, Tenant
from core.plugins import Registry
from core.scoping import across_tenants
from core.settings import Settings

CHANGED = "tenant"
"""Bus channel: ``{"tenant": id, "version": n}`` after a change is committed."""
LONGEST: Final = {"host": 253, "slug": 63}
"""Characters. Whoever asks for more asks for nothing that exists."""

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class TenantView:
    """A tenant as of one version; never changes, so it is shared and looked up per message."""

    id: int
    account_id: int
    slug: str
    name: str
    enabled: frozenset[str]
    """The one set that gates everything of plugins."""
    unloaded: frozenset[str]
    """What is on but could not be loaded: a guard among them must refuse, not be absent."""
    planned: frozenset[str]
    """What the plan allows; ``enabled`` without what the tenant switched off."""
    limits: Mapping[str, int]
    languages: tuple[str, ...]
    timezone: str
    theme: str
    hue: int | None
    hosts: tuple[str, ...]
    version: int
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def language(self) -> str:
        return self.languages[0]

    @property
    def hooks(self) -> TenantHooks:
        return service(Hooks).of(self.enabled | self.unloaded)

    def setting(self, plugin: str, kind: type[S]) -> S:
        """Return the plugin's settings for this tenant, defaults filled in."""
        return settings_.check(kind, self.settings.get(plugin, {}))

    @property
    def url(self) -> str:
        """Where this tenant lives, without a final slash; for links in mails."""
        config = service(Config)
        if self.hosts:
            scheme = config.public_url.partition("://")[0]
            return f"{scheme}://{self.hosts[0]}"
        return f"{config.public_url.rstrip('/')}/t/{self.slug}"


class Tenancy:
    """Snapshots of the tenants, dropped when another process or this one changes them."""

    def __init__(self, config: Config, registry: Registry, bus: Bus) -> None:
        self._config, self._registry, self._bus = config, registry, bus
        self._views: dict[int, TenantView] = {}
        self._ids: dict[str, int] = {}
        """``host:…`` and ``slug:…`` -> tenant id."""
        self._announced: dict[int, int] = {}
        bus.on(CHANGED, self._heard, lost=self.forget_all)

    async def get(self, tenant_id: int) -> TenantView:
        view = self._views.get(tenant_id)
        return view if view is not None else await self._load(tenant_id)

    def known(self, tenant_id: int) -> TenantView | None:
        """Return the snapshot when it is at hand; the socket's hot path asks this first."""
        return self._views.get(tenant_id)

    async def of_host(self, host: str) -> TenantView | None:
        """Find by domain, then by ``<slug>.<base_domain>``. *host* has no port."""
        host = host.lower().rstrip(".")
        if view := await self._find(f"host:{host}"):
            return view
        slug = host.removesuffix("." + self._config.base_domain)
        return await self.of_slug(slug) if slug != host and "." not in slug else None

    async def of_slug(self, slug: str) -> TenantView | None:
        return await self._find(f"slug:{slug.lower()}")

    async def everyone(self) -> list[TenantView]:
        return [await self.get(i) for i in await _ids(Tenant.all().order_by("id"))]

    async def _find(self, key: str) -> TenantView | None:
        if (tenant_id := self._ids.get(key)) is not None:
            return await self.get(tenant_id)
        kind, _, value = key.partition(":")
        if len(value) > LONGEST[kind]:
            return None
        if kind == "slug":
            found = await _ids(Tenant.filter(slug=value))
        else:
            found = [row.tenant_id for row in await across_tenants(Domain).filter(host=value)]
        if not found:
            return None
        self._ids[key] = found[0]
        return await self.get(found[0])

    async def _load(self, tenant_id: int) -> TenantView:
        row = await Tenant.get_or_none(id=tenant_id).select_related("plan")
        if row is None:
            raise NotFound
        off = await PluginSwitch.filter(tenant_id=tenant_id).values_list("plugin", flat=True)
        hosts = await Domain.filter(tenant_id=tenant_id).order_by("-is_primary", "id")
        stored = await Setting.filter(tenant_id=tenant_id)
        wanted = frozenset(row.plan.plugins) - frozenset(cast("list[str]", off))
        planned = self._registry.closure(frozenset(row.plan.plugins))
        view = TenantView(
            id=row.id,
            account_id=cast("Any", row).account_id,
            slug=row.slug,
            name=row.name,
            enabled=self._registry.closure(wanted),
            unloaded=wanted & self._registry.broken.keys(),
            planned=planned,
            limits=row.plan.limits,
            languages=tuple(row.languages) or ("en",),
            timezone=row.timezone,
            theme=row.theme,
            hue=row.hue,
            hosts=tuple(domain.host for domain in hosts),
            version=row.version,
            settings={setting.plugin: setting.values for setting in stored},
        )
        if view.version >= self._announced.get(tenant_id, 0):
            self._views[tenant_id] = view
        return view

    async def _heard(self, body: dict[str, Any]) -> None:
        self.forget(body["tenant"], body["version"])

    def forget(self, tenant_id: int, version: int) -> None:
        self._announced[tenant_id] = max(version, self._announced.get(tenant_id, 0))
        self._views.pop(tenant_id, None)
        self._ids = {key: i for key, i in self._ids.items() if i != tenant_id}

    def forget_all(self) -> None:
        """Something may have been missed; load everything again."""
        self._views.clear()
        self._ids.clear()

    async def touch(self, tenant_id: int) -> TenantView:
        """Announce a committed change of the tenant's rows to every process."""
        await Tenant.filter(id=tenant_id).update(version=F("version") + 1)
        version = (await Tenant.get(id=tenant_id)).version
        self.forget(tenant_id, version)
        await self._bus.publish(CHANGED, {"tenant": tenant_id, "version": version}, everywhere=True)
        return await self.get(tenant_id)

    async def switch(self, tenant_id: int, plugin: str, *, on: bool) -> TenantView:
        """Switch a plugin of the plan on or off. Core's ``plugin switching`` calls this."""
        if plugin not in (await self.get(tenant_id)).planned:
            raise UnknownPlugin(plugin=plugin)
        async with in_transaction():
            await PluginSwitch.filter(tenant_id=tenant_id, plugin=plugin).delete()
            if not on:
                await PluginSwitch.create(tenant_id=tenant_id, plugin=plugin)
        return await self.touch(tenant_id)

    async def save_settings(self, tenant_id: int, plugin: str, values: Settings) -> TenantView:
        plain = msgspec.to_builtins(values)
        async with in_transaction():
            await Setting.filter(tenant_id=tenant_id, plugin=plugin).delete()
            await Setting.create(tenant_id=tenant_id, plugin=plugin, values=plain)
        return await self.touch(tenant_id)


async def _ids(query: Any) -> list[int]:
    return cast("list[int]", await query.values_list("id", flat=True))
