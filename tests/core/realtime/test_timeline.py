from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest
from tortoise.transactions import in_transaction

from core.database import Database, fetch
from core.errors import BadInput, NotFound
from core.models import Event, Session
from core.timeline import NEWEST
from core.values import Actor, Draft
from tests.core.realtime.house import Log, a_session, a_tenant, draft, log_of


@pytest.fixture(autouse=True)
def _inside(database: Database) -> Any:
    with database.entered():
        yield


@pytest.mark.serves("C13", "R-01")
async def test_many_writers_get_numbers_without_gaps(log: Log) -> None:
    acme, beta = await a_tenant("acme"), await a_tenant("beta")
    rooms = [(acme.id, await a_session(acme)) for _ in range(3)]
    rooms += [(beta.id, await a_session(beta))]

    await asyncio.gather(*(log.say(*rooms[i % 4], f"{i}") for i in range(400)))

    for tenant_id, session_id in rooms:
        rows = await Event.filter(tenant_id=tenant_id, session_id=session_id).order_by("n")
        assert [row.n for row in rows] == list(range(1, 101))
    for tenant, count in ((acme, 300), (beta, 100)):
        seqs = await Event.filter(tenant_id=tenant.id).order_by("seq").values_list("seq", flat=True)
        assert seqs == list(range(1, count + 1))


async def test_what_waits_at_the_end_is_written_and_told(
    database: Database, database_url: str
) -> None:
    tenant = await a_tenant("acme")
    session, told = await a_session(tenant), []
    async with log_of(database, database_url) as log:

        async def hear(body: dict[str, Any]) -> None:
            told.append(body["n"])

        log.bus.on(f"session:{session}", hear)
        saying = [asyncio.create_task(log.say(tenant.id, session, f"{i}")) for i in range(1300)]
        while not log.timeline._waiting:
            await asyncio.sleep(0)
    events = await asyncio.wait_for(asyncio.gather(*saying), 10)
    assert [event.n for event in events] == told == list(range(1, 1301))


async def test_a_group_takes_few_transactions(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)
    batches: list[int] = []
    together = log.timeline._write_together

    async def counted(batch: Any) -> Any:
        batches.append(len(batch))
        return await together(batch)

    monkeypatch.setattr(log.timeline, "_write_together", counted)
    await asyncio.gather(*(log.say(tenant.id, session, f"{i}") for i in range(1200)))

    assert batches == [500, 500, 200]


@pytest.mark.serves("R-08")
async def test_the_same_key_is_the_same_event(log: Log) -> None:
    tenant = await a_tenant("acme")
    session, other = await a_session(tenant), await a_session(tenant)

    first = await log.say(tenant.id, session, "once", key="k1")
    again = await log.say(tenant.id, session, "changed", key="k1")
    at_once = await asyncio.gather(
        *(log.say(tenant.id, session, f"{i}", key="k2") for i in range(20))
    )
    elsewhere = await log.say(tenant.id, other, "there", key="k1")

    assert again.repeated
    assert not first.repeated
    assert (again.seq, again.n, again.payload) == (first.seq, first.n, {"text": "once"})
    assert {event.n for event in at_once} == {2}
    assert [event.repeated for event in at_once] == [False] + [True] * 19
    assert elsewhere.n == 1
    assert await Event.filter(tenant_id=tenant.id).count() == 3


@pytest.mark.serves("S-01")
async def test_a_foreign_session_is_not_found_and_hurts_nobody_else(log: Log) -> None:
    acme, beta = await a_tenant("acme"), await a_tenant("beta")
    session = await a_session(acme)
    await log.say(acme.id, session, "secret", key="known")

    results = await asyncio.gather(
        log.say(acme.id, session, "a"),
        log.say(beta.id, session, "intruder"),
        log.say(beta.id, session, "intruder", key="known"),
        log.say(acme.id, uuid4(), "nowhere"),
        log.say(4711, session, "no tenant"),
        log.timeline.append(draft(4711, None, "no tenant")),
        log.say(acme.id, session, "b"),
        return_exceptions=True,
    )

    assert [type(result).__name__ for result in results[1:6]] == ["NotFound"] * 5
    texts = [event.payload["text"] for event in await log.timeline.read(acme.id, session)]
    assert texts == ["secret", "a", "b"]
    assert await log.timeline.read(beta.id, session) == []


async def test_a_draft_the_database_refuses_fails_alone(log: Log) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)

    good, bad, also = await asyncio.gather(
        log.say(tenant.id, session, "a"),
        log.say(tenant.id, session, "b", customer_id=uuid4()),
        log.say(tenant.id, session, "c"),
        return_exceptions=True,
    )

    assert isinstance(bad, Exception)
    assert not isinstance(good, BaseException)
    assert not isinstance(also, BaseException)
    assert (good.n, also.n) == (1, 2)


