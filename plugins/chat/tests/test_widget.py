"""The widget on a foreign site: what the server says, and what a visitor of the site sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Frame, Page, expect
from quart import Quart

from core.api import SYSTEM, Actor, Draft, EndReason, EntryPoint, Session, Timeline, service
from core.testing import sessions
from core.testing.application import Browser, make_user
from core.testing.browser import NARROW, WIDE, Pages, axe, screenshot, served
from plugins.chat.tests.conftest import Server

HOSTILE = """
* { letter-spacing: 3px !important; transform: rotate(2deg) !important; color: lime !important;
    all: revert; display: inline !important; opacity: .4 !important; }
button { background: lime !important; border-radius: 0 !important; font-size: 40px !important; }
offhook-chat { display: none !important; position: static !important; }
iframe { display: none !important; width: 10px !important; }
"""


async def start(app: Quart, tenant: Any, slug: str = "front", **form: Any) -> Any:
    nobody = Browser(app, tenant)
    return await nobody.post(
        f"/chat/w/{slug}/start",
        json={"name": "Carla"} | form,
        headers={"Accept": "application/json"},
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


@pytest.mark.serves("X16")
async def test_coming_in_gives_a_token_that_resumes_the_session(app: Quart, tenant: Any) -> None:
    answer = await start(app, tenant, email="carla@example.org")
    came = await answer.get_json()
    assert answer.status_code == 201
    assert (came["state"], came["place"]["place"]) == ("waiting", 1)
    nobody = Browser(app, tenant)
    again = await nobody.get("/chat/w/front/state", headers=bearer(came["token"]))
    now = await again.get_json()
    assert now["session"] == came["session"]
    assert now["chat"]["side"] == "customer"
    assert [e["type"] for e in now["chat"]["events"]] == [
        "core.session_opened",
        "core.customer_arrived",
    ]
    assert (await nobody.get("/chat/w/front/state", headers=bearer("x"))).status_code == 401


@pytest.mark.parametrize(
    ("form", "field"),
    [
        pytest.param({"name": " "}, "name", id="no name"),
        pytest.param({"name": "\u202e"}, "name", id="invisible name"),
        pytest.param({"name": "x" * 121}, "name", id="long name"),
        pytest.param({"name": 7}, "form", id="a number"),
        pytest.param({"email": "nonsense"}, "email", id="no address"),
        pytest.param({"email": "a@b.example\r\nBcc: x@y.example"}, "email", id="two lines"),
        pytest.param({"priority": 2}, "form", id="a field more"),
    ],
)
async def test_a_door_form_that_does_not_fit_opens_no_session(
    app: Quart, tenant: Any, form: dict[str, Any], field: str
) -> None:
    answer = await start(app, tenant, **form)
    assert answer.status_code == 400
    assert (await answer.get_json())["details"]["field"] == field
    assert await Session.filter(tenant_id=tenant.id).count() == 0


async def test_a_token_opens_only_its_own_session_at_its_own_entry_in_its_own_tenant(
    app: Quart, tenant: Any, other_tenant: Any
) -> None:
    await EntryPoint.create(tenant_id=tenant.id, slug="side", title="Side door")
    one = await (await start(app, tenant)).get_json()
    two = await (await start(app, tenant, name="Dora")).get_json()
    nobody, foreign = Browser(app, tenant), Browser(app, other_tenant)
    mine = bearer(one["token"])
    assert (await nobody.get(f"/chat/{two['session']}/events", headers=mine)).status_code == 404
    assert (await nobody.get("/chat/w/side/state", headers=mine)).status_code == 404
    assert (await foreign.get("/chat/w/front/state", headers=mine)).status_code == 401
    assert (await start(app, tenant, "nowhere")).status_code == 404


async def test_contact_again_after_the_end_opens_a_new_session_of_the_same_person(
    app: Quart, tenant: Any
) -> None:
    came = await (await start(app, tenant)).get_json()
    nobody = Browser(app, tenant)
    path, mine = "/chat/w/front/again", bearer(came["token"])
    still = await (await nobody.post(path, json={}, headers=mine)).get_json()
    assert still["session"] == came["session"]
    assert "token" not in still
    old = await Session.get(tenant_id=tenant.id, id=came["session"])
    await sessions.end(tenant, old.id, SYSTEM, EndReason.FINISHED)
    new = await (await nobody.post(path, json={}, headers=mine)).get_json()
    assert new["session"] != came["session"]
    opened = await Session.get(tenant_id=tenant.id, id=new["session"])
    assert opened.customer_id == old.customer_id


async def test_only_the_listed_sites_may_frame_the_page(app: Quart, tenant: Any) -> None:
    nobody = Browser(app, tenant)
    origins = ["https://shop.example", "https://a.example; script-src *", "*", "HTTPS://B.example/"]
    await EntryPoint.filter(tenant_id=tenant.id, slug="front").update(origins=origins)
    answer = await nobody.get("/chat/w/front")
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://shop.example https://b.example;" in policy
    assert "X-Frame-Options" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_the_script_may_be_loaded_from_everywhere_and_only_while_chat_is_on(
    app: Quart, tenant: Any, switch: Any
) -> None:
    nobody = Browser(app, tenant)
    answer = await nobody.get("/chat/widget.js")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    body = await answer.get_data(as_text=True)
    assert body.startswith("const WORDS = {")
    assert "Hable con nosotros" in body
    cached = await nobody.get("/chat/widget.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert cached.status_code == 304
    await switch(tenant, "chat", on=False)
    for path in ("/chat/widget.js", "/chat/w/front"):
        assert (await nobody.get(path)).status_code == 404


class Site:
    """A foreign web site whose pages hold the widget; ``localhost`` is another site than ours."""

    def __init__(self, widget: str) -> None:
        self.app, self.widget, self.css, self.url = Quart("site"), widget, "", ""

        @self.app.get("/")
        @self.app.get("/next")
        async def page() -> str:
            return (
                f"<!doctype html><html lang=en><title>Shop</title><style>{self.css}</style>"
                "<meta name=viewport content='width=device-width'>"
                "<main><h1>Shop</h1><a href=/next>next</a><button>Buy</button></main>"
                f"<script type=module src='{self.widget}' data-entry=front></script>"
            )

        @self.app.get("/favicon.ico")
        async def icon() -> tuple[str, int]:
            return "", 204


@pytest.fixture
async def site(server: Server, tenant: Any) -> AsyncIterator[Site]:
    made = Site(f"{server.of(tenant)}/chat/widget.js")
    async with served(made.app) as url:
        made.url = url.replace("127.0.0.1", "localhost")
        await EntryPoint.filter(tenant_id=tenant.id, slug="front").update(origins=[made.url])
        yield made


async def opened(page: Page) -> Frame:
    """Return the widget's frame, once its page is there. Its shadow root is closed."""
    for _ in range(100):
        frames = [frame for frame in page.frames if "/chat/w/" in frame.url]
        if frames:
            await expect(frames[-1].locator("#main")).to_be_attached()
            return frames[-1]
        await page.wait_for_timeout(50)
    raise AssertionError("the widget's frame did not come")


