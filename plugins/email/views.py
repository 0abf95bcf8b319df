"""The outbox in the browser."""

from __future__ import annotations

from quart import Response, g, url_for
from quart.typing import ResponseReturnValue

from core.api import Blueprint, Page, permitted, render
from core.api import gettext as _
from plugins.email import services
from plugins.email.compose import pieces
from plugins.email.settings import chosen_transport

blueprint = Blueprint("email", __name__)
_FRAME = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


@blueprint.get("/outbox")
@permitted("email.outbox.view")
async def outbox() -> ResponseReturnValue:
    page = Page(_("Outbox"), nav="email.outbox", home=url_for("home.home"))
    return await render(
        "email/outbox.html",
        page,
        mails=await services.kept_mails(g.tenant),
        transport=chosen_transport(g.tenant)[0],
    )


@blueprint.get("/outbox/<mail_id>")
@permitted("email.outbox.view")
async def mail(mail_id: str) -> ResponseReturnValue:
    kept, _mail = await services.kept_mail(g.tenant, mail_id)
    page = Page(kept.subject, nav="email.outbox", home=url_for("home.home"))
    return await render("email/kept.html", page, mail=kept, lines=pieces(kept.text))


@blueprint.get("/outbox/<mail_id>/html")
@permitted("email.outbox.view")
async def mail_html(mail_id: str) -> ResponseReturnValue:
    """The mail as its receiver sees it: in a sandbox, without scripts, without a request."""
    _kept, message = await services.kept_mail(g.tenant, mail_id)
    body = '<base target="_blank">' + services.html_of(message)
    response = Response(body, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _FRAME
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
