"""The heartbeat when the database is slow or away."""

from __future__ import annotations

import asyncio

import pytest

from core import heartbeat
from core.heartbeat import Heartbeat
from core.realtime import Realtime
from tests.core.realtime.conftest import Site


@pytest.mark.serves("R-16")
async def test_a_database_that_hangs_makes_nobody_silent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "TICK_S", 0.02)
    monkeypatch.setattr(heartbeat, "LIVELY_S", 1.0)
    monkeypatch.setattr(heartbeat, "IDLE_S", 1.0)
    monkeypatch.setattr(heartbeat, "CHECK_S", 0.1)
    asked = asyncio.Event()

    async def hang(*_: object) -> None:
        asked.set()
        await asyncio.sleep(2.5)

    monkeypatch.setattr(Heartbeat, "check_sign_ins", hang)
    page = await site.open(site.agent)
    await asyncio.wait_for(asked.wait(), 5)
    await asyncio.sleep(3)
    assert page.connection.close_code is None
    assert len(site.services[Realtime]._sockets) == 1
    assert "ok" in await page.subscribe(site.topic)


async def test_an_error_while_looking_up_sign_ins_does_not_end_the_heartbeat(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "TICK_S", 0.02)
    monkeypatch.setattr(heartbeat, "CHECK_S", 0.05)
    calls = []

    async def fail(*_: object) -> None:
        calls.append(1)
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(Heartbeat, "check_sign_ins", fail)
    await site.open(site.agent)
    async with asyncio.timeout(5):
        while len(calls) < 3:
            await asyncio.sleep(0.02)
