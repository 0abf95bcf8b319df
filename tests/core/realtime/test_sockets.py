from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from core import frames, heartbeat, sign_ins
from core.models import Session, SignIn, User
from core.realtime import Realtime, publish_state
from core.tenancy import Tenancy
from core.tickets import Tickets
from core.timeline import SessionEnded, Timeline
from core.values import Actor, Draft
from tests.core.realtime.conftest import Site
from tests.core.realtime.house import a_session, a_user
from tests.core.realtime.page import address, dial, get_ticket, post


@pytest.mark.serves("C12", "C13")
async def test_what_one_side_says_both_hear_once_and_in_order(site: Site) -> None:
    agent, customer = await site.open(site.agent), await site.open(site.customer)
    assert (await agent.subscribe(site.topic))["ok"] == {"last": 0}
    await customer.subscribe(site.topic)

    answers = [await customer.say(site.topic, "a"), await agent.say(site.topic, "b")]

    assert [answer["ok"]["n"] for answer in answers] == [1, 2]
    for page in (agent, customer):
        heard = [await page.hear(), await page.hear()]
        assert [(event["n"], event["data"]["text"]) for event in heard] == [(1, "a"), (2, "b")]
        assert heard[0]["actor"] == {"kind": "customer", "id": site.customer.id, "name": "Ada"}
        assert heard[0]["type"] == "probe.said"
        assert abs(heard[0]["at"] - time.time() * 1000) < 10_000


@pytest.mark.serves("R-08")
async def test_sending_twice_does_it_once(site: Site) -> None:
    customer = await site.open(site.customer)
    first = await customer.say(site.topic, "a", id="m1")
    again = await customer.say(site.topic, "a", id="m1")
    assert first["ok"] == again["ok"] == {"n": 1}
    agent = await site.open(site.agent)
    assert (await agent.say(site.topic, "mine", id="m1"))["ok"] == {"n": 2}


@pytest.mark.serves("R-08")
async def test_a_page_resumes_from_the_last_number_it_has(site: Site) -> None:
    agent = await site.open(site.agent)
    for i in range(250):
        await agent.say(site.topic, f"{i}") if i < 40 else None
    page = await site.open(site.customer)
    await page.subscribe(site.topic, after=35)
    assert [(await page.hear())["n"] for _ in range(5)] == [36, 37, 38, 39, 40]
    await agent.say(site.topic, "new")
    assert (await page.hear())["n"] == 41


async def test_a_number_from_the_future_is_taken_as_the_present(site: Site) -> None:
    page = await site.open(site.customer)
    await page.subscribe(site.topic, after=1_000_000)
    await page.say(site.topic, "x")
    assert (await page.hear())["n"] == 1


