"""What a distribution with a transport of its own may import from here."""

from __future__ import annotations

from plugins.email.transport import MailTransport, PartlyRefused

__all__ = ["MailTransport", "PartlyRefused"]
