from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from core.api import ONCE, DriverError, load
from core.testing.contracts.mail_transport import SENDER, Arrived, MailTransportContract, a_mail
from core.testing.services import DebianMail, MailServer, free_port
from plugins.email.api import MailTransport, PartlyRefused
from plugins.email.drivers.smtp import BadUrl, ForbiddenHost, Server, _public

TO = ["ana@example.org"]


def smtp(url: str, *, own_network: bool = True) -> MailTransport:
    return load(MailTransport, "smtp", {"url": url, "own_network": own_network}, ONCE)  # type: ignore[type-abstract]


class TestSmtpWithAiosmtpd(MailTransportContract):
    @pytest.fixture
    def transport(self, mail_server: MailServer) -> MailTransport:
        return smtp(mail_server.url)

    @pytest.fixture
    def arrived(self, mail_server: MailServer) -> Arrived:
        async def read(_: int) -> list[EmailMessage]:
            return mail_server.messages

        return read


class TestSmtpWithOpenSmtpd(MailTransportContract):
    @pytest.fixture
    def transport(self, debian_mail: DebianMail) -> MailTransport:
        for path in debian_mail.maildir.glob("new/*"):
            path.unlink()
        return smtp(debian_mail.url)

    @pytest.fixture
    def arrived(self, debian_mail: DebianMail) -> Arrived:
        return debian_mail.wait_for


class TestOutbox(MailTransportContract):
    @pytest.fixture
    def transport(self, tmp_path: Path) -> MailTransport:
        return load(MailTransport, "outbox", {"folder": str(tmp_path / "out")}, ONCE)  # type: ignore[type-abstract]

    @pytest.fixture
    def arrived(self, tmp_path: Path) -> Arrived:
        async def read(_: int) -> list[EmailMessage]:
            return [
                message_from_bytes(path.read_bytes(), policy=default)
                for path in (tmp_path / "out").glob("*.eml")
            ]

        return read

    async def test_the_same_mail_again_is_the_same_file(
        self, transport: MailTransport, arrived: Arrived
    ) -> None:
        for _ in range(2):
            await transport.send(SENDER, TO, a_mail(TO[0]))
        assert len(await arrived(1)) == 1

    async def test_a_write_that_breaks_off_leaves_nothing(
        self, transport: MailTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("plugins.email.drivers.outbox.os.fsync", full)
        with pytest.raises(DriverError) as caught:
            await transport.send(SENDER, TO, a_mail(TO[0]))
        assert caught.value.retryable
        assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("reply", "retryable"),
    [
        pytest.param("451 4.3.0 try later", True, id="4xx is for now"),
        pytest.param("550 5.1.1 no such user", False, id="5xx is for good"),
    ],
)
async def test_answers_of_the_server_say_whether_to_try_again(
    mail_server: MailServer, reply: str, retryable: bool
) -> None:
    mail_server.replies.append(reply)
    with pytest.raises(DriverError, match=reply[:9]) as caught:
        await smtp(mail_server.url).send(SENDER, TO, a_mail(TO[0]))
    assert caught.value.retryable is retryable
    await smtp(mail_server.url).send(SENDER, TO, a_mail(TO[0]))
    assert len(mail_server.messages) == 1


async def test_reasons_do_not_repeat_addresses(mail_server: MailServer) -> None:
    mail_server.replies.append("550 5.1.1 <ana@example.org> unknown")
    with pytest.raises(DriverError) as caught:
        await smtp(mail_server.url).send(SENDER, TO, a_mail(TO[0]))
    assert "ana@" not in str(caught.value)


async def test_a_server_that_is_away_may_be_back_later() -> None:
    with pytest.raises(DriverError) as caught:
        await smtp(f"smtp://127.0.0.1:{free_port()}").send(SENDER, TO, a_mail(TO[0]))
    assert caught.value.retryable


class _Picky:
    """Refuses some receivers, wants a password, or says nothing at all."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address.startswith("no"):
            return "550 5.1.1 unknown"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.messages.append(envelope.content)
        return "250 accepted"


@asynccontextmanager
async def serving(handler: _Picky, **options: Any) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: SMTP(handler, loop=loop, **options), "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()


async def test_those_who_are_accepted_get_it_when_others_are_refused() -> None:
    handler = _Picky()
    async with serving(handler) as port:
        with pytest.raises(PartlyRefused) as caught:
            await smtp(f"smtp://127.0.0.1:{port}").send(
                SENDER, ["yes@example.org", "no@example.org"], a_mail("yes@example.org")
            )
    assert caught.value.refused == ("no@example.org",)
    assert not caught.value.retryable, "the accepted one would get it twice"
    assert len(handler.messages) == 1


async def test_refused_receiver_is_for_good() -> None:
    async with serving(_Picky()) as port:
        with pytest.raises(DriverError) as caught:
            await smtp(f"smtp://127.0.0.1:{port}").send(
                SENDER, ["no@example.org"], a_mail("no@example.org")
            )
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("password", "works"), [("s3cret/@", True), ("wrong", False)], ids=["right", "wrong"]
)
async def test_signing_in(password: str, works: bool) -> None:
    asked = []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        asked.append(mechanism)
        right = (data.login, data.password) == (b"desk@acme", b"s3cret/@")
        return AuthResult(success=right, handled=False)

    handler = _Picky()
    options = {"authenticator": check, "auth_require_tls": False}
    async with serving(handler, **options) as port:
        quoted = password.replace("/", "%2F").replace("@", "%40")
        transport = smtp(f"smtp://desk%40acme:{quoted}@127.0.0.1:{port}")
        if works:
            await transport.send(SENDER, TO, a_mail(TO[0]))
            assert len(handler.messages) == 1
            assert asked
            return
        with pytest.raises(DriverError, match="sign-in") as caught:
            await transport.send(SENDER, TO, a_mail(TO[0]))
        assert caught.value.retryable, "it is the setting that is wrong, not the mail"
        assert password not in str(caught.value)


@pytest.mark.serves("S-03")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"])
async def test_a_tenant_cannot_reach_into_the_operators_network(
    mail_server: MailServer, host: str
) -> None:
    transport = smtp(f"smtp://{host}:{mail_server.port}", own_network=False)
    with pytest.raises(ForbiddenHost):
        await transport.send(SENDER, TO, a_mail(TO[0]))
    assert mail_server.messages == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("224.0.0.1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert _public(address) is public


@pytest.mark.parametrize(
    "url", ["", "http://host", "smtp://", "smtp://host:port", "smtp://host:99999", "host:25"]
)
def test_unusable_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(BadUrl) as caught:
        Server.parse(url)
    assert not url or url not in str(caught.value)


def test_a_password_is_not_shown_by_accident() -> None:
    server = Server.parse("smtps://user:hunter2@mail.example")
    assert (server.port, server.tls, server.password) == (465, True, "hunter2")
    assert "hunter2" not in repr(server)
