from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from core.api import BadInput, Context, TenantView, using
from core.testing.application import Browser
from plugins.notify import words
from plugins.notify.models import Kind, State, Template
from plugins.notify.tests._common import mails, sent_session, settled, text_of
from plugins.notify.tests.conftest import Carrier
from plugins.notify.words import MissingVariable, UnknownVariable, Words

PATH = "/notify/templates/invitation/email/en"
GOOD = {"subject": "Come in, {customer}", "body": "Dear {customer},\n{link}\n{when}"}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("language", ["en", "es", "ru", "zh-Hans"])
def test_our_own_words_pass_our_own_check(kind: Kind, channel: str, language: str) -> None:
    with using(Context(language)):
        words.check(kind, channel, words.standard(kind, channel))


@pytest.mark.parametrize(
    "body",
    [
        "{link} {secret}",
        "{link} {agent.__class__.__mro__}",
        "{link} {0}",
        "{link} {}",
        "{link} {agent!r:>99999999}",
        "{link} {",
        "{link} }",
        "{link} {{customer}}",
        "{link} {customer",
        "{link} { customer }",
        "{link} {comment}",
    ],
)
def test_only_known_placeholders_are_taken(body: str) -> None:
    with pytest.raises(UnknownVariable):
        words.check(Kind.INVITATION, "email", Words("s", body))


def test_an_invitation_without_its_link_is_refused() -> None:
    with pytest.raises(MissingVariable):
        words.check(Kind.INVITATION, "email", Words("s", "Hello {customer}"))


@pytest.mark.parametrize("subject", ["", " ", "x" * 201, "a\nBcc: b", "a\x00b", "a\u202eb"])
def test_subjects_are_one_plain_line(subject: str) -> None:
    with pytest.raises(BadInput):
        words.check(Kind.INVITATION, "email", Words(subject, "{link}"))


def test_values_are_put_in_once() -> None:
    values = {
        "customer": "{link}",
        "link": "https://x",
        "agent": "\\1 %s",
        "when": "",
        "tenant": "",
    }
    filled = words.fill(Words("For {customer}", "{customer} {agent} {link}"), values)
    assert filled == Words("For {link}", "{link} \\1 %s https://x")


def test_a_name_cannot_break_the_subject() -> None:
    filled = words.fill(Words("For {customer}", "{link}"), {"customer": "a\r\nBcc: b", "link": ""})
    assert filled.subject == "For a Bcc: b"


@pytest.mark.serves("S-14")
def test_hostile_texts_are_checked_quickly() -> None:
    began = time.perf_counter()
    for body in ("{" * 100_000, "{link}" * 16_000, "{a" * 50_000, "{" + "a" * 100_000):
        with pytest.raises(BadInput):
            words.check(Kind.INVITATION, "email", Words("s", body))
    assert time.perf_counter() - began < 0.2


@pytest.mark.serves("V33")
async def test_the_appointment_is_told_in_language_and_zone(tenant: TenantView) -> None:
    at = datetime(2027, 7, 1, 10, 0, tzinfo=UTC)
    assert "12:00" in words.when(tenant, "es", at)
    assert "jueves" in words.when(tenant, "es", at)
    assert "четверг" in words.when(tenant, "ru", at)
    assert "Europe/Madrid" in words.when(tenant, "en", at)
    assert words.when(tenant, "es", None) == "Puede entrar ahora."


async def test_the_tenants_own_words_are_sent(
    administrator: Browser, tenant: TenantView, carrier: Carrier
) -> None:
    response = await administrator.post(PATH, form=GOOD | {"act": "save"})
    assert response.status_code == 303
    await sent_session(administrator, tenant, language="en", name="Ana")
    await settled(tenant, State.SENT)
    assert carrier.notices[0].subject == "Come in, Ana"
    assert carrier.notices[0].text.startswith("Dear Ana,\nhttp")
    await sent_session(administrator, tenant, language="es", name="Ana")
    await settled(tenant, State.SENT)
    assert "Hola, Ana" in carrier.notices[1].text, "another language keeps our words"


async def test_going_back_to_our_words(administrator: Browser, tenant: TenantView) -> None:
    await administrator.post(PATH, form=GOOD)
    assert await Template.filter(tenant_id=tenant.id).count() == 1
    await administrator.post(PATH, form=GOOD | {"act": "reset"})
    assert await Template.filter(tenant_id=tenant.id).count() == 0
    page = await (await administrator.get(PATH)).get_data(as_text=True)
    assert "You need no app" in page


@pytest.mark.serves("S-04")
async def test_preview_shows_the_text_without_saving_and_without_running_it(
    administrator: Browser, tenant: TenantView
) -> None:
    payload = "<script>alert(1)</script> {link} {customer}"
    response = await administrator.post(
        PATH, form={"subject": "<b>x</b>", "body": payload, "act": "preview"}
    )
    page = await response.get_data(as_text=True)
    assert response.status_code == 200
    assert "<script>alert" not in page
    assert "Ana García" in page
    assert await Template.filter(tenant_id=tenant.id).count() == 0


@pytest.mark.serves("S-04")
async def test_markup_in_a_template_reaches_the_customer_as_text(
    administrator: Browser, tenant: TenantView
) -> None:
    body = "<img src=x onerror=alert(1)>\n\n{link}"
    await administrator.post(PATH, form={"subject": "s", "body": body})
    await sent_session(administrator, tenant, language="en")
    await settled(tenant, State.SENT)
    (mail,) = mails(tenant)
    assert "<img" not in text_of(mail, "html")
    assert "&lt;img" in text_of(mail, "html")


async def test_mistakes_keep_what_was_typed(administrator: Browser) -> None:
    form = {"subject": "My subject", "body": "{link} {oops}"}
    response = await administrator.post(PATH, form=form)
    page = await response.get_data(as_text=True)
    assert response.status_code == 400
    assert "My subject" in page
    assert "{oops}" in page


@pytest.mark.parametrize(
    "path",
    [
        "/notify/templates/invitation/email/xx",
        "/notify/templates/invitation/fax/en",
        "/notify/templates/nothing/email/en",
        "/notify/templates/note/sms/en",
    ],
)
async def test_there_are_no_other_texts(administrator: Browser, path: str) -> None:
    assert (await administrator.get(path)).status_code == 404
    assert (await administrator.post(path, form=GOOD)).status_code == 404


async def test_texts_are_the_administrators(
    agent: Browser, foreign_administrator: Browser, tenant: TenantView
) -> None:
    assert (await agent.get("/notify/templates")).status_code == 403
    assert (await agent.post(PATH, form=GOOD)).status_code == 403
    assert (await foreign_administrator.post(PATH, form=GOOD)).status_code == 303
    assert await Template.filter(tenant_id=tenant.id).count() == 0


@pytest.mark.serves("S-10")
async def test_unknown_fields_of_a_text_are_refused(administrator: Browser) -> None:
    response = await administrator.post(PATH, form=GOOD | {"tenant_id": "2"})
    assert response.status_code == 400
