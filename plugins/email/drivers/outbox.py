"""Mail that is not sent but kept as files, for people to read: when there is no mail server."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from tempfile import NamedTemporaryFile

from core.api import DriverError, Receipt
from plugins.email.transport import MailTransport


class OutboxTransport(MailTransport):
    """``settings``: ``folder``. One file per mail; the same mail again is the same file."""

    async def check(self) -> None:
        if self._folder.exists() and not os.access(self._folder, os.W_OK):
            raise DriverError("the outbox cannot be written", retryable=True)

    async def _send(self, sender: str, recipients: Sequence[str], mail: EmailMessage) -> Receipt:
        kept = EmailMessage(mail.policy)
        kept["Return-Path"] = f"<{sender}>"
        kept["X-Envelope-To"] = ", ".join(recipients)
        content = kept.as_bytes(policy=SMTP_POLICY).rstrip(b"\r\n") + b"\r\n"
        content += mail.as_bytes(policy=SMTP_POLICY)
        message_id = str(mail["Message-ID"])
        name = hashlib.sha256(message_id.encode()).hexdigest()[:32]
        try:
            await asyncio.to_thread(_write, self._folder, f"{name}.eml", content)
        except OSError as error:
            raise DriverError("the outbox cannot be written", retryable=True) from error
        return Receipt("outbox", name)

    @property
    def _folder(self) -> Path:
        return Path(str(self.settings["folder"]))


def _write(folder: Path, name: str, content: bytes) -> None:
    """Everything or nothing: a reader never sees half a mail, a power cut leaves none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(folder / name)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
