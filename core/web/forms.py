"""Reading what a form or a program sent: only what the schema names, and nothing twice."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec
from quart import Response, make_response, request

from core.errors import AppError, BadInput
from core.i18n import gettext as _
from core.web.guard import CSRF_FIELD

S = TypeVar("S", bound=msgspec.Struct)


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of schemas.

    A field that may be absent is ``X | msgspec.UnsetType = msgspec.UNSET``: what a form does
    not show it does not touch.
    """


async def read(schema: type[S]) -> S:
    """Return the body, form or JSON, as *schema*; ``BadInput`` names the first bad field."""
    try:
        return msgspec.convert(await _values(), schema, strict=False)
    except msgspec.ValidationError as error:
        raise _explained(error) from error


def given(form: msgspec.Struct) -> dict[str, Any]:
    """Return only the fields that were sent."""
    values = {name: getattr(form, name) for name in form.__struct_fields__}
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


async def shown_again(html: str, error: AppError) -> Response:
    """Answer with the form once more, for people; the status is the one programs get."""
    response = cast("Response", await make_response(html, error.status))
    if "retry_s" in error.details:
        response.headers["Retry-After"] = str(error.details["retry_s"])
    return response


async def _values() -> dict[str, Any]:
    if request.is_json:
        try:
            body = msgspec.json.decode(await request.get_data())
        except (msgspec.DecodeError, RecursionError):
            raise BadInput(field="body", problem=_("this is not JSON")) from None
        if not isinstance(body, dict):
            raise BadInput(field="body", problem=_("an object is expected"))
        if b"\\u0000" in await request.get_data():
            raise BadInput(field="body", problem=_("has a bad character"))
        return body
    form = await request.form
    values: dict[str, Any] = {}
    for name, sent in form.lists():
        if name == CSRF_FIELD:
            continue
        if len(sent) > 1:
            raise BadInput(field=name, problem=_("sent more than once"))
        values[name] = sent[0]
    return values


def _explained(error: msgspec.ValidationError) -> BadInput:
    text = str(error)
    if "unknown field" in text:
        return BadInput(field=text.rpartition("unknown field `")[2][:-1], problem=_("unknown"))
    if "required field" in text:
        return BadInput(field=text.rpartition("required field `")[2][:-1], problem=_("is missing"))
    field = text.rpartition("`$.")[2].rstrip("`") or "body"
    return BadInput(field=field, problem=_("has the wrong form or length"))
