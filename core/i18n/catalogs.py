"""Message catalogs: `<package>/locale/<language>/messages.po`, read once per language."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from gettext import c2py
from pathlib import Path

from babel import Locale
from babel.messages.pofile import read_po

CORE = "core"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The translations of one package into one language, without the empty ones."""

    messages: dict[str, str | tuple[str, ...]]
    plural: Callable[[int], int]

    def get(self, message: str) -> str | None:
        found = self.messages.get(message)
        return found[0] if isinstance(found, tuple) else found

    def plural_form(self, message: str, n: int) -> str | None:
        found = self.messages.get(message)
        if found is None or isinstance(found, str):
            return found
        index = self.plural(n)
        return found[index] if index < len(found) else None


EMPTY = Catalog({}, lambda n: int(n != 1))


def folder_name(language: str) -> str:
    """Return the folder of a BCP 47 tag: gettext writes ``zh-Hans`` as ``zh_Hans``."""
    return language.replace("-", "_")


def po_path(package_folder: Path, language: str) -> Path:
    return package_folder / "locale" / folder_name(language) / "messages.po"


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        catalog = read_po(file, abort_invalid=True)
    messages: dict[str, str | tuple[str, ...]] = {}
    for message in catalog:
        if not message.id or message.fuzzy or not message.string:
            continue
        if isinstance(message.id, str):
            messages[message.id] = str(message.string)
        elif all(message.string):
            messages[message.id[0]] = tuple(message.string)
    return Catalog(messages, c2py(catalog.plural_expr))


@cache
def load(package: str, language: str) -> Catalog:
    """Return the catalog of *package*; empty when it has none for *language*."""
    folder = package_folder(package)
    path = po_path(folder, language) if folder else None
    return read(path) if path and path.is_file() else EMPTY


@cache
def package_folder(package: str) -> Path | None:
    module = importlib.import_module(package)
    paths = list(getattr(module, "__path__", ()))
    return Path(paths[0]) if paths else None


@cache
def package_of(module: str) -> str:
    """Return the nearest package around *module* that has a ``locale`` folder, else core."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        try:
            folder = package_folder(name)
        except ModuleNotFoundError:
            continue
        if folder and (folder / "locale").is_dir():
            return name
    return CORE


def chain(package: str, language: str) -> tuple[Catalog, ...]:
    own = load(package, language)
    return (own,) if package == CORE else (own, load(CORE, language))


def categories(catalog: Catalog, forms: tuple[str, ...], language: str) -> dict[str, str]:
    """Return plural *forms* by CLDR category, the names that ``Intl.PluralRules`` uses."""
    locale = Locale.parse(folder_name(language))
    named: dict[str, str] = {}
    for n in range(200):
        named.setdefault(locale.plural_form(n), forms[catalog.plural(n)])
    return {"other": forms[-1]} | named
