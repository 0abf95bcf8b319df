"""Messages over real sockets: kept once, in order, for the right people."""

from __future__ import annotations

from typing import Any

import pytest

from core.api import SYSTEM, EndReason, Tenancy, Timeline, service
from core.testing import sessions
from core.testing.application import Browser, enter, make_user, sign_in, waiting_session
from plugins.chat.services.messages import ChatSettings
from plugins.chat.tests.conftest import Line, Server


async def stored_texts(session: Any) -> list[str]:
    events = await service(Timeline).read(session.tenant_id, session.id)
    return [event.payload["text"] for event in events if event.type == "chat.message"]


@pytest.fixture
async def session(tenant: Any) -> Any:
    return await waiting_session(tenant)


@pytest.fixture
async def customer(server: Server, tenant: Any, session: Any) -> Line:
    return await server.line(await enter(server.app, tenant, session), session)


@pytest.mark.serves("C12", "X1")
async def test_both_sides_hear_every_message_once_and_in_order(
    server: Server, session: Any, customer: Line, agent: Browser
) -> None:
    his = await server.line(agent, session)
    await customer.call(*(customer.message(f"c{i}") for i in range(10)))
    await his.call(*(his.message(f"a{i}") for i in range(10)))
    for line in (customer, his):
        await line.until(lambda one: len(one.texts()) == 20)
        numbers = [event["n"] for event in line.events]
        assert numbers == list(range(1, len(numbers) + 1))
    assert customer.texts() == [f"c{i}" for i in range(10)] + [f"a{i}" for i in range(10)]
    assert his.texts() == customer.texts() == await stored_texts(session)


@pytest.mark.serves("R-08")
async def test_a_message_sent_again_under_its_id_is_kept_once(customer: Line, session: Any) -> None:
    first = await customer.send("once", key="m-1")
    again = await customer.send("once", key="m-1")
    assert again["ok"] == first["ok"]
    assert await stored_texts(session) == ["once"]


@pytest.mark.serves("R-08", "R-09")
async def test_a_page_that_comes_back_gets_exactly_what_it_missed(
    server: Server, tenant: Any, session: Any, customer: Line, agent: Browser
) -> None:
    await customer.send("before")
    await customer.until(lambda line: line.texts() == ["before"])
    last = customer.events[-1]["n"]
    await customer.socket.close()
    his = await server.line(agent, session)
    await his.send("meanwhile")

    back = await server.line(await enter(server.app, tenant, session), session, after=last)
    await back.until(lambda line: len(line.texts()) == 1)
    assert back.texts() == ["meanwhile"]
    assert back.events[0]["n"] == last + 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param({"text": ""}, "bad-input", id="empty"),
        pytest.param({"text": "x" * 4001}, "bad-input", id="too long for any tenant"),
        pytest.param({"text": 7}, "bad-input", id="a number"),
        pytest.param({"text": None}, "bad-input", id="null"),
        pytest.param({"text": ["a"]}, "bad-input", id="a list"),
        pytest.param({}, "bad-input", id="nothing"),
        pytest.param({"text": "a", "actor": "agent:1"}, "bad-input", id="a field more"),
        pytest.param({"text": " \n\u200b\u2060 "}, "message-empty", id="only invisible"),
        pytest.param({"text": "\u3164\u115f\u2800"}, "message-empty", id="letters that are blank"),
    ],
)
async def test_what_is_no_message_is_refused_and_the_socket_lives(
    customer: Line, session: Any, data: dict[str, Any], code: str
) -> None:
    frame = customer.message("") | {"data": data}
    assert (await customer.call(frame))[0]["error"]["code"] == code
    assert "ok" in await customer.send("still here")
    assert await stored_texts(session) == ["still here"]


async def test_a_tenant_may_allow_less(server: Server, tenant: Any, customer: Line) -> None:
    await service(Tenancy).save_settings(tenant.id, "chat", ChatSettings(longest_message=100))
    answer = await customer.send("x" * 101)
    assert answer["error"]["code"] == "message-too-long"
    assert "100" in answer["error"]["message"]
    assert "ok" in await customer.send("x" * 100)


@pytest.mark.serves("S-04")
async def test_characters_that_deceive_are_taken_out_before_storing(
    customer: Line, session: Any
) -> None:
    await customer.send("invoice\u202egpj.exe \u2066x\u2069 a\u200bb 👩\u200d🚀")
    assert await stored_texts(session) == ["invoicegpj.exe x ab 👩\u200d🚀"]


@pytest.mark.serves("V27", "V34")
async def test_after_the_end_the_agent_may_still_add_a_word_and_the_customer_reads(
    server: Server, tenant: Any, session: Any, customer: Line, agent: Browser
) -> None:
    his = await server.line(agent, session)
    known = await customer.send("bye", key="m-bye")
    await sessions.end(tenant, session.id, SYSTEM, EndReason.LEFT)

    assert (await customer.send("one more"))["error"]["code"] == "conversation-ended"
    assert (await customer.send("bye", key="m-bye"))["ok"] == known["ok"]
    assert "ok" in await his.send("Here is what you asked for.")
    await customer.until(lambda line: len(line.texts()) == 2)
    assert await stored_texts(session) == ["bye", "Here is what you asked for."]


