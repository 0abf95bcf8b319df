"""A real browser for tests: pages that fail on any console error, axe-core, screenshots."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page

CHROMIUM: Final = "/usr/bin/chromium"
BROWSER_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
WIDE: Final = (1440, 900)
NARROW: Final = (390, 844)


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve the ASGI *app* on a free port; yields its address, without a final slash."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # who comes before the server accepts waits, instead of being refused
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = 1
    config.websocket_ping_interval = None
    stop = asyncio.Event()
    server = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await server


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, headless, with a camera and microphone that only pretend."""
    from playwright.async_api import async_playwright

    if not os.path.exists(CHROMIUM):  # noqa: ASYNC240 - once, at start
        pytest.fail(f"{CHROMIUM} is missing: install the Debian package chromium")
    async with async_playwright() as playwright:
        instance = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(BROWSER_ARGUMENTS)
        )
        yield instance
        await instance.close()


@dataclass(slots=True)
class Pages:
    """Opens pages, each in a context of its own, and remembers what went wrong in them."""

    browser: Browser
    faults: list[str] = field(default_factory=list)
    tolerated: list[str] = field(default_factory=list)

    def tolerate(self, pattern: str) -> None:
        """Expect faults that match the regular expression *pattern* in this test."""
        self.tolerated.append(pattern)

    @property
    def unexpected(self) -> list[str]:
        return [f for f in self.faults if not any(re.search(p, f) for p in self.tolerated)]

    async def context(
        self, *, size: tuple[int, int] = WIDE, dark: bool = False, language: str = "en-GB"
    ) -> BrowserContext:
        return await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale=language,
            reduced_motion="reduce",
        )

    async def open(
        self,
        url: str,
        *,
        context: BrowserContext | None = None,
        size: tuple[int, int] = WIDE,
        dark: bool = False,
        language: str = "en-GB",
    ) -> Page:
        """Go to *url* in a new page. Two people are two calls without *context*."""
        context = context or await self.context(size=size, dark=dark, language=language)
        page = await context.new_page()
        page.on("console", lambda message: self._console(message))
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        await page.goto(url)
        return page

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            where = message.location.get("url", "")
            self.faults.append(f"{message.type}: {message.text} ({where})")


@pytest.fixture
async def pages(browser: Browser) -> AsyncIterator[Pages]:
    """Open pages with ``await pages.open(url)``; an error in the console fails the test."""
    opened = Pages(browser)
    yield opened
    assert not opened.unexpected, "in the browser: " + "; ".join(opened.unexpected)


@cache
def axe_source() -> str:
    """Return axe-core's script, which the package axe-playwright-python ships."""
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.fail("axe-playwright-python is missing: install offhook[test]")
    return (Path(spec.origin).parent / "axe.min.js").read_text("utf-8")


async def axe(page: Page) -> list[str]:
    """Return the accessibility violations of *page* as it is shown now, one line each.

    The script goes in by the debugger, so the page's CSP stays as it is.
    """
    if not await page.evaluate("'axe' in window"):
        session = await page.context.new_cdp_session(page)
        await session.send("Runtime.evaluate", {"expression": axe_source()})
        await session.detach()
    violations: list[dict[str, Any]] = await page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    )
    return [
        f"{v['id']} ({v['impact']}): {' '.join(map(str, node['target']))}: "
        + " ".join(node["failureSummary"].split())
        for v in violations
        for node in v["nodes"]
    ]


async def overflow(page: Page) -> list[str]:
    """Return the elements that stick out of the page sideways, unless something scrolls them."""
    return await page.evaluate(  # type: ignore[no-any-return]
        """() => {
          const wide = document.documentElement.clientWidth;
          const found = [];
          const scrolls = e => {
            for (; e && e !== document.body; e = e.parentElement)
              if (getComputedStyle(e).overflowX !== 'visible') return true;
            return false;
          };
          for (const e of document.body.querySelectorAll('*')) {
            const r = e.getBoundingClientRect();
            const out = r.width && (r.right > wide + 1 || r.left < -1);
            if (out && !e.matches('.sr, .skip') && !scrolls(e.parentElement))
              found.push(`${e.tagName}.${e.className} ${r.left}-${r.right}`);
          }
          if (document.documentElement.scrollWidth > wide) found.push('the page scrolls sideways');
          return found;
        }"""
    )


async def screenshot(page: Page, name: str) -> None:
    """Keep a picture of *page* in the folder ``OFFHOOK_SHOTS``; without it, do nothing."""
    if folder := os.environ.get("OFFHOOK_SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png")
