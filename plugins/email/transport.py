"""What every way of sending mail has in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from email.message import EmailMessage
from typing import ClassVar

from core.api import Driver, DriverError, Receipt


class PartlyRefused(DriverError):
    """Some got the mail, the ``refused`` did not; sending all again would reach the first twice."""

    def __init__(self, refused: Sequence[str]) -> None:
        super().__init__(f"{len(refused)} of the addresses were refused", retryable=False)
        self.refused = tuple(refused)


class MailTransport(Driver):
    """A way to send a finished mail.

    Implement ``_send``. It makes one attempt and raises ``DriverError``: ``retryable=False`` when
    the other side would refuse the same mail again. The same mail may come twice, after an answer
    was lost; it has the same Message-ID then. ``core.testing.contracts.mail_transport`` is the
    suite each transport has to pass.
    """

    group: ClassVar[str] = "offhook.email.transports"

    async def send(self, sender: str, recipients: Sequence[str], mail: EmailMessage) -> Receipt:
        """Hand *mail* over; when it returns, the other side is responsible for it."""
        return await self.attempt(lambda: self._send(sender, recipients, mail))

    async def check(self) -> None:
        """Raise ``DriverError`` when mail could not be sent right now."""

    @abstractmethod
    async def _send(
        self, sender: str, recipients: Sequence[str], mail: EmailMessage
    ) -> Receipt: ...
