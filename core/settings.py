"""Typed, strict settings: one ``msgspec.Struct`` per plugin is both the check and the form."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from core.errors import BadInput


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every plugin's settings. Each field has a default and a ``msgspec.Meta`` with
    ``title`` and ``description`` (the unit stands there). ``extra={"secret": True}`` hides it,
    ``extra={"drivers": group}`` offers the installed drivers, or none: the field decides.
    """


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class FormField:
    """What an administrator sees of one setting. ``kind``: text, number, switch or choice.

    A ``secret`` is never shown again once it is set.
    """

    name: str
    kind: str
    title: str
    description: str
    default: Any
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    secret: bool = False
    """Never shown again once it is stored."""


def check(kind: type[S], values: Mapping[str, Any]) -> S:
    """Return *values* as *kind*; an unknown name, type or range is ``BadInput``."""
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as error:
        text = str(error)
        field = text.rpartition("`$.")[2].rstrip("`") if "`$." in text else ""
        if not field and "unknown field" in text:
            field = text.rpartition("unknown field `")[2].rstrip("`")
        raise BadInput(field=field or "settings", problem=text.partition(" - at")[0]) from error


def parse_form(kind: type[S], form: Mapping[str, str]) -> S:
    """Return what an HTML form sent as *kind*: an unticked box is ``False``, a number a number."""
    known = {field.name: field for field in form_fields(kind)}
    values: dict[str, Any] = {
        name: False for name, field in known.items() if field.kind == "switch"
    }
    for name, text in form.items():
        field = known.get(name)
        if field is None:
            raise BadInput(field=name, problem="unknown setting")
        values[name] = _from_text(field, text)
    return check(kind, values)


def _from_text(field: FormField, text: str) -> Any:
    if field.kind == "switch":
        return text in {"on", "1", "true"}
    if field.kind == "number":
        try:
            return int(text)
        except ValueError:
            raise BadInput(field=field.name, problem="a whole number is expected") from None
    return text


def form_fields(kind: type[Settings]) -> list[FormField]:
    """Describe the settings of *kind* in the order of their declaration."""
    hints = get_type_hints(kind, include_extras=True)
    return [_describe(field, hints[field.name]) for field in msgspec.structs.fields(kind)]


def _describe(field: msgspec.structs.FieldInfo, hint: Any) -> FormField:
    meta = msgspec.Meta()
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        meta = next(extra for extra in extras if isinstance(extra, msgspec.Meta))
    choices = _choices(hint)
    if group := (meta.extra or {}).get("drivers"):
        choices = ("", *sorted({point.name for point in entry_points(group=group)}))
    return FormField(
        name=field.name,
        kind="choice" if choices else _kind(hint),
        title=meta.title or field.name,
        description=meta.description or "",
        default=field.default,
        choices=choices,
        minimum=meta.ge,
        maximum=meta.le,
        secret=bool((meta.extra or {}).get("secret")),
    )


def _kind(hint: Any) -> str:
    if _choices(hint):
        return "choice"
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    return {bool: "switch", int: "number", str: "text"}[hint]


def _choices(hint: Any) -> tuple[str, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(member.value for member in hint)
    return ()
