"""`bus.js` in Chromium against a server that loses, repeats and reorders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from core.testing.browser import Pages, served
from tests.core.rendering.fake_server import FakeServer

if TYPE_CHECKING:
    from playwright.async_api import Page

LISTEN = (
    """window.stop = bus.subscribe('session:1', {onEvent: e => seen.push(e.n)}, {after: 0}), 0"""
)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def page(server: FakeServer, pages: Pages) -> AsyncIterator[Page]:
    async with served(server.app) as url:
        page = await pages.open(url)
        yield page
        await page.close()


async def becomes(page: Page, expression: str, wanted: Any) -> None:
    value = None
    for _ in range(200):
        value = await page.evaluate(expression)
        if value == wanted:
            return
        await asyncio.sleep(0.025)
    assert value == wanted


@pytest.mark.serves("R-08")
async def test_events_repeated_and_out_of_order_are_seen_once_and_in_order(
    server: FakeServer, page: Page
) -> None:
    await page.evaluate(LISTEN)
    asked = await server.received("subscribe")
    assert asked["after"] == 0
    await server.send({"id": asked["id"], "ok": {}})
    await server.event(1, 2, 2, 1, 5, 4)
    again = await server.received("subscribe")
    assert again["after"] == 2
    await server.send({"id": again["id"], "ok": {}})
    await server.event(3, 4, 5, 6)
    await becomes(page, "seen", [1, 2, 3, 4, 5, 6])


@pytest.mark.serves("R-08")
async def test_after_a_break_the_page_resumes_behind_the_last_event_it_had(
    server: FakeServer, page: Page
) -> None:
    await page.evaluate(LISTEN)
    await server.received("subscribe")
    await server.event(1, 2, 3)
    await becomes(page, "seen.length", 3)
    await server.drop(1012)
    await server.connections(2)
    assert (await server.received("subscribe"))["after"] == 3
    await server.event(3, 4)
    await becomes(page, "seen", [1, 2, 3, 4])
    assert server.tickets == ["token-of-the-page"] * 2


@pytest.mark.serves("R-08")
async def test_unacknowledged_messages_are_sent_again_under_the_same_id_in_order(
    server: FakeServer, page: Page
) -> None:
    await page.evaluate(
        """for (const text of ['a', 'b', 'c'])
             bus.send('chat.message', 'session:1', {text}).then(ok => answers.push(ok.n)); 0"""
    )
    first = [await server.received("send") for _ in range(3)]
    await server.send({"id": first[0]["id"], "ok": {"n": 1}})
    await becomes(page, "bus.unsent", 2)
    await server.drop(1011)
    await server.connections(2)
    again = [await server.received("send") for _ in range(2)]
    assert again == first[1:]
    await server.send(*({"id": f["id"], "ok": {"n": n}} for n, f in enumerate(again, 2)))
    await becomes(page, "answers", [1, 2, 3])


async def test_a_refused_message_rejects_with_the_servers_code(
    server: FakeServer, page: Page
) -> None:
    await page.evaluate(
        "bus.send('chat.message', 'session:1').catch(e => answers.push(e.code, e.message)), 0"
    )
    sent = await server.received("send")
    await server.send({"id": sent["id"], "error": {"code": "forbidden", "message": "No."}})
    await becomes(page, "answers", ["forbidden", "No."])


async def test_a_gap_in_a_state_brings_a_new_snapshot(server: FakeServer, page: Page) -> None:
    await page.evaluate(
        """bus.subscribe('teamview.room', {
             onSnapshot: rows => seen.push(rows.length),
             onDelta: d => seen.push(d.set.map(r => r.id).join())}), 0"""
    )
    room = {"topic": "teamview.room"}
    asked = await server.received("subscribe")
    await server.send(
        {"id": asked["id"], "ok": {}},
        room | {"v": 7, "snapshot": [{"id": "a"}]},
        room | {"v": 8, "delta": {"set": [{"id": "b"}], "gone": []}},
        room | {"v": 8, "delta": {"set": [{"id": "b"}], "gone": []}},
        room | {"v": 10, "delta": {"set": [{"id": "d"}], "gone": []}},
        room | {"v": 11, "delta": {"set": [{"id": "e"}], "gone": []}},
    )
    await server.received("subscribe")
    await server.send(room | {"v": 11, "snapshot": [{}, {}, {}]})
    await becomes(page, "seen", [1, "b", 3])


async def test_a_second_listener_gets_what_the_first_one_had_already(
    server: FakeServer, page: Page
) -> None:
    await page.evaluate(LISTEN)
    await server.received("subscribe")
    await server.event(1, 2)
    await becomes(page, "seen", [1, 2])
    await page.evaluate(
        "bus.subscribe('session:1', {onEvent: e => answers.push(e.n)}, {after: 0}), 0"
    )
    assert (await server.received("subscribe"))["after"] == 0
    await server.event(1, 2, 3)
    await becomes(page, "answers", [1, 2, 3])
    assert await page.evaluate("seen") == [1, 2, 3]


async def test_a_ping_is_answered_at_once_and_sets_the_clock(
    server: FakeServer, page: Page
) -> None:
    await page.evaluate(LISTEN)
    await server.received("subscribe")
    future = 4_000_000_000_000
    await server.send({"op": "ping", "now": future})
    await server.received("pong")
    assert await page.evaluate("bus.now()") == pytest.approx(future, abs=2000)


async def test_signed_out_is_final(server: FakeServer, page: Page) -> None:
    await page.evaluate(
        LISTEN + "; bus.send('chat.message', 'session:1').catch(e => answers.push(e.code)), 0"
    )
    await server.received("subscribe")
    await server.received("send")
    await server.drop(4401)
    await becomes(page, "states", ["connecting", "online", "signed-out"])
    await becomes(page, "answers", ["signed-out"])
    await asyncio.sleep(0.6)
    assert len(server.tickets) == 1


async def test_the_last_listener_to_leave_unsubscribes(server: FakeServer, page: Page) -> None:
    await page.evaluate(LISTEN)
    await server.received("subscribe")
    await page.evaluate("stop(), 0")
    assert (await server.received("unsubscribe"))["topic"] == "session:1"


async def test_a_topic_that_is_gone_is_told_and_not_asked_for_again(
    server: FakeServer, page: Page
) -> None:
    await page.evaluate("bus.subscribe('x', {onError: e => answers.push(e.code)}), 0")
    asked = await server.received("subscribe")
    await server.send({"id": asked["id"], "error": {"code": "not-found"}})
    await becomes(page, "answers", ["not-found"])
    await server.drop(1012)
    await becomes(page, "bus.state", "idle")


@pytest.mark.serves("R-18")
async def test_waits_before_reconnecting_are_spread_and_bounded(page: Page) -> None:
    waits: list[list[float]] = await page.evaluate(
        """[[0, 1012], [0, 1006], [1, 1006], [20, 1006], [0, 1013]].map(([attempt, code]) =>
             [waitBefore(attempt, code, () => 0), waitBefore(attempt, code, () => 1)])"""
    )
    assert waits == [[300, 7000], [300, 1000], [300, 2000], [300, 30000], [300, 8000]]
