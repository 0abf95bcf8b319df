"""The live connection: who may open one, and what he reaches through it."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest
from quart import Quart

from core import sign_ins, users
from core.current import service
from core.models import Event
from core.realtime import Realtime
from core.testing import application
from core.testing.application import Browser, our_plugins
from core.values import SYSTEM
from tests.security.house import Cast, House, dump
from tests.security.routes import NOWHERE
from tests.security.socket import line, refusal, ticket_of

MESSAGES = {"core.typing": {}, "chat.message": {"text": "let me in"}}
"""Type -> data that would be taken from somebody who may send it."""
OF_SESSIONS = {"session", "presence", "place"}
OF_TENANT = {"teamview.room", "notify.deliveries"}


def test_every_topic_and_every_message_has_a_case(app: Quart) -> None:
    realtime = service(Realtime)
    ours = {"core", *our_plugins()}
    messages = {name for name in realtime._messages if name.partition(".")[0] in ours}
    states = {n for n in realtime._access.plugin_states if n.partition(".")[0] in ours}
    assert messages == MESSAGES.keys(), "a new message without a case"
    assert realtime._access.session_states.keys() | {"session"} == OF_SESSIONS, "a new topic"
    assert states == OF_TENANT, "a new topic without a case"


@pytest.mark.serves("S-01", "S-05")
@pytest.mark.parametrize("person", ["customer", "agent", "administrator"])
async def test_sessions_of_another_tenant_do_not_exist_on_the_socket(
    cast: Cast, beta: House, person: str
) -> None:
    who, before = dict(cast)[person], await dump(beta.tenant)
    async with line(who) as page:
        for name in OF_SESSIONS:
            answers = []
            for session in (beta.invited.id, beta.waiting.id, NOWHERE):
                answer = await page.ask("subscribe", topic=f"{name}:{session}", after=0)
                answers.append(answer["error"])
            assert answers[0] == answers[1] == answers[2]
            assert answers[0]["code"] == "not-found"
        for kind, data in MESSAGES.items():
            for session in (beta.waiting.id, NOWHERE):
                topic = f"session:{session}"
                answer = await page.ask("send", type=kind, topic=topic, data=data)
                assert answer["error"]["code"] == "not-found", (kind, answer)
        assert beta.mark not in str(page.heard)
    assert await dump(beta.tenant) == before


@pytest.mark.serves("S-01", "S-05")
async def test_customer_reaches_his_own_session_and_nothing_of_the_team(
    cast: Cast, acme: House
) -> None:
    async with line(cast.customer) as page:
        for name in OF_SESSIONS:
            own = await page.ask("subscribe", topic=f"{name}:{acme.waiting.id}")
            assert "ok" in own
            other = await page.ask("subscribe", topic=f"{name}:{acme.invited.id}")
            assert other["error"]["code"] == "not-found"
        for topic in OF_TENANT:
            assert (await page.ask("subscribe", topic=topic))["error"]["code"] == "not-found"
        topic = f"session:{acme.invited.id}"
        for kind, data in MESSAGES.items():
            answer = await page.ask("send", type=kind, topic=topic, data=data)
            assert answer["error"]["code"] == "not-found"
    assert not await Event.exists(tenant_id=acme.tenant.id, type="chat.message")


@pytest.mark.serves("S-01")
async def test_rows_of_the_team_are_those_of_the_own_tenant(
    cast: Cast, acme: House, beta: House
) -> None:
    async with line(cast.agent) as page:
        for topic in OF_TENANT:
            assert "ok" in await page.ask("subscribe", topic=topic)
        shown = str([m for m in page.heard if "snapshot" in m])
    assert str(acme.waiting.id) in shown
    assert str(acme.invited.id) in shown
    assert str(beta.waiting.id) not in shown
    assert str(beta.invited.id) not in shown
    assert beta.mark not in shown


@pytest.mark.serves("S-05")
async def test_ticket_is_of_one_tenant_of_one_use_and_cannot_be_made_up(
    app: Quart,
    cast: Cast,
    beta: House,
    foreign_administrator: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await refusal(cast.agent, "") == 401
    assert await refusal(cast.agent, "1.2.3") == 401
    foreign = await ticket_of(foreign_administrator)
    assert await refusal(cast.agent, foreign) == 401
    assert await refusal(foreign_administrator, foreign) == 101
    used = await ticket_of(cast.agent)
    assert await refusal(cast.agent, used[:-1] + ("A" if used[-1] != "A" else "B")) == 401
    both = await asyncio.gather(refusal(cast.agent, used), refusal(cast.agent, used))
    assert sorted(both) == [101, 401]
    assert await refusal(cast.agent, used) == 401
    late, now = await ticket_of(cast.agent), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 31)
    assert await refusal(cast.agent, late) == 401


@pytest.mark.serves("S-05")
async def test_socket_opens_from_our_own_page_only(cast: Cast) -> None:
    for origin in ("https://evil.test", "http://beta.localhost", "null", "", "http://localhost"):
        status = await refusal(cast.agent, await ticket_of(cast.agent), Origin=origin)
        assert status == 403, origin
    assert (await cast.nobody.post("/realtime/ticket")).status_code == 401


@pytest.mark.serves("S-05")
async def test_ticket_dies_with_the_sign_in(cast: Cast, acme: House) -> None:
    ticket = await ticket_of(cast.agent)
    await sign_ins.end_others(acme.tenant.id, acme.agent.id)
    assert await refusal(cast.agent, ticket) == 401


@pytest.mark.serves("S-05")
async def test_demoted_user_is_shut_out_within_two_seconds(
    cast: Cast, acme: House, app: Quart
) -> None:
    await application.make_user(acme.tenant, "Second", "administrator")
    async with line(cast.administrator) as page:
        assert "ok" in await page.ask("subscribe", topic="teamview.room")
        changes = {"role": "agent"}
        await users.change(acme.tenant, acme.administrator.id, SYSTEM, changes)
        assert await page.close_code(2) == 4401


@pytest.mark.serves("S-05")
async def test_signing_out_closes_the_socket_and_only_this_persons(cast: Cast) -> None:
    async with line(cast.agent) as page, line(cast.administrator) as other:
        assert (await cast.agent.post("/sign-out")).status_code == 303
        assert await page.close_code(2) == 4401
        assert "ok" in await other.ask("subscribe", topic="teamview.room")


@pytest.mark.serves("S-13", "S-05")
@pytest.mark.parametrize(
    "frame",
    [
        pytest.param("[" * 30_000, id="deep array"),
        pytest.param('{"a":' * 10_000 + "1" + "}" * 10_000, id="deep object"),
        pytest.param('{"id":"1","op":"send","type":"chat.message","topic":"x","data":'
                     + "[" * 20_000 + "]" * 20_000 + "}", id="deep data"),
        pytest.param('{"id":"1","op":"subscribe","topic":"s","after":1e999}', id="infinity"),
        pytest.param('{"id":"1","op":"subscribe","topic":"' + "x" * 500 + '"}', id="long topic"),
        pytest.param('{"id":"1","id":"2","op":"send","op":"subscribe"}', id="twice"),
        pytest.param('"\\ud800"', id="half a character"),
        pytest.param("\x00", id="nul"),
        pytest.param("null", id="null"),
    ],
)  # fmt: skip
async def test_hostile_frame_is_answered_and_the_socket_lives(cast: Cast, frame: str) -> None:
    async with line(cast.agent) as page:
        started = time.monotonic()
        await page.page.send(frame)
        answer = await page.ask("subscribe", topic="teamview.room", id=str(uuid4()))
        assert "ok" in answer
        assert "error" in page.heard[0]
        assert time.monotonic() - started < 2