async def test_an_event_the_bus_lost_is_read_from_the_log(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await site.open(site.customer)
    await page.subscribe(site.topic)
    timeline = site.services[Timeline]
    with monkeypatch.context() as patched:

        async def lose(event: Any) -> None:
            return None

        patched.setattr(timeline._to_tell, "_tell", lose)
        for text in ("a", "b"):
            await page.say(site.topic, text)
        assert await page.hears_nothing()
    await page.say(site.topic, "c")
    assert [(await page.hear())["data"]["text"] for _ in range(3)] == ["a", "b", "c"]


async def test_customers_only_learn_that_something_internal_happened(site: Site) -> None:
    agent, customer = await site.open(site.agent), await site.open(site.customer)
    await agent.say(site.topic, "internal 1")
    await agent.subscribe(site.topic, after=0)
    await customer.subscribe(site.topic, after=0)
    await agent.say(site.topic, "internal 2")
    for n in (1, 2):
        assert await customer.hear() == {"topic": site.topic, "n": n, "type": "core.internal"}
        assert (await agent.hear())["data"] == {"text": f"internal {n}"}


async def test_typing_reaches_the_other_side_and_is_not_stored(site: Site) -> None:
    agent, customer = await site.open(site.agent), await site.open(site.customer)
    await agent.subscribe(site.topic)
    await customer.subscribe(site.topic)
    for _ in range(5):
        answer = await customer.ask("send", type="core.typing", topic=site.topic, data={})
        assert answer["ok"] == {}
    heard = await agent.hear()
    assert (heard["type"], heard["actor"]["kind"], "n" in heard) == (
        "core.typing",
        "customer",
        False,
    )
    assert await agent.hears_nothing()
    assert await customer.hears_nothing(0)
    assert (await Session.get(tenant_id=site.acme.id, id=site.session)).last_n == 0


# State topics


async def test_a_state_is_a_snapshot_and_then_deltas(site: Site) -> None:
    boss = await site.open(site.boss)
    await boss.subscribe("probe.things")
    first = await boss.hear()
    assert first["snapshot"] == [{"id": 1, "name": "first"}]
    await publish_state(site.acme.id, "probe.things", set=[{"id": 2}], gone=[1])
    await publish_state(site.beta.id, "probe.things", set=[{"id": 99}])
    await publish_state(site.acme.id, "probe.things", gone=[2])
    assert await boss.hear() == {
        "topic": "probe.things",
        "v": first["v"] + 1,
        "delta": {"set": [{"id": 2}], "gone": [1]},
    }
    assert (await boss.hear())["v"] == first["v"] + 2


@pytest.mark.serves("X3")
async def test_switching_a_plugin_off_closes_its_topics_for_that_tenant_only(site: Site) -> None:
    boss = await site.open(site.boss)
    other = await site.open(await a_user(site.beta, "zoe", "administrator"))
    for page in (boss, other):
        await page.subscribe("probe.things")
        await page.hear()
    await boss.subscribe(site.topic)
    await boss.say(site.topic, "before")
    assert (await boss.hear())["n"] == 1
    tenancy = site.services[Tenancy]

    await tenancy.switch(site.acme.id, "probe", on=False)

    assert await boss.hear() == {"topic": "probe.things", "closed": "not-found"}
    assert (await boss.say(site.topic, "off"))["error"]["code"] == "not-found"
    assert (await boss.subscribe("probe.things"))["error"]["code"] == "not-found"
    assert (await boss.subscribe(site.topic, after=0))["ok"] == {"last": 1}
    assert (await boss.hear())["data"] == {"text": "before"}
    await publish_state(site.acme.id, "probe.things", gone=[1])
    await publish_state(site.beta.id, "probe.things", gone=[1])
    assert (await other.hear())["delta"]["gone"] == [1]
    assert await boss.hears_nothing()

    await tenancy.switch(site.acme.id, "probe", on=True)
    assert "ok" in await boss.subscribe("probe.things")
    assert (await boss.hear())["snapshot"]


# Who may


@pytest.mark.serves("S-01", "S-05")
async def test_nobody_reaches_what_is_not_his(site: Site) -> None:
    other_session = await a_session(site.acme)
    foreign = await a_session(site.beta)
    stranger = await site.open(await a_user(site.beta, "eve", "administrator"))
    customer, agent = await site.open(site.customer), await site.open(site.agent)
    cases = [
        (stranger, site.topic, "not-found"),
        (stranger, f"presence:{site.session}", "not-found"),
        (customer, f"session:{other_session}", "not-found"),
        (customer, f"presence:{other_session}", "not-found"),
        (customer, f"session:{foreign}", "not-found"),
        (customer, "probe.things", "not-found"),
        (agent, "probe.things", "forbidden"),
        (agent, f"session:{foreign}", "not-found"),
        (agent, f"session:{uuid4()}", "not-found"),
        (agent, f"session:{str(site.session).upper()}", "not-found"),
        (agent, "session:", "not-found"),
        (agent, "nothing", "not-found"),
        (agent, f"nothing:{site.session}", "not-found"),
    ]
    for page, topic, code in cases:
        assert (await page.subscribe(topic, after=0))["error"]["code"] == code, topic
        sent = await page.ask("send", type="probe.say", topic=topic, data={"text": "x"})
        assert sent["error"]["code"] == code, topic
    assert (await Session.get(tenant_id=site.acme.id, id=site.session)).last_n == 0
    await agent.say(site.topic, "hello")
    for page in (stranger, customer):
        assert await page.hears_nothing(0.1)


@pytest.mark.serves("S-05")
async def test_a_ticket_works_once_and_not_for_long(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def knock(ticket: str, slug: str = "acme", origin: str = "") -> int:
        here = origin or f"http://127.0.0.1:{site.port}"
        try:
            async with connect(address(site.port, slug, ticket), origin=here):  # type: ignore[arg-type]
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    good = await get_ticket(site.port, site.agent)
    assert await knock(good, origin="https://evil.example") == 403
    assert await knock(good, slug="beta") == 401
    assert await knock(good) == 101
    assert await knock(good) == 401
    other = await get_ticket(site.port, site.agent)
    for bad in ("", "x", other[:-1], other + "x", "1." + other, other.replace(".", "..")):
        assert await knock(bad) == 401
    monkeypatch.setattr("core.tickets.LASTS_S", -1)
    assert await knock(await get_ticket(site.port, site.agent)) == 401
    monkeypatch.undo()
    fresh = await get_ticket(site.port, site.agent)
    await SignIn.filter(tenant_id=site.acme.id, id=site.agent.sign_in_id).delete()
    assert await knock(fresh) == 401


async def test_no_ticket_without_signing_in(site: Site) -> None:
    status, _ = await post(site.port, "/t/acme/realtime/ticket", {})
    assert status == 401


def test_a_ticket_of_another_installation_is_worth_nothing(site: Site) -> None:
    tickets: Tickets = site.services[Realtime].tickets
    ticket = tickets.issue(1, 1)
    assert tickets._seal(ticket) != ticket.rpartition(".")[2]


@pytest.mark.serves("S-05", "V28")
async def test_sign_out_and_a_changed_role_close_the_socket(site: Site) -> None:
    agent, boss, customer = [await site.open(w) for w in (site.agent, site.boss, site.customer)]
    await sign_ins.end(site.acme.id, site.agent.sign_in_id)
    assert await agent.close_code(2) == 4401
    await User.filter(tenant_id=site.acme.id, id=int(site.boss.id)).update(role="agent")
    await sign_ins.announce_change(int(site.boss.id))
    assert await boss.close_code(2) == 4401
    assert "ok" in await customer.subscribe(site.topic)


# What is wrong


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "null",
        "[]",
        '"x"',
        "\0",
        '{"op":"dance","id":"1"}',
        '{"op":"subscribe"}',
        '{"op":"subscribe","id":"","topic":"x"}',
        '{"op":"subscribe","id":1,"topic":"x"}',
        '{"op":"subscribe","id":"1","topic":"x","after":-1}',
        '{"op":"subscribe","id":"1","topic":"x","after":"0"}',
        '{"op":"subscribe","id":"1","topic":"x","more":true}',
        '{"op":"send","id":"1","type":"probe.say","topic":["x"]}',
        "[" * 30_000,
        b"\xff\xfe",
    ],
)
async def test_a_malformed_frame_is_answered_and_the_socket_lives(
    site: Site, frame: str | bytes
) -> None:
    page = await site.open(site.customer)
    await page.connection.send(frame)
    answer = await page.hear()
    assert answer["error"]["code"] == "bad-input"
    assert "ok" in await page.subscribe(site.topic)