async def press(page: Page) -> None:
    """Click the round button: by its place, since nothing outside sees into the widget."""
    size = page.viewport_size or {"width": 0, "height": 0}
    await page.mouse.click(size["width"] - 49, size["height"] - 49)


async def come_in(frame: Frame) -> None:
    await frame.get_by_label("Your name").fill("Carla")
    await frame.get_by_role("button", name="Start the chat").click()
    await expect(frame.locator("chat-panel .log")).to_be_visible()


@pytest.mark.serves("X16", "V27", "R-09", "C12")
async def test_a_visitor_chats_on_a_foreign_site_and_goes_on_after_reload_and_navigation(
    pages: Pages, site: Site, tenant: Any
) -> None:
    page = await pages.open(site.url)
    await page.wait_for_function("Boolean(customElements.get('offhook-chat'))")
    await press(page)
    frame = await opened(page)
    await expect(frame.get_by_label("Your name")).to_be_focused()
    await screenshot(page, "widget-door")
    await come_in(frame)
    await expect(frame.locator("#place")).to_have_text("You are number 1 in line")
    await frame.get_by_label("Message", exact=True).fill("Is it in stock?")
    await frame.get_by_label("Message", exact=True).press("Enter")
    await expect(frame.locator("chat-panel .pending")).to_have_count(0)
    await screenshot(page, "widget-waiting")
    for path in ("/", "/next", "/next"):
        await page.goto(f"{site.url}{path}")
        frame = await opened(page)
        await expect(frame.locator("chat-panel .bubble.ours")).to_contain_text("in stock")
    assert await Session.filter(tenant_id=tenant.id).count() == 1
    session = await Session.get(tenant_id=tenant.id)
    ada = await make_user(tenant, "Ada")
    who = Actor("agent", str(ada.id), ada.name)
    await sessions.attend(tenant, session.id, who)
    await expect(frame.locator("#waiting")).to_be_hidden()
    await frame.get_by_label("Message", exact=True).press("Escape")
    assert not await (await frame.frame_element()).is_visible()
    await service(Timeline).append(
        Draft(tenant.id, "chat.message", who, {"text": "Yes, two left."}, session.id)
    )
    await expect(frame.locator("chat-panel .bubble:not(.ours)")).to_contain_text("two left")
    await page.wait_for_timeout(200)
    await screenshot(page, "widget-unread")
    await press(page)
    assert await (await frame.frame_element()).is_visible()
    await expect(frame.locator("chat-panel .bubble:not(.ours)")).to_be_in_viewport()
    await sessions.end(tenant, session.id, who, EndReason.FINISHED)
    await frame.get_by_role("button", name="Contact us again").click()
    await expect(frame.locator("#place")).to_be_visible()
    assert await Session.filter(tenant_id=tenant.id).count() == 2


