"""What is open in a page closes as soon as its sign-in is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from quart import Quart
from quart.testing.connections import WebsocketDisconnectError

from core import sign_ins, users
from core.models import User
from core.tenancy import TenantView
from core.testing.application import PASSWORD, make_user
from core.values import SYSTEM
from tests.core.access.conftest import Visitor


@pytest.fixture
async def ada(tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


async def sign_out(visitor: Visitor, tenant: TenantView, ada: User) -> None:
    await visitor.post("/sign-out")


async def delete(visitor: Visitor, tenant: TenantView, ada: User) -> None:
    await users.delete(tenant, ada.id, SYSTEM, None)


async def revoke(visitor: Visitor, tenant: TenantView, ada: User) -> None:
    await sign_ins.end_others(tenant.id, ada.id)


async def change_password(visitor: Visitor, tenant: TenantView, ada: User) -> None:
    new = "seven green kettles"
    form = {"old": PASSWORD, "new": new, "repeat": new, "csrf": await visitor.token()}
    assert (await visitor.post("/account/password", form)).status_code == 303


@pytest.mark.serves("S-05")
@pytest.mark.parametrize("act", [sign_out, delete, revoke, change_password])
async def test_socket_closes_within_two_seconds(
    app: Quart,
    visitor: Visitor,
    tenant: TenantView,
    ada: User,
    act: Callable[..., Awaitable[None]],
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    headers = {"X-CSRF-Token": await visitor.token(), "Accept": "application/json"}
    answer = await visitor.post("/realtime/ticket", headers=headers)
    ticket = (await answer.get_json())["ticket"]
    socket = app.test_client(use_cookies=False).websocket(
        f"/realtime?ticket={ticket}",
        headers={"Host": visitor.host, "Origin": f"http://{visitor.host}"},
    )
    async with asyncio.timeout(10):
        async with socket as page:
            while not page.accepted:
                await asyncio.sleep(0.002)
            await page.send('{"id":"1","op":"nonsense"}')
            assert "error" in await page.receive()
            await act(visitor, tenant, ada)
            async with asyncio.timeout(2):
                with pytest.raises(WebsocketDisconnectError) as closed:
                    while True:
                        await page.receive()
            assert code_of(closed.value) == 4401


@pytest.mark.serves("S-05")
@pytest.mark.parametrize("origin", ["https://evil.test", "http://beta.localhost", "null", ""])
async def test_socket_is_refused_to_foreign_pages_with_a_good_ticket(
    app: Quart, visitor: Visitor, ada: User, origin: str
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    headers = {"X-CSRF-Token": await visitor.token(), "Accept": "application/json"}
    answer = await visitor.post("/realtime/ticket", headers=headers)
    ticket = (await answer.get_json())["ticket"]
    socket = app.test_client(use_cookies=False).websocket(
        f"/realtime?ticket={ticket}", headers={"Host": visitor.host, "Origin": origin}
    )
    from quart.testing.connections import WebsocketResponseError

    with pytest.raises(WebsocketResponseError) as refused:
        async with socket as page:
            await page.receive()
    assert refused.value.response.status_code == 403


def code_of(error: Any) -> int:
    return int(error.args[0])
