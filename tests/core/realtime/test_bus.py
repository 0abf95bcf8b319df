"""The bus within a process, and between processes: real ones, with Redis and without."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from core.bus import Bus
from core.bus_links import RedisLink
from core.database import Database
from core.errors import NotSignedIn
from core.presence import Presence
from core.testing.services import Redis
from core.tickets import Tickets
from tests.core.realtime.house import (
    Log,
    a_customer,
    a_session,
    a_tenant,
    a_user,
    config_for,
    draft,
    log_of,
    opened,
)
from tests.core.realtime.page import Page
from tests.core.realtime.test_kill import Server, a_server


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.lost = 0

    async def hear(self, body: Any) -> None:
        self.heard.append(body)

    def miss(self) -> None:
        self.lost += 1


async def until(true: Callable[[], Any], within_s: float = 5.0) -> float:
    began = time.perf_counter()
    while not true():
        assert time.perf_counter() - began < within_s, "it did not happen"
        await asyncio.sleep(0.002)
    return time.perf_counter() - began


@asynccontextmanager
async def processes(url: str, redis_url: str, count: int = 2) -> AsyncIterator[list[Bus]]:
    """As many buses on one database as if each were a process."""
    async with AsyncExitStack() as stack:
        buses = []
        for number in range(count):
            database = await stack.enter_async_context(opened(url, fresh=number == 0))
            bus = Bus(config_for(url, redis_url))
            await bus.start(database)
            stack.push_async_callback(bus.stop)
            buses.append(bus)
        yield buses


async def test_callbacks_hear_in_order_and_a_failing_one_alone_suffers() -> None:
    bus, ear = Bus(config_for("sqlite://:memory:")), Ear()

    async def fail(_: Any) -> None:
        raise RuntimeError("as asked")

    bus.on("a", fail)
    off = bus.on("a", ear.hear)
    for number in range(3):
        await bus.publish("a", {"n": number})
    await bus.publish("b", {"n": 9})
    off()
    await bus.publish("a", {"n": 4})
    assert ear.heard == [{"n": 0}, {"n": 1}, {"n": 2}]


async def test_once_is_true_once_until_it_is_forgotten() -> None:
    bus = Bus(config_for("sqlite://:memory:"))
    answers = [await bus.once("k", 0.05) for _ in range(3)]
    assert answers == [True, False, False]
    await asyncio.sleep(0.06)
    assert await bus.once("k", 0.05)


async def test_redis_carries_everything_and_nobody_hears_himself_twice(
    tmp_path: Path, redis_url: str
) -> None:
    async with processes(f"sqlite://{tmp_path / 'a.sqlite3'}", redis_url) as (one, two):
        mine, other = Ear(), Ear()
        one.on("a", mine.hear)
        two.on("a", other.hear)
        for number in range(100):
            await one.publish("a", {"n": number})
        took = await until(lambda: len(other.heard) == 100)
        assert took < 0.5
        assert [body["n"] for body in other.heard] == list(range(100))
        assert len(mine.heard) == 100


async def test_two_installations_on_one_redis_do_not_hear_each_other(
    tmp_path: Path, redis_url: str
) -> None:
    async with processes(f"sqlite://{tmp_path / 'a.sqlite3'}", redis_url) as (one, two):
        link = two._link
        assert isinstance(link, RedisLink)
        stranger, ear = Ear(), Ear()
        foreign = Bus(config_for("sqlite://:memory:", redis_url, secret="another secret " * 3))
        foreign.on("a", stranger.hear)
        await foreign.start(link._database)
        two.on("a", ear.hear)
        await one.publish("a", {})
        await until(lambda: ear.heard)
        await foreign.stop()
        assert not stranger.heard


@pytest.mark.serves("R-06")
async def test_a_redis_that_dies_and_returns_is_survived_and_told(
    tmp_path: Path, redis_server: Redis, redis_url: str
) -> None:
    async with processes(f"sqlite://{tmp_path / 'a.sqlite3'}", redis_url) as (one, two):
        mine, other = Ear(), Ear()
        one.on("a", mine.hear)
        two.on("a", other.hear, lost=other.miss)
        redis_server.stop()
        began = time.perf_counter()
        await one.publish("a", {"n": 1})
        assert time.perf_counter() - began < 0.1
        assert mine.heard == [{"n": 1}]
        await asyncio.sleep(0.5)
        before = other.lost
        redis_server.start()
        await until(lambda: other.lost > before, 10)
        await until_heard(one, other)
        assert {"n": 1} not in other.heard


async def until_heard(one: Bus, other: Ear) -> None:
    for number in range(100, 200):
        await one.publish("a", {"n": number})
        await asyncio.sleep(0.05)
        if {"n": number} in other.heard:
            return
    raise AssertionError("the bus did not come back")


async def test_without_redis_rare_messages_arrive_within_a_second(tmp_path: Path) -> None:
    async with processes(f"sqlite://{tmp_path / 'a.sqlite3'}", "", 3) as buses:
        ears = [Ear() for _ in buses]
        for bus, ear in zip(buses, ears, strict=True):
            bus.on("a", ear.hear)
        await buses[0].publish("a", {"n": 0})
        for number in range(1, 4):
            await buses[0].publish("a", {"n": number}, everywhere=True)
        took = await until(lambda: all(len(ear.heard) >= 3 for ear in ears))
        assert took < 1
        await asyncio.sleep(0.6)
        assert [len(ear.heard) for ear in ears] == [4, 3, 3]


@pytest.mark.serves("S-05", "R-06")
async def test_a_ticket_is_used_once_in_all_processes_even_without_redis(
    tmp_path: Path, redis_server: Redis, redis_url: str
) -> None:
    url = f"sqlite://{tmp_path / 'a.sqlite3'}"
    async with processes(url, redis_url) as (one, two):
        mine, other = [Tickets(config_for(url), bus) for bus in (one, two)]
        ticket = mine.issue(1, 7)
        assert await other.redeem(1, ticket) == 7
        with pytest.raises(NotSignedIn):
            await mine.redeem(1, ticket)
        redis_server.stop()
        try:
            ticket = mine.issue(1, 7)
            with pytest.raises(NotSignedIn):
                await other.redeem(1, ticket)
            assert await mine.redeem(1, ticket) == 7
            with pytest.raises(NotSignedIn):
                await mine.redeem(1, ticket)
        finally:
            redis_server.start()


async def test_two_processes_number_one_session_without_gaps(
    database: Database, database_url: str
) -> None:
    """On both databases; the second connection is another process to the database."""
    with database.entered():
        tenant = await a_tenant("acme")
        session = await a_session(tenant)
    async with opened(database_url) as other:

        async def talk(place: Database, log: Log, who: int) -> list[int | None]:
            with place.entered():
                drafts = [draft(tenant.id, session, f"{who} {i}", key=f"k{i}") for i in range(60)]
                events = await asyncio.gather(*(log.timeline.append(d) for d in drafts))
                return [event.n for event in events]

        async with log_of(database, database_url) as one, log_of(other, database_url) as two:
            results = await asyncio.gather(talk(database, one, 1), talk(other, two, 2))
    assert sorted(results[0]) == sorted(results[1]) == list(range(1, 61))


# Two real processes


@asynccontextmanager
async def two_servers(url: str, folder: Path, redis_url: str) -> AsyncIterator[list[Server]]:
    folders = [folder / "one", folder / "two"]
    for one in folders:
        one.mkdir()
    with a_server(url, folders[0], redis_url) as first, a_server(url, folders[1], redis_url) as two:
        await first.ready()
        await two.ready()
        yield [first, two]


@pytest.mark.serves("X3")
@pytest.mark.parametrize(("with_redis", "within_s"), [(True, 0.05), (False, 1.0)])
async def test_a_switched_off_plugin_is_off_in_every_process(
    tmp_path: Path, request: pytest.FixtureRequest, with_redis: bool, within_s: float
) -> None:
    redis_url = request.getfixturevalue("redis_url") if with_redis else ""
    url = f"sqlite://{tmp_path / 'x.sqlite3'}"
    async with opened(url, fresh=True):
        tenant = await a_tenant("acme", ("probe",))
        boss = await a_user(tenant, "bo", "administrator")
    async with two_servers(url, tmp_path, redis_url) as (first, second):
        pages = [await Page.open(server.port, boss) for server in (first, second)]
        for page in pages:
            await page.subscribe("probe.things")
            await page.hear()
        times = []
        for _ in range(3):
            assert "ok" in await pages[0].ask("send", type="probe.off_and_on", data={})
            began = time.perf_counter()
            assert (await pages[1].hear())["closed"] == "not-found"
            times.append(time.perf_counter() - began)
            assert (await pages[0].hear())["closed"] == "not-found"
            await _on_again(pages)
        for page in pages:
            await page.close()
    assert min(times) <= within_s, times
    assert max(times) <= within_s + 0.5, times


async def _on_again(pages: list[Page]) -> None:
    for page in pages:
        async with asyncio.timeout(5):
            while "ok" not in await page.subscribe("probe.things"):
                await asyncio.sleep(0.02)
        await page.hear()


@pytest.mark.serves("A17", "C12")
async def test_two_pages_at_two_processes_talk_and_see_each_other(
    tmp_path: Path, redis_url: str
) -> None:
    url = f"sqlite://{tmp_path / 'x.sqlite3'}"
    async with opened(url, fresh=True):
        tenant = await a_tenant("acme", ("probe",))
        session: UUID = await a_session(tenant)
        people = await a_user(tenant, "ann"), await a_customer(tenant, session)
    topic = f"session:{session}"
    async with two_servers(url, tmp_path, redis_url) as (first, second):
        agent, customer = (
            await Page.open(first.port, people[0]),
            await Page.open(second.port, people[1]),
        )
        await agent.subscribe(f"presence:{session}")
        snapshot = (await agent.hear())["snapshot"]
        if not snapshot[0]["online"]:
            assert (await agent.hear(3))["delta"]["set"] == [{"id": "customer", "online": True}]
        for page in (agent, customer):
            await page.subscribe(topic)
        heard = await agent.hear()
        assert heard["delta"]["set"] == [{"id": "agent", "online": True}]
        await customer.say(topic, "hello")
        assert (await agent.hear())["data"] == {"text": "hello"}
        await agent.say(topic, "good day")
        assert (await agent.hear())["data"] == {"text": "good day"}
        texts = [(await customer.hear())["data"]["text"] for _ in range(2)]
        assert texts == ["hello", "good day"]
        await customer.close()
        gone = await agent.hear(6)
        assert gone["delta"]["set"] == [{"id": "customer", "online": False}]
        await agent.close()


async def test_leases_of_a_process_that_died_run_out(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.presence.EXPIRE_S", 0.6)
    monkeypatch.setattr("core.presence.RENEW_S", 0.2)
    async with processes(f"sqlite://{tmp_path / 'a.sqlite3'}", redis_url) as (one, two):
        for bus in (one, two):
            link = bus._link
            assert isinstance(link, RedisLink)
        here, there = Presence(one), Presence(two)
        await here.start(one._link._database)  # type: ignore[attr-defined]
        await there.start(two._link._database)  # type: ignore[attr-defined]
        there._take((1, "5", "user"), "5")
        await until(lambda: here.users_online(1) == {5})
        assert there._task is not None
        there._task.cancel()  # it dies without a word
        await until(lambda: here.users_online(1) == set(), 3)
        await here.stop()
