"""Quick responses: the page to manage them, and the list for the picker."""

from __future__ import annotations

from typing import Any

from quart import g, jsonify, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core.api import BadInput, Page, gettext, permitted, render, translate_error
from plugins.chat.models import QuickResponse
from plugins.chat.services import responses as kept
from plugins.chat.views.blueprint import blueprint

USE = "chat.response.use"


@blueprint.get("/responses.json")
@permitted(USE)
async def choices() -> ResponseReturnValue:
    """Return what the picker of the composer offers."""
    found = await kept.usable(g.tenant, g.principal)
    return jsonify(
        [
            {
                "id": one.id,
                "title": one.title,
                "text": one.text,
                "language": one.language,
                "own": one.owner_id is not None,
            }
            for one in found
        ]
    )


@blueprint.get("/responses")
@permitted(USE)
async def responses() -> ResponseReturnValue:
    return await _page({}, None)


@blueprint.post("/responses")
@permitted(USE)
async def add_response() -> ResponseReturnValue:
    form = dict(await request.form)
    try:
        await kept.add(g.tenant, g.principal, kept.check(g.tenant, form))
    except BadInput as error:
        return await _page(form, error), 400
    return redirect(url_for("chat.responses"), 303)


@blueprint.get("/responses/<int:response_id>")
@permitted(USE)
async def edit_response(response_id: int) -> ResponseReturnValue:
    one = await kept.get(g.tenant, g.principal, response_id)
    values = {"title": one.title, "text": one.text, "language": one.language or ""}
    return await _page(values | {"for_all": "" if one.owner_id else "on"}, None, one)


@blueprint.post("/responses/<int:response_id>")
@permitted(USE)
async def change_response(response_id: int) -> ResponseReturnValue:
    one = await kept.get(g.tenant, g.principal, response_id)
    form = dict(await request.form)
    try:
        await kept.change(g.tenant, g.principal, response_id, kept.check(g.tenant, form))
    except BadInput as error:
        return await _page(form, error, one), 400
    return redirect(url_for("chat.responses"), 303)


@blueprint.post("/responses/<int:response_id>/delete")
@permitted(USE)
async def delete_response(response_id: int) -> ResponseReturnValue:
    await kept.remove(g.tenant, g.principal, response_id)
    return redirect(url_for("chat.responses"), 303)


async def _page(
    values: dict[str, Any], error: BadInput | None, editing: QuickResponse | None = None
) -> str:
    """Show the list and the form; *error* stands at its field, what was typed stays."""
    return await render(
        "chat/responses.html",
        Page(title=gettext("Quick responses"), nav="chat.responses", home=url_for("home.home")),
        responses=await kept.usable(g.tenant, g.principal),
        values=values,
        editing=editing,
        errors={error.details["field"]: error.details["problem"]} if error else {},
        summary=translate_error(error) if error else "",
        may_global=g.principal.may(g.tenant, kept.MANAGE_GLOBAL),
    )
