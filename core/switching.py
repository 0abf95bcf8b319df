"""Switching a plugin on or off for one tenant: the set, its sessions, its jobs, its records."""

from __future__ import annotations

from core import audit, sessions
from core.current import service
from core.errors import AppError
from core.hooks import Hooks
from core.jobs import Jobs
from core.lifecycle import Channel
from core.plugins import Registry
from core.realtime import Realtime
from core.tenancy import Tenancy, TenantView
from core.timeline import Timeline
from core.values import Actor, Draft


class NeededByOthers(AppError):
    status = 409
    code = "plugin-needed"
    message = "Switch off “{others}” first: it needs this one."


class NeedsOthers(AppError):
    status = 409
    code = "plugin-needs"
    message = "Switch on “{others}” first: this one needs it."


async def switch(tenant: TenantView, plugin: str, by: Actor, *, on: bool) -> TenantView:
    """Switch *plugin* of the tenant's plan. Switching to what already holds changes nothing.

    Off: its pages, menu, slots, hooks and topics are gone with the next message, its jobs are
    parked, open sessions that it carried end with ``plugin_off``. Its records stay.
    """
    _check_requirements(tenant, plugin, on=on)
    if on == (plugin in tenant.enabled):
        return tenant
    tenancy, instance = service(Tenancy), service(Registry).plugins[plugin]
    if not on:
        await _end_sessions(tenant, plugin)
    tenant = await tenancy.switch(tenant.id, plugin, on=on)
    if on:
        await instance.on_enable(tenant)
        await service(Jobs).unpark(tenant.id, plugin)
    else:
        await _end_sessions(tenant, plugin)  # those that came in while the first ones ended
        await instance.on_disable(tenant)
        service(Hooks).repair(plugin)
    await service(Realtime).plugin_switched(tenant.id, plugin, on=on)
    kind = "core.plugin_enabled" if on else "core.plugin_disabled"
    await service(Timeline).append(Draft(tenant.id, kind, by, {"plugin": plugin}, internal=True))
    await audit.write(tenant.id, by, kind, subject=plugin)
    return tenant


def _check_requirements(tenant: TenantView, plugin: str, *, on: bool) -> None:
    plugins = service(Registry).plugins
    if on:
        needs = plugins[plugin].requires if plugin in plugins else ()
        if lacking := sorted(set(needs) - tenant.enabled):
            raise NeedsOthers(others=", ".join(plugins[n].title for n in lacking if n in plugins))
    elif users := sorted(n for n in tenant.enabled if plugin in plugins[n].requires):
        raise NeededByOthers(others=", ".join(plugins[n].title for n in users))


async def _end_sessions(tenant: TenantView, plugin: str) -> None:
    """A plugin named like a channel carries the sessions of that channel."""
    if plugin in set(Channel):
        await sessions.end_all_of_plugin_off(tenant, Channel(plugin))
