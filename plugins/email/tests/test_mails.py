from __future__ import annotations

import os
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from quart import Quart

from core.api import Config, DriverError, Notice, PersonRef, Tenancy, TenantView, service
from core.testing.application import Browser
from core.testing.jobs import everyone
from core.testing.services import MailServer
from plugins.email import services
from plugins.email.compose import colour, compose, html, pieces
from plugins.email.settings import EmailSettings

PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def notice(**changes: Any) -> Notice:
    made = Notice(
        ref="n1",
        channel="email",
        address="ana@example.org",
        name="Ana García",
        subject="Your appointment",
        text="Hello Ana,\n\nhttps://acme.example/v/abc\n\nSee https://acme.example/help.\n",
    )
    return replace(made, **changes)


async def configured(tenant: TenantView, **values: Any) -> TenantView:
    return await service(Tenancy).save_settings(tenant.id, "email", EmailSettings(**values))


async def deliver(tenant: TenantView, what: Notice) -> Any:
    return await tenant.hooks.deliver(tenant=tenant, notice=what)


@pytest.mark.serves("V19")
async def test_a_mail_has_text_and_its_twin_in_html(tenant: TenantView) -> None:
    mail = compose(tenant, notice())
    assert str(mail["To"]) == "Ana García <ana@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert "no-reply@" in mail["From"]
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert plain.get_content().splitlines()[0] == "Hello Ana,"
    assert 'href="https://acme.example/v/abc"' in rich.get_content()
    assert 'href="https://acme.example/help"' in rich.get_content(), "the full stop is no link"


async def test_the_same_notice_is_the_same_mail_and_another_one_is_not(
    tenant: TenantView, other_tenant: TenantView
) -> None:
    first = compose(tenant, notice())["Message-ID"]
    assert compose(tenant, notice())["Message-ID"] == first
    assert compose(tenant, notice(ref="n2"))["Message-ID"] != first
    assert compose(tenant, notice(text="other"))["Message-ID"] != first
    assert compose(other_tenant, notice())["Message-ID"].split("@")[0] != first.split("@")[0]


async def test_sender_and_replies_are_the_tenants(tenant: TenantView) -> None:
    tenant = await configured(
        tenant,
        sender_name="Clínica Norte",
        sender_address="cita@norte.example",
        reply_to="a@b.example",
    )
    mail = compose(tenant, notice())
    assert str(mail["From"]) == "Clínica Norte <cita@norte.example>"
    assert mail["Reply-To"] == "a@b.example"
    assert mail["Message-ID"].endswith("@norte.example>")


