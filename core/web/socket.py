"""The two views of the live connection: a ticket by HTTP, then the socket that shows it."""

from __future__ import annotations

from functools import partial

from quart import Blueprint, g, websocket

from core import i18n, sign_ins
from core.access import customer_or_user, public
from core.current import service
from core.errors import NotFound, NotSignedIn
from core.handover import hand_over
from core.realtime import Realtime

blueprint = Blueprint("realtime", __name__, url_prefix="/realtime")


@blueprint.post("/ticket")
@customer_or_user
async def ticket() -> dict[str, str]:
    issue = service(Realtime).tickets.issue
    return {"ticket": issue(g.tenant.id, g.principal.sign_in_id)}


@blueprint.websocket("")
@public
async def connect() -> None:
    """Open to all because the ticket, not the cookie, says who it is; the guard saw the origin."""
    if g.tenant is None:
        raise NotFound
    realtime = service(Realtime)
    sign_in_id = await realtime.tickets.redeem(g.tenant.id, websocket.args.get("ticket", ""))
    principal = await sign_ins.principal_of(g.tenant.id, sign_in_id)
    if principal is None:
        raise NotSignedIn
    hand_over(partial(realtime.serve, principal, i18n.current()))
