"""What administrators set: features, settings, entry points."""

from __future__ import annotations

import pytest

from core.current import service
from core.models import Audit, EntryPoint, PluginSwitch, Setting
from core.tenancy import Tenancy, TenantView
from core.testing.application import Browser

PAGES = (
    "/administration/features",
    "/administration/settings/chat",
    "/administration/entry-points",
)


async def post(browser: Browser, path: str, **form: str) -> int:
    return (await browser.post(path, form={"csrf": browser.csrf, **form})).status_code


async def now(tenant: TenantView) -> TenantView:
    return await service(Tenancy).get(tenant.id)


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_for_administrators(
    path: str, administrator: Browser, agent: Browser
) -> None:
    assert (await administrator.get(path)).status_code == 200
    assert (await agent.get(path)).status_code == 403


@pytest.mark.serves("X3")
async def test_a_feature_is_switched_off_and_on(administrator: Browser, tenant: TenantView) -> None:
    assert await post(administrator, "/administration/features/chat", on="0") == 303
    assert "chat" not in (await now(tenant)).enabled
    assert await post(administrator, "/administration/features/chat", on="1") == 303
    assert "chat" in (await now(tenant)).enabled


@pytest.mark.parametrize(("plugin", "on", "status"), [("nope", "0", 404), ("chat", "maybe", 400)])
async def test_nonsense_switches_nothing(
    administrator: Browser, tenant: TenantView, plugin: str, on: str, status: int
) -> None:
    assert await post(administrator, f"/administration/features/{plugin}", on=on) == status
    assert await PluginSwitch.filter(tenant_id=tenant.id).count() == 0


async def test_settings_are_saved_checked_and_audited(
    administrator: Browser, tenant: TenantView
) -> None:
    page = await (await administrator.get("/administration/settings/chat")).get_data(as_text=True)
    assert isinstance(page, str)
    names = [part.split('"')[0] for part in page.split('name="')[1:]]
    assert "csrf" in names
    unknown = await post(administrator, "/administration/settings/chat", not_a_setting="1")
    assert unknown == 400
    assert await Setting.filter(tenant_id=tenant.id).count() == 0
    assert await post(administrator, "/administration/settings/chat") == 303
    assert await Setting.filter(tenant_id=tenant.id, plugin="chat").count() == 1
    assert await Audit.filter(tenant_id=tenant.id, action="core.settings_saved").count() == 1


async def test_settings_of_a_feature_that_is_off_do_not_exist(administrator: Browser) -> None:
    await post(administrator, "/administration/features/chat", on="0")
    assert (await administrator.get("/administration/settings/chat")).status_code == 404


async def test_a_secret_setting_is_never_shown_and_kept_when_left_empty(
    administrator: Browser, tenant: TenantView
) -> None:
    await Setting.create(
        tenant_id=tenant.id, plugin="email", values={"smtp_url": "smtp://u:pass-word@mail.example"}
    )
    await service(Tenancy).touch(tenant.id)
    page = await (await administrator.get("/administration/settings/email")).get_data(as_text=True)
    assert isinstance(page, str)
    assert "pass-word" not in page
    assert await post(administrator, "/administration/settings/email", smtp_url="") == 303
    stored = await Setting.get(tenant_id=tenant.id, plugin="email")
    assert stored.values["smtp_url"] == "smtp://u:pass-word@mail.example"


@pytest.mark.serves("V26")
async def test_an_entry_point_is_made_changed_and_closed(
    administrator: Browser, tenant: TenantView
) -> None:
    path = "/administration/entry-points"
    made = await post(administrator, path, title="Night desk", slug="night", channel="chat")
    assert made == 303
    point = await EntryPoint.get(tenant_id=tenant.id, slug="night")
    assert (await administrator.get("/e/night")).status_code == 200
    origins = "https://www.acme.example\nhttp://localhost:8080"
    changed = await post(administrator, f"{path}/{point.id}", title="Nights", origins=origins)
    assert changed == 303
    point = await EntryPoint.get(tenant_id=tenant.id, slug="night")
    assert (point.title, point.is_open) == ("Nights", True)
    assert point.origins == ["https://www.acme.example", "http://localhost:8080"]
    assert await post(administrator, f"{path}/{point.id}", is_open="0") == 303
    point = await EntryPoint.get(tenant_id=tenant.id, slug="night")
    assert (point.title, point.is_open) == ("Nights", False), "only what the form shows changes"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"title": "", "slug": "x", "channel": "chat"}, id="no title"),
        pytest.param({"title": "X", "slug": "../x", "channel": "chat"}, id="hostile slug"),
        pytest.param({"title": "X", "slug": "x", "channel": "fax"}, id="unknown channel"),
        pytest.param({"title": "X", "slug": "x", "channel": "chat", "tenant_id": "2"}, id="S-10"),
        pytest.param(
            {"title": "X", "slug": "x", "channel": "chat", "origins": "javascript:x"}, id="origin"
        ),
    ],
)
async def test_a_bad_entry_point_is_refused(
    administrator: Browser, tenant: TenantView, form: dict[str, str]
) -> None:
    assert await post(administrator, "/administration/entry-points", **form) == 400
    assert await EntryPoint.filter(tenant_id=tenant.id).count() == 1


async def test_a_taken_slug_is_a_conflict(administrator: Browser) -> None:
    form = {"title": "Again", "slug": "front", "channel": "chat"}
    assert await post(administrator, "/administration/entry-points", **form) == 409


async def test_an_entry_point_of_another_tenant_does_not_exist(
    administrator: Browser, other_tenant: TenantView
) -> None:
    theirs = await EntryPoint.get(tenant_id=other_tenant.id, slug="front")
    path = f"/administration/entry-points/{theirs.id}"
    assert await post(administrator, path, title="Mine now") == 404
    assert (await EntryPoint.get(tenant_id=other_tenant.id, id=theirs.id)).title == "Front desk"
