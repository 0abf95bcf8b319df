from __future__ import annotations

import pytest
from quart import Quart

from core import sign_ins
from core.models import SignIn, User
from core.sessions import link_token
from core.tenancy import TenantView
from core.testing.application import (
    PASSWORD,
    enter,
    invited_session,
    make_user,
    waiting_session,
)
from tests.core.access.conftest import Clock, Visitor, text_of


@pytest.fixture
async def ada(tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


async def test_page_that_needs_a_sign_in_leads_there_and_back(visitor: Visitor, ada: User) -> None:
    sent = await visitor.get("/account/?done=language")
    assert sent.status_code == 303
    assert sent.headers["Location"] == "/sign-in?next=/account/?done%3Dlanguage"
    form = await text_of(await visitor.get("/sign-in?next=/account/?done%3Dlanguage"))
    assert 'name="next" value="/account/?done=language"' in form

    entered = await visitor.sign_in(ada.email, PASSWORD, next="/account/?done=language")
    assert entered.status_code == 303
    assert entered.headers["Location"] == "/account/?done=language"
    assert "Ada" in await text_of(await visitor.get("/account/"))


@pytest.mark.parametrize(
    "next_",
    ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "/\tevil", "x"],
)
async def test_signing_in_never_leads_to_a_foreign_site(
    visitor: Visitor, ada: User, next_: str
) -> None:
    entered = await visitor.sign_in(ada.email, PASSWORD, next=next_)
    assert entered.headers["Location"] == "/home"


async def test_program_gets_a_problem_instead_of_a_redirect(visitor: Visitor) -> None:
    response = await visitor.get("/account/", headers={"Accept": "application/json"})
    assert response.status_code == 401
    assert (await response.get_json())["code"] == "not-signed-in"


@pytest.mark.parametrize("email", ["ada@acme.example", "nobody@acme.example", "", "no mail at all"])
async def test_wrong_password_and_unknown_address_get_the_same_answer(
    visitor: Visitor, ada: User, email: str
) -> None:
    response = await visitor.sign_in(email, "not the password")
    assert response.status_code == 401
    assert "E-mail address or password is wrong." in await text_of(response)
    assert not visitor.cookies


async def test_address_is_taken_as_people_type_it(visitor: Visitor, ada: User) -> None:
    assert (await visitor.sign_in("  ADA@Acme.Example ", PASSWORD)).status_code == 303


@pytest.mark.serves("S-06")
async def test_cookie_of_a_tenant_with_its_own_host(visitor: Visitor, ada: User) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    line = visitor.set_cookies["offhook"]
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert "Path=/;" in line + ";"
    assert "Domain" not in line

    visitor.scheme = "https"
    await visitor.sign_in(ada.email, PASSWORD)
    line = visitor.set_cookies["__Host-offhook"]
    assert "Secure" in line
    assert "Path=/;" in line + ";"
    assert "Domain" not in line


@pytest.mark.serves("S-06")
async def test_cookie_of_a_tenant_below_a_path_stays_below_it(
    app: Quart, tenant: TenantView, other_tenant: TenantView, ada: User
) -> None:
    browser = Visitor(app, host="localhost", root="/t/acme")
    entered = await browser.sign_in(ada.email, PASSWORD)
    assert entered.headers["Location"] == "/t/acme/home"
    assert "Path=/t/acme/;" in browser.set_cookies["offhook_acme"] + ";"
    assert (await browser.get("/account/")).status_code == 200
    to_sign_in = await Visitor(app, host="localhost", root="/t/beta").get("/account/")
    assert to_sign_in.headers["Location"].startswith("/t/beta/sign-in?next=/account/")


