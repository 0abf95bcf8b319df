"""Taking notices over, and looking into the outbox."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Final
from uuid import UUID

from core.api import (
    Config,
    DriverError,
    Health,
    NotFound,
    Notice,
    PersonRef,
    Receipt,
    Retry,
    Tenancy,
    TenantView,
    UnknownDriver,
    addresses,
    files,
    load,
    service,
)
from plugins.email.compose import Attachment, UnsafeHeader, compose, sender
from plugins.email.settings import EmailSettings, chosen_transport
from plugins.email.transport import MailTransport

ATTEMPT: Final = Retry(attempts=1, timeout_s=40)
"""One attempt: the job that asks repeats it later, with growing pauses."""
KEPT_DAYS: Final = 30
PAGE: Final = 200
_ID: Final = re.compile(r"[0-9a-f]{32}")


class BadReceiver(DriverError):
    def __init__(self) -> None:
        super().__init__("this is not an e-mail address", retryable=False)


async def deliver(tenant: TenantView, notice: Notice) -> Receipt:
    """Send *notice* by the tenant's transport. Raises ``DriverError``."""
    try:
        address = addresses.email(notice.address)
    except addresses.BadEmail:
        raise BadReceiver from None
    if address != notice.address:
        raise UnsafeHeader("receiver")
    mail = compose(tenant, notice, await _attachments(tenant, notice.files))
    return await transport(tenant).send(sender(tenant).addr_spec, [address], mail)


def transport(tenant: TenantView) -> MailTransport:
    """Return the tenant's transport; a wrong setting is a ``DriverError``, no fault of ours."""
    name, settings = chosen_transport(tenant)
    try:
        return load(MailTransport, name, settings, ATTEMPT)  # type: ignore[type-abstract]
    except UnknownDriver as error:
        raise DriverError(f"there is no transport “{name}”", retryable=False) from error


async def _attachments(tenant: TenantView, wanted: tuple[UUID, ...]) -> tuple[Attachment, ...]:
    """Return the files' bytes as long as they fit; a deleted file is left out."""
    left = tenant.setting("email", EmailSettings).attachments_mb * 1_000_000
    found = []
    for file_id in wanted:
        try:
            file = await files.find(tenant.id, file_id)
        except NotFound:
            continue
        left -= file.size
        if left < 0:
            break  # what is not in the mail is on the customer's page
        try:
            content = b"".join([chunk async for chunk in await files.read(file)])
        except files.StorageAway as error:
            raise DriverError("the files cannot be read now", retryable=True) from error
        found.append(Attachment(file.name, file.media_type, content))
    return tuple(found)


async def health() -> Health:
    """Tell whether the installation's own mail server answers."""
    config = service(Config)
    name = "smtp" if config.smtp_url else "outbox"
    settings = {"url": config.smtp_url, "own_network": True}
    settings["folder"] = str(config.data_dir / "outbox")
    try:
        driver = load(MailTransport, name, settings)  # type: ignore[type-abstract]
        async with asyncio.timeout(4):
            await driver.check()
    except (DriverError, TimeoutError) as error:
        return Health("email", "degraded", str(error) or "the mail server does not answer")
    return Health("email")


# The outbox


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail in the outbox. ``at``: when it was written. ``files``: names and sizes in bytes."""

    id: str
    at: datetime
    to: str
    subject: str
    sender: str
    text: str = ""
    has_html: bool = False
    files: tuple[tuple[str, int], ...] = ()


def outbox(tenant: TenantView) -> Path:
    return service(Config).data_dir / "outbox" / tenant.slug


async def kept_mails(tenant: TenantView) -> list[Kept]:
    """Return the newest mails of the outbox, ``PAGE`` at most."""
    return await asyncio.to_thread(_list, outbox(tenant))


async def kept_mail(tenant: TenantView, mail_id: str) -> tuple[Kept, EmailMessage]:
    """Return one mail; ``NotFound`` for another tenant's."""
    if not _ID.fullmatch(mail_id):
        raise NotFound
    path = outbox(tenant) / f"{mail_id}.eml"
    try:
        mail = await asyncio.to_thread(_read, path)
        at = _written(path)
    except OSError:
        raise NotFound from None
    return _kept(mail_id, at, mail), mail


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    return str(part.get_content()) if part is not None else ""


def _list(folder: Path) -> list[Kept]:
    found = []
    for path in folder.glob("*.eml"):
        try:
            found.append((_written(path), path))
        except FileNotFoundError:
            continue
    newest = sorted(found, reverse=True)[:PAGE]
    return [_kept(path.stem, at, _read(path)) for at, path in newest]


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _read(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=default)


def _kept(mail_id: str, at: datetime, mail: EmailMessage) -> Kept:
    body = mail.get_body(("plain",))
    return Kept(
        id=mail_id,
        at=at,
        to=str(mail["To"]),
        subject=str(mail["Subject"]),
        sender=str(mail["From"]),
        text=str(body.get_content()) if body is not None else "",
        has_html=mail.get_body(("html",)) is not None,
        files=tuple(
            (part.get_filename() or "", len(part.get_payload(decode=True) or b""))
            for part in mail.iter_attachments()
        ),
    )


async def tidy(tenant: TenantView) -> None:
    """Delete mails older than ``KEPT_DAYS``."""
    await asyncio.to_thread(_tidy, outbox(tenant), time.time() - KEPT_DAYS * 86400)


def _tidy(folder: Path, before: float) -> None:
    for path in folder.glob("*.eml"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)


# The person's rights


async def export_person(person: PersonRef) -> dict[str, object] | None:
    folder = outbox(await service(Tenancy).get(person.tenant_id))
    mails = await asyncio.to_thread(_mails_to, folder, frozenset(person.emails))
    if not mails:
        return None
    told = [{"subject": str(mail["Subject"]), "date": str(mail["Date"])} for _, mail in mails]
    return {"mails_in_outbox": told}


async def erase_person(person: PersonRef, *, dry_run: bool) -> dict[str, int]:
    folder = outbox(await service(Tenancy).get(person.tenant_id))
    mails = await asyncio.to_thread(_mails_to, folder, frozenset(person.emails))
    if not dry_run:
        for path, _ in mails:
            path.unlink(missing_ok=True)
    return {"mails_in_outbox": len(mails)}


def _mails_to(folder: Path, emails: frozenset[str]) -> list[tuple[Path, EmailMessage]]:
    found = []
    for path in folder.glob("*.eml"):
        mail = _read(path)
        receivers = {a.addr_spec.lower() for a in mail["To"].addresses} if mail["To"] else set()
        if receivers & emails:
            found.append((path, mail))
    return found
