"""The conversation as two people see it, in a real browser."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from core.api import SYSTEM, Actor, Draft, EndReason, Timeline, service
from core.testing import sessions
from core.testing.application import (
    Browser,
    enter,
    make_user,
    principal_of,
    sign_in,
    waiting_session,
)
from core.testing.browser import NARROW, WIDE, Pages, axe, overflow, screenshot
from plugins.chat.services import responses
from plugins.chat.tests.conftest import Server

HANDLERS = """() => [...document.querySelectorAll('*')]
  .flatMap(e => [e, ...(e.shadowRoot?.querySelectorAll('*') ?? [])])
  .filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><iframe srcdoc='<script>parent.alert(1)</script>'>",
    "javascript:alert(1)",
    'https://x.example/"onmouseover=alert(1)//',
    "https://alert(1)@x.example/",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "</script><script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>",
    "data:text/html,<script>alert(1)</script>",
)


async def context_of(pages: Pages, who: Browser, **look: Any) -> BrowserContext:
    """Return a browser that is signed in as *who*."""
    context = await pages.context(**look)
    kind, _, token = who.cookie.partition("=")
    name = f"offhook_{who.tenant.slug}" + ("_visit" if kind.endswith("_visit") else "")
    root = f"/t/{who.tenant.slug}/"
    await context.add_cookies([{"name": name, "value": token, "domain": "127.0.0.1", "path": root}])
    return context


async def open_as(pages: Pages, server: Server, who: Browser, path: str, **look: Any) -> Page:
    """Open *path* of the tenant of *who*, signed in as him."""
    context = await context_of(pages, who, **look)
    return await pages.open(f"{server.of(who.tenant)}{path}", context=context)


def message(page: Page) -> Any:
    return page.get_by_label("Message", exact=True)


async def write(page: Page, text: str) -> None:
    await message(page).fill(text)
    await page.keyboard.press("Enter")


@pytest.fixture
async def ada(tenant: Any) -> Any:
    return await make_user(tenant, "Ada")


@pytest.fixture
async def attended(tenant: Any, ada: Any) -> Any:
    session = await waiting_session(tenant, "Ana Muñoz")
    return await sessions.attend(tenant, session.id, Actor("agent", str(ada.id), ada.name))


@pytest.fixture
async def hers(pages: Pages, server: Server, tenant: Any, attended: Any) -> Page:
    """The customer's page."""
    return await open_as(pages, server, await enter(server.app, tenant, attended), "/visit/")


@pytest.fixture
async def his(pages: Pages, server: Server, tenant: Any, ada: Any, attended: Any) -> Page:
    """The agent's page."""
    who = await sign_in(server.app, tenant, ada)
    return await open_as(pages, server, who, f"/sessions/{attended.id}")


@pytest.mark.serves("C12", "C13")
async def test_agent_and_customer_write_to_each_other(hers: Page, his: Page) -> None:
    await write(hers, "Good afternoon!")
    await expect(his.locator("chat-panel .bubble:not(.ours)")).to_contain_text("Good afternoon!")
    await expect(his.locator("chat-panel .line")).to_contain_text(
        ["opened the session", "is in the waiting room", "Ada attends now"]
    )
    await write(his, "Hello Ana, see https://example.org/a?b=c.")
    link = hers.locator("chat-panel a[href^=http]")
    await expect(link).to_have_attribute("href", "https://example.org/a?b=c")
    await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(hers.locator("chat-panel .pending")).to_have_count(0)
    await message(his).press_sequentially("typing on", delay=300)
    await expect(hers.locator("chat-panel .typing")).to_have_text("Ada is typing…")


@pytest.mark.serves("A17")
async def test_each_is_told_when_the_other_is_gone_and_back(hers: Page, his: Page) -> None:
    await expect(his.locator(".banner")).to_have_count(0)
    await hers.goto("about:blank")
    await expect(his.locator("chat-panel .banner")).to_contain_text(
        "Ana Muñoz is offline", timeout=8000
    )
    await hers.go_back()
    await expect(his.locator("chat-panel .banner.ok")).to_contain_text("online again")
    await his.goto("about:blank")
    await expect(hers.locator("chat-panel .banner")).to_contain_text("Ada is offline", timeout=8000)


