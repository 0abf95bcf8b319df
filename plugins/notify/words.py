"""The words of a notice: ours in every language, or the tenant's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.api import BadInput, Context, TenantView, format_date, format_time, using
from core.api import gettext as _
from plugins.notify.models import Kind, Template

VARIABLES: Final = {
    Kind.INVITATION: ("customer", "agent", "tenant", "link", "when"),
    Kind.NOTE: ("customer", "agent", "tenant", "link", "comment"),
}
NEEDED: Final = {Kind.INVITATION: "link", Kind.NOTE: "comment"}
_SMS: Final = {
    Kind.INVITATION: "{agent}, {tenant}: {link} {when}",
    Kind.NOTE: "{agent}, {tenant}: {comment} {link}",
}
MAX_SUBJECT: Final = 200
MAX_BODY: Final = 5000
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class UnknownVariable(BadInput):
    code = "unknown-variable"
    message = "“{name}” is not one of the placeholders that can be used here."


class MissingVariable(BadInput):
    code = "missing-variable"
    message = "The text must contain {name}, or the customer gets nothing he can use."


@dataclass(frozen=True, slots=True)
class Words:
    subject: str
    body: str


def standard(kind: Kind, channel: str) -> Words:
    """Return our own words in the language of the moment."""
    if channel == "sms":
        return Words("", _SMS[kind])
    if kind is Kind.NOTE:
        return Words(_("A message from {agent}, {tenant}"), _note())
    return Words(_("{tenant}: your link to talk to us"), _invitation())


def _invitation() -> str:
    return "\n\n".join(
        (
            _("Hello {customer},"),
            _("{agent} of {tenant} invites you to talk. {when}"),
            _("Open this link to come in. You need no app and no account:"),
            "{link}",
            _("The link is yours alone: please do not pass it on."),
        )
    )


def _note() -> str:
    return "\n\n".join(
        (
            _("Hello {customer},"),
            _("{agent} of {tenant} writes to you:"),
            "{comment}",
            _("You find this on your page, too, where you can answer:"),
            "{link}",
        )
    )


async def of_tenant(tenant: TenantView, kind: Kind, channel: str, language: str) -> Words:
    """Return the tenant's own words for this language, or ours."""
    own = await Template.get_or_none(
        tenant_id=tenant.id, kind=kind, channel=channel, language=language
    )
    if own is not None:
        return Words(own.subject, own.body)
    with using(Context(language, tenant.timezone)):
        return standard(kind, channel)


def check(kind: Kind, channel: str, words: Words) -> Words:
    """Return *words* tidied, or raise ``BadInput`` with the field that is wrong."""
    subject, body = words.subject.strip(), words.body.replace("\r\n", "\n").strip()
    if channel != "sms" and not 1 <= len(subject) <= MAX_SUBJECT:
        raise BadInput(field="subject", problem=_("between 1 and %(n)s characters", n=MAX_SUBJECT))
    if not 1 <= len(body) <= MAX_BODY:
        raise BadInput(field="body", problem=_("between 1 and %(n)s characters", n=MAX_BODY))
    if channel == "sms":
        subject = ""
    for field, text in (("subject", subject), ("body", body)):
        if _CONTROL.search(text) or (field == "subject" and "\n" in text):
            raise BadInput(field=field, problem=_("it holds invisible characters"))
        _check_variables(kind, field, text)
    if f"{{{NEEDED[kind]}}}" not in body:
        raise MissingVariable(field="body", name=f"{{{NEEDED[kind]}}}")
    return Words(subject, body)


def _check_variables(kind: Kind, field: str, text: str) -> None:
    for match in _VARIABLE.finditer(text):
        if match.group(1) not in VARIABLES[kind]:
            raise UnknownVariable(field=field, name=match.group(0)[:40])
    rest = _VARIABLE.sub("", text)
    if "{" in rest or "}" in rest:
        raise UnknownVariable(field=field, name="{" if "{" in rest else "}")


def fill(words: Words, values: Mapping[str, str]) -> Words:
    """Put the values in, once: braces inside a value stay what they are."""

    def put(text: str) -> str:
        return _VARIABLE.sub(lambda m: values.get(m.group(1), m.group(0)), text)

    subject = " ".join(_CONTROL.sub(" ", put(words.subject)).split())
    return Words(subject, put(words.body).strip())


async def save(tenant: TenantView, kind: Kind, channel: str, language: str, words: Words) -> None:
    checked = check(kind, channel, words)
    await Template.update_or_create(
        defaults={"subject": checked.subject, "body": checked.body},
        tenant_id=tenant.id,
        kind=kind,
        channel=channel,
        language=language,
    )


async def reset(tenant: TenantView, kind: Kind, channel: str, language: str) -> None:
    """Go back to our words."""
    query = Template.filter(tenant_id=tenant.id, kind=kind, channel=channel, language=language)
    await query.delete()


async def own_ones(tenant: TenantView) -> set[tuple[str, str, str]]:
    """Return (kind, channel, language) of the texts the tenant has changed."""
    rows = await Template.filter(tenant_id=tenant.id)
    return {(str(row.kind), row.channel, row.language) for row in rows}


def when(tenant: TenantView, language: str, at: datetime | None) -> str:
    """Say in *language* when the customer is expected, in the tenant's zone."""
    with using(Context(language, tenant.timezone)):
        if at is None:
            return _("You can come in now.")
        return _(
            "Your appointment: %(day)s, %(time)s (%(zone)s).",
            day=format_date(at, "full"),
            time=format_time(at),
            zone=tenant.timezone,
        )
