from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from quart import Quart

from core.api import (
    Channel,
    Config,
    Event,
    Invitation,
    PersonRef,
    Principal,
    Session,
    TenantView,
    invitation_of,
    link_url,
    service,
)
from core.testing.application import Browser, enter, invited_session, make_user
from core.testing.jobs import hurry, jobs, none_due
from core.testing.services import DebianMail, MailServer
from plugins.notify import services
from plugins.notify.form import Wish
from plugins.notify.models import Delivery, State
from plugins.notify.tests._common import (
    mails,
    send,
    sent_session,
    session_id,
    settled,
    text_of,
    until,
)
from plugins.notify.tests.conftest import Carrier, away, refused


async def events(tenant: TenantView, session: Session) -> list[str]:
    rows = await Event.filter(tenant_id=tenant.id, session_id=session.id).order_by("n")
    return [row.type for row in rows]


@pytest.mark.serves("V7", "V15", "V19", "C10")
async def test_the_customer_gets_a_mail_in_his_language_and_the_link_leads_in(
    agent: Browser, tenant: TenantView, app: Quart
) -> None:
    session = await sent_session(agent, tenant, language="ru")
    await settled(tenant, State.SENT)
    (mail,) = mails(tenant)
    text = text_of(mail)
    assert mail["To"].addresses[0].addr_spec == "carla@example.org"
    assert "Здравствуйте, Carla Pérez!" in text
    assert "{" not in str(mail["Subject"]) + text
    invitation = await invitation_of(tenant, session.id)
    assert invitation is not None
    url = link_url(tenant, invitation.id)
    assert url in text
    customer = Browser(app, tenant)
    response = await customer.get("/v/" + url.rpartition("/")[2])
    assert response.status_code == 303
    assert "notify.invitation_sent" in await events(tenant, session)


