"""What a tenant's administrators set about mail."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from core.api import Config, Settings, TenantView, service
from core.api import gettext_noop as _

_ADDRESS: Final = r"^$|^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}$"
_LINE: Final = r"^[^\x00-\x1f\x7f]*$"


class EmailSettings(Settings, frozen=True):
    sender_name: Annotated[
        str,
        msgspec.Meta(
            title=_("Sender's name"),
            description=_("Shown in the inbox of the receiver. Empty: the name of the business."),
            max_length=80,
            pattern=_LINE,
        ),
    ] = ""
    sender_address: Annotated[
        str,
        msgspec.Meta(
            title=_("Sender's address"),
            description=_("Empty: no-reply at your own domain."),
            pattern=_ADDRESS,
        ),
    ] = ""
    reply_to: Annotated[
        str,
        msgspec.Meta(
            title=_("Address for replies"),
            description=_("Where an answer to a mail goes. Empty: to the sender's address."),
            pattern=_ADDRESS,
        ),
    ] = ""
    transport: Annotated[
        str,
        msgspec.Meta(
            title=_("Way of sending"),
            description=_("smtp or outbox. Empty: smtp when there is a server, else the outbox."),
            pattern=r"^[a-z0-9_]{0,40}$",
            extra={"drivers": "offhook.email.transports"},
        ),
    ] = ""
    smtp_url: Annotated[
        str,
        msgspec.Meta(
            title=_("Mail server of your own"),
            description=_(
                "smtps://user:password@host:465 or smtp://user:password@host:587."
                " Empty: the server of this installation."
            ),
            max_length=500,
            pattern=r"^$|^smtps?://[^\s\x00-\x1f]+$",
            extra={"secret": True},
        ),
    ] = ""
    attachments_mb: Annotated[
        int,
        msgspec.Meta(
            title=_("Attachments"),
            description=_("Megabytes of files in one mail; larger ones are left out of it."),
            ge=0,
            le=25,
        ),
    ] = 10


def chosen_transport(tenant: TenantView) -> tuple[str, dict[str, object]]:
    """Return the name of the tenant's transport and what it is configured with."""
    mine, config = tenant.setting("email", EmailSettings), service(Config)
    url = mine.smtp_url or config.smtp_url
    name = mine.transport or ("smtp" if url else "outbox")
    folder = config.data_dir / "outbox" / tenant.slug
    return name, {"url": url, "own_network": not mine.smtp_url, "folder": str(folder)}
