"""What comes before the application: names of hosts, proxies, and bodies of two lengths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from quart import Quart

from core import sign_ins
from core.app import create_app
from core.config import Config
from core.current import Services, _services
from core.database import Database
from core.edge import forwarded
from core.models import Domain, SignIn
from core.tenancy import TenantView
from core.testing import application
from core.testing.application import PASSWORD
from core.testing.browser import served
from tests.security.house import text_of


async def get(app: Quart, host: str, path: str, **headers: str) -> Any:
    client = app.test_client(use_cookies=False)
    return await client.get(path, headers={"Host": host, "Accept": "text/html"} | headers)


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "acme.evil.test",
        "acme.localhost.evil.test",
        "evil.test:8700",
        "x.acme.localhost",
        "acme",
        "-",
        "acme.localhost@evil.test",
        "evil.test#acme.localhost",
        "acme.localhost/../",
        "127.0.0.1.evil.test",
        "x" * 70 + ".localhost",
        "x" * 300,
        "ACME.localhost\x00",
        "acme.localhost\xff",
    ],
)
async def test_unknown_host_is_never_a_tenant(app: Quart, tenant: TenantView, host: str) -> None:
    front = await get(app, host, "/")
    no_name = set(host) & set("@#/_\0\xff") or any(len(one) > 63 for one in host.split("."))
    assert front.status_code == (400 if no_name else 200)
    assert tenant.name not in await text_of(front)
    for path in ("/sign-in", "/t/acme/sign-in", "/t/acme/e/front", "/e/front", f"/t/{'x' * 90}/"):
        answer = await get(app, host, path)
        assert answer.status_code == (400 if no_name else 404), path
        assert tenant.name not in await text_of(answer)


async def test_known_hosts_are_tenants(app: Quart, tenant: TenantView) -> None:
    await Domain.create(tenant_id=tenant.id, host="help.acme.test")
    for host in ("acme.localhost", "ACME.localhost:8700", "acme.localhost.", "help.acme.test"):
        assert (await get(app, host, "/sign-in")).status_code == 200, host
    for host in ("localhost", "localhost:8700", "127.0.0.1:8700", "[::1]:8700", "[::1]"):
        assert (await get(app, host, "/t/acme/sign-in")).status_code == 200, host
        assert (await get(app, host, "/sign-in")).status_code == 404, host


async def test_page_of_a_foreign_host_names_no_link_of_it(app: Quart, tenant: TenantView) -> None:
    html = await text_of(await get(app, "localhost", "/t/acme/sign-in"))
    assert "evil.test" not in html
    for header in ("X-Forwarded-Host", "X-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded"):
        answer = await get(app, "localhost", "/t/acme/sign-in", **{header: "evil.test"})
        assert answer.status_code == 200
        assert "evil.test" not in await text_of(answer) + str(answer.headers)


# Proxies


@pytest.fixture
async def behind(config: Config, tenant: TenantView) -> AsyncIterator[Quart]:
    """The application behind one proxy, on the database of the fixture ``app``."""
    made = create_app(replace(config, trusted_proxies=1), work=False)
    former = _services.get()
    async with made.test_app():
        services: Services = made.extensions["services"]
        services.enter()
        with services[Database].entered():
            yield made
    _services.set(former)


SENT = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.66, 198.51.100.9",
    "X-Forwarded-Host": "evil.localhost, acme.localhost",
}


async def sign_in(app: Quart, host: str, scheme: str) -> Any:
    client = app.test_client(use_cookies=False)
    return await client.post(
        "/sign-in",
        form={"email": "ada@acme.example", "password": PASSWORD},
        headers={"Host": host, "Origin": f"{scheme}://acme.localhost"} | SENT,
    )


@pytest.mark.serves("S-06")
async def test_one_trusted_proxy_is_believed_and_what_stands_before_it_is_not(
    behind: Quart, tenant: TenantView
) -> None:
    user = await application.make_user(tenant, "Ada")
    answer = await sign_in(behind, "10.0.0.3:8700", "https")
    assert answer.status_code == 303
    cookies = answer.headers.getlist("Set-Cookie")
    [cookie] = [c for c in cookies if c.startswith("__Host-offhook=")]
    for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert part in cookie.split("; ")
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"]
    assert [row.address for row in await sign_ins.of_user(tenant.id, user.id)] == ["198.51.100.9"]


@pytest.mark.serves("S-06")
async def test_without_a_proxy_its_headers_are_only_what_somebody_claims(
    app: Quart, tenant: TenantView
) -> None:
    user = await application.make_user(tenant, "Ada")
    answer = await sign_in(app, "acme.localhost", "http")
    assert answer.status_code == 303
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(c.startswith("offhook=") for c in cookies)
    assert not any("__Host-" in c or "Secure" in c for c in cookies)
    assert "Strict-Transport-Security" not in answer.headers
    [row] = await SignIn.filter(tenant_id=tenant.id, user_id=user.id)
    assert row.address not in {"203.0.113.66", "198.51.100.9"}


@pytest.mark.serves("S-06")
async def test_cookie_of_a_tenant_below_a_path_is_sent_nowhere_else(
    behind: Quart, tenant: TenantView
) -> None:
    await application.make_user(tenant, "Ada")
    client = behind.test_client(use_cookies=False)
    answer = await client.post(
        "/t/acme/sign-in",
        form={"email": "ada@acme.example", "password": PASSWORD},
        headers={
            "Host": "localhost",
            "Origin": "https://localhost",
            "X-Forwarded-Proto": "https",
        },
    )
    assert answer.status_code == 303
    for cookie in answer.headers.getlist("Set-Cookie"):
        assert cookie.startswith("offhook_acme")
        assert {"Secure", "HttpOnly", "Path=/t/acme/"} <= set(cookie.split("; "))


def scope(kind: str = "http", **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scheme = "http" if kind == "http" else "ws"
    return {"type": kind, "scheme": scheme, "client": ("10.0.0.1", 5), "headers": raw}


@pytest.mark.parametrize(
    ("proxies", "claimed", "believed"),
    [
        (1, "1.1.1.1", "1.1.1.1"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (2, "1.1.1.1", "10.0.0.1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "<script>", "10.0.0.1"),
        (1, "", "10.0.0.1"),
    ],
)
def test_address_is_the_one_our_outermost_proxy_saw(
    proxies: int, claimed: str, believed: str
) -> None:
    assert forwarded(scope(x_forwarded_for=claimed), proxies)["client"][0] == believed


def test_socket_behind_a_proxy_is_as_secure_as_its_page() -> None:
    assert forwarded(scope("websocket", x_forwarded_proto="https"), 1)["scheme"] == "wss"
    assert forwarded(scope("websocket", x_forwarded_proto="http"), 1)["scheme"] == "ws"
    assert forwarded(scope(x_forwarded_proto="gopher"), 1)["scheme"] == "http"
    kept = forwarded(scope(host="acme.localhost", x_forwarded_host="a b\r\n"), 1)
    assert dict(kept["headers"])[b"host"] == b"acme.localhost"


# On the wire


@pytest.fixture
async def port(app: Quart, tenant: TenantView) -> AsyncIterator[int]:
    async def serving(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    async with served(serving) as url:
        yield int(url.rpartition(":")[2])


async def talk(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        async with asyncio.timeout(3):
            return await reader.read()
    finally:
        writer.close()


HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: acme.localhost\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", id="CL.TE"),
        pytest.param(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", id="TE.CL"),
        pytest.param(b"Transfer-Encoding: chunked, identity\r\n", id="two codings"),
        pytest.param(b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", id="unknown coding"),
        pytest.param(b"Transfer-Encoding : chunked\r\n", id="space before the colon"),
        pytest.param(b"Content-Length: 5\r\nContent-Length: 6\r\n", id="two lengths"),
        pytest.param(b"Content-Length: +5\r\n", id="signed length"),
        pytest.param(b"Content-Length: 5\r\n Transfer-Encoding: chunked\r\n", id="folded"),
        pytest.param(b"Host: beta.localhost\r\n", id="two hosts"),
    ],
)
async def test_request_that_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read(
    port: int, head: bytes
) -> None:
    start = b"POST /sign-in HTTP/1.1\r\nHost: acme.localhost\r\n"
    answer = await talk(port, start + head + b"\r\n0\r\n\r\n" + HIDDEN)
    assert answer.count(b"HTTP/1.1") <= 1, "the hidden request was answered"
    assert answer == b"" or answer.split()[1] in {b"400", b"501"}
    assert b'"state"' not in answer