@pytest.mark.serves("R-08", "R-09")
async def test_what_is_written_without_a_connection_arrives_once_also_after_a_reload(
    pages: Pages, hers: Page, his: Page, attended: Any
) -> None:
    pages.tolerate("ERR_INTERNET_DISCONNECTED|WebSocket")
    await hers.context.set_offline(True)
    await write(hers, "written in the tunnel")
    await expect(hers.locator("chat-panel .bubble.ours")).to_contain_text("written in the tunnel")
    await hers.context.set_offline(False)
    await hers.reload()
    await expect(his.locator("chat-panel .bubble:not(.ours)")).to_contain_text(["in the tunnel"])
    await expect(hers.locator("chat-panel .pending")).to_have_count(0)
    await expect(hers.locator("chat-panel .bubble")).to_have_count(1)
    events = await service(Timeline).read(attended.tenant_id, attended.id)
    assert [e.type for e in events].count("chat.message") == 1


@pytest.mark.serves("R-08")
async def test_events_that_come_twice_or_in_disorder_end_up_in_order(hers: Page) -> None:
    wrong = await hers.evaluate(
        """async () => {
          const {History} = await import('@offhook/chat/history.js');
          let wrong = 0;
          for (let run = 0; run < 1000; run++) {
            const known = [1, 2, 3].map(n => ({n}));
            const history = new History({session: 's', events: known, more: false});
            const coming = Array.from({length: 20}, (_, i) => ({n: i + 1}));
            const mixed = [...coming, ...coming.slice(5, 15)].sort(() => Math.random() - 0.5);
            const taken = mixed.filter(event => history.add(event)).length;
            const order = history.current.events.map(event => event.n);
            if (taken !== 17 || order.some((n, i) => n !== i + 1)) wrong += 1;
          }
          return wrong;
        }"""
    )
    assert wrong == 0


@pytest.mark.serves("V27", "V34")
async def test_after_the_end_the_customer_reads_and_the_agent_may_add(
    hers: Page, his: Page, tenant: Any, attended: Any
) -> None:
    await sessions.end(tenant, attended.id, SYSTEM, EndReason.FINISHED)
    await expect(hers.locator("chat-panel .ended")).to_contain_text("has ended")
    await expect(message(hers)).to_have_count(0)
    await expect(hers.get_by_role("button", name="Contact us again")).to_be_visible()
    await expect(his.locator("chat-panel .ended")).to_contain_text("can still read")
    await write(his, "Here is the report.")
    await expect(hers.locator("chat-panel .bubble")).to_contain_text("Here is the report.")
    await hers.get_by_role("button", name="Contact us again").click()
    await expect(message(hers)).to_be_visible()


async def test_a_draft_survives_a_reload_and_a_refused_message_can_be_changed(
    hers: Page, tenant: Any, attended: Any
) -> None:
    await message(hers).fill("half a sent")
    await hers.reload()
    await expect(message(hers)).to_have_value("half a sent")
    await hers.evaluate("() => document.querySelector('chat-panel').outbox.post('\\u200b')")
    await expect(hers.locator(".failed [role=alert]")).to_contain_text("nothing to read")
    await hers.get_by_role("button", name="Discard").click()
    await expect(hers.locator("chat-panel .failed")).to_have_count(0)


@pytest.mark.serves("C15")
async def test_files_come_by_button_drop_and_paste(hers: Page, his: Page, tmp_path: Any) -> None:
    (tmp_path / "tiny.png").write_bytes(PNG)
    (tmp_path / "notes.txt").write_text("hello")
    chooser = hers.locator("chat-composer input[type=file]")
    await chooser.set_input_files([tmp_path / "tiny.png", tmp_path / "notes.txt"])
    files = his.locator("chat-panel chat-file")
    await expect(files).to_have_count(2)
    image = his.locator("chat-file img")
    await expect(image).to_have_js_property("naturalWidth", 1)
    await drop(hers.locator("chat-panel .log"), "drop", "dropped.txt")
    await expect(files).to_have_count(3)
    await drop(message(hers), "paste", "pasted.txt")
    await expect(files).to_have_count(4)
    async with his.expect_download() as download:
        await his.get_by_role("link", name="notes.txt").click()
    assert (await download.value).suggested_filename == "notes.txt"
    await expect(hers.locator("chat-panel .upload")).to_have_count(0)
    await screenshot(his, "chat-files")


async def drop(target: Any, kind: str, name: str) -> None:
    await target.evaluate(
        """(element, [kind, name]) => {
          const data = new DataTransfer();
          const passing = {bubbles: true, cancelable: true, composed: true};
          data.items.add(new File(['hello'], name, {type: 'text/plain'}));
          const how = {bubbles: true, cancelable: true, composed: true};
          element.dispatchEvent(
            kind === 'drop'
              ? new DragEvent('drop', {...how, dataTransfer: data})
              : new ClipboardEvent('paste', {...how, clipboardData: data}));
        }""",
        [kind, name],
    )


