"""What a plugin shows while it is on, and that nothing is left of it while it is off."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from quart import Quart
from werkzeug.routing.converters import NumberConverter, UUIDConverter

from core.access import CORE_PERMISSIONS, access_of
from core.plugins import Plugin, discover
from core.tenancy import Tenancy, TenantView
from core.testing.application import Browser, make_tenant, make_user, sign_in

PLUGINS = list(discover())
EACH = pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)


@pytest.fixture
async def tenant(app: Quart) -> TenantView:
    """A tenant with every plugin that is installed, other people's as well."""
    row = await make_tenant("acme", plugins=tuple(one.name for one in PLUGINS))
    return await app.extensions["services"][Tenancy].get(row.id)  # type: ignore[no-any-return]


def pages(app: Quart, plugin: Plugin) -> list[tuple[str, str]]:
    """Return method and path of each of the plugin's views."""
    found = []
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith(f"{plugin.name}."):
            continue
        values = {name: _value(converter) for name, converter in rule._converters.items()}
        built = rule.build(values, append_unknown=False)
        assert built is not None, rule
        path = built[1]
        found += [(method, path) for method in sorted(rule.methods or ())]
    return [(method, path) for method, path in found if method not in {"OPTIONS", "HEAD"}]


def _value(converter: Any) -> Any:
    if isinstance(converter, UUIDConverter):
        return UUID(int=1)
    return 1 if isinstance(converter, NumberConverter) else "x"


async def without(app: Quart, plugin: Plugin) -> Browser:
    """Return an administrator of a tenant that has everything but *plugin* and what needs it."""
    names = {one.name for one in PLUGINS} - {plugin.name}
    kept = app.extensions["services"][Tenancy]._registry.closure(frozenset(names))
    row = await make_tenant("gamma", plugins=tuple(kept))
    tenant = await app.extensions["services"][Tenancy].get(row.id)
    return await sign_in(app, tenant, await make_user(tenant, "Gil", "administrator"))


@pytest.mark.serves("X3")
@EACH
async def test_its_pages_do_not_exist_for_a_tenant_without_it(plugin: Plugin, app: Quart) -> None:
    browser = await without(app, plugin)
    for method, path in pages(app, plugin):
        response = await browser.open(path, method)
        assert response.status_code == 404, f"{method} {path}"


@EACH
async def test_its_menu_leads_somewhere(plugin: Plugin, app: Quart) -> None:
    for item in plugin.nav:
        assert item.endpoint in app.view_functions, item.endpoint


@EACH
async def test_its_pages_ask_for_permissions_that_exist(plugin: Plugin, app: Quart) -> None:
    known = {one.name for one in (*CORE_PERMISSIONS, *plugin.permissions)}
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith(f"{plugin.name}."):
            access = access_of(view)
            assert access is not None, endpoint
            assert access.permission is None or access.permission in known, endpoint


@pytest.mark.serves("S-06")
@EACH
async def test_nobody_changes_anything_without_signing_in(
    plugin: Plugin, app: Quart, tenant: TenantView
) -> None:
    stranger = Browser(app, tenant)
    for method, path in pages(app, plugin):
        view = app.view_functions[_endpoint(app, path, method)]
        access = access_of(view)
        if method != "GET" and access is not None and access.kinds:
            response = await stranger.open(path, method)
            assert response.status_code in {303, 401, 403}, f"{method} {path}"


def _endpoint(app: Quart, path: str, method: str) -> str:
    adapter = app.url_map.bind("localhost")
    return str(adapter.match(path, method=method)[0])


@EACH
async def test_switching_it_on_and_off_twice_is_harmless(
    plugin: Plugin, tenant: TenantView
) -> None:
    await plugin.on_enable(tenant)
    await plugin.on_enable(tenant)
    await plugin.on_disable(tenant)
    await plugin.on_disable(tenant)
    await plugin.on_enable(tenant)
