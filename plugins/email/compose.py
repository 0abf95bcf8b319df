"""Making the mail of a notice: headers, text, its HTML twin, and files."""

from __future__ import annotations

import hashlib
import math
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
    """Return the pages' filled colour of *hue* in hex; white words have a contrast of 4.5 on it."""
    angle = math.radians(258 if hue is None else hue)
    for lightness in range(495, 100, -5):
        rgb = _oklch(lightness / 1000, 0.165, angle)
        if _contrast_to_white(rgb) >= 4.5:
            break
    return "#" + "".join(f"{round(_encoded(channel) * 255):02x}" for channel in rgb)


def _oklch(lightness: float, chroma: float, angle: float) -> tuple[float, float, float]:
    """Return linear sRGB (CSS Color 4, 10.1), cut to what can be shown as browsers do."""
    a, b = chroma * math.cos(angle), chroma * math.sin(angle)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return _shown(red), _shown(green), _shown(blue)


def _shown(channel: float) -> float:
    return min(max(channel, 0.0), 1.0)


def _contrast_to_white(rgb: tuple[float, float, float]) -> float:
    """WCAG 2.2, contrast ratio."""
    return 1.05 / (0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2] + 0.05)


def _encoded(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


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
