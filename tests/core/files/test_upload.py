from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from quart import Quart

from core.models import Event, File
from core.tenancy import TenantView
from core.testing.application import Browser, enter, waiting_session
from tests.core.files.test_files import png

TYPE = {"Accept": "application/json"}


async def send(browser: Browser, path: str, name: str, data: bytes, **headers: str) -> Any:
    return await browser.post(path, data=data, headers=TYPE | {"X-File-Name": name} | headers)


@pytest.mark.serves("V34", "C15")
async def test_agent_and_customer_exchange_files(
    app: Quart, tenant: TenantView, agent: Browser
) -> None:
    session = await waiting_session(tenant)
    customer = await enter(app, tenant, session)
    name = quote("договор №5.pdf")
    response = await send(agent, f"/sessions/{session.id}/files", name, b"%PDF-1.7\n" + b"x" * 99)
    assert response.status_code == 201
    told = await response.get_json()
    assert (told["name"], told["media_type"]) == ("договор №5.pdf", "application/pdf")

    fetched = await customer.get(f"/visit/files/{told['id']}")
    assert await fetched.get_data(as_text=False) == b"%PDF-1.7\n" + b"x" * 99
    sent = await send(customer, "/visit/files", "me.png", png(2, 2))
    back = await agent.get((await sent.get_json())["url"].replace("/visit", ""))
    assert back.status_code == 200
    assert await Event.filter(tenant_id=tenant.id, type="core.file_added").count() == 2


@pytest.mark.serves("S-04", "S-12")
@pytest.mark.parametrize(
    ("name", "data", "place", "kind"),
    [
        ("page.png", b"<!doctype html><script>alert(1)</script>", "attachment", "text/plain"),
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "attachment", "image/svg+xml"),
        ("face.png", png(4, 4), "inline", "image/png"),
        ("bomb.png", png(60_000, 60_000), "attachment", "application/octet-stream"),
    ],
)
async def test_no_browser_runs_a_file_as_our_page(
    tenant: TenantView, agent: Browser, name: str, data: bytes, place: str, kind: str
) -> None:
    session = await waiting_session(tenant)
    told = await (await send(agent, f"/sessions/{session.id}/files", name, data)).get_json()
    headers = (await agent.get(f"/files/{told['id']}")).headers
    assert headers["Content-Disposition"].startswith(f"{place};")
    assert headers["Content-Type"].startswith(kind)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.serves("S-12")
async def test_a_hostile_name_stays_in_its_header(tenant: TenantView, agent: Browser) -> None:
    session = await waiting_session(tenant)
    name = quote('../../a"; filename="b.exe\r\nSet-Cookie: x=1\u202ecod.exe')
    path = f"/sessions/{session.id}/files"
    told = await (await send(agent, path, name, b"text")).get_json()
    assert told["name"].isprintable()
    assert "/" not in told["name"]
    headers = (await agent.get(f"/files/{told['id']}")).headers
    assert "Set-Cookie" not in headers
    assert headers["Content-Disposition"].count('"') == 2


@pytest.mark.serves("S-01")
async def test_files_of_others_do_not_exist(
    app: Quart, tenant: TenantView, agent: Browser, foreign_administrator: Browser
) -> None:
    session = await waiting_session(tenant)
    stranger = await enter(app, tenant, await waiting_session(tenant, "Dora"))
    path = f"/sessions/{session.id}/files"
    told = await (await send(agent, path, "a.txt", b"secret")).get_json()
    for browser, url in (
        (foreign_administrator, f"/files/{told['id']}"),
        (stranger, f"/visit/files/{told['id']}"),
        (agent, f"/files/{uuid4()}"),
    ):
        assert (await browser.get(url, headers=TYPE)).status_code == 404
    assert (await send(foreign_administrator, path, "a.txt", b"x")).status_code == 404
    assert (await stranger.get(f"/files/{told['id']}", headers=TYPE)).status_code in {401, 403}


@pytest.mark.serves("S-13", "V36")
async def test_more_than_other_pages_take_but_not_more_than_the_limit(
    tenant: TenantView, agent: Browser
) -> None:
    session = await waiting_session(tenant)
    path = f"/sessions/{session.id}/files"
    assert (await send(agent, path, "a", b"x" * 3 * 2**20)).status_code == 201
    response = await send(agent, path, "b", b"x" * (25 * 2**20 + 1))
    assert response.status_code == 413
    assert (await response.get_json())["details"] == {"limit_mb": 25}
    assert await File.filter(tenant_id=tenant.id).count() == 1


@pytest.mark.serves("S-06")
async def test_only_our_own_page_can_send(tenant: TenantView, agent: Browser) -> None:
    session = await waiting_session(tenant)
    path = f"/sessions/{session.id}/files"
    evil = await send(agent, path, "a", b"x", Origin="https://evil.example")
    assert evil.status_code == 403
    assert (await agent.post(path, data=b"x", headers=TYPE)).status_code == 400
    assert (await send(agent, path, "a", b"")).status_code == 400
