"""E-mail addresses and phone numbers as people type them, checked and in their one stored form."""

from __future__ import annotations

import re
from typing import Final

import phonenumbers

from core.errors import BadInput

_EMAIL: Final = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}"
)


class BadEmail(BadInput):
    code = "bad-email"
    message = "This is not an e-mail address."


class BadPhone(BadInput):
    code = "bad-phone"
    message = "This is not a phone number. Begin with + and the country, as in +34 600 111 222."


def email(text: str) -> str:
    """Return *text* in lower case, or raise ``BadEmail``."""
    cleaned = text.strip().lower()
    if len(cleaned) > 254 or not _EMAIL.fullmatch(cleaned):
        raise BadEmail(field="email")
    return cleaned


def phone(text: str, region: str | None = None) -> str:
    """Return *text* as E.164 with the plus, or raise ``BadPhone``.

    *region* (ISO 3166, two letters) is where a number without a plus belongs.
    """
    try:
        number = phonenumbers.parse(text[:64], region)
    except phonenumbers.NumberParseException:
        raise BadPhone(field="phone") from None
    if not phonenumbers.is_possible_number(number):
        raise BadPhone(field="phone")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
