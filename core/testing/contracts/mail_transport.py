"""What every mail transport must do. Subclass, and say how to make one and read what arrived.

``transport``: a fixture that returns the driver. ``arrived``: a fixture that returns an
``async`` function giving the mails that reached the other side, waiting for the number it gets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

Arrived = Callable[[int], Awaitable[list[EmailMessage]]]
SENDER = "desk@acme.example"


def a_mail(to: str, subject: str = "Your appointment", text: str = "See you.\n") -> EmailMessage:
    mail = EmailMessage(SMTP)
    mail["From"], mail["To"], mail["Subject"] = SENDER, to, subject
    mail["Message-ID"] = f"<{abs(hash((to, subject, text)))}@acme.example>"
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(f"<p>{text}</p>", subtype="html")
    return mail


class MailTransportContract:
    async def test_mail_arrives_as_it_was_written(self, transport: Any, arrived: Arrived) -> None:
        text = "Привет, Ана!\n.\nfrom a dot on its own line\n预约 – mañana\n"
        mail = a_mail("ana@example.org", "Запись на приём 预约", text)

        receipt = await transport.send(SENDER, ["ana@example.org"], mail)

        (got,) = await arrived(1)
        assert receipt.driver
        assert got["Subject"] == "Запись на приём 预约"
        assert got["To"] == "ana@example.org"
        body = got.get_body(("plain",))
        assert body is not None
        assert body.get_content().replace("\r\n", "\n") == text
        assert got.get_body(("html",)) is not None

    async def test_bytes_of_an_attachment_survive(self, transport: Any, arrived: Arrived) -> None:
        content = bytes(range(256)) * 40
        mail = a_mail("ana@example.org")
        mail.add_attachment(
            content, maintype="application", subtype="octet-stream", filename="договор.bin"
        )

        await transport.send(SENDER, ["ana@example.org"], mail)

        (got,) = await arrived(1)
        (part,) = got.iter_attachments()
        assert part.get_filename() == "договор.bin"
        assert part.get_content() == content

    async def test_many_at_once_all_arrive(self, transport: Any, arrived: Arrived) -> None:
        mails = [a_mail("ana@example.org", f"Number {number}") for number in range(8)]

        await asyncio.gather(*(transport.send(SENDER, ["ana@example.org"], m) for m in mails))

        got = await arrived(8)
        assert sorted(m["Subject"] for m in got) == sorted(m["Subject"] for m in mails)

    async def test_long_lines_and_long_mails_arrive(self, transport: Any, arrived: Arrived) -> None:
        text = "x" * 5000 + "\n" + "word " * 20_000 + "\n"

        await transport.send(SENDER, ["ana@example.org"], a_mail("ana@example.org", text=text))

        (got,) = await arrived(1)
        body = got.get_body(("plain",))
        assert body is not None
        assert body.get_content().replace("\r\n", "\n") == text

    async def test_check_finds_nothing_wrong_with_a_working_other_side(
        self, transport: Any
    ) -> None:
        await transport.check()
