"""Mail by SMTP (RFC 5321), with TLS from the start or by STARTTLS."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiosmtplib

from core.api import DriverError, Receipt
from plugins.email.transport import MailTransport, PartlyRefused

COMMAND_S: Final = 20.0
"""Seconds for one command; servers that greet slowly on purpose take up to 10."""
_PORTS: Final = {"smtp": 587, "smtps": 465}
_PRIVATE: Final = re.compile(r"\S+@\S+|[^\x20-\x7e]")


class BadUrl(DriverError):
    def __init__(self) -> None:
        super().__init__("the address of the mail server is not usable", retryable=False)


class ForbiddenHost(DriverError):
    """A tenant named a server inside the operator's network."""

    def __init__(self) -> None:
        super().__init__("the mail server is not on the public internet", retryable=False)


@dataclass(frozen=True, slots=True)
class Server:
    """``smtp``: STARTTLS when offered, demanded before a password. ``smtps``: TLS at once."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Server:
        """Read ``smtp://user:password@host:port``; ``BadUrl`` never repeats it."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            raise BadUrl from None
        if not parts.hostname:
            raise BadUrl
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password or "") if user else None
        return cls(parts.hostname, port, parts.scheme == "smtps", user, password)


class SmtpTransport(MailTransport):
    """``settings``: ``url``, and ``own_network``: the server may be in the operator's network."""

    def __init__(self, settings: Any, retry: Any = None) -> None:
        super().__init__(settings, retry)
        self._server = Server.parse(str(settings["url"]))

    async def check(self) -> None:
        async with self._connected() as client:
            await client.noop()

    async def _send(self, sender: str, recipients: Sequence[str], mail: EmailMessage) -> Receipt:
        content = mail.as_bytes(policy=SMTP_POLICY)
        async with self._connected() as client:
            refused, answer = await client.sendmail(sender, list(recipients), content)
        if refused:
            raise PartlyRefused(list(refused))
        return Receipt("smtp", _plain(answer)[:120])

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection, signed in; what goes wrong inside becomes a ``DriverError``."""
        try:
            client = await self._connect()
            try:
                await self._sign_in(client)
                yield client
                await client.quit()
            finally:
                client.close()
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(error.recipients[0]) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise DriverError("the mail server lacks what is needed", retryable=False) from error
        except ssl.SSLError as error:
            raise DriverError("no secure connection to the mail server", retryable=True) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DriverError("the mail server does not answer", retryable=True) from error

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            sock=await self._dial(),
            use_tls=server.tls,
            start_tls=False if server.tls else None,
            timeout=COMMAND_S,
            local_hostname=socket.gethostname() or "localhost",
        )
        await client.connect()
        return client

    async def _dial(self) -> socket.socket:
        """Connect to an address that was checked, so that a second look-up can't swap it."""
        server, loop = self._server, asyncio.get_running_loop()
        found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        if not self.settings.get("own_network") and not all(_public(a[4][0]) for a in found):
            raise ForbiddenHost
        failure: OSError = OSError("no address")
        for family, kind, protocol, _, address in found:
            connection = socket.socket(family, kind, protocol)
            connection.setblocking(False)
            try:
                async with asyncio.timeout(COMMAND_S / 2):
                    await loop.sock_connect(connection, address)
            except BaseException as error:
                connection.close()
                if not isinstance(error, OSError):
                    raise
                failure = error
            else:
                return connection
        raise failure

    async def _sign_in(self, client: aiosmtplib.SMTP) -> None:
        server = self._server
        if server.user is None or server.password is None:
            return
        secure = client.get_transport_info("sslcontext") is not None
        if not secure and not _loopback(client.get_transport_info("peername")[0]):
            raise DriverError("the mail server offers no encryption", retryable=False)
        try:
            await client.login(server.user, server.password)
        except aiosmtplib.SMTPAuthenticationError as error:
            # The mail is not at fault: it can go once somebody corrects the password.
            text = f"the mail server refused our sign-in ({error.code})"
            raise DriverError(text, retryable=True) from error


def _refusal(error: Any) -> DriverError:
    """RFC 5321, 4.2.1: 4yz is for now, 5yz for good."""
    text = f"the mail server said {error.code} {_plain(error.message)}".strip()
    return DriverError(text[:280], retryable=error.code < 500)


def _plain(text: object) -> str:
    """Return a server's words without addresses and control characters."""
    return " ".join(_PRIVATE.sub("…", " ".join(str(text).split())).split())


def _public(address: str | int) -> bool:
    found = ipaddress.ip_address(str(address).partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (mapped is None or mapped.is_global)


def _loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