async def test_bad_data_and_a_failing_plugin_are_answered(site: Site) -> None:
    page = await site.open(site.customer)
    for data in ({}, {"text": 1}, {"text": "x", "tenant_id": 2}, [], None):
        answer = await page.ask("send", type="probe.say", topic=site.topic, data=data)
        assert answer["error"]["code"] == "bad-input"
    nul = await page.say(site.topic, "a\0b")
    assert nul["error"]["code"] == "bad-input"
    unknown = await page.ask("send", type="probe.nothing", topic=site.topic, data={})
    assert unknown["error"]["code"] == "not-found"
    failed = await page.say(site.topic, "fail")
    assert failed["error"]["code"] == "internal"
    assert "as asked" not in json.dumps(failed)


async def test_a_frame_beyond_the_limit_closes(site: Site) -> None:
    page = await site.open(site.customer)
    await page.connection.send("x" * 70_000)
    assert await page.close_code() == 1009


@pytest.mark.serves("R-04")
async def test_a_restart_is_told_to_every_page_at_once(site: Site) -> None:
    pages = [await site.open(site.agent) for _ in range(20)]
    began = time.monotonic()
    await site.services[Realtime].close_all()
    codes = [await page.close_code(2) for page in pages]
    assert codes == [1012] * 20
    assert time.monotonic() - began < 1


