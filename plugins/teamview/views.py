"""The two homes, and which of them an agent comes back to."""

from __future__ import annotations

from typing import Any

from quart import g, jsonify, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core.api import Blueprint, Page, permitted, render
from core.api import gettext as _
from plugins.teamview import services

blueprint = Blueprint("teamview", __name__)
VIEW = "teamview.room.view"


@blueprint.get("/")
@permitted(VIEW)
async def home() -> ResponseReturnValue:
    """Lead to the view this agent used last."""
    view = await services.chosen_view(g.tenant, g.principal.user_id)
    return redirect(url_for(f"teamview.{view}"))


@blueprint.get("/team")
@permitted(VIEW)
async def team() -> ResponseReturnValue:
    return await _room(services.TEAM, _("Team View"))


@blueprint.get("/dark")
@permitted(VIEW)
async def dark() -> ResponseReturnValue:
    return await _room(services.DARK, _("Dark View"))


@blueprint.post("/view")
@permitted(VIEW)
async def choose() -> ResponseReturnValue:
    form = await request.form
    await services.choose_view(g.tenant, g.principal.user_id, form.get("view", ""))
    return jsonify(ok=True)


async def _room(view: str, title: str) -> str:
    return await render(
        "teamview/room.html",
        Page(title=title, nav="teamview.home", home=url_for("home.home")),
        **await element(view),
    )


async def element(view: str) -> dict[str, Any]:
    """Return what the template of the room needs, with the rows as of now."""
    may = g.principal.may
    return {
        "view": view,
        "me": g.principal.user_id,
        "rows": await services.snapshot(g.tenant, g.principal),
        "may": {
            "attend": may(g.tenant, "core.session.attend"),
            "priority": may(g.tenant, "core.session.priority"),
            "delete": may(g.tenant, "core.session.delete"),
        },
    }
