"""Making the mail of a notice: headers, text, its HTML twin, and files."""

from __future__ import annotations

import colorsys
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.api import Config, Context, DriverError, Notice, TenantView, service, using
from core.api import gettext as _
from plugins.email.settings import EmailSettings

_LINK: Final = re.compile(r"https?://[^\s<>\"'“”«»]+[^\s<>\"'“”«».,;:!?)\]]")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class UnsafeHeader(DriverError):
    """Text for a header holds a line break: somebody tries to write headers of his own."""

    def __init__(self, field: str) -> None:
        super().__init__(f"the {field} holds characters that a mail cannot carry", retryable=False)


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    media_type: str
    content: bytes


def sender(tenant: TenantView) -> Address:
    """Return whom the tenant's mail comes from."""
    mine = tenant.setting("email", EmailSettings)
    name = mine.sender_name or tenant.name
    return _address("sender", name, mine.sender_address or f"no-reply@{_domain(tenant)}")


def compose(tenant: TenantView, notice: Notice, files: tuple[Attachment, ...] = ()) -> EmailMessage:
    """Return the mail, ready to be sent. ``UnsafeHeader`` for texts that would forge headers."""
    mine, origin = tenant.setting("email", EmailSettings), sender(tenant)
    mail = EmailMessage(SMTP)
    mail["From"] = origin
    mail["To"] = _address("receiver", notice.name, notice.address)
    if mine.reply_to:
        mail["Reply-To"] = mine.reply_to
    mail["Subject"] = _one_line("subject", notice.subject)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{_fingerprint(tenant, notice)}@{origin.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Content-Language"] = _one_line("language", notice.language)
    mail.set_content(notice.text, cte="quoted-printable")
    mail.add_alternative(html(tenant, notice), subtype="html", cte="quoted-printable")
    for file in files:
        kind, _, subtype = file.media_type.partition("/")
        mail.add_attachment(
            file.content, maintype=kind, subtype=subtype or "octet-stream", filename=file.name
        )
    return mail


def html(tenant: TenantView, notice: Notice) -> str:
    """Return the text as HTML in the tenant's colour; a link alone in its paragraph is a button."""
    paragraphs = [part for part in notice.text.replace("\r", "").split("\n\n") if part.strip()]
    with using(Context(notice.language)) as reader:
        return _templates.get_template("email/mail.html").render(
            tenant=tenant.name,
            subject=notice.subject,
            language=notice.language,
            direction=str(reader.locale.text_direction),
            colour=colour(tenant.hue),
            button=_("Open the page"),
            parts=[(bool(_LINK.fullmatch(p.strip())), pieces(p.strip())) for p in paragraphs],
        )


def colour(hue: int | None) -> str:
    """Return a colour of *hue* (degrees) on which white words have a contrast of 4.5 at least."""
    degrees = 230 if hue is None else hue
    for lightness in range(45, 10, -1):
        rgb = colorsys.hls_to_rgb(degrees % 360 / 360, lightness / 100, 0.55)
        if 1.05 / (_luminance(rgb) + 0.05) >= 4.5:
            break
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in rgb)


def _luminance(rgb: tuple[float, float, float]) -> float:
    """WCAG 2.2, relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def pieces(text: str) -> list[list[tuple[str, str]]]:
    """Return the lines of *text*, each as words and the web address they lead to, or ``""``."""
    return [_pieces(line) for line in text.split("\n")]


def _pieces(line: str) -> list[tuple[str, str]]:
    found, end = [], 0
    for match in _LINK.finditer(line):
        found += [(line[end : match.start()], ""), (match.group(), match.group())]
        end = match.end()
    return [*found, (line[end:], "")]


def _address(field: str, name: str, address: str) -> Address:
    _one_line(field, address)
    try:
        return Address(display_name=_one_line(field, name), addr_spec=address)
    except ValueError as error:
        raise UnsafeHeader(field) from error


def _one_line(field: str, text: str) -> str:
    if _UNSAFE.search(text):
        raise UnsafeHeader(field)
    return text


def _domain(tenant: TenantView) -> str:
    host = tenant.hosts[0] if tenant.hosts else urlsplit(service(Config).public_url).hostname or ""
    return host if re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*", host) else "localhost"


def _fingerprint(tenant: TenantView, notice: Notice) -> str:
    """The same notice is the same mail: a receiver that gets it twice can drop one."""
    parts = (str(tenant.id), notice.ref, notice.address, notice.subject, notice.text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]