async def test_leaving_leaves_nothing_behind(site: Site) -> None:
    page = await site.open(site.boss)
    await page.subscribe(site.topic)
    await page.subscribe("probe.things")
    realtime = site.services[Realtime]
    assert realtime._topics._streams
    await page.ask("unsubscribe", topic="probe.things")
    assert not realtime._topics._states
    await page.close()
    await asyncio.sleep(0.1)
    assert not realtime._topics._streams
    assert not realtime._sockets
    assert site.topic not in realtime._bus._callbacks


async def test_events_of_a_unit_and_of_single_writers_arrive_in_order(site: Site) -> None:
    page = await site.open(site.agent)
    await page.subscribe(site.topic)
    timeline = site.services[Timeline]

    async def unit(i: int) -> None:
        async with timeline.transaction() as unit:
            unit.append(_draft(site, f"unit {i}"))

    await asyncio.gather(
        *(unit(i) for i in range(20)), *(timeline.append(_draft(site, f"{i}")) for i in range(60))
    )
    assert [(await page.hear())["n"] for _ in range(80)] == list(range(1, 81))


def _draft(site: Site, text: str) -> Any:
    return Draft(
        site.acme.id, "probe.said", Actor("system"), {"text": text}, session_id=site.session
    )


async def test_the_upgrade_says_neither_server_nor_extension(site: Site) -> None:
    connection = await dial(site.port, site.agent)
    assert connection.response is not None
    assert "server" not in connection.response.headers
    assert "sec-websocket-extensions" not in connection.response.headers
    await connection.close()


async def test_an_event_is_encoded_once_for_all_who_hear_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [await site.open(site.agent) for _ in range(8)]
    for page in pages:
        await page.subscribe(site.topic)
    encoded: list[str] = []
    encode = frames.encode

    def counting(message: dict[str, Any]) -> str:
        encoded.append(message.get("type", ""))
        return encode(message)

    monkeypatch.setattr(frames, "encode", counting)
    await pages[0].say(site.topic, "hello")
    for page in pages:
        assert (await page.hear())["data"] == {"text": "hello"}
    assert encoded.count("probe.said") == 1


@pytest.mark.serves("R-21")
async def test_a_message_that_hangs_is_given_up_and_the_socket_lives(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HANDLE_S", 0.2)
    page = await site.open(site.customer)
    began = time.monotonic()
    assert (await page.say(site.topic, "hang"))["error"]["code"] == "internal"
    assert time.monotonic() - began < 3
    assert (await page.say(site.topic, "after"))["ok"] == {"n": 1}


async def test_after_the_end_only_agents_may_add(site: Site) -> None:
    timeline = site.services[Timeline]
    await Session.filter(tenant_id=site.acme.id, id=site.session).update(state="ended")
    draft = _draft(site, "late")
    with pytest.raises(SessionEnded):
        await timeline.append(dataclasses.replace(draft, while_open=True))
    assert (await timeline.append(draft)).n == 1


@pytest.mark.parametrize("length", [0, 1, 20_000, 70_000])
async def test_texts_of_every_length_arrive_whole(site: Site, length: int) -> None:
    page = await site.open(site.agent)
    await page.subscribe(site.topic)
    texts = ["я" * (length + more) for more in range(3)]
    timeline = site.services[Timeline]
    for text in texts:
        await timeline.append(_draft(site, text))
    assert [(await page.hear())["data"]["text"] for _ in texts] == texts
