"""Which tenant a request is for, and what that tenant has."""

from __future__ import annotations

import pytest
from quart import Quart

from core.current import service
from core.errors import NotFound, UnknownPlugin
from core.hooks import Hooks
from core.models import Domain, Plan, Tenant
from core.plugins import Registry
from core.tenancy import Tenancy, TenantView
from core.testing.application import make_tenant


async def asked(app: Quart, host: str, path: str = "/") -> tuple[int, str]:
    client = app.test_client(use_cookies=False)
    response = await client.get(path, headers={"Host": host, "Accept": "text/html"})
    return response.status_code, response.headers.get("Location", "")


async def test_a_tenant_is_found_by_its_domain_its_subdomain_and_the_path(
    app: Quart, tenant: TenantView
) -> None:
    await Domain.create(tenant_id=tenant.id, host="help.acme.example", is_primary=True)
    await service(Tenancy).touch(tenant.id)

    assert await asked(app, "help.acme.example") == (302, "/sign-in")
    assert await asked(app, "HELP.acme.example.:8443") == (302, "/sign-in")
    assert await asked(app, "acme.localhost:8700") == (302, "/sign-in")
    assert await asked(app, "localhost", "/t/acme/") == (302, "/t/acme/sign-in")


async def test_other_hosts_and_slugs_lead_to_no_tenant(app: Quart, tenant: TenantView) -> None:
    assert (await asked(app, "evil.example"))[0] == 200
    assert (await asked(app, "localhost", "/t/nobody/"))[0] == 404
    assert (await asked(app, "acme.localhost", "/t/acme/"))[0] == 404
    assert (await asked(app, "a.acme.localhost", "/sign-in"))[0] == 404


async def test_links_lead_to_the_primary_domain(app: Quart, tenant: TenantView) -> None:
    assert tenant.url == "http://localhost/t/acme"
    await Domain.create(tenant_id=tenant.id, host="second.example")
    await Domain.create(tenant_id=tenant.id, host="first.example", is_primary=True)
    assert (await service(Tenancy).touch(tenant.id)).url == "http://first.example"


async def test_tenants_on_equal_plans_share_their_hooks(app: Quart) -> None:
    tenancy = service(Tenancy)
    one = await tenancy.get((await make_tenant("one", ("chat",))).id)
    two = await tenancy.get((await make_tenant("two", ("chat",))).id)
    assert one.hooks is two.hooks


async def test_a_smaller_plan_takes_plugins_away(app: Quart, tenant: TenantView) -> None:
    row = await Tenant.get(id=tenant.id)
    small = await Plan.create(name="small", title="Small", plugins=["chat", "not-installed"])
    await Tenant.filter(id=row.id).update(plan_id=small.id)
    now = await service(Tenancy).touch(tenant.id)
    assert now.enabled == {"chat"}
    assert now.version > tenant.version
    assert "teamview" in tenant.enabled, "a view that somebody holds does not change"


async def test_only_what_the_plan_holds_can_be_switched(app: Quart) -> None:
    made = await make_tenant("small", ("chat",))
    with pytest.raises(UnknownPlugin):
        await service(Tenancy).switch(made.id, "blacklist", on=True)


async def test_a_missing_tenant_is_not_found(app: Quart) -> None:
    with pytest.raises(NotFound):
        await service(Tenancy).get(4_711)


async def test_a_plugin_that_could_not_be_loaded_is_not_simply_absent(app: Quart) -> None:
    """A guard among the broken ones refuses; see the hooks."""
    service(Registry).broken["vault"] = "could not be loaded"
    service(Hooks).broken["vault"] = "could not be loaded"
    made = await make_tenant("careful", ("chat", "vault"))
    view = await service(Tenancy).get(made.id)
    assert view.unloaded == {"vault"}
    assert view.enabled == {"chat"}
