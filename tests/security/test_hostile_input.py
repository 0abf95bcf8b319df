"""Whatever stands in an address, a form or a body: a clear refusal, and nothing else happens."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from quart import Quart
from tortoise import Tortoise

from core.models import User
from core.testing.application import Browser
from plugins.blacklist.models import Entry
from tests.security.house import Cast, House, dump, text_of
from tests.security.routes import Case, Route, routes

HOSTILE = (
    "' OR '1'='1",
    "1); DROP TABLE core_user; --",
    '" UNION SELECT password_hash FROM core_user --',
    "%",
    "_",
    "\\",
    "%s %(x)s {0} {x}",
    "-1",
    "9" * 30,
    "1e309",
    "١",
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    "\u202egnp.exe",
    "x" * 9000,
    "null",
    "a\0b",
)
FIELDS = ("' OR '1'='1", "9" * 30, "\u202e%s{0}", "x" * 9000, "a\0b")
QUERIES = {
    "blacklist.index": ("q", "page"),
    "audit.index": ("before",),
    "chat.events": ("before", "limit"),
    "sign_in.show": ("next", "email"),
    "users.index": ("done",),
    "account.show": ("done", "lang"),
    "teamview.team": ("lang", "view", "sort"),
    "notify.new": ("agent", "when"),
}


async def status_of(who: Browser, path: str, method: str = "GET", **options: object) -> int:
    return int((await who.open(path, method, **options)).status_code)


def of(app: Quart, endpoint: str) -> Route:
    return next(route for route in routes(app) if route.endpoint == endpoint)


@pytest.mark.serves("S-02")
async def test_hostile_queries_change_neither_status_nor_rows(
    app: Quart, cast: Cast, acme: House, caplog: pytest.LogCaptureFixture
) -> None:
    before, caplog.handler.level = await dump(acme.tenant), logging.ERROR
    for endpoint, names in QUERIES.items():
        path = of(app, endpoint).path(app, acme)
        for name in names:
            for text in HOSTILE:
                status = await status_of(cast.administrator, f"{path}?{name}={quote(text)}")
                assert status < 500, (endpoint, name, text)
    assert not [r.getMessage() for r in caplog.records]
    assert await dump(acme.tenant) == before


@pytest.mark.serves("S-02")
async def test_search_takes_every_character_for_itself(cast: Cast, acme: House) -> None:
    for number, value in enumerate(("100%", "a_b", "back\\slash", "it's", 'say "hi"')):
        await Entry.create(
            tenant_id=acme.tenant.id,
            kind="email",
            value=f"{number}@x.example",
            reason=f"[{value}]",
            created_by="system",
        )
    found = {"%": "[100%]", "_": "[a_b]", "\\": "[back\\slash]", "'": "[it&#39;s]"}
    for text, shown in found.items():
        html = await text_of(await cast.administrator.get(f"/blacklist/?q={quote(text)}"))
        assert len(set(re.findall(r"\d@x\.example", html))) == 1, text
        assert shown in html
    for text in ("' OR '1'='1", "%%", "x' OR 1=1 --", "*"):
        html = await text_of(await cast.administrator.get(f"/blacklist/?q={quote(text)}"))
        assert "@x.example" not in html, text
        assert "rude@acme.example" not in html, text


@pytest.mark.serves("S-02")
async def test_hostile_addresses_are_not_found(
    app: Quart, cast: Cast, acme: House, caplog: pytest.LogCaptureFixture
) -> None:
    before, caplog.handler.level = await dump(acme.tenant), logging.ERROR
    texts = [quote(text[:300], safe="") for text in FIELDS] + ["..%2f..%2fetc%2fpasswd", "%D9%A1"]
    for route in routes(app):
        if not route.arguments or route.endpoint == "sign_in.set_password":
            continue
        path = route.path(app, acme).split("/")
        for text in texts:
            wrong = "/".join([*path[:2], text, *path[3:]]) if len(path) > 2 else f"/{text}"
            last = "/".join([*path[:-1], text])
            for address in {wrong, last}:
                options = route.case.body(cast.administrator.csrf) if route.method != "GET" else {}
                status = await status_of(cast.administrator, address, route.method, **options)
                assert status in {303, 400, 401, 403, 404, 405, 410, 413}, (route.rule, text)
    assert not [r.getMessage() for r in caplog.records]
    assert await dump(acme.tenant) == before


@pytest.mark.serves("S-02", "S-13")
async def test_hostile_fields_are_taken_or_refused_and_never_an_error(
    app: Quart, cast: Cast, acme: House, beta: House, caplog: pytest.LogCaptureFixture
) -> None:
    before, caplog.handler.level = await dump(beta.tenant), logging.ERROR
    for route in in_a_gentle_order(app):
        case, path = route.case, route.path(app, acme)
        if route.method == "GET" or not (case.form or case.json):
            continue
        who = cast.customer if case.who == {"customer"} else cast.administrator
        for name in case.form:
            for text in FIELDS:
                form = case.form | {name: text, "csrf": who.csrf}
                status = await status_of(who, path, route.method, form=form)
                assert status < 500, (route.rule, name, text)
        for name in case.json or {}:
            for value in (*FIELDS, None, 1, True, [], {}, ["x"], {"$ne": 1}, 1e308):
                status = await status_of(who, path, route.method, json={name: value})
                assert status < 500, (route.rule, name, value)
    assert not [r.getMessage() for r in caplog.records]
    assert "\\x00" not in str(await dump(acme.tenant))
    assert await dump(beta.tenant) == before


# S-10


def columns() -> list[str]:
    models = [m for models in Tortoise.apps.values() for m in models.values()]
    names = {name for model in models for name in model._meta.fields_db_projection.values()}
    return sorted(names | {name for model in models for name in model._meta.fields_map})


@pytest.mark.serves("S-10")
async def test_no_column_can_be_written_that_a_form_does_not_have(
    app: Quart, cast: Cast, acme: House, beta: House
) -> None:
    names, people = columns(), {**dict(cast)}
    assert {"role", "tenant_id", "password_hash", "deleted_at", "owner_id", "state"} <= set(names)
    foreign, roles = await dump(beta.tenant), await roles_in(acme)
    for route in in_a_gentle_order(app):
        case = route.case
        if route.method == "GET" or case.raw:
            continue
        who = people[next(p for p in ("administrator", "customer", "nobody") if p in case.who)]
        for sent in bodies(case, names, who.csrf):
            answer = await who.open(route.path(app, acme), route.method, **sent)
            assert answer.status_code < 500, (route.rule, sent)
    assert PLANTED not in str(await dump(acme.tenant))
    assert (await roles_in(acme)).items() >= roles.items()
    assert await dump(beta.tenant) == foreign


PLANTED = "424242"


async def roles_in(house: House) -> dict[int, str]:
    rows = await User.filter(tenant_id=house.tenant.id).values_list("id", "role")
    return dict(rows)  # type: ignore[arg-type]


def in_a_gentle_order(app: Quart) -> list[Route]:
    """What ends or removes something comes last, so that the others find it."""
    hard = ("delete", "remove", "end", "leave", "withdraw", "sign-out", "password")
    return sorted(routes(app), key=lambda one: any(word in one.rule for word in hard))


def bodies(case: Case, names: list[str], csrf: str) -> Iterator[dict[str, Any]]:
    """Every foreign column at once, and the most dangerous ones together."""
    known = set(case.form) | set(case.json or {})
    for planted in (dict.fromkeys(names, PLANTED), {"role": "administrator", "tenant_id": "2"}):
        extra = {name: value for name, value in planted.items() if name not in known}
        yield case.with_fields(extra, csrf)


# S-13


@pytest.mark.serves("S-13")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"&".join(b"f%d=x" % i for i in range(10_000)), id="10,000 fields"),
        pytest.param(b"&" * 900_000, id="only separators"),
        pytest.param(b"email=" + b"%41" * 300_000, id="one long field"),
        pytest.param(b"email=" + b"x" * 5_000_000, id="5 MB"),
        pytest.param(b"\xff\xfe\x00=\x80", id="no text"),
    ],
)
async def test_endless_form_is_refused_at_once(app: Quart, cast: Cast, body: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    await refused_at_once(cast.nobody, body, kind)


def multipart(parts: int, size: int, *, file: bool) -> bytes:
    name = '"; filename="x.bin' if file else ""
    head = 'Content-Disposition: form-data; name="f{}{}"\r\n\r\n'
    made = [("--b\r\n" + head.format(i, name)).encode() + b"x" * size for i in range(parts)]
    return b"\r\n".join([*made, b"--b--\r\n"])


@pytest.mark.serves("S-13")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(multipart(1000, 1, file=False), id="1,000 parts"),
        pytest.param(multipart(1000, 1, file=True), id="1,000 files"),
        pytest.param(multipart(1, 3_000_000, file=True), id="one large part"),
        pytest.param(b"--b\r\n" + b"X: y\r\n" * 100_000, id="endless part headers"),
        pytest.param(b"--b" * 300_000, id="only boundaries"),
        pytest.param(b"\r\n" * 450_000, id="CVE-2023-25577"),
    ],
)
async def test_multipart_bomb_is_refused_at_once(app: Quart, cast: Cast, body: bytes) -> None:
    await refused_at_once(cast.nobody, body, {"Content-Type": "multipart/form-data; boundary=b"})


@pytest.mark.serves("S-13")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 900_000, id="deep array"),
        pytest.param(b'{"a":' * 150_000, id="deep object"),
        pytest.param(b'{"email":' * 5_000 + b"1" + b"}" * 5_000, id="deep and complete"),
        pytest.param(b'{"email":"x","email":"y","password":"z","role":"a"}', id="unknown"),
        pytest.param(b'{"email":' + b"9" * 100_000 + b"}", id="long number"),
        pytest.param(b'{"email":"\\ud800","password":"x"}', id="half a character"),
        pytest.param(b'{"email":"a\\u0000b","password":"x"}', id="nul"),
        pytest.param(b"\xff\xfe{\x00}\x00", id="UTF-16"),
    ],
)
async def test_hostile_json_is_refused_at_once(app: Quart, cast: Cast, body: bytes) -> None:
    await refused_at_once(cast.nobody, body, {"Content-Type": "application/json"})


async def refused_at_once(who: Browser, body: bytes, kind: dict[str, str]) -> None:
    process = psutil.Process()
    gc.collect()
    before, started = process.memory_info().rss, time.monotonic()
    headers = kind | {"Accept": "application/json"}
    answer = await who.post("/sign-in", data=body, headers=headers)
    assert answer.status_code in {400, 413}, await text_of(answer)
    assert (await answer.get_json())["code"] in {"bad-input", "too-large"}
    assert time.monotonic() - started < 2
    assert process.memory_info().rss - before < 64 * 1024 * 1024
    async with asyncio.timeout(2):
        assert (await who.get("/healthz")).status_code == 200