@pytest.mark.serves("S-09")
async def test_neither_job_nor_delivery_nor_timeline_holds_the_link(
    agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    session = await sent_session(agent, tenant)
    await settled(tenant, State.SENT)
    token = carrier.notices[0].text.partition("/v/")[2].split()[0]
    assert len(token) == 32
    rows = await Event.filter(tenant_id=tenant.id, session_id=session.id)
    deliveries = await Delivery.filter(tenant_id=tenant.id)
    kept = [str(j.args) for j in await jobs("notify.send")] + [str(e.payload) for e in rows]
    kept += [str(vars(d)) for d in deliveries]
    assert not [text for text in kept if token in text]


async def test_a_carrier_that_is_away_is_asked_again(
    agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    carrier.failures = [away("451 greylisted"), away("451 greylisted")]
    session = await sent_session(agent, tenant)
    delivery = await settled(tenant, State.RETRYING)
    assert "greylisted" in delivery.reason
    for _ in range(3):
        await hurry("notify.send")
        await until(lambda: _no_job_is_due())
    await settled(tenant, State.SENT)
    assert len(carrier.notices) == 1
    assert (await events(tenant, session)).count("notify.invitation_sent") == 1


async def _no_job_is_due() -> bool:
    return await none_due("notify.send")


async def test_a_refusal_is_final_and_an_agent_is_told(
    agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    carrier.failures = [refused("550 no such user")]
    session = await sent_session(agent, tenant)
    delivery = await settled(tenant, State.FAILED)
    assert "550" in delivery.reason
    await until(lambda: _has(tenant, session, "notify.invitation_failed"))
    page = await (await agent.get(f"/notify/sessions/{session.id}/card")).get_data(as_text=True)
    assert "Failed" in page
    assert "550 no such user" in page


async def _has(tenant: TenantView, session: Session, kind: str) -> bool:
    return kind in await events(tenant, session)


async def test_a_job_that_runs_twice_sends_once(
    agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    await sent_session(agent, tenant)
    delivery = await settled(tenant, State.SENT)
    await services.send(tenant, delivery.id)
    assert len(carrier.notices) == 1


async def test_a_job_with_another_tenants_id_sends_nothing(
    agent: Browser, tenant: TenantView, other_tenant: TenantView, carrier: Carrier
) -> None:
    carrier.failures = [away()]
    await sent_session(agent, tenant)
    delivery = await settled(tenant, State.RETRYING)
    await services.send(other_tenant, delivery.id)
    assert carrier.notices == []


async def test_what_cannot_be_stored_is_not_sent(
    agent: Browser, tenant: TenantView, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the process dies here")

    monkeypatch.setattr(services, "enqueue", broken)
    status, _, _ = await send(agent)
    assert status == 500
    assert await Session.filter(tenant_id=tenant.id).count() == 0, "all of it or nothing"
    assert await Invitation.filter(tenant_id=tenant.id).count() == 0
    assert await Delivery.filter(tenant_id=tenant.id).count() == 0


async def _is_parked() -> bool:
    return [job.status for job in await jobs("notify.send")] == ["parked"]


async def test_mail_that_is_switched_off_waits_for_its_plugin(
    agent: Browser,
    tenant: TenantView,
    carrier: Carrier,
    switch: Callable[..., Awaitable[TenantView]],
) -> None:
    carrier.failures = [away()]
    await sent_session(agent, tenant)
    await settled(tenant, State.RETRYING)
    await switch(tenant, "notify", on=False)
    await hurry("notify.send")
    await until(_is_parked)
    assert (await agent.get("/notify/new")).status_code == 404
    await switch(tenant, "notify", on=True)
    await settled(tenant, State.SENT)


@pytest.mark.serves("V26")
async def test_a_withdrawn_link_is_neither_sent_nor_opened(
    agent: Browser, tenant: TenantView, carrier: Carrier, app: Quart
) -> None:
    carrier.failures = [away()]
    session = await sent_session(agent, tenant)
    await settled(tenant, State.RETRYING)
    invitation = await invitation_of(tenant, session.id)
    assert invitation is not None
    path = "/v/" + link_url(tenant, invitation.id).rpartition("/")[2]
    response = await agent.post(f"/notify/sessions/{session.id}/withdraw")
    assert response.status_code == 303
    await settled(tenant, State.WITHDRAWN)
    await hurry("notify.send")
    await until(_no_job_is_due)
    assert carrier.notices == []
    assert (await Browser(app, tenant).get(path)).status_code == 410


@pytest.mark.serves("V14")
@pytest.mark.parametrize("act", ["delete", "end"])
async def test_a_session_that_is_over_invites_nobody(
    agent: Browser, tenant: TenantView, carrier: Carrier, act: str
) -> None:
    carrier.failures = [away()]
    session = await sent_session(agent, tenant)
    await settled(tenant, State.RETRYING)
    assert (await agent.post(f"/sessions/{session.id}/{act}")).status_code in {302, 303}
    await hurry("notify.send")
    await settled(tenant, State.WITHDRAWN)
    assert carrier.notices == []


async def test_sending_again_after_withdrawal_makes_a_new_link(
    agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    session = await sent_session(agent, tenant)
    await settled(tenant, State.SENT)
    await agent.post(f"/notify/sessions/{session.id}/resend")
    await until(lambda: _sent(carrier, 2))
    await agent.post(f"/notify/sessions/{session.id}/withdraw")
    await agent.post(f"/notify/sessions/{session.id}/resend")
    await until(lambda: _sent(carrier, 3))
    links = [notice.text.partition("/v/")[2].split()[0] for notice in carrier.notices]
    assert links[0] == links[1] != links[2]
    assert len({notice.ref for notice in carrier.notices}) == 3


async def _sent(carrier: Carrier, number: int) -> bool:
    return len(carrier.notices) == number


@pytest.mark.serves("C10")
async def test_a_link_alone_sends_nothing(
    agent: Browser, tenant: TenantView, carrier: Carrier, app: Quart
) -> None:
    _, location, _ = await send(agent, type="link", email=None, details=None)
    page = await (await agent.get(f"/notify/sent/{session_id(location)}")).get_data(as_text=True)
    assert "Copy URL" in page
    token = page.partition("/v/")[2].partition('"')[0]
    assert (await Browser(app, tenant).get(f"/v/{token}")).status_code == 303
    assert await Delivery.filter(tenant_id=tenant.id).count() == 0


@pytest.mark.serves("V21", "S-09")
async def test_only_the_sender_sees_the_link_and_only_right_then(
    agent: Browser,
    administrator: Browser,
    foreign_administrator: Browser,
    tenant: TenantView,
    carrier: Carrier,
) -> None:
    session = await sent_session(agent, tenant)
    path = f"/notify/sent/{session.id}"
    assert "/v/" in await (await agent.get(path)).get_data(as_text=True)
    assert (await administrator.get(path)).status_code == 404
    assert (await foreign_administrator.get(path)).status_code == 404
    before = datetime.now(UTC) - timedelta(minutes=16)
    await Invitation.filter(tenant_id=tenant.id, session_id=session.id).update(created_at=before)
    assert (await agent.get(path)).status_code == 404


@pytest.mark.serves("V21")
async def test_without_details_it_goes_back_home(
    agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    status, location, _ = await send(agent, details=None)
    assert status == 303
    assert location.endswith("/home")


@pytest.mark.serves("S-01")
@pytest.mark.parametrize("act", ["resend", "withdraw", "link", "note"])
async def test_other_tenants_sessions_do_not_exist(
    agent: Browser, foreign_administrator: Browser, tenant: TenantView, carrier: Carrier, act: str
) -> None:
    session = await sent_session(agent, tenant)
    await settled(tenant, State.SENT)
    form = {"email": "eve@example.org", "comment": "x"} if act == "note" else {}
    path = f"/notify/sessions/{session.id}"
    assert (await foreign_administrator.post(f"{path}/{act}", form=form)).status_code == 404
    assert (await foreign_administrator.get(f"{path}/card")).status_code == 404
    invitation = await invitation_of(tenant, session.id)
    assert invitation is not None
    assert invitation.withdrawn_at is None
    assert len(carrier.notices) == 1


async def test_an_ended_session_gets_no_new_link(agent: Browser, tenant: TenantView) -> None:
    owner = await make_user(tenant, "Bea")
    session, _ = await invited_session(tenant, owner)
    await agent.post(f"/sessions/{session.id}/delete")
    assert (await agent.post(f"/notify/sessions/{session.id}/link")).status_code == 409


@pytest.mark.serves("V6", "V7", "V12")
async def test_the_actions_stand_where_they_belong(
    agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    session = await sent_session(agent, tenant)
    page = await (await agent.get(f"/sessions/{session.id}")).get_data(as_text=True)
    assert f"/notify/sessions/{session.id}/note" in page
    assert "<notify-card" in page
    assert "carla@example.org" in page


# Mail and files


@pytest.mark.serves("V34", "V35", "V37")
async def test_a_note_is_mailed_and_stands_on_the_customers_page(
    agent: Browser, tenant: TenantView, carrier: Carrier, app: Quart
) -> None:
    session = await sent_session(agent, tenant)
    await settled(tenant, State.SENT)
    path = f"/notify/sessions/{session.id}/note"
    page = await (await agent.get(path)).get_data(as_text=True)
    assert 'value="carla@example.org"' in page, "pre-filled with the notification's address"
    file_id = await upload(agent, session, b"%PDF-1.4 hello", "contrato.pdf")
    response = await agent.post(
        path, form={"email": "carla@example.org", "comment": "Su contrato {link}", "file": file_id}
    )
    assert response.status_code == 303
    await until(lambda: _sent(carrier, 2))
    mail = carrier.notices[1]
    assert "Su contrato {link}" in mail.text, "what people write is not filled in"
    assert mail.files == (UUID(file_id),)
    (event,) = await Event.filter(tenant_id=tenant.id, type="notify.note_sent")
    assert event.payload == {"comment": "Su contrato {link}", "files": [file_id]}
    assert not event.internal
    customer = await enter(app, tenant, session)
    got = await customer.get(f"/visit/files/{file_id}")
    assert await got.get_data() == b"%PDF-1.4 hello"


async def upload(browser: Browser, session: Session, content: bytes, name: str) -> str:
    response = await browser.post(
        f"/sessions/{session.id}/files",
        data=content,
        headers={"X-File-Name": name, "Accept": "application/json"},
    )
    body = await response.get_json()
    return str(body["id"])


@pytest.mark.serves("V34")
async def test_a_note_can_follow_when_the_session_is_over(
    agent: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    session = await sent_session(agent, tenant)
    await settled(tenant, State.SENT)
    await agent.post(f"/sessions/{session.id}/delete")
    response = await agent.post(
        f"/notify/sessions/{session.id}/note",
        form={"email": "carla@example.org", "comment": "One more thing"},
    )
    assert response.status_code == 303
    await until(lambda: _sent(carrier, 2))


@pytest.mark.serves("V36")
async def test_the_real_mail_has_the_files(agent: Browser, tenant: TenantView) -> None:
    session = await sent_session(agent, tenant)
    file_id = await upload(agent, session, b"hello\n", "nota.txt")
    await agent.post(
        f"/notify/sessions/{session.id}/note",
        form={"email": "carla@example.org", "comment": "", "file": file_id},
    )

    async def both() -> bool:
        return len(mails(tenant)) == 2

    await until(both)
    (part,) = [part for mail in mails(tenant) for part in mail.iter_attachments()]
    assert part.get_filename() == "nota.txt"
    assert part.get_payload(decode=True) == b"hello\n"


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        pytest.param({"email": "x", "comment": "c"}, "not an e-mail", id="address"),
        pytest.param({"email": "a@b.example", "comment": " "}, "Write something", id="empty"),
        pytest.param({"email": "a@b.example", "comment": "x" * 4001}, "At most", id="long"),
        pytest.param({"email": "a@b.example", "comment": "c", "file": "x"}, "", id="no file"),
        pytest.param({"email": "a@b.example", "comment": "c", "to": "x"}, "", id="unknown field"),
    ],
)
async def test_notes_are_checked(
    agent: Browser, tenant: TenantView, form: dict[str, str], complaint: str
) -> None:
    session, _ = await invited_session(tenant, await make_user(tenant, "Bea"))
    response = await agent.post(f"/notify/sessions/{session.id}/note", form=form)
    assert response.status_code == 400
    assert complaint in await response.get_data(as_text=True)
    assert await Delivery.filter(tenant_id=tenant.id).count() == 0


@pytest.mark.serves("S-01")
async def test_files_of_another_session_cannot_be_sent(agent: Browser, tenant: TenantView) -> None:
    owner = await make_user(tenant, "Bea")
    mine, _ = await invited_session(tenant, owner)
    other, _ = await invited_session(tenant, owner)
    file_id = await upload(agent, other, b"secret", "s.txt")
    form = {"email": "a@b.example", "comment": "c", "file": file_id}
    assert (await agent.post(f"/notify/sessions/{mine.id}/note", form=form)).status_code == 400


# The person's rights


async def test_export_and_erasure(agent: Browser, tenant: TenantView, carrier: Carrier) -> None:
    session = await sent_session(agent, tenant)
    await settled(tenant, State.SENT)
    carrier.failures = [away()]
    await agent.post(f"/notify/sessions/{session.id}/resend")
    await settled(tenant, State.RETRYING)
    customer_id = UUID(str(session.customer_id))
    person = PersonRef(tenant.id, customer_id, emails=("carla@example.org",))
    exported = await services.export_person(person)
    assert exported is not None
    assert [notice["address"] for notice in exported["notices"]] == ["carla@example.org"] * 2
    assert await services.erase_person(person, dry_run=True) == {"notices": 2}
    assert await services.erase_person(person, dry_run=False) == {"notices": 2}
    assert await services.erase_person(person, dry_run=False) == {"notices": 0}
    rows = await Delivery.filter(tenant_id=tenant.id)
    assert {(row.address, row.name) for row in rows} == {("", "")}
    await hurry("notify.send")
    await until(_no_job_is_due)
    assert len(carrier.notices) == 1, "nobody is written to after he was forgotten"
    stranger = PersonRef(tenant.id + 1, customer_id)
    assert await services.export_person(stranger) is None


# With real servers


async def operators_server(app: Quart, url: str) -> None:
    app.extensions["services"][Config] = replace(service(Config), smtp_url=url)


async def test_through_a_real_server_after_it_was_busy(
    app: Quart, agent: Browser, tenant: TenantView, mail_server: MailServer
) -> None:
    await operators_server(app, mail_server.url)
    mail_server.replies = ["451 4.7.1 greylisted, try later"]
    session = await sent_session(agent, tenant)
    delivery = await settled(tenant, State.RETRYING)
    assert "451" in delivery.reason
    await hurry("notify.send")
    await settled(tenant, State.SENT)
    (mail,) = mail_server.messages
    assert mail["To"].addresses[0].addr_spec == "carla@example.org"
    assert "notify.invitation_sent" in await events(tenant, session)


async def test_through_debians_server(
    app: Quart, agent: Browser, tenant: TenantView, debian_mail: DebianMail
) -> None:
    for path in debian_mail.maildir.glob("new/*"):
        path.unlink()
    await operators_server(app, debian_mail.url)
    await sent_session(agent, tenant, language="zh-Hans")
    await settled(tenant, State.SENT)
    (mail,) = await debian_mail.wait_for(1)
    body = mail.get_body(("plain",))
    assert body is not None
    assert "您好" in body.get_content()


async def test_a_hundred_invitations_reach_a_hundred_people(
    tenant: TenantView, carrier: Carrier
) -> None:
    owner = await make_user(tenant, "Bea")
    me = Principal("user", str(owner.id), owner.name, tenant.id, owner.role, 1)
    for number in range(100):
        address = f"c{number}@example.org"
        wish = Wish(owner, "Carla", None, "email", address, "en", Channel.CHAT, True, True, False)
        await services.send_invitation(tenant, wish, me)
    await until(lambda: _sent(carrier, 100), 25)
    assert len({notice.address for notice in carrier.notices}) == 100
