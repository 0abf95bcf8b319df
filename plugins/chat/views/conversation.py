"""The conversation as data: earlier pages, and the whole beginning for pages without a frame."""

from __future__ import annotations

from uuid import UUID

from quart import g, jsonify, request
from quart.typing import ResponseReturnValue

from core.api import BadInput, customer_or_user, gettext
from plugins.chat.services import conversation
from plugins.chat.views.blueprint import blueprint


@blueprint.get("/<uuid:session_id>/events")
@customer_or_user
async def events(session_id: UUID) -> ResponseReturnValue:
    """Return the events before ``before``, ``limit`` at most; without it the newest."""
    session = await conversation.of(g.tenant, session_id, g.principal)
    before = _number("before", conversation.NEWEST)
    limit = min(_number("limit", conversation.PAGE), conversation.MOST)
    found = await conversation.page(g.tenant, session, g.principal, before, limit)
    return jsonify(found)


@blueprint.get("/<uuid:session_id>/start")
@customer_or_user
async def start(session_id: UUID) -> ResponseReturnValue:
    session = await conversation.of(g.tenant, session_id, g.principal)
    return jsonify(await conversation.start(g.tenant, session, g.principal))


def _number(name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:12]) <= conversation.NEWEST:
        raise BadInput(field=name, problem=gettext("a whole number is expected"))
    return int(text)
