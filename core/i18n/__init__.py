"""Languages: catalogs, the language of the moment, formats, and what is still untranslated."""

from __future__ import annotations

from core.i18n.context import (
    Context,
    current,
    gettext,
    gettext_in,
    gettext_noop,
    ngettext,
    ngettext_in,
    switch,
    text_direction,
    translate_error,
    using,
)
from core.i18n.negotiate import SOURCE_LANGUAGE, best_match, choose_language

__all__ = [
    "SOURCE_LANGUAGE",
    "Context",
    "best_match",
    "choose_language",
    "current",
    "gettext",
    "gettext_in",
    "gettext_noop",
    "ngettext",
    "ngettext_in",
    "switch",
    "text_direction",
    "translate_error",
    "using",
]
