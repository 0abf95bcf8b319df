"""The language and zone of the moment, and the words in them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from core.errors import AppError
from core.i18n import catalogs
from core.i18n.negotiate import SOURCE_LANGUAGE


@dataclass(frozen=True, slots=True)
class Context:
    """Whom we speak to: a BCP 47 language, an IANA zone, and a tenant's own wording."""

    language: str = SOURCE_LANGUAGE
    timezone: str = "UTC"
    overrides: Mapping[str, str] = field(default_factory=dict)
    """A tenant's words for messages; asked first."""

    @property
    def locale(self) -> Locale:
        return _locale(self.language)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


_SOURCE = Context()
_current: ContextVar[Context] = ContextVar("language", default=_SOURCE)


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(catalogs.folder_name(language))


def current() -> Context:
    return _current.get()


def switch(context: Context) -> Token[Context]:
    """Speak as *context* for the rest of this task; a request calls this once."""
    return _current.set(context)


@contextmanager
def using(context: Context) -> Iterator[Context]:
    """Speak as *context* inside the block: a mail is written in its reader's language."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def text_direction() -> str:
    return str(_current.get().locale.text_direction)


def gettext_noop(message: str) -> str:
    """Mark *message* for translators and return it unchanged, to be translated when shown."""
    return message


def gettext(message: str, **values: Any) -> str:
    """Translate with the catalog of the calling package, then core's; ``%(name)s`` is filled."""
    return gettext_in(_caller(), message, **values)


def ngettext(singular: str, plural: str, n: int, **values: Any) -> str:
    """Translate the form for *n*; ``%(n)s`` is filled in with it."""
    return ngettext_in(_caller(), singular, plural, n, **values)


def gettext_in(package: str, message: str, **values: Any) -> str:
    """Translate on behalf of *package*, for words that core shows for a plugin."""
    text = lookup(package, message)
    return text % values if values else text


def ngettext_in(package: str, singular: str, plural: str, n: int, **values: Any) -> str:
    return lookup_plural(package, singular, plural, n) % ({"n": n, "num": n} | values)


def lookup(package: str, message: str) -> str:
    context = _current.get()
    if (own := context.overrides.get(message)) is not None:
        return own
    if context.language != SOURCE_LANGUAGE:
        for catalog in catalogs.chain(package, context.language):
            if (text := catalog.get(message)) is not None:
                return text
    return message


def lookup_plural(package: str, singular: str, plural: str, n: int) -> str:
    language = _current.get().language
    if language != SOURCE_LANGUAGE:
        for catalog in catalogs.chain(package, language):
            if (text := catalog.plural_form(singular, n)) is not None:
                return text
    return singular if n == 1 else plural


def translate_error(error: AppError) -> str:
    """Return the message of *error* in the language of the moment."""
    package = catalogs.package_of(type(error).__module__)
    return lookup(package, type(error).message).format_map(error.details)


def _caller() -> str:
    return catalogs.package_of(sys._getframe(2).f_globals.get("__name__", catalogs.CORE))
