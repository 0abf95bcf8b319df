"""One page, and a form on it."""

from __future__ import annotations

from uuid import UUID

from quart import g, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core.api import Blueprint, Page, audit, enqueue, permitted, render, sessions_of_customer
from core.api import gettext as _
from offhook_dummy import services

blueprint = Blueprint("dummy", __name__)


@blueprint.get("/")
@permitted("dummy.note.view")
async def index() -> ResponseReturnValue:
    page = Page(title=_("Dummy"), nav="dummy.index", home=url_for("home.home"))
    greeting = await services.greeting(g.tenant, g.principal.name)
    return await render("dummy/index.html", page, greeting=greeting)


@blueprint.post("/notes/<uuid:customer_id>")
@permitted("dummy.note.add")
async def add_note(customer_id: UUID) -> ResponseReturnValue:
    await sessions_of_customer(g.tenant, customer_id)
    text = (await request.form).get("text", "")[:200]
    args = {"customer_id": str(customer_id), "text": text}
    await enqueue("dummy.note_later", args, tenant_id=g.tenant.id)
    await audit.write(g.tenant.id, g.principal.actor, "dummy.note_added", str(customer_id))
    return redirect(url_for("dummy.index"), 303)
