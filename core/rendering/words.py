"""The words of the scripts: each page gets those its modules ask for with `t()`, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.i18n import SOURCE_LANGUAGE, catalogs, current
from core.i18n.context import lookup
from core.i18n.extract import Message, from_script


class Words:
    """The messages found in the scripts of core and the plugins when the program started."""

    def __init__(self, folders: Mapping[str, tuple[str, Path]]) -> None:
        """*folders*: plugin name (or ``core``) -> package of its catalog, folder of its scripts."""
        self._packages = {owner: package for owner, (package, _) in folders.items()}
        self._messages = {owner: _scan(folder) for owner, (_, folder) in folders.items()}
        self._ready: dict[tuple[str, frozenset[str]], dict[str, Any]] = {}

    def of(self, plugins: frozenset[str]) -> dict[str, Any]:
        """Return source text -> translation; for plurals a table by CLDR category."""
        context = current()
        if context.overrides:
            return self._translate(plugins)
        key = (context.language, plugins)
        if key not in self._ready:
            self._ready[key] = self._translate(plugins)
        return self._ready[key]

    def _translate(self, plugins: frozenset[str]) -> dict[str, Any]:
        words: dict[str, Any] = {}
        for owner in (*sorted(plugins), "core"):
            for message in self._messages.get(owner, ()):
                found = _word(self._packages[owner], message)
                if found is not None:
                    words[message.id] = found
        return words


def _word(package: str, message: Message) -> str | dict[str, str] | None:
    if message.plural is None:
        text = lookup(package, message.id)
        return text if text != message.id else None
    language = current().language
    if language == SOURCE_LANGUAGE:
        return None
    for catalog in catalogs.chain(package, language):
        forms = catalog.messages.get(message.id)
        if isinstance(forms, tuple):
            return catalogs.categories(catalog, forms, language)
    return None


def _scan(folder: Path) -> list[Message]:
    found: dict[str, Message] = {}
    for path in sorted(folder.rglob("*.js")):
        if "vendor" not in path.relative_to(folder).parts:
            for message in from_script(path.read_text("utf-8"), path.name):
                found.setdefault(message.id, message)
    return list(found.values())