@pytest.mark.parametrize(
    ("size", "dark"),
    [pytest.param(WIDE, True, id="wide, dark"), pytest.param(NARROW, False, id="narrow, light")],
)
async def test_it_keeps_its_shape_under_hostile_css(
    pages: Pages, site: Site, size: tuple[int, int], dark: bool
) -> None:
    site.css = HOSTILE
    page = await pages.open(site.url, size=size, dark=dark)
    await page.wait_for_function("Boolean(customElements.get('offhook-chat'))")
    await press(page)
    frame = await opened(page)
    await come_in(frame)
    box = await (await frame.frame_element()).bounding_box()
    assert box is not None
    if size == NARROW:
        assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, *size)
    else:
        assert (box["width"], box["height"]) == (384, 600)
        assert box["x"] + box["width"] == size[0] - 20
    tag = f"{size[0]}-{'dark' if dark else 'light'}"
    await screenshot(page, f"widget-hostile-{tag}")
    inner = await pages.open(frame.url, size=(384, 600), dark=dark)
    await expect(inner.get_by_label("Your name")).to_be_visible()
    assert await axe(inner) == []


async def test_a_site_that_is_not_listed_shows_nothing(
    pages: Pages, site: Site, tenant: Any
) -> None:
    pages.tolerate("frame-ancestors|Framing|chrome-error")
    await EntryPoint.filter(tenant_id=tenant.id, slug="front").update(
        origins=["https://elsewhere.example"]
    )
    page = await pages.open(site.url)
    await page.wait_for_function("Boolean(customElements.get('offhook-chat'))")
    await press(page)
    await page.wait_for_timeout(800)
    assert not any([await frame.locator("#main").count() for frame in page.frames])
    assert any("frame-ancestors" in fault for fault in pages.faults)