@pytest.mark.parametrize("field", ["name", "subject", "address", "language"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00", "\u2028"], ids=ascii)
async def test_nobody_writes_headers_of_his_own(tenant: TenantView, field: str, end: str) -> None:
    forged = notice(**{field: f"x{end}Bcc: victim@example.org"})
    with pytest.raises(DriverError) as caught:
        await deliver(tenant, forged)
    assert not caught.value.retryable
    assert await services.kept_mails(tenant) == []


@pytest.mark.parametrize(
    "address",
    ["ana@example.org, eve@example.org", "Ana <ana@example.org>", "ana", "ANA@Example.org"],
)
async def test_one_plain_address_gets_the_mail(tenant: TenantView, address: str) -> None:
    with pytest.raises(DriverError):
        await deliver(tenant, notice(address=address))
    assert await services.kept_mails(tenant) == []


@pytest.mark.serves("S-04")
async def test_words_of_others_are_never_markup(tenant: TenantView) -> None:
    rich = html(tenant, notice(text=f'{PAYLOAD}\n\nhttps://x.example/"onmouseover=alert(1)'))
    assert "<script" not in rich
    assert "<img" not in rich
    assert '"onmouseover' not in rich


def test_only_web_addresses_become_links() -> None:
    lines = pieces(
        "javascript:alert(1) data:text/html,x https://a.example/b?c=d&e, http://c.example"
    )
    assert [url for line in lines for _, url in line if url] == [
        "https://a.example/b?c=d&e",
        "http://c.example",
    ]
    assert "".join(text for line in lines for text, _ in line).startswith("javascript:alert(1)")


@pytest.mark.serves("S-14")
def test_long_hostile_texts_are_read_quickly() -> None:
    began = time.perf_counter()
    for text in ("http://" * 20_000, "https://" + "." * 100_000, "a" * 100_000):
        pieces(text)
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize("hue", [None, *range(0, 360, 15)])
def test_white_words_are_readable_on_the_tenants_colour(hue: int | None) -> None:
    def linear(text: str) -> float:
        c = int(text, 16) / 255
        return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4

    r, g, b = (linear(part) for part in re.findall("..", colour(hue)[1:]))
    assert 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) >= 4.45


def test_a_mail_has_the_colour_of_the_pages() -> None:
    """The hue counts on the circle of tokens.css: 222 is a greenish blue, not a pure one."""
    red, green, blue = (int(part, 16) for part in re.findall("..", colour(222)[1:]))
    assert red < green < blue
    assert green > 90


@pytest.mark.parametrize("language", ["es", "ru", "zh-Hans"])
async def test_the_button_speaks_the_readers_language(tenant: TenantView, language: str) -> None:
    rich = html(tenant, notice(language=language))
    assert f'lang="{language}"' in rich
    assert "Open the page" not in rich


async def test_without_a_server_mail_rests_in_the_tenants_own_outbox(
    tenant: TenantView, other_tenant: TenantView
) -> None:
    receipt = await deliver(tenant, notice())
    assert receipt.driver == "outbox"
    (kept,) = await services.kept_mails(tenant)
    assert (kept.subject, kept.to) == ("Your appointment", "Ana García <ana@example.org>")
    assert await services.kept_mails(other_tenant) == []


async def test_other_channels_are_left_to_others(
    tenant: TenantView, switch: Callable[..., Awaitable[TenantView]]
) -> None:
    assert await services.kept_mails(tenant) == []
    assert await deliver(await switch(tenant, "email", on=True), notice(channel="pigeon")) is None
    assert await services.kept_mails(tenant) == []


async def test_a_wrong_setting_is_an_answer_not_a_broken_plugin(tenant: TenantView) -> None:
    tenant = await configured(tenant, transport="pigeon")
    for _ in range(12):
        with pytest.raises(DriverError, match="pigeon") as caught:
            await deliver(tenant, notice())
        assert not caught.value.retryable
    tenant = await configured(tenant)
    assert (await deliver(tenant, notice())).driver == "outbox"


async def test_a_tenants_own_server_must_be_a_public_one(
    tenant: TenantView, mail_server: MailServer
) -> None:
    tenant = await configured(tenant, smtp_url=mail_server.url)
    with pytest.raises(DriverError, match="public"):
        await deliver(tenant, notice())
    assert mail_server.messages == []


# The outbox in the browser


async def test_outbox_shows_the_mail_with_links_that_can_be_clicked(
    administrator: Browser, tenant: TenantView
) -> None:
    await deliver(tenant, notice(subject=PAYLOAD, text=f"{PAYLOAD}\n\nhttps://acme.example/v/abc"))
    page = await (await administrator.get("/email/outbox")).get_data(as_text=True)
    assert "<script>alert" not in page
    (kept,) = await services.kept_mails(tenant)
    assert f"/email/outbox/{kept.id}" in page
    page = await (await administrator.get(f"/email/outbox/{kept.id}")).get_data(as_text=True)
    assert 'href="https://acme.example/v/abc"' in page
    assert "<script>alert" not in page
    assert "sandbox=" in page


async def test_html_of_a_mail_is_caged(administrator: Browser, tenant: TenantView) -> None:
    await deliver(tenant, notice())
    (kept,) = await services.kept_mails(tenant)
    response = await administrator.get(f"/email/outbox/{kept.id}/html")
    policy = response.headers["Content-Security-Policy"]
    assert response.status_code == 200
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy


async def test_outbox_is_for_administrators_of_this_tenant(
    agent: Browser, foreign_administrator: Browser, tenant: TenantView
) -> None:
    await deliver(tenant, notice())
    (kept,) = await services.kept_mails(tenant)
    assert (await agent.get("/email/outbox")).status_code == 403
    assert (await agent.get(f"/email/outbox/{kept.id}")).status_code == 403
    for path in (f"/email/outbox/{kept.id}", f"/email/outbox/{kept.id}/html"):
        assert (await foreign_administrator.get(path)).status_code == 404


@pytest.mark.serves("S-12")
@pytest.mark.parametrize("name", ["..%2f..%2fsecret", "%2e%2e", "A" * 32, "0" * 31, "0" * 32])
async def test_only_names_of_mails_are_opened(administrator: Browser, name: str) -> None:
    assert (await administrator.get(f"/email/outbox/{name}")).status_code == 404


async def test_an_empty_outbox_says_what_it_is_for(administrator: Browser) -> None:
    page = await (await administrator.get("/email/outbox")).get_data(as_text=True)
    assert "Send a notification" in page


async def test_the_password_of_the_mail_server_is_never_shown(
    administrator: Browser, tenant: TenantView
) -> None:
    await configured(tenant, smtp_url="smtp://user:hunter2@mail.example")
    response = await administrator.get("/administration/settings/email")
    page = await response.get_data(as_text=True)
    assert response.status_code == 200
    assert "hunter2" not in page


# Keeping and forgetting


async def test_old_mails_leave_the_outbox(tenant: TenantView, app: Quart) -> None:
    await deliver(tenant, notice())
    await deliver(tenant, notice(ref="n2"))
    old = next(services.outbox(tenant).glob("*.eml"))
    os.utime(old, (time.time() - 31 * 86400,) * 2)
    await services.tidy(tenant)
    assert len(await services.kept_mails(tenant)) == 1


async def test_a_person_gets_and_loses_the_mails_to_him(tenant: TenantView, app: Quart) -> None:
    await deliver(tenant, notice())
    await deliver(tenant, notice(address="bea@example.org", name="Bea"))
    person = PersonRef(tenant.id, uuid4(), emails=("ana@example.org",))
    hooks = tenant.hooks
    (exported,) = await hooks.export_person(person=person)
    assert [mail["subject"] for mail in exported.value["mails_in_outbox"]] == ["Your appointment"]
    counted = [a.value for a in await hooks.erase_person(person=person) if a.plugin == "email"]
    assert counted == [{"mails_in_outbox": 1}]
    assert len(await services.kept_mails(tenant)) == 2, "a dry run removes nothing"
    await hooks.erase_person(person=person, dry_run=False)
    assert [mail.to for mail in await services.kept_mails(tenant)] == ["Bea <bea@example.org>"]


async def test_health_tells_of_a_server_that_is_away(app: Quart) -> None:
    answers = {a.plugin: a.value for a in await everyone().health()}
    assert answers["email"].state == "ok"
    config = replace(service(Config), smtp_url="smtp://127.0.0.1:9")
    app.extensions["services"][Config] = config
    answers = {a.plugin: a.value for a in await everyone().health()}
    assert answers["email"].state == "degraded"
