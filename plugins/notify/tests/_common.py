from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from uuid import UUID

from core.api import Config, Session, TenantView, get_session, service
from core.testing.application import Browser
from plugins.notify.models import Delivery, State

FORM = {
    "name": "Carla Pérez",
    "when": "now",
    "type": "email",
    "email": "carla@example.org",
    "language": "es",
    "media": "chat",
    "auto_connect": "on",
    "details": "on",
}


async def send(browser: Browser, **changes: str | None) -> tuple[int, str, str]:
    """Send the form; return status, where it leads, and the page."""
    form = {k: v for k, v in (FORM | changes).items() if v is not None}
    response = await browser.post("/notify/new", form=form)
    body = await response.get_data(as_text=True)
    return response.status_code, response.headers.get("Location", ""), body


def session_id(location: str) -> str:
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", location)
    assert found is not None, location
    return found.group()


async def sent_session(browser: Browser, tenant: TenantView, **changes: str | None) -> Session:
    status, location, page = await send(browser, **changes)
    assert status == 303, page
    return await get_session(tenant.id, UUID(session_id(location)))


async def until(check: Callable[[], Awaitable[bool]], within_s: float = 8.0) -> None:
    async with asyncio.timeout(within_s):
        while not await check():  # noqa: ASYNC110 - rows of a database make no event
            await asyncio.sleep(0.02)


async def settled(tenant: TenantView, state: State) -> Delivery:
    """Wait until the tenant's newest notice has *state*."""
    found: list[Delivery] = []

    async def check() -> bool:
        newest = await Delivery.filter(tenant_id=tenant.id).order_by("-created_at").first()
        found[:] = [newest] if newest is not None else []
        return newest is not None and newest.state is state

    await until(check)
    return found[0]


def mails(tenant: TenantView) -> list[EmailMessage]:
    """Return what rests in the tenant's outbox: tests have no mail server unless they say so."""
    folder = service(Config).data_dir / "outbox" / tenant.slug
    return [message_from_bytes(path.read_bytes(), policy=default) for path in folder.glob("*.eml")]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())
