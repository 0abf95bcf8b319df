"""``python -m core.i18n missing | update``: what the catalogs lack, and room for it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po, write_po

from core.i18n.catalogs import folder_name, po_path
from core.i18n.extract import Message, from_package

LANGUAGES = ("es", "ru", "zh-Hans")
ROOT = Path(__file__).resolve().parents[2]
_HEADER = (
    'msgid ""\nmsgstr ""\n"Language: {folder}\\n"\n"Plural-Forms: {plural}\\n"\n'
    '"Content-Type: text/plain; charset=utf-8\\n"\n\n'
)
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def packages(root: Path = ROOT) -> list[Path]:
    """Return core and every in-tree plugin."""
    return [root / "core", *sorted(p.parent for p in root.glob("plugins/*/plugin.py"))]


def messages_of(package: Path) -> dict[str, Message]:
    """Return the messages by id; those of the themes are core's."""
    found = from_package(package)
    if package == ROOT / "core":
        for theme in sorted((ROOT / "themes").glob("*/theme.toml")):
            found += from_package(theme.parent)
    by_id: dict[str, Message] = {}
    for message in found:
        known = by_id.get(message.id)
        if known is None or (message.plural and not known.plural):
            by_id[message.id] = message
    return by_id


def problems(package: Path, language: str) -> list[str]:
    """Return what is wrong with one catalog, one line for each message."""
    catalog = _open(package, language)
    found: list[str] = []
    for message in messages_of(package).values():
        entry = catalog.get(message.id)
        if (
            entry is None
            or not entry.string
            or (isinstance(entry.string, tuple | list) and not all(entry.string))
        ):
            problem = "missing"
        else:
            problem = _fault(message, entry.string, catalog.num_plurals)
            problem = problem or ("fuzzy" if entry.fuzzy else "")
        if problem:
            found.append(f"{message.file}:{message.line}: {language}: {problem}: {message.id!r}")
    return found


def _forms(string: str | Sequence[str] | None) -> list[str]:
    return [string] if isinstance(string, str) else list(string or ())


def _fault(message: Message, string: str | Sequence[str], plurals: int) -> str:
    forms = _forms(string)
    if (message.plural is None) != isinstance(string, str):
        return "singular and plural mixed up"
    if message.plural and len(forms) != plurals:
        return f"{len(forms)} plural forms, not {plurals}"
    if re.search("[A-Za-z]{2}", _PLACEHOLDER.sub("", message.id)) and message.id in forms:
        return "same as the source"
    wanted = set(_PLACEHOLDER.findall(message.plural or message.id))
    optional = {"%(n)s", "%(num)s", "%(n)d", "%(num)d", "{n}"} if message.plural else set()
    for form in forms:
        held = set(_PLACEHOLDER.findall(form))
        if held - wanted or wanted - held - optional:
            return "other placeholders"
    return ""


def update(package: Path, language: str) -> int:
    """Make room for every message, drop the unused ones, return how many are still empty."""
    old, wanted = _open(package, language), messages_of(package)
    if not wanted:
        return 0
    new, added = _empty(language), 0
    for message in sorted(wanted.values(), key=lambda m: m.id):
        entry = old.get(message.id)
        id_ = (message.id, message.plural) if message.plural else message.id
        same_kind = entry and bool(message.plural) != isinstance(entry.string, str)
        string = entry.string if entry and same_kind else ""
        added += not all(_forms(string))
        new.add(id_, string, locations=[(message.file, 0)])
    save(package, language, new)
    return added


def save(package: Path, language: str, catalog: Catalog) -> None:
    """Write *catalog* with a header that is the same each time, so that it never conflicts."""
    body = BytesIO()
    write_po(body, catalog, width=100, include_lineno=False, omit_header=True)
    path = po_path(package, language)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = _HEADER.format(
        folder=folder_name(language), plural=get_plural(folder_name(language)).plural_forms
    )
    path.write_bytes(header.encode() + body.getvalue().rstrip() + b"\n")


def _empty(language: str) -> Catalog:
    return Catalog(folder_name(language), fuzzy=False, charset="utf-8")


def _open(package: Path, language: str) -> Catalog:
    path = po_path(package, language)
    if not path.is_file():
        return _empty(language)
    with path.open("rb") as file:
        return read_po(file, locale=folder_name(language), abort_invalid=True)


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m core.i18n", description=__doc__)
    parser.add_argument("command", choices=("missing", "update"))
    parser.add_argument("only", nargs="*", help="package names, such as: core chat")
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    faults = 0
    for package in packages():
        if chosen.only and package.name not in chosen.only:
            continue
        for language in LANGUAGES:
            if chosen.command == "update":
                added = update(package, language)
                sys.stdout.write(f"{po_path(package, language).relative_to(ROOT)}: {added} to do\n")
            else:
                lines = problems(package, language)
                faults += len(lines)
                sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