@pytest.mark.parametrize("payload", [{"text": "a\0b"}, {"text": "\ud800"}, {"x": object()}])
async def test_what_one_dialect_would_refuse_both_refuse(log: Log, payload: Any) -> None:
    tenant = await a_tenant("acme")
    with pytest.raises(BadInput):
        await log.timeline.append(Draft(tenant.id, "chat.message", Actor("system"), payload))


async def test_a_backslash_is_not_a_forbidden_character(log: Log) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)
    await log.say(tenant.id, session, "\\u0000")
    assert (await log.timeline.read(tenant.id, session))[0].payload == {"text": "\\u0000"}


async def test_models_and_raw_rows_read_each_other(log: Log) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)
    kept = await log.say(tenant.id, session, "“¿Qué?” 你好", key="k", internal=True)
    row = await Event.get(tenant_id=tenant.id, seq=kept.seq)
    assert (row.payload, row.internal, row.actor) == (kept.payload, True, "customer:7")
    customer = (await Session.get(tenant_id=tenant.id, id=session)).customer_id
    assert row.customer_id == customer

    row.payload = {"text": ""}
    await row.save()

    [read] = await log.timeline.read(tenant.id, session)
    assert read.payload == {"text": ""}
    assert (read.actor, read.at_ms, read.key) == (kept.actor, kept.at_ms, "k")


async def test_a_unit_is_all_or_nothing(log: Log) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)
    heard: list[Any] = []

    async def hear(event: Any) -> None:
        heard.append(event)

    log.timeline.on_kept(hear)
    with pytest.raises(NotFound):
        async with log.timeline.transaction() as unit:
            await Session.filter(tenant_id=tenant.id, id=session).update(priority=2)
            unit.append(draft(tenant.id, uuid4(), "to nobody"))
    async with log.timeline.transaction() as unit:
        unit.append(draft(tenant.id, session, "one"))
        unit.append(draft(tenant.id, session, "two"))
        assert not unit.events
    await asyncio.sleep(0.05)

    assert (await Session.get(tenant_id=tenant.id, id=session)).priority == 0
    assert [event.n for event in unit.events] == [1, 2]
    assert heard == unit.events


async def test_waiting_for_oneself_is_refused(log: Log) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)
    async with in_transaction():
        with pytest.raises(RuntimeError, match="inside a transaction"):
            await log.say(tenant.id, session, "x")
        with pytest.raises(RuntimeError, match="outermost"):
            async with log.timeline.transaction():
                pass


async def test_units_and_single_events_share_the_numbers(log: Log) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)

    async def unit(i: int) -> None:
        async with log.timeline.transaction() as unit:
            await Session.filter(tenant_id=tenant.id, id=session).update(priority=i % 2)
            unit.append(draft(tenant.id, session, f"unit {i}"))

    singles = (log.say(tenant.id, session, f"{i}") for i in range(40))
    await asyncio.gather(*singles, *(unit(i) for i in range(40)))

    assert [e.n for e in await log.timeline.read(tenant.id, session)] == list(range(1, 81))


async def test_pages_of_a_long_conversation(log: Log) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)
    await asyncio.gather(
        *(log.say(tenant.id, session, f"{i}", internal=i % 10 == 0) for i in range(500))
    )
    read = log.timeline.read
    assert [e.n for e in await read(tenant.id, session, after=498)] == [499, 500]
    newest = await read(tenant.id, session, before=NEWEST, limit=3)
    assert [e.n for e in newest] == [498, 499, 500]
    assert [e.n for e in await read(tenant.id, session, before=498, limit=2)] == [496, 497]
    public = await read(tenant.id, session, limit=500, internal=False)
    assert len(public) == 450


async def test_times_never_go_back(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)
    first = await log.say(tenant.id, session, "a")
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000)
    assert (await log.say(tenant.id, session, "b")).at_ms == first.at_ms


async def test_what_waits_is_committed_when_it_stops(log: Log) -> None:
    tenant = await a_tenant("acme")
    session = await a_session(tenant)
    waiting = [asyncio.ensure_future(log.say(tenant.id, session, f"{i}")) for i in range(50)]
    await asyncio.sleep(0)
    await log.timeline.stop()
    assert [event.n for event in await asyncio.gather(*waiting)] == list(range(1, 51))
    rows = await fetch(log.database.connection, "SELECT COUNT(*) AS n FROM core_event")
    assert rows[0]["n"] == 50
