"""The administrators' page, and the two buttons beside an open session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

from quart import g, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core.api import (
    BadInput,
    Blueprint,
    Draft,
    NotFound,
    Page,
    Session,
    Timeline,
    customer_addresses,
    get_session,
    permitted,
    render,
    service,
    translate_error,
)
from core.api import gettext as _
from plugins.blacklist import entries, services
from plugins.blacklist.entries import ERASED, Wanted

blueprint = Blueprint("blacklist", __name__)

MANAGE: Final = "blacklist.entry.manage"
FIELDS: Final = frozenset({"kind", "value", "reason", "until", "csrf"})


@blueprint.get("/")
@permitted(MANAGE)
async def index() -> ResponseReturnValue:
    words = request.args.get("q", "")
    page = request.args.get("page", 1, type=int)
    return await render(
        "blacklist/index.html",
        Page(title=_("Blacklist"), nav="blacklist.index", home=url_for("home.home")),
        listing=await services.search(g.tenant.id, words, page),
        words=words,
        kinds=_kind_titles(),
        last_day=lambda until: entries.last_day(until, g.tenant.timezone),
        at=datetime.now(UTC),
        erased=frozenset(ERASED.values()),
    )


@blueprint.get("/new")
@permitted(MANAGE)
async def new() -> ResponseReturnValue:
    return await _form({"kind": entries.EMAIL, "value": "", "reason": "", "until": ""})


@blueprint.post("/new")
@permitted(MANAGE)
async def add() -> ResponseReturnValue:
    form = await _sent()
    try:
        kind = form.get("kind", "")
        wanted = Wanted(
            kind,
            entries.stored_value(kind, form.get("value", "")),
            entries.reason(form.get("reason", "")),
            entries.until_end_of(form.get("until", ""), g.tenant.timezone, datetime.now(UTC)),
        )
        await services.add(g.tenant.id, wanted, g.principal.actor)
    except BadInput as error:
        return await _form(form, error), error.status
    return redirect(url_for("blacklist.index"), 303)


@blueprint.get("/<int:entry_id>")
@permitted(MANAGE)
async def show(entry_id: int) -> ResponseReturnValue:
    entry = await services.get(g.tenant.id, entry_id)
    until = entries.last_day(entry.until, g.tenant.timezone) if entry.until else ""
    values = {
        "kind": entry.kind,
        "value": entry.value,
        "reason": entry.reason,
        "until": str(until),
    }
    return await _form(values, entry_id=entry_id)


@blueprint.post("/<int:entry_id>")
@permitted(MANAGE)
async def edit(entry_id: int) -> ResponseReturnValue:
    form = await _sent()
    entry = await services.get(g.tenant.id, entry_id)
    zone = g.tenant.timezone
    try:
        changes = services.parse_changes(form, entry, zone, datetime.now(UTC))
        await services.edit(g.tenant.id, entry_id, changes, g.principal.actor)
    except BadInput as error:
        kept = {"kind": entry.kind, "value": entry.value, "reason": "", "until": ""}
        return await _form({**kept, **form}, error, entry_id), error.status
    return redirect(url_for("blacklist.index"), 303)


@blueprint.post("/<int:entry_id>/remove")
@permitted(MANAGE)
async def remove(entry_id: int) -> ResponseReturnValue:
    await services.remove(g.tenant.id, entry_id, g.principal.actor)
    return redirect(url_for("blacklist.index"), 303)


@blueprint.post("/sessions/<uuid:session_id>/block")
@permitted("blacklist.entry.add")
async def block(session_id: UUID) -> ResponseReturnValue:
    """Block one address of the session's customer; a form cannot name anybody else's."""
    session, kind, value = await _address(session_id)
    await services.add(g.tenant.id, Wanted(kind, value), g.principal.actor)
    await _note(session, "blacklist.address_blocked")
    return redirect(url_for("sessions.show", session_id=session_id), 303)


@blueprint.post("/sessions/<uuid:session_id>/unblock")
@permitted("blacklist.entry.add")
async def unblock(session_id: UUID) -> ResponseReturnValue:
    session, kind, value = await _address(session_id)
    [standing] = await services.standings(g.tenant.id, [(kind, value)])
    if standing.entry is None:
        raise NotFound
    services.check_may_unblock(standing.entry, g.principal.actor, manages=_manages())
    await services.remove(g.tenant.id, standing.entry.id, g.principal.actor)
    await _note(session, "blacklist.address_unblocked")
    return redirect(url_for("sessions.show", session_id=session_id), 303)


async def card_of(session: Session) -> dict[str, Any]:
    """Return what the card beside *session* shows to the agent of this request."""
    known = await _addresses(session)
    found = await services.standings(g.tenant.id, known)
    rows = [
        {
            "kind": standing.kind,
            "value": standing.value,
            "entry": standing.entry,
            "may_unblock": standing.entry is not None
            and services.may_unblock(standing.entry, g.principal.actor, manages=_manages()),
        }
        for standing in found
    ]
    return {"rows": rows, "session": session}


async def _addresses(session: Session) -> list[tuple[str, str]]:
    found = await customer_addresses(g.tenant.id, cast("UUID", session.customer_id))
    return [(address.kind, address.value) for address in found]


async def _address(session_id: UUID) -> tuple[Session, str, str]:
    session = await get_session(g.tenant.id, session_id)
    form = await request.form
    wanted = (form.get("kind", ""), form.get("value", ""))
    if wanted not in await _addresses(session):
        raise NotFound
    return session, *wanted


async def _note(session: Session, event: str) -> None:
    draft = Draft(
        tenant_id=g.tenant.id,
        type=event,
        actor=g.principal.actor,
        session_id=session.id,
        customer_id=cast("UUID", session.customer_id),
        internal=True,
    )
    await service(Timeline).append(draft)


def _manages() -> bool:
    return bool(g.principal.may(g.tenant, MANAGE))


async def _sent() -> dict[str, str]:
    form = dict(await request.form)
    if unknown := form.keys() - FIELDS:
        raise BadInput(field=sorted(unknown)[0][:40], problem=_("unknown field"))
    return form


async def _form(
    values: Mapping[str, str], error: BadInput | None = None, entry_id: int | None = None
) -> str:
    errors, kinds = {}, _kind_titles()
    if error is not None:
        text = error.details.get("problem") or translate_error(error)
        errors[error.details["field"]] = text
    return await render(
        "blacklist/form.html",
        Page(
            title=_("Edit the entry") if entry_id else _("Block somebody"),
            nav="blacklist.index",
            home=url_for("home.home"),
        ),
        values={"kind": "", "value": "", "reason": "", "until": ""} | dict(values),
        errors=errors,
        entry_id=entry_id,
        kinds=kinds,
        offered=[(kind, kinds[kind]) for kind in entries.KINDS],
        erased=frozenset(ERASED.values()),
    )


def _kind_titles() -> dict[str, str]:
    return {
        entries.EMAIL: _("E-mail"),
        entries.PHONE: _("Phone"),
        entries.NETWORK: _("Network"),
        entries.PATTERN: _("Pattern"),
        ERASED[entries.EMAIL]: _("E-mail of an erased person"),
        ERASED[entries.PHONE]: _("Phone of an erased person"),
    }
