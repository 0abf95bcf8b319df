"""Whoever is in one tenant finds nothing of another, on any route."""

from __future__ import annotations

import logging
from urllib.parse import quote

import pytest
from quart import Quart

from core.testing.application import Browser
from tests.security.house import Cast, House, difference, dump, plain, text_of
from tests.security.routes import ARGUMENTS, CASES, COMMON, Route, routes, rules

PEOPLE = ("nobody", "customer", "agent", "administrator")


def test_every_route_has_a_case(app: Quart) -> None:
    known = set(ARGUMENTS) | set(COMMON) | {"token"}
    for rule in rules(app):
        assert rule.endpoint in CASES, f"a new route without a case: {rule.rule}"
        assert rule.arguments <= known, f"a new kind of argument without a case: {rule.rule}"
    assert CASES.keys() == {rule.endpoint for rule in rules(app)}


async def ask(app: Quart, who: Browser, route: Route, house: House | None) -> tuple[int, str]:
    path = route.path(app, house)
    headers = {"Accept": "application/json"} if route.endpoint == "realtime.ticket" else {}
    options = route.case.body(who.csrf) if route.method != "GET" else {}
    headers |= options.pop("headers", {})
    response = await who.open(path, route.method, headers=headers, **options)
    hidden = [path, quote(path), quote(path, safe="")]
    location = response.headers.get("Location", "")
    return response.status_code, plain(f"{location}\n{await text_of(response)}", *hidden)


@pytest.mark.serves("S-01")
@pytest.mark.parametrize("person", PEOPLE)
async def test_record_of_another_tenant_is_answered_like_a_missing_one(
    app: Quart, cast: Cast, acme: House, beta: House, person: str
) -> None:
    who, before, wrong = dict(cast)[person], await dump(beta.tenant), []
    for route in routes(app):
        if not route.names_a_record:
            continue
        foreign = await ask(app, who, route, beta)
        missing = await ask(app, who, route, None)
        refusals = {404, 410} if person in route.case.who else {303, 401, 403, 404}
        if foreign != missing or foreign[0] not in refusals or beta.mark in foreign[1]:
            seen = difference(missing[1], foreign[1])
            wrong.append(f"{route.method} {route.rule}: {foreign[0]}, {missing[0]} {seen}")
    assert not wrong, "\n".join(wrong)
    assert await dump(beta.tenant) == before


@pytest.mark.serves("S-01")
@pytest.mark.parametrize("person", PEOPLE)
async def test_route_is_closed_to_everybody_it_is_not_for(
    app: Quart, cast: Cast, acme: House, person: str
) -> None:
    who, before, wrong = dict(cast)[person], await dump(acme.tenant), []
    for route in routes(app):
        if person not in route.case.who:
            status, body = await ask(app, who, route, acme)
            sent_away = status == 303 and "/sign-in" in body
            own_private = route.endpoint.startswith("chat.") and status == 403
            if not (status in {401, 403} or sent_away or own_private):
                wrong.append(f"{route.method} {route.rule}: {status}")
    assert not wrong, "\n".join(wrong)
    assert await dump(acme.tenant) == before


@pytest.mark.serves("S-01")
async def test_pages_show_nothing_of_another_tenant_and_none_fails(
    app: Quart, cast: Cast, acme: House, beta: House, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, own, before = [], 0, await dump(beta.tenant)
    with caplog.at_level(logging.ERROR):
        for route in (r for r in routes(app) if r.method == "GET"):
            for person, who in cast:
                if person in route.case.who:
                    status, body = await ask(app, who, route, acme)
                    own += acme.mark in body
                    if status >= 500 or beta.mark in body:
                        wrong.append(f"{route.rule} for {person}: {status}")
    assert not wrong, "\n".join(wrong)
    assert not [record.getMessage() for record in caplog.records]
    assert own > 40, "the pages were empty, so they showed nothing"
    assert await dump(beta.tenant) == before


@pytest.mark.serves("S-01")
async def test_host_of_no_tenant_shows_the_front_page_only(
    app: Quart, acme: House, caplog: pytest.LogCaptureFixture
) -> None:
    client, found = app.test_client(use_cookies=False), set()
    headers = {"Host": "evil.test", "Origin": "http://evil.test", "Accept": "text/html"}
    for route in routes(app):
        options = route.case.body("") if route.method != "GET" else {}
        sent = headers | options.pop("headers", {})
        path = route.path(app, acme)
        answer = await client.open(path, method=route.method, headers=sent, **options)
        assert answer.status_code < 500, route
        assert acme.mark not in await text_of(answer), route
        if answer.status_code != 404:
            found.add(route.endpoint)
    assert found == {"home.front", "assets.file", "assets.favicon", "health.alive", "health.ready"}
    assert not [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
