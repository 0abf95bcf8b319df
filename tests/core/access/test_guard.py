from __future__ import annotations

import pytest
from quart import Blueprint, Quart

from core import switching
from core.access import CORE_PERMISSIONS, Principal, origin_allowed, permitted, public
from core.app import create_app
from core.config import Config
from core.models import User
from core.plugins import BadPlugin, Permission, Plugin
from core.plugins import Blueprint as PluginBlueprint
from core.tenancy import TenantView
from core.testing.application import PASSWORD, Browser, make_user, sign_in
from core.values import SYSTEM
from tests.core.access.conftest import Visitor, text_of


@pytest.fixture
async def ada(tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


@pytest.fixture
async def signed_in(visitor: Visitor, ada: User) -> Visitor:
    await visitor.sign_in(ada.email, PASSWORD)
    return visitor


FORM = {"language": "es"}


@pytest.mark.serves("S-06")
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.test"}, id="foreign"),
        pytest.param({"Origin": "http://beta.localhost"}, id="another tenant"),
        pytest.param({"Origin": "http://acme.localhost:81"}, id="another port"),
        pytest.param({"Origin": "null"}, id="null"),
        pytest.param({"Origin": None}, id="none"),
        pytest.param({"Origin": None, "Sec-Fetch-Site": "cross-site"}, id="cross-site"),
        pytest.param({"Origin": None, "Sec-Fetch-Site": "same-site"}, id="same-site"),
        pytest.param(
            {"Origin": "https://evil.test", "Sec-Fetch-Site": "same-origin"}, id="contradiction"
        ),
    ],
)
async def test_change_sent_by_a_foreign_page_is_refused_even_with_the_token(
    signed_in: Visitor, headers: dict[str, str | None]
) -> None:
    form = FORM | {"csrf": await signed_in.token()}
    response = await signed_in.post("/account/language", form, headers=headers)
    assert response.status_code == 403
    assert (await signed_in.post("/account/language", form)).status_code == 303


@pytest.mark.serves("S-06")
async def test_browser_that_sends_no_origin_says_where_the_page_is(signed_in: Visitor) -> None:
    form = FORM | {"csrf": await signed_in.token()}
    headers = {"Origin": None, "Sec-Fetch-Site": "same-origin"}
    assert (await signed_in.post("/account/language", form, headers=headers)).status_code == 303


@pytest.mark.serves("S-06")
async def test_token_is_needed_and_belongs_to_one_sign_in(
    app: Quart, signed_in: Visitor, tenant: TenantView
) -> None:
    other: Browser = await sign_in(app, tenant, await make_user(tenant, "Eve"))
    for csrf in ("", "x", "é", other.csrf):
        answer = await signed_in.post("/account/language", FORM | {"csrf": csrf})
        assert answer.status_code == 403
        answer = await signed_in.post(
            "/account/language", FORM, headers={"X-CSRF-Token": csrf.encode().decode("latin1")}
        )
        assert answer.status_code == 403
    assert (await signed_in.post("/account/language", FORM)).status_code == 403
    own = {"X-CSRF-Token": await signed_in.token()}
    assert (await signed_in.post("/account/language", FORM, headers=own)).status_code == 303


@pytest.mark.serves("S-06")
async def test_signing_in_from_a_foreign_page_is_refused(visitor: Visitor, ada: User) -> None:
    response = await visitor.post(
        "/sign-in",
        {"email": ada.email, "password": PASSWORD},
        headers={"Origin": "https://evil.test"},
    )
    assert response.status_code == 403
    assert not visitor.cookies


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://acme.test", "acme.test", True),
        ("https://acme.test", "acme.test:443", True),
        ("http://acme.test:80", "acme.test", True),
        ("HTTPS://Acme.Test", "acme.test", True),
        ("http://[::1]:8700", "[::1]:8700", True),
        ("https://acme.test.evil", "acme.test", False),
        ("https://evil-acme.test", "acme.test", False),
        ("https://user@acme.test", "acme.test", False),
        ("https://acme.test/", "acme.test", False),
        ("file://", "", False),
        ("chrome-extension://acme.test", "acme.test", False),
        ("null", "null", False),
        ("", "", False),
    ],
)
def test_origins(origin: str, host: str, allowed: bool) -> None:
    assert origin_allowed(origin, host) is allowed


