"""The customer's side: the link, the entry point, his page. No account, no app."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, cast
from uuid import UUID

from quart import Blueprint, Response, g, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core import addresses, i18n, line, sessions, sign_ins
from core.access import public, visitor
from core.errors import BadInput, NotFound
from core.i18n import gettext as _
from core.lifecycle import EndReason, IllegalMove, SessionState
from core.models import CustomerAddress, EntryPoint, Invitation, Session
from core.rendering import Page, render
from core.tenancy import TenantView
from core.values import Arrival

blueprint = Blueprint("visit", __name__)
LONGEST_SLUG: Final = 63


@blueprint.get("/v/<token>")
@public
async def link(token: str) -> ResponseReturnValue:
    """Open an invitation; he takes his place in line only on the page that this leads to."""
    invitation, session = await _invited(token)
    if session.state is SessionState.ENDED:
        return await _enter(session)
    asks = invitation.ask_id and not invitation.given_id
    if asks or not invitation.auto_connect:
        return await _door(session, asks=asks)
    await sessions.admit(g.tenant, await _arrival(session))
    return await _enter(session)


@blueprint.post("/v/<token>")
@public
async def knock(token: str) -> ResponseReturnValue:
    """Come in from the page before the waiting room, with the ID if it is asked."""
    invitation, session = await _invited(token)
    if invitation.ask_id and not invitation.given_id:
        given = (await request.form).get("id", "")
        try:
            await sessions.give_id(g.tenant, invitation, given)
        except BadInput as error:
            return await _door(session, asks=True, error=i18n.translate_error(error)), 400
    await sessions.admit(g.tenant, await _arrival(session))
    return await _enter(session)


@blueprint.get("/e/<slug>")
@public
async def entry(slug: str) -> ResponseReturnValue:
    """An entry point's own address: who are you, and in you come."""
    return await _entry_form(await entry_point(g.tenant, slug))


@blueprint.post("/e/<slug>")
@public
async def come_in(slug: str) -> ResponseReturnValue:
    point = await entry_point(g.tenant, slug)
    form = await request.form
    try:
        arrival = arrival_of(g.tenant, point, dict(form))
    except BadInput as error:
        return await _entry_form(point, i18n.translate_error(error), dict(form)), 400
    session = await sessions.walk_in(g.tenant, point, arrival, i18n.current().language)
    return await _enter(session)


@blueprint.get("/visit/")
@visitor
async def page() -> ResponseReturnValue:
    """The waiting room, the conversation and, when it is over, the history: one address."""
    session = await sessions.arrive(g.tenant, g.principal.session_id)
    _speak(session.language)
    return await render(
        "core/visit.html",
        Page(title=g.tenant.name, kind="visit"),
        session=session,
        states=SessionState,
        framed=False,
        invitation=await sessions.invitation_of(g.tenant, session.id),
        place=(await line.places(g.tenant)).get(session.id),
    )


@blueprint.post("/visit/leave")
@visitor
async def leave() -> ResponseReturnValue:
    session = await sessions.get(g.tenant.id, g.principal.session_id)
    if session.state is not SessionState.ENDED:
        who = sessions.customer_actor(session)
        with suppress(IllegalMove):  # it has ended in this moment
            await sessions.end(g.tenant, session.id, who, EndReason.LEFT)
    return redirect(url_for("visit.page"))


@blueprint.post("/visit/again")
@visitor
async def again() -> ResponseReturnValue:
    """Contact us again: a new session of the same customer with the same agent or queue."""
    old = await sessions.get(g.tenant.id, g.principal.session_id)
    if old.state is not SessionState.ENDED:
        return redirect(url_for("visit.page"))
    await sessions.admit(g.tenant, await _arrival(old))
    return await _enter(await sessions.follow_up(g.tenant, old))


async def entry_point(tenant: TenantView | None, slug: str) -> EntryPoint:
    if tenant is None or len(slug) > LONGEST_SLUG:
        raise NotFound
    found = await EntryPoint.get_or_none(tenant_id=tenant.id, slug=slug)
    if found is None:
        raise NotFound
    return found


def arrival_of(tenant: TenantView, point: EntryPoint, form: dict[str, str]) -> Arrival:
    """Check what somebody at an entry point says of himself."""
    name = form.get("name", "").strip()
    if not 1 <= len(name) <= 120:
        raise BadInput(field=_("Name"), problem=_("between 1 and 120 characters"))
    return Arrival(
        tenant_id=tenant.id,
        channel=point.channel,
        entry_point=point.slug,
        address=request.remote_addr or "",
        email=addresses.email(form["email"]) if form.get("email") else "",
        phone=addresses.phone(form["phone"]) if form.get("phone") else "",
        name=name,
    )


async def _invited(token: str) -> tuple[Invitation, Session]:
    if g.tenant is None:
        raise NotFound
    invitation = await sessions.open_link(g.tenant, token)
    session = await sessions.get(g.tenant.id, cast("UUID", invitation.session_id))
    _speak(session.language)
    return invitation, session


async def _arrival(session: Session) -> Arrival:
    rows = await CustomerAddress.filter(
        tenant_id=session.tenant_id, customer_id=session.customer_id
    ).values_list("kind", "value")
    known = dict(cast("list[tuple[str, str]]", rows))
    return Arrival(
        tenant_id=session.tenant_id,
        channel=session.channel,
        address=request.remote_addr or "",
        email=known.get("email", ""),
        phone=known.get("phone", ""),
        name=session.customer.name,
    )


async def _enter(session: Session) -> Response:
    """Give this browser the session's cookie and lead it to the customer's page."""
    token = await sign_ins.begin_customer(session)
    response = cast(Response, redirect(url_for("visit.page"), 303))
    sign_ins.set_cookie(response, token, visit=True)
    return response


async def _door(session: Session, *, asks: bool, error: str = "") -> str:
    page = Page(title=g.tenant.name, kind="plain")
    return await render("core/door.html", page, session=session, asks=asks, error=error)


async def _entry_form(
    point: EntryPoint, error: str = "", values: dict[str, str] | None = None
) -> str:
    page = Page(title=point.title, kind="plain")
    return await render("core/entry.html", page, point=point, error=error, values=values or {})


def _speak(language: str) -> None:
    """His language, unless he chose another one on the page."""
    if not (request.args.get("lang") or request.cookies.get("lang")):
        wanted = i18n.best_match(language, g.tenant.languages) or g.tenant.language
        i18n.switch(i18n.Context(wanted, g.tenant.timezone))
