"""The servers that other tests rely on are the real ones, and are empty at the start."""

from __future__ import annotations

from email.message import EmailMessage

import aiosmtplib
import asyncpg
import pytest
from redis import asyncio as aioredis

from core.testing.services import DebianMail, MailServer, program


def letter(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.org", subject
    message.set_content("Здравствуйте")
    return message


async def send(message: EmailMessage, port: int) -> None:
    await aiosmtplib.send(message, hostname="127.0.0.1", port=port, start_tls=False)


async def test_debians_mail_server_delivers_to_a_maildir(debian_mail: DebianMail) -> None:
    await send(letter("by OpenSMTPD"), debian_mail.port)
    [message] = await debian_mail.wait_for(1)
    assert message["Subject"] == "by OpenSMTPD"
    assert message.get_content().strip() == "Здравствуйте"


async def test_the_mail_server_of_a_test_refuses_on_demand(mail_server: MailServer) -> None:
    mail_server.replies = ["451 4.3.0 busy"]
    with pytest.raises(aiosmtplib.SMTPDataError, match="busy"):
        await send(letter("refused"), mail_server.port)
    await send(letter("accepted"), mail_server.port)
    assert [message["Subject"] for message in mail_server.messages] == ["accepted"]


@pytest.mark.parametrize("turn", [1, 2])
async def test_redis_is_empty_for_each_test(redis_url: str, turn: int) -> None:
    async with aioredis.from_url(redis_url) as redis:
        assert await redis.dbsize() == 0
        await redis.set("left over", turn)


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_a_database_of_its_own(postgres_url: str, turn: int) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE TABLE one (turn int DEFAULT {turn})")
    await connection.close()


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(pytest.fail.Exception, match="apt-get install some-package"):
        program("no-such-program", "some-package")