async def test_role_without_the_permission_is_told_so(signed_in: Visitor) -> None:
    for path in ("/users/", "/users/new", "/audit/"):
        response = await signed_in.get(path)
        assert response.status_code == 403
        assert "Your role does not allow this." in await text_of(response)


async def test_menu_shows_what_one_may(app: Quart, signed_in: Visitor, tenant: TenantView) -> None:
    boss = Visitor(app)
    await boss.sign_in((await make_user(tenant, "Bo", "administrator")).email, PASSWORD)
    assert "/users/" in await text_of(await boss.get("/account/"))
    assert "/users/" not in await text_of(await signed_in.get("/account/"))


async def test_permission_of_a_plugin_goes_with_the_plugin(
    app: Quart, signed_in: Visitor, tenant: TenantView, ada: User
) -> None:
    assert (await signed_in.get("/postman/bag")).status_code == 200
    who = Principal("user", str(ada.id), ada.name, tenant.id, ada.role, 1)
    assert who.may(tenant, "postman.bag.open")

    without = await switching.switch(tenant, "postman", SYSTEM, on=False)
    assert not who.may(without, "postman.bag.open")
    assert (await signed_in.get("/postman/bag")).status_code == 404


async def test_page_of_a_plugin_that_is_off_does_not_exist_for_anybody(
    visitor: Visitor, tenant: TenantView
) -> None:
    assert (await visitor.get("/postman/bag")).status_code == 303
    await switching.switch(tenant, "postman", SYSTEM, on=False)
    assert (await visitor.get("/postman/bag")).status_code == 404
    assert (await visitor.post("/postman/drop")).status_code == 404


async def test_role_lacks_what_the_permission_does_not_name(
    tenant: TenantView, other_tenant: TenantView
) -> None:
    boss = Principal("user", "1", "Bo", tenant.id, "administrator", 1)
    customer = Principal("customer", "x", "Carla", tenant.id, None, 1)
    assert not boss.may(tenant, "postman.bag.open")
    assert not boss.may(tenant, "core.no.such")
    assert not boss.may(tenant, "")
    for permission in CORE_PERMISSIONS:
        assert boss.may(tenant, permission.name)
        assert not boss.may(other_tenant, permission.name)
        assert not customer.may(tenant, permission.name)


def _plugin(name: str, blueprint: PluginBlueprint) -> Plugin:
    facts = {
        "name": name,
        "title": name,
        "blueprint": blueprint,
        "permissions": (Permission(f"{name}.a.b", "x"),),
    }
    return type(name.title(), (Plugin,), facts)()  # type: ignore[no-any-return]


def test_view_that_does_not_say_who_may_use_it_keeps_the_program_from_starting(
    config: Config,
) -> None:
    blueprint = PluginBlueprint("forgot", __name__)

    @blueprint.get("/page")
    async def page() -> str:
        return "everything"

    with pytest.raises(BadPlugin, match=r"forgot\.page"):
        create_app(config, extra=(_plugin("forgot", blueprint),))


def test_view_cannot_ask_for_a_permission_of_another_plugin(config: Config) -> None:
    blueprint = PluginBlueprint("nosy", __name__)

    @blueprint.get("/page")
    @permitted("postman.bag.open")
    async def page() -> str:
        return "everything"

    with pytest.raises(BadPlugin, match="postman"):
        create_app(config, extra=(_plugin("nosy", blueprint),))


def test_nested_blueprint_is_guarded_like_its_parent(config: Config) -> None:
    outer, inner = PluginBlueprint("deep", __name__), Blueprint("inner", __name__)

    @inner.get("/page")
    @public
    async def page() -> str:
        return "everything"

    outer.register_blueprint(inner)
    app = create_app(config, extra=(_plugin("deep", outer),))
    from core.web.guard import _plugin_of

    assert _plugin_of(app, "deep.inner.page") == "deep"
