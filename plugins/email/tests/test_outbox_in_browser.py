from __future__ import annotations

import pytest

from core.api import Notice, TenantView
from core.testing.application import Browser
from core.testing.browser import NARROW, WIDE, axe, overflow, screenshot
from core.testing.site import Site
from plugins.email import services

NOTICE = Notice(
    ref="n1",
    channel="email",
    address="ana@example.org",
    name="<img src=x onerror=alert(1)>",
    subject="Come in <script>alert(1)</script>",
    text="Hello Ana,\n\nhttps://acme.example/v/abc\n\n<script>alert(1)</script>\n",
)


@pytest.mark.serves("S-04")
@pytest.mark.parametrize(
    ("size", "dark"), [(WIDE, False), (NARROW, True)], ids=["wide and light", "narrow and dark"]
)
async def test_a_mail_can_be_read_and_its_link_followed(
    site: Site, administrator: Browser, tenant: TenantView, size: tuple[int, int], dark: bool
) -> None:
    await services.deliver(tenant, NOTICE)
    page = await site.open(administrator, "/email/outbox", size=size, dark=dark)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await screenshot(page, f"email-outbox-{size[0]}")
    assert await axe(page) == []
    assert await overflow(page) == []
    await page.get_by_role("link", name="Come in").click()
    link = page.frame_locator("iframe").get_by_role("link", name="Open the page")
    await link.wait_for()
    assert await link.get_attribute("href") == "https://acme.example/v/abc"
    assert await page.locator(".mail-text a").get_attribute("target") == "_blank"
    await screenshot(page, f"email-mail-{size[0]}")
    assert await axe(page) == []
    assert await overflow(page) == []
    assert dialogs == []
