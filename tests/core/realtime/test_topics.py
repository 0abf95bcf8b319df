"""Pages that come, go and close at the worst moment."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from core import topics
from core.access import Principal
from core.database import Database
from core.errors import Forbidden
from core.sockets import Limits, Socket
from core.topics import State, Topics
from tests.core.realtime.house import Log, a_session, a_tenant


@pytest.fixture(autouse=True)
def _inside(database: Database) -> Any:
    with database.entered():
        yield


def a_socket(tenant_id: int, heard: list[str]) -> Socket:
    async def transmit(message: Any) -> None:
        heard.append(message["text"])

    async def handle(socket: Socket, message: Any) -> None: ...

    who = Principal("user", "1", "Ada", tenant_id, "agent", 1)
    return Socket(who, Limits(), transmit, handle)


@pytest.mark.serves("R-01", "R-08")
async def test_a_page_that_comes_while_the_last_one_goes_misses_nothing(
    log: Log, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)
    all_topics = Topics(log.bus, log.timeline)
    all_topics.start(database)
    _, leave = await all_topics.join_stream(a_socket(tenant.id, []), session, None)
    asked, may_answer, fetch = asyncio.Event(), asyncio.Event(), topics.fetch

    async def slow(*args: Any) -> Any:
        asked.set()
        await may_answer.wait()
        return await fetch(*args)

    monkeypatch.setattr(topics, "fetch", slow)
    heard: list[str] = []
    joining = asyncio.create_task(all_topics.join_stream(a_socket(tenant.id, heard), session, None))
    await asked.wait()
    leave()
    may_answer.set()
    _, leave_too = await joining

    await log.say(tenant.id, session, "for the page that came")
    async with asyncio.timeout(2):
        while not heard:
            await asyncio.sleep(0.01)
    assert json.loads(heard[0])["data"] == {"text": "for the page that came"}
    leave_too()
    assert not all_topics._streams


async def test_a_page_that_goes_while_a_new_snapshot_is_made_is_forgotten() -> None:
    state, heard = State(1, "probe.things"), list[str]()
    socket, may_answer = a_socket(1, heard), asyncio.Event()
    may_answer.set()

    async def snapshot() -> list[dict[str, Any]]:
        await may_answer.wait()
        return []

    await state.join(socket, snapshot)
    may_answer.clear()
    refreshing = asyncio.create_task(state.refresh())
    await asyncio.sleep(0)
    state.leave(socket)
    may_answer.set()
    await refreshing
    assert not state.sockets
    state.tell([{"id": 1}], [])
    assert len(heard) == 1, "only the first snapshot"


async def test_one_page_that_may_not_look_any_more_costs_the_others_no_snapshot() -> None:
    state, heard = State(1, "probe.things"), list[str]()
    allowed = True

    async def refused() -> list[dict[str, Any]]:
        if not allowed:
            raise Forbidden
        return []

    async def given() -> list[dict[str, Any]]:
        return [{"id": 7}]

    await state.join(a_socket(1, []), refused)
    await state.join(a_socket(1, heard), given)
    allowed = False
    await state.refresh()
    assert len(heard) == 2
