"""Reading the form *Send a notification*: every field checked, every mistake told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core.api import (
    AppError,
    BadInput,
    Channel,
    Forbidden,
    Principal,
    TenantView,
    User,
    addresses,
    translate_error,
)
from core.api import gettext as _

FIELDS: Final = frozenset(
    {"csrf", "agent", "name", "when", "at", "type", "email", "phone", "language", "media"}
    | {"auto_connect", "details", "ask_id"}
)
LINK_ONLY: Final = "link"
AHEAD: Final = timedelta(days=366)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")


class FormInvalid(AppError):
    """``fields`` maps the name of a field to what is wrong with it."""

    status = 400
    code = "form-invalid"
    message = "Please check the marked fields."

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields=sorted(fields))
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Wish:
    """A checked form. ``type``: email, sms or link; ``address`` fits it."""

    agent: User
    name: str
    at: datetime | None
    type: str
    address: str
    language: str
    media: Channel
    auto_connect: bool
    details: bool
    ask_id: bool


@dataclass(slots=True)
class _Reader:
    form: Mapping[str, str]
    wrong: dict[str, str] = field(default_factory=dict)

    def choice(self, name: str, allowed: list[str]) -> str:
        value = self.form.get(name, "")
        if value not in allowed:
            self.wrong[name] = _("Choose one of the list.")
        return value

    def switch(self, name: str) -> bool:
        value = self.form.get(name, "")
        if value not in {"", "on"}:
            self.wrong[name] = _("It can be on or off.")
        return value == "on"

    def line(self, name: str, most: int) -> str:
        value = " ".join(self.form.get(name, "").split(" ")).strip()
        if not 1 <= len(value) <= most:
            self.wrong[name] = _("Between 1 and %(n)s characters.", n=most)
        elif _CONTROL.search(value):
            self.wrong[name] = _("It holds invisible characters.")
        return value


def types(tenant: TenantView) -> list[str]:
    """Return how an invitation can reach the customer: what is switched on, and by hand."""
    return [t for t in ("email", "sms") if t in tenant.enabled] + [LINK_ONLY]


def media(tenant: TenantView) -> list[Channel]:
    """Return what carries the talk; the first is offered first."""
    on = [channel for channel in (Channel.VIDEO, Channel.CHAT) if channel in tenant.enabled]
    return on or [Channel.CHAT]


def read(
    tenant: TenantView,
    me: Principal,
    colleagues: list[User],
    form: Mapping[str, str],
    now: datetime | None = None,
) -> Wish:
    """Return what *form* asks for; ``FormInvalid`` names every field that is wrong."""
    for name in form:
        if name not in FIELDS:
            raise BadInput(field=name[:40], problem=_("there is no such field"))
    reader = _Reader(form)
    agent = _agent(reader, tenant, me, colleagues)
    kind = reader.choice("type", types(tenant))
    wish = Wish(
        agent=agent or colleagues[0],
        name=reader.line("name", 120),
        at=_moment(reader, tenant, now or datetime.now(UTC)),
        type=kind,
        address=_address(reader, kind),
        language=reader.choice("language", list(tenant.languages)),
        media=_media(reader, tenant),
        auto_connect=reader.switch("auto_connect"),
        details=reader.switch("details"),
        ask_id=reader.switch("ask_id"),
    )
    if reader.wrong:
        raise FormInvalid(reader.wrong)
    return wish


def _agent(
    reader: _Reader, tenant: TenantView, me: Principal, colleagues: list[User]
) -> User | None:
    wanted = reader.form.get("agent", me.id)
    if wanted != me.id and not me.may(tenant, "notify.invitation.send_for_others"):
        raise Forbidden
    found = next((one for one in colleagues if str(one.id) == wanted), None)
    if found is None:
        reader.wrong["agent"] = _("There is no such colleague.")
    return found


def _media(reader: _Reader, tenant: TenantView) -> Channel:
    offered = media(tenant)
    if len(offered) == 1 and "media" not in reader.form:
        return offered[0]
    chosen = reader.choice("media", [str(channel) for channel in offered])
    return Channel(chosen) if chosen in offered else offered[0]


def _address(reader: _Reader, kind: str) -> str:
    check = {"email": addresses.email, "sms": addresses.phone}.get(kind)
    if check is None:
        return ""
    name = "phone" if kind == "sms" else "email"
    try:
        return check(reader.form.get(name, ""))
    except BadInput as error:
        reader.wrong[name] = translate_error(error)
        return ""


def _moment(reader: _Reader, tenant: TenantView, now: datetime) -> datetime | None:
    """Return the appointment in UTC; ``None``: now."""
    if reader.choice("when", ["now", "later"]) != "later":
        return None
    text = reader.form.get("at", "")
    try:
        if not _LOCAL.fullmatch(text):
            raise ValueError
        local = datetime.fromisoformat(text)
        at = in_zone(local, ZoneInfo(tenant.timezone))
    except (ValueError, OverflowError):
        reader.wrong["at"] = _("Give a date and a time.")
        return None
    if at is None:
        reader.wrong["at"] = _("There is no such time that day: the clocks are put forward.")
    elif at < now.replace(second=0, microsecond=0):
        reader.wrong["at"] = _("This is in the past.")
    elif at > now + AHEAD:
        reader.wrong["at"] = _("This is more than a year away.")
    return at


def in_zone(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the moment a wall clock in *zone* shows *local*; ``None`` when it never does.

    Of a time that comes twice, when the clocks go back, it is the first.
    """
    at = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return at if at.astimezone(zone).replace(tzinfo=None) == local else None
