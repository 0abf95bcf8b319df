"""Links, tickets and cookies: nobody guesses them, and nothing but their holder keeps them."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from quart import Quart

from core import invitations, sessions, sign_ins
from core.current import service
from core.database import Database, fetch
from core.models import Invitation, OneTimeLink, Session
from core.password_links import _token
from core.realtime import Realtime
from core.testing import application
from core.testing.application import PASSWORD, Browser
from core.values import Actor
from tests.security.house import Cast, House, dump, text_of
from tests.security.socket import line, ticket_of

MANY = 10_000


@pytest.mark.serves("S-09")
def test_ten_thousand_links_and_tickets_are_all_different_and_use_every_character(
    app: Quart,
) -> None:
    tickets, later = service(Realtime).tickets, datetime.now(UTC)
    kinds = {
        "invitation": [sessions.link_token(uuid4()) for _ in range(MANY)],
        "password": [_token(1, i, "first", later) for i in range(MANY)],
        "ticket": [tickets.issue(1, 1).rpartition(".")[2] for _ in range(MANY)],
        "neighbours": [sessions.link_token(UUID(int=i)) for i in range(MANY)],
    }
    for kind, tokens in kinds.items():
        assert len(set(tokens)) == MANY, kind
        assert {len(token) for token in tokens} == {32}, kind
        for place in range(32):
            counts = Counter(token[place] for token in tokens)
            bits = -sum(n / MANY * math.log2(n / MANY) for n in counts.values())
            assert bits > 5.95, (kind, place, bits)


async def status_of_link(who: Browser, token: str) -> int:
    return int((await who.get(f"/v/{token}")).status_code)


@pytest.mark.serves("S-09")
async def test_link_ends_when_it_expires_or_is_withdrawn_and_was_never_another_tenants(
    cast: Cast, acme: House, beta: House
) -> None:
    foreign = sessions.link_token(beta.invitation.id)
    assert await status_of_link(cast.nobody, foreign) == 404
    token = sessions.link_token(acme.invitation.id)
    assert await status_of_link(cast.nobody, token) == 303
    for near in (
        token[:-1],
        token + "A",
        token.swapcase(),
        token[::-1],
        acme.invitation.token_hash,
    ):
        assert await status_of_link(cast.nobody, near) == 404
    row = Invitation.filter(tenant_id=acme.tenant.id, id=acme.invitation.id)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await row.update(expires_at=past)
    assert await status_of_link(cast.nobody, token) == 410
    await row.update(expires_at=datetime.now(UTC) + timedelta(days=1))
    assert await status_of_link(cast.nobody, token) == 303
    by = Actor("agent", str(acme.agent.id), acme.agent.name)
    second = await invitations.new_link(acme.tenant, acme.invited.id, by)
    await sessions.withdraw_link(acme.tenant, acme.invitation.id, by)
    assert await status_of_link(cast.nobody, token) == 410
    assert await status_of_link(cast.nobody, sessions.link_token(second.id)) == 303
    await sessions.delete(acme.tenant, acme.invited.id, by)
    assert await status_of_link(cast.nobody, sessions.link_token(second.id)) == 410


@pytest.mark.serves("S-09")
async def test_ended_visit_cannot_be_entered_as_another_ones(cast: Cast, acme: House) -> None:
    """The cookie of one session opens neither the files nor the history of another."""
    assert (await cast.customer.get(f"/visit/files/{acme.file.id}")).status_code == 404
    assert (await cast.customer.get(f"/chat/{acme.invited.id}/events")).status_code == 404
    assert (await cast.customer.get(f"/sessions/{acme.waiting.id}")).status_code == 303
    own = await cast.customer.get(f"/chat/{acme.waiting.id}/events")
    assert own.status_code == 200


@pytest.mark.serves("S-09", "S-30")
async def test_no_secret_is_in_a_log_or_in_the_database(
    app: Quart, acme: House, caplog: pytest.LogCaptureFixture
) -> None:
    """A whole journey with every log at its most talkative, and then a search for what it used."""
    with caplog.at_level(logging.DEBUG):
        secrets = await journey(app, acme)
    assert len(secrets) >= 9
    assert len(set(secrets)) == len(secrets)
    logged = "\n".join(f"{r.getMessage()} {r.args} {r.exc_text}" for r in caplog.records)
    assert "core_session" in logged, "the log was not talkative, so this shows nothing"
    connection = service(Database).connection
    tables = await fetch(connection, "SELECT name FROM sqlite_master WHERE type = 'table'", [])
    rows = [await fetch(connection, f"SELECT * FROM {t['name']}", []) for t in tables]
    kept = "\n".join(str(dict(row)) for found in rows for row in found)
    assert acme.mark in kept
    assert str(await dump(acme.tenant))
    for secret in secrets:
        assert secret not in kept
        assert secret not in parameters_left_out(logged), secret


def parameters_left_out(logged: str) -> str:
    """SQL at DEBUG shows its parameters, so hashes are what may stand there, and nothing else."""
    return re.sub(r"\b[0-9a-f]{64}\b", "", logged)


async def journey(app: Quart, acme: House) -> list[str]:
    """Sign in, talk, invite and be let in; return every secret that was on its way."""
    nobody = Browser(app, acme.tenant)
    form = {"email": acme.agent.email, "password": PASSWORD}
    entered = await nobody.post("/sign-in", form=form)
    cookies = dict(c.partition(";")[0].split("=", 1) for c in entered.headers.getlist("Set-Cookie"))
    agent = Browser(app, acme.tenant, f"offhook={cookies['offhook']}")
    principal = await sign_ins.find(acme.tenant.id, cookies["offhook"])
    assert principal is not None
    agent.csrf = application.csrf_token(principal.sign_in_id)
    link = await agent.post(f"/notify/sessions/{acme.invited.id}/link", form={"csrf": agent.csrf})
    shown = re.search(r"/v/([\w-]{32})", await text_of(link))
    assert shown
    visit = await nobody.get(f"/v/{shown[1]}")
    visit_token = visit.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    wrong = await nobody.post("/sign-in", form=form | {"password": "a wrong password 26"})
    assert wrong.status_code == 401
    session = await Session.get(tenant_id=acme.tenant.id, id=acme.waiting.id)
    customer = await application.enter(app, acme.tenant, session)
    ticket = await ticket_of(customer)
    async with line(customer, ticket) as page:
        topic = f"session:{session.id}"
        assert "ok" in await page.ask("subscribe", topic=topic)
        said = await page.ask("send", type="chat.message", topic=topic, data={"text": "Hello"})
        assert "ok" in said
    reset = await nobody.get(f"/password/{acme.password_token}")
    assert reset.status_code == 200
    assert await OneTimeLink.exists(tenant_id=acme.tenant.id, user_id=acme.agent.id)
    return [
        PASSWORD,
        "a wrong password 26",
        cookies["offhook"],
        *(value for name, value in cookies.items() if name.endswith("_device")),
        shown[1],
        visit_token,
        customer.cookie.partition("=")[2],
        ticket,
        ticket.rpartition(".")[2],
        acme.password_token,
        agent.csrf,
    ]