@pytest.mark.serves("C15")
async def test_an_upload_shows_its_progress_can_be_cancelled_and_says_what_is_too_large(
    hers: Page, his: Page, tmp_path: Any
) -> None:
    cdp = await hers.context.new_cdp_session(hers)
    await cdp.send("Network.enable")
    await cdp.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000},
    )
    (tmp_path / "large.bin").write_bytes(b"x" * 3_000_000)
    (tmp_path / "huge.bin").write_bytes(b"x" * (25 * 1024 * 1024 + 1))
    chooser = hers.locator("chat-composer input[type=file]")
    await chooser.set_input_files([tmp_path / "large.bin", tmp_path / "huge.bin"])
    await expect(hers.locator(".upload .why")).to_contain_text("25 MB at most")
    progress = hers.locator(".upload progress")
    await expect(progress).to_be_visible()
    await screenshot(hers, "chat-upload")
    await hers.get_by_role("button", name="Cancel large.bin").click()
    await hers.get_by_role("button", name="Discard huge.bin").click()
    await expect(hers.locator("chat-panel .upload")).to_have_count(0)
    await expect(his.locator("chat-panel chat-file")).to_have_count(0)


HANDLERS = """() => {
  const within = root => [...root.querySelectorAll('*')]
    .flatMap(e => [e, ...(e.shadowRoot ? within(e.shadowRoot) : [])]);
  return within(document).filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length;
}"""


@pytest.mark.serves("S-04", "S-12")
async def test_hostile_texts_names_and_file_names_are_only_shown(
    pages: Pages, server: Server, tenant: Any, ada: Any
) -> None:
    bo = await make_user(tenant, PAYLOADS[1])
    session = await waiting_session(tenant, PAYLOADS[0])
    await sessions.attend(tenant, session.id, Actor("agent", str(bo.id), bo.name))
    await say_everything(session, Actor("agent", str(bo.id), bo.name))
    await say_everything(session, Actor("customer", str(session.customer_id), PAYLOADS[2]))
    prepared = responses.Wanted(PAYLOADS[1], PAYLOADS[2], None, False)
    await responses.add(tenant, await principal(ada), prepared)
    agent = await sign_in(server.app, tenant, ada)
    customer = await enter(server.app, tenant, session)
    pages.tolerate("404")  # the pictures are none
    dialogs: list[str] = []
    for who, path, shown in (
        (agent, f"/sessions/{session.id}", "chat-panel .bubble"),
        (customer, "/visit/", "chat-panel .bubble"),
        (agent, "/chat/responses", ".response"),
    ):
        context = await context_of(pages, who)
        context.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page = await pages.open(f"{server.of(tenant)}{path}", context=context)
        await expect(page.locator(shown).last).to_be_visible()
        assert await page.locator("chat-panel a[href^=javascript]").count() == 0
        assert await page.locator("chat-panel a[href*='alert(1)@']").count() == 0
        await asyncio.sleep(0.3)
        assert await page.evaluate(HANDLERS) == 0
    assert dialogs == []


async def say_everything(session: Any, who: Actor) -> None:
    for text in PAYLOADS:
        file = {"file": text, "name": text, "size": 1, "media_type": "image/png"}
        for kind, payload in (("chat.message", {"text": text}), ("core.file_added", file)):
            draft = Draft(session.tenant_id, kind, who, payload, session.id)
            await service(Timeline).append(draft)


@pytest.mark.serves("C14")
async def test_a_quick_response_is_found_by_keys_and_filled_in(
    hers: Page, his: Page, tenant: Any, ada: Any
) -> None:
    who = await principal(ada)
    for title, text in (("Opening hours", "Until 8."), ("Welcome", "Hi {customer}, {agent} here.")):
        await responses.add(tenant, who, responses.Wanted(title, text, None, False))
    await message(his).press("/")
    find = his.get_by_role("combobox")
    await expect(find).to_be_focused()
    await expect(his.get_by_role("option")).to_have_count(2)
    await his.keyboard.press("ArrowDown")
    await expect(his.get_by_role("option", selected=True)).to_contain_text("Welcome")
    await screenshot(his, "chat-picker")
    assert await faults(his) == []
    await his.keyboard.press("ArrowUp")
    await his.keyboard.type("wel")
    await expect(his.get_by_role("option")).to_have_count(1)
    await his.keyboard.press("Enter")
    await expect(message(his)).to_have_value("Hi Ana Muñoz, Ada here.")
    await expect(message(his)).to_be_focused()
    await his.keyboard.press("Enter")
    await expect(hers.locator("chat-panel .bubble")).to_contain_text("Hi Ana Muñoz, Ada here.")
    await his.get_by_role("button", name="Quick responses").click()
    await his.keyboard.press("Escape")
    await expect(his.get_by_role("combobox")).to_have_count(0)
    await expect(message(his)).to_be_focused()


