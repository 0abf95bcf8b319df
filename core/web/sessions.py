"""The agent's side of a session: its page, and what he can do with it."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from quart import Blueprint, g, jsonify, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core import audit, sessions
from core.access import permitted
from core.current import service
from core.errors import BadInput, Refused
from core.i18n import gettext as _
from core.lifecycle import EndReason, SessionState
from core.presence import Presence
from core.rendering import Page, render
from core.web.problems import wants_page

blueprint = Blueprint("sessions", __name__, url_prefix="/sessions")


class NotConnected(Refused):
    status = 409
    code = "customer-not-connected"
    message = "The customer is not connected. You can attend him as soon as he is back."


@blueprint.get("/<uuid:session_id>")
@permitted("core.session.view")
async def show(session_id: UUID) -> ResponseReturnValue:
    session = await sessions.get(g.tenant.id, session_id)
    return await render(
        "core/session.html",
        Page(title=session.customer.name or _("Customer"), home=url_for("home.home")),
        session=session,
        addresses=await sessions.addresses(g.tenant.id, cast("UUID", session.customer_id)),
        history=await sessions.of_customer(g.tenant, cast("UUID", session.customer_id)),
        invitation=await sessions.invitation_of(g.tenant, session_id),
        states=SessionState,
        online=service(Presence).online(session_id, "customer"),
    )


@blueprint.post("/<uuid:session_id>/attend")
@permitted("core.session.attend")
async def attend(session_id: UUID) -> ResponseReturnValue:
    """Only a customer who is there can be attended: otherwise he would be gone from the line."""
    await sessions.get(g.tenant.id, session_id)
    if not service(Presence).online(session_id, "customer"):
        raise NotConnected
    await sessions.attend(g.tenant, session_id, g.principal.actor)
    return _done(session_id)


@blueprint.post("/<uuid:session_id>/hand-back")
@permitted("core.session.attend")
async def hand_back(session_id: UUID) -> ResponseReturnValue:
    await sessions.hand_back(g.tenant, session_id, g.principal.actor)
    return _done(session_id)


@blueprint.post("/<uuid:session_id>/end")
@permitted("core.session.attend")
async def end(session_id: UUID) -> ResponseReturnValue:
    await sessions.end(g.tenant, session_id, g.principal.actor, EndReason.FINISHED)
    return _done(session_id)


@blueprint.post("/<uuid:session_id>/delete")
@permitted("core.session.delete")
async def delete(session_id: UUID) -> ResponseReturnValue:
    await sessions.delete(g.tenant, session_id, g.principal.actor)
    await audit.write(
        g.tenant.id, g.principal.actor, "core.session_deleted", subject=str(session_id)
    )
    return redirect(url_for("home.home")) if wants_page() else jsonify(ok=True)


@blueprint.post("/<uuid:session_id>/priority")
@permitted("core.session.priority")
async def priority(session_id: UUID) -> ResponseReturnValue:
    form = await request.form
    try:
        wanted = int(form.get("priority", ""))
    except ValueError:
        raise BadInput(field="priority", problem=_("between -2 and 2")) from None
    await sessions.set_priority(g.tenant, session_id, g.principal.actor, wanted)
    return _done(session_id)


def _done(session_id: UUID) -> ResponseReturnValue:
    if wants_page():
        return redirect(url_for("sessions.show", session_id=session_id))
    return jsonify(ok=True)