@pytest.mark.serves("S-06")
async def test_token_means_nothing_to_another_tenant(
    app: Quart, visitor: Visitor, ada: User, other_tenant: TenantView
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    elsewhere = Visitor(app, host="beta.localhost", cookies=dict(visitor.cookies))
    assert (await elsewhere.get("/account/")).status_code == 303


@pytest.mark.serves("S-06", "S-09")
async def test_database_holds_no_token(visitor: Visitor, ada: User) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    token = visitor.cookies["offhook"]
    assert len(token) >= 43
    rows = await SignIn.filter(tenant_id=ada.tenant_id).values()
    assert token not in str(rows)


@pytest.mark.serves("S-06")
async def test_each_sign_in_gets_a_new_token_and_the_former_one_is_over(
    app: Quart, visitor: Visitor, ada: User
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    former = Visitor(app, cookies=dict(visitor.cookies))
    await visitor.sign_in(ada.email, PASSWORD)
    assert visitor.cookies["offhook"] != former.cookies["offhook"]
    assert (await visitor.get("/account/")).status_code == 200
    assert (await former.get("/account/")).status_code == 303


@pytest.mark.serves("S-06")
async def test_planted_token_is_not_taken_over(app: Quart, visitor: Visitor, ada: User) -> None:
    visitor.cookies["offhook"] = "planted"
    await visitor.sign_in(ada.email, PASSWORD)
    assert visitor.cookies["offhook"] != "planted"
    assert (await Visitor(app, cookies={"offhook": "planted"}).get("/account/")).status_code == 303


@pytest.mark.serves("S-06")
async def test_cookie_kept_from_before_signing_out_opens_nothing(
    app: Quart, visitor: Visitor, ada: User
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    kept = Visitor(app, cookies=dict(visitor.cookies))
    left = await visitor.post("/sign-out")
    assert left.headers["Location"] == "/sign-in"
    assert "offhook" not in visitor.cookies
    assert (await kept.get("/account/")).status_code == 303


async def test_sign_in_ends_after_twelve_idle_hours_or_thirty_days(
    visitor: Visitor, ada: User, clock: Clock
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    clock.tick(hours=11)
    assert (await visitor.get("/account/")).status_code == 200
    clock.tick(hours=11)
    assert (await visitor.get("/account/")).status_code == 200
    clock.tick(hours=13)
    assert (await visitor.get("/account/")).status_code == 303

    await visitor.sign_in(ada.email, PASSWORD)
    for _ in range(70):
        clock.tick(hours=11)
        await visitor.get("/account/")
    assert (await visitor.get("/account/")).status_code == 303


async def test_being_seen_is_written_at_most_once_a_minute(
    visitor: Visitor, ada: User, clock: Clock
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    first = (await sign_ins.of_user(ada.tenant_id, ada.id))[0].seen_at
    clock.tick(seconds=50)
    await visitor.get("/account/")
    assert (await sign_ins.of_user(ada.tenant_id, ada.id))[0].seen_at == first
    clock.tick(seconds=20)
    await visitor.get("/account/")
    assert (await sign_ins.of_user(ada.tenant_id, ada.id))[0].seen_at > first


async def test_deleted_user_cannot_sign_in_with_the_right_password(
    visitor: Visitor, ada: User, clock: Clock
) -> None:
    await User.filter(tenant_id=ada.tenant_id, id=ada.id).update(deleted_at=clock())
    assert (await visitor.sign_in(ada.email, PASSWORD)).status_code == 401


async def test_user_without_a_password_cannot_sign_in(visitor: Visitor, ada: User) -> None:
    await User.filter(tenant_id=ada.tenant_id, id=ada.id).update(password_hash=None)
    for password in ("", "None", PASSWORD):
        assert (await visitor.sign_in(ada.email, password)).status_code == 401


async def test_agent_who_tries_a_customers_link_stays_signed_in(
    app: Quart, tenant: TenantView, visitor: Visitor, ada: User
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    customer = await enter(app, tenant, await waiting_session(tenant))
    name, _, token = customer.cookie.partition("=")
    visitor.cookies[name] = token

    assert (await visitor.get("/visit/")).status_code == 200
    assert (await visitor.get("/account/")).status_code == 200
    as_user = await visitor.token()
    for csrf, kind in ((as_user, "user"), (customer.csrf, "customer")):
        answer = await visitor.post("/postman/drop", headers={"X-CSRF-Token": csrf})
        assert (await answer.get_json())["kind"] == kind


async def test_customer_is_no_user(app: Quart, tenant: TenantView) -> None:
    customer = await enter(app, tenant, await waiting_session(tenant))
    response = await customer.get("/account/")
    assert response.status_code == 303
    assert "/sign-in" in response.headers["Location"]


async def test_widget_sends_its_token_as_bearer(app: Quart, tenant: TenantView) -> None:
    token = await sign_ins.begin_customer(await waiting_session(tenant))
    headers = {"Authorization": f"Bearer {token}", "Origin": None}
    answer = await Visitor(app).post("/postman/drop", headers=headers)
    assert (await answer.get_json())["kind"] == "customer"
    headers["Authorization"] = "Bearer guessed"
    assert (await Visitor(app).post("/postman/drop", headers=headers)).status_code in {401, 403}


async def test_opening_the_link_again_keeps_the_customers_sign_in(
    app: Quart, tenant: TenantView, ada: User
) -> None:
    links = []
    for _ in range(2):
        _, invitation = await invited_session(tenant, ada)
        links.append(f"/v/{link_token(invitation.id)}")
    browser = Visitor(app)
    await browser.get(links[0])
    token = browser.cookies["offhook_visit"]
    await browser.get(links[0])
    assert browser.cookies["offhook_visit"] == token
    await browser.get(links[1])
    assert browser.cookies["offhook_visit"] != token
    assert await sign_ins.find(tenant.id, token) is None


async def test_swept_after_a_month(tenant: TenantView, ada: User, clock: Clock) -> None:
    await sign_ins.begin_user(ada)
    clock.tick(days=31)
    await sign_ins.begin_user(ada)
    await sign_ins._sweep(None)
    assert await SignIn.filter(tenant_id=tenant.id).count() == 2
    clock.tick(days=30)
    await sign_ins._sweep(None)
    assert await SignIn.filter(tenant_id=tenant.id).count() == 1