@pytest.mark.serves("C12")
async def test_a_long_history_opens_at_its_end_and_comes_in_while_scrolling(
    pages: Pages, server: Server, tenant: Any, ada: Any
) -> None:
    old = await waiting_session(tenant, "Ana Muñoz")
    await fill(old, 20)
    await sessions.end(tenant, old.id, SYSTEM, EndReason.LEFT)
    session = await sessions.follow_up(tenant, await sessions.get(tenant.id, old.id))
    await fill(session, 300)
    agent = await sign_in(server.app, tenant, ada)
    page = await open_as(pages, server, agent, f"/sessions/{session.id}")
    bubbles = page.locator("chat-panel .bubble")
    await expect(bubbles.last).to_contain_text("message 299")
    await expect(bubbles.last).to_be_in_viewport()
    assert await bubbles.count() <= 60
    await page.locator("chat-panel .log").evaluate("e => e.scrollTop = 0")
    await expect(page.get_by_role("button", name="To the newest")).to_be_visible()
    await draft(session, "and one more")
    await expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    for _ in range(12):
        await page.locator("chat-panel .log").evaluate("e => e.scrollTop = 0")
        await asyncio.sleep(0.12)
    await expect(page.locator("chat-panel .visit")).to_contain_text("This session")
    await expect(bubbles).to_have_count(321)
    texts = await bubbles.locator(".text").all_inner_texts()
    assert texts[20:] == [f"message {i}" for i in range(300)] + ["and one more"]
    await page.get_by_role("button", name="1 new message").click()
    await expect(bubbles.last).to_be_in_viewport()


async def faults(page: Page) -> list[str]:
    """Return what axe finds. It takes the skip link for content when the first other link of
    the page is inside a shadow root."""
    return [fault for fault in await axe(page) if not fault.startswith("region (moderate): .skip")]


async def draft(session: Any, text: str) -> None:
    who = Actor("customer", str(session.customer_id), "Ana Muñoz")
    await service(Timeline).append(
        Draft(session.tenant_id, "chat.message", who, {"text": text}, session.id)
    )


async def fill(session: Any, count: int) -> None:
    await asyncio.gather(*(draft(session, f"message {i}") for i in range(count)))


@pytest.mark.parametrize(
    ("size", "dark"),
    [pytest.param(WIDE, True, id="wide, dark"), pytest.param(NARROW, False, id="narrow, light")],
)
async def test_pages_look_right_and_are_accessible(
    pages: Pages, server: Server, tenant: Any, ada: Any, attended: Any, size: Any, dark: bool
) -> None:
    agent = await sign_in(server.app, tenant, ada)
    who = Actor("agent", str(ada.id), ada.name)
    await draft(attended, "Good afternoon, I have an appointment at 17:52. Should I come in now?")
    for text in ("Hello Ana, yes: open the link of the mail.", "I will be with you in a minute 👋"):
        event = Draft(tenant.id, "chat.message", who, {"text": text}, attended.id)
        await service(Timeline).append(event)
    file = {"file": str(attended.id), "name": "analysis-july.pdf", "size": 412_000}
    file |= {"media_type": "application/pdf"}
    sender = Actor("customer", str(attended.customer_id), "Ana Muñoz")
    await service(Timeline).append(Draft(tenant.id, "core.file_added", sender, file, attended.id))
    await draft(attended, "Perfect, see you soon! https://example.org/directions")
    customer = await enter(server.app, tenant, attended)
    tag = f"{size[0]}-{'dark' if dark else 'light'}"
    look = {"size": size, "dark": dark}
    hers = await open_as(pages, server, customer, "/visit/", **look)
    his = await open_as(pages, server, agent, f"/sessions/{attended.id}", **look)
    await responses.add(
        tenant,
        await principal(ada),
        responses.Wanted("Welcome", "Hi {customer}, how can I help?", "en", False),
    )
    mine = await open_as(pages, server, agent, "/chat/responses", **look)
    for name, page in (("agent", his), ("customer", hers), ("responses", mine)):
        if name != "responses":
            await expect(page.locator("chat-panel .bubble")).to_have_count(5)
        await screenshot(page, f"chat-{name}-{tag}")
        assert await overflow(page) == []
        assert await faults(page) == [], name


async def principal(user: Any) -> Any:
    return await principal_of(user)
