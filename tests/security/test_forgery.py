"""No other site can make a browser do something here, or use what it once saw."""

from __future__ import annotations

import pytest
from quart import Quart

from core.models import SignIn
from core.testing.application import PASSWORD
from tests.security.house import Cast, House, dump
from tests.security.routes import routes

FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"Origin": "https://evil.test"},
    "another tenant": {"Origin": "http://beta.localhost"},
    "a sandboxed frame": {"Origin": "null"},
    "a form of another site": {"Origin": "", "Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.serves("S-06")
async def test_no_change_on_any_route_comes_from_a_foreign_page(
    app: Quart, cast: Cast, acme: House
) -> None:
    before, tried = await dump(acme.tenant), 0
    for route in routes(app):
        if route.method == "GET":
            continue
        who = next(w for p, w in reversed(list(cast)) if p in route.case.who)
        for page, headers in FOREIGN.items():
            sent = route.case.body(who.csrf)
            sent["headers"] = sent.get("headers", {}) | headers
            answer = await who.open(route.path(app, acme), route.method, **sent)
            assert answer.status_code == 403, (route.rule, page)
            tried += 1
    assert tried > 100
    assert await dump(acme.tenant) == before


@pytest.mark.serves("S-06")
async def test_no_change_on_any_route_without_the_token_of_the_page(
    app: Quart, cast: Cast, acme: House
) -> None:
    before = await dump(acme.tenant)
    for route in routes(app):
        case = route.case
        if route.method == "GET" or "nobody" in case.who:
            continue
        who = next(w for p, w in reversed(list(cast)) if p in case.who)
        other = cast.customer if who is cast.administrator else cast.administrator
        for token in ("", "x" * 32, other.csrf):
            sent = case.body(token)
            sent["headers"] = sent.get("headers", {}) | {"X-CSRF-Token": token}
            answer = await who.open(route.path(app, acme), route.method, **sent)
            assert answer.status_code == 403, (route.rule, token)
    assert await dump(acme.tenant) == before


@pytest.mark.serves("S-06")
async def test_nothing_is_changed_by_looking(app: Quart, cast: Cast, acme: House) -> None:
    """A link on another site, an image or a mail scanner can only ever send GET."""
    loud = {"core_sign_in", "core_throttle", "core_event", "core_session", "core_tenant"}
    loud |= {"core_invitation", "teamview_mark"}
    before = await dump(acme.tenant)
    for route in routes(app):
        for person, who in cast:
            if route.method == "GET" and person in route.case.who:
                await who.get(route.path(app, acme), headers={"Origin": "https://evil.test"})
    after = await dump(acme.tenant)
    assert {k: v for k, v in after.items() if k not in loud} == {
        k: v for k, v in before.items() if k not in loud
    }


@pytest.mark.serves("S-06")
async def test_cookie_from_before_is_worth_nothing_after(
    app: Quart, cast: Cast, acme: House
) -> None:
    old = cast.agent
    new = "seven green kettles"
    form = {"old": PASSWORD, "new": new, "repeat": new, "csrf": old.csrf}
    changed = await old.post("/account/password", form=form)
    assert changed.status_code == 303
    assert (await old.get("/account/")).status_code == 303
    cookie = changed.headers["Set-Cookie"].partition(";")[0]
    assert cookie != old.cookie
    fresh = {"Cookie": cookie}
    assert (await old.get("/account/", headers=fresh)).status_code == 200
    assert (await old.post("/sign-out", headers=fresh)).status_code == 303
    assert (await old.get("/account/", headers=fresh)).status_code == 303
    live = SignIn.filter(tenant_id=acme.tenant.id, user_id=acme.agent.id, ended_at=None)
    assert await live.count() <= 1


@pytest.mark.serves("S-06")
@pytest.mark.parametrize(
    "wanted",
    ["//evil.test", "https://evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test",
     "javascript:alert(1)", "http:evil.test", "/%0d%0aSet-Cookie:x=1", "///evil.test",
     " //evil.test", "/\r\nX: y", "@evil.test", "?next=//evil.test", "．evil.test"],
)  # fmt: skip
async def test_signing_in_leads_nowhere_else(
    app: Quart, cast: Cast, acme: House, wanted: str
) -> None:
    form = {"email": acme.agent.email, "password": PASSWORD, "next": wanted}
    answers = [
        await cast.nobody.post("/sign-in", form=form),
        await cast.agent.get("/sign-in", query_string={"next": wanted}),
    ]
    for answer in answers:
        assert answer.status_code == 303
        leads_to = answer.headers["Location"]
        assert leads_to.startswith("/")
        assert not leads_to.startswith(("//", "/\\"))
        assert not set("\r\n\t") & set(leads_to)
        assert "X" not in answer.headers
