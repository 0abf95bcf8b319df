"""The widget: its script for foreign sites, and the page inside its frame."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from quart import Response, g, jsonify, request
from quart.typing import ResponseReturnValue

from core.api import (
    BadInput,
    Context,
    Page,
    current,
    gettext,
    public,
    render,
    using,
    visitor,
)
from plugins.chat.services import widget
from plugins.chat.services.messages import settings_of
from plugins.chat.views.blueprint import blueprint

SCRIPT = Path(__file__).parents[1] / "loader" / "widget.js"
DEFAULT_HUE = 258
"""Of the default theme, in degrees on the colour circle."""


@blueprint.get("/widget.js")
@public
async def script() -> Response:
    """Send the one file a foreign site loads, with its few words in the tenant's languages."""
    words = {language: _words(language) for language in g.tenant.languages}
    known = msgspec.json.encode(words).decode().replace("<", "\\u003c")
    hue = DEFAULT_HUE if g.tenant.hue is None else int(g.tenant.hue)
    body = f"const WORDS = {known};\nconst HUE = {hue};\n{_source()}"
    response = Response(body, content_type="text/javascript; charset=utf-8")
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cache-Control"] = "public, max-age=300"
    response.set_etag(hashlib.sha256(body.encode()).hexdigest()[:24])
    return await response.make_conditional(request)


@cache
def _source() -> str:
    return SCRIPT.read_text("utf-8")


def _words(language: str) -> dict[str, str]:
    with using(Context(language)):
        return {
            "open": gettext("Chat with us"),
            "close": gettext("Close the chat"),
            "unread": gettext("%(n)s unread", n="{n}"),
        }


@blueprint.get("/w/<slug>")
@public
async def frame(slug: str) -> ResponseReturnValue:
    """The page inside the frame: who are you, the waiting room, the conversation."""
    point = await widget.entry_point(g.tenant, slug)
    g.frame_ancestors = widget.frame_ancestors(point)
    return await render(
        "chat/frame.html",
        Page(title=g.tenant.name, kind="visit", modules=("@offhook/chat/frame.js",)),
        point=point,
        path=f"/chat/w/{slug}",
        greeting=settings_of(g.tenant).greeting,
    )


@blueprint.post("/w/<slug>/start")
@public
async def come_in(slug: str) -> ResponseReturnValue:
    point = await widget.entry_point(g.tenant, slug)
    who = widget.arrival(g.tenant, point, await _sent(), request.remote_addr or "")
    return jsonify(await widget.come_in(g.tenant, point, who, current().language)), 201


@blueprint.get("/w/<slug>/state")
@visitor
async def resume(slug: str) -> ResponseReturnValue:
    point = await widget.entry_point(g.tenant, slug)
    return jsonify(await widget.resume(g.tenant, point, g.principal))


@blueprint.post("/w/<slug>/again")
@visitor
async def come_again(slug: str) -> ResponseReturnValue:
    point = await widget.entry_point(g.tenant, slug)
    session_id: UUID = g.principal.session_id
    address = request.remote_addr or ""
    return jsonify(await widget.come_again(g.tenant, point, session_id, address)), 201


async def _sent() -> dict[str, Any]:
    try:
        found = msgspec.json.decode(await request.get_data(), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput(field="form", problem=gettext("this is no JSON object")) from error
    return found