async def test_nobody_writes_into_a_session_of_another(
    server: Server, tenant: Any, other_tenant: Any, session: Any, foreign_administrator: Browser
) -> None:
    other = await waiting_session(tenant, "Dora")
    dora = await server.line(await enter(server.app, tenant, other), other)
    frame = dora.message("hello") | {"topic": f"session:{session.id}"}
    assert (await dora.call(frame))[0]["error"]["code"] == "not-found"

    mallory = await server.line(foreign_administrator, session)
    assert (await mallory.send("hello"))["error"]["code"] == "not-found"
    assert mallory.events == []
    assert await stored_texts(session) == []


async def test_switched_off_chat_takes_no_message_and_the_history_is_there_afterwards(
    tenant: Any, session: Any, customer: Line, agent: Browser, switch: Any
) -> None:
    await customer.send("before")
    await switch(tenant, "chat", on=False)
    assert (await customer.send("after"))["error"]["code"] == "not-found"
    assert (await agent.get(f"/chat/{session.id}/events")).status_code == 404
    await switch(tenant, "chat", on=True)
    # Its sessions ended when what carried them was switched off.
    assert (await customer.send("again"))["error"]["code"] == "conversation-ended"
    assert (await agent.get(f"/chat/{session.id}/events")).status_code == 200
    assert await stored_texts(session) == ["before"]


@pytest.mark.serves("C12", "C13")
async def test_pages_of_history_go_back_to_the_beginning(
    agent: Browser, tenant: Any, session: Any, customer: Line
) -> None:
    await customer.call(*(customer.message(f"m{i}") for i in range(30)))
    json = {"Accept": "application/json"}
    newest = await (await agent.get(f"/chat/{session.id}/events?limit=20", headers=json)).get_json()
    assert newest["more"] is True
    assert newest["previous"] is None
    assert [e["n"] for e in newest["events"]] == list(range(13, 33))
    before = newest["events"][0]["n"]
    first = await (
        await agent.get(f"/chat/{session.id}/events?limit=20&before={before}", headers=json)
    ).get_json()
    assert first["more"] is False
    assert [e["n"] for e in first["events"]] == list(range(1, 13))
    assert first["events"][0]["type"] == "core.session_opened"


@pytest.mark.serves("C12")
async def test_the_agent_is_led_on_to_the_earlier_session_and_the_customer_is_not(
    server: Server, tenant: Any, session: Any, agent: Browser
) -> None:
    await sessions.end(tenant, session.id, SYSTEM, EndReason.LEFT)
    later = await sessions.follow_up(tenant, await sessions.get(tenant.id, session.id))
    json = {"Accept": "application/json"}
    page = await (await agent.get(f"/chat/{later.id}/events", headers=json)).get_json()
    assert page["previous"]["session"] == str(session.id)
    customer = await enter(server.app, tenant, later)
    page = await (await customer.get(f"/chat/{later.id}/events", headers=json)).get_json()
    assert page["previous"] is None
    assert (await customer.get(f"/chat/{session.id}/events", headers=json)).status_code == 404


async def test_internal_events_are_not_in_the_pages_of_a_customer(
    server: Server, tenant: Any, session: Any, agent: Browser
) -> None:
    await sessions.set_priority(tenant, session.id, SYSTEM, 1)
    json = {"Accept": "application/json"}
    customer = await enter(server.app, tenant, session)
    for who, told in ((agent, True), (customer, False)):
        page = await (await who.get(f"/chat/{session.id}/events", headers=json)).get_json()
        assert ("core.priority_set" in [e["type"] for e in page["events"]]) is told


@pytest.mark.parametrize("query", ["before=0", "before=x", "limit=-1", "before=9" * 1 + "9" * 30])
async def test_a_page_asked_for_with_nonsense_is_a_clear_error(
    agent: Browser, session: Any, query: str
) -> None:
    answer = await agent.get(f"/chat/{session.id}/events?{query}")
    assert answer.status_code == 400


async def test_the_history_of_another_tenant_does_not_exist(
    foreign_administrator: Browser, session: Any
) -> None:
    for path in ("events", "start"):
        answer = await foreign_administrator.get(f"/chat/{session.id}/{path}")
        assert answer.status_code == 404


@pytest.mark.serves("C15")
async def test_customers_may_attach_only_while_it_goes_on_and_only_where_it_is_wanted(
    server: Server, tenant: Any, session: Any, agent: Browser
) -> None:
    customer = await enter(server.app, tenant, session)
    send = {"data": b"hello", "headers": {"X-File-Name": "a.txt", "Accept": "application/json"}}
    assert (await customer.post("/visit/files", **dict(send))).status_code == 201
    await service(Tenancy).save_settings(tenant.id, "chat", ChatSettings(customers_attach=False))
    refused = await customer.post("/visit/files", **dict(send))
    assert (refused.status_code, (await refused.get_json())["code"]) == (403, "files-not-wanted")
    assert (await agent.post(f"/sessions/{session.id}/files", **dict(send))).status_code == 201

    await service(Tenancy).save_settings(tenant.id, "chat", ChatSettings())
    await sessions.end(tenant, session.id, SYSTEM, EndReason.LEFT)
    refused = await customer.post("/visit/files", **dict(send))
    assert (refused.status_code, (await refused.get_json())["code"]) == (409, "conversation-ended")
    assert (await agent.post(f"/sessions/{session.id}/files", **dict(send))).status_code == 201


async def test_an_agent_without_the_permission_does_not_write(
    server: Server, tenant: Any, session: Any
) -> None:
    clerk = await make_user(tenant, "Kim", role="clerk")
    line = await server.line(await sign_in(server.app, tenant, clerk), session)
    answer = await line.send("hello")
    assert answer["error"]["code"] in {"forbidden", "not-found"}
    assert await stored_texts(session) == []
