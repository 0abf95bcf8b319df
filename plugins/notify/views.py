"""*Send a notification*, what became of it, and *Mail and files*."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from quart import g, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core.api import (
    BadInput,
    Blueprint,
    NotFound,
    Page,
    addresses,
    audit,
    files,
    get_session,
    invitation_of,
    is_link_open,
    permitted,
    render,
    render_fragment,
    translate_error,
)
from core.api import gettext as _
from plugins.notify import form as form_
from plugins.notify import services

blueprint = Blueprint("notify", __name__)
MAX_COMMENT = 4000
MAX_FILES = 20
_NOTE_FIELDS = frozenset({"csrf", "email", "comment", "file"})


# Send a notification


@blueprint.get("/new")
@permitted("notify.invitation.send")
async def new() -> ResponseReturnValue:
    return await _form_page(
        {
            "agent": g.principal.id,
            "when": "now",
            "type": form_.types(g.tenant)[0],
            "language": g.tenant.language,
            "media": str(form_.media(g.tenant)[0]),
            "auto_connect": "on",
            "details": "on",
        }
    )


@blueprint.post("/new")
@permitted("notify.invitation.send")
async def send() -> ResponseReturnValue:
    """Send it. A mistake shows the form again, with all that was typed."""
    values = await _sent()
    people = await services.colleagues(g.tenant, g.principal)
    try:
        wish = form_.read(g.tenant, g.principal, people, values)
    except form_.FormInvalid as error:
        return await _form_page(values, error), error.status
    session = await services.send_invitation(g.tenant, wish, g.principal)
    if wish.details or wish.type == form_.LINK_ONLY:
        return redirect(url_for("notify.sent", session_id=session.id), 303)
    return redirect(url_for("home.home"), 303)


@blueprint.get("/sent/<uuid:session_id>")
@permitted("notify.invitation.send")
async def sent(session_id: UUID) -> ResponseReturnValue:
    """Show what was sent, with the link: to the sender, for a quarter of an hour."""
    delivery, url = await services.just_sent(g.tenant, session_id, g.principal)
    page = Page(
        _("Notification sent") if delivery else _("The link is ready"),
        home=url_for("home.home"),
        modules=("@offhook/notify/notify.js",),
    )
    context = await card_context(session_id)
    return await render("notify/sent.html", page, delivery=delivery, url=url, **context)


async def _form_page(values: Mapping[str, str], error: form_.FormInvalid | None = None) -> str:
    may_choose = g.principal.may(g.tenant, "notify.invitation.send_for_others")
    return await render(
        "notify/new.html",
        Page(
            _("Send a notification"),
            home=url_for("home.home"),
            modules=("@offhook/notify/notify.js",),
        ),
        values=values,
        wrong=error.fields if error else {},
        colleagues=await services.colleagues(g.tenant, g.principal) if may_choose else [],
        types=form_.types(g.tenant),
        media=form_.media(g.tenant),
    )


async def _sent() -> dict[str, str]:
    """Return what the form sent; a field that comes twice is refused."""
    found: dict[str, str] = {}
    for name, texts in (await request.form).lists():
        if len(texts) > 1:
            raise BadInput(field=name[:40], problem=_("it was sent more than once"))
        found[name] = texts[0]
    return found


# What became of it


@blueprint.get("/sessions/<uuid:session_id>/card")
@permitted("notify.invitation.send")
async def card(session_id: UUID) -> ResponseReturnValue:
    """The card beside a session, as it is now."""
    await get_session(g.tenant.id, session_id)
    return await render_fragment("notify/card_body.html", **await card_context(session_id))


async def card_context(session_id: UUID) -> dict[str, object]:
    invitation = await invitation_of(g.tenant, session_id)
    session = await get_session(g.tenant.id, session_id)
    return {
        "session": session,
        "deliveries": await services.of_session(g.tenant, session_id),
        "link_open": invitation is not None and is_link_open(invitation),
        "opened_at": invitation.opened_at if invitation else None,
        "invited": invitation is not None,
    }


@blueprint.post("/sessions/<uuid:session_id>/resend")
@permitted("notify.invitation.send")
async def resend(session_id: UUID) -> ResponseReturnValue:
    await get_session(g.tenant.id, session_id)
    await services.resend(g.tenant, session_id, g.principal)
    return _back(session_id)


@blueprint.post("/sessions/<uuid:session_id>/withdraw")
@permitted("notify.invitation.send")
async def withdraw(session_id: UUID) -> ResponseReturnValue:
    await services.withdraw(g.tenant, session_id, g.principal)
    await _note("notify.link_withdrawn", session_id)
    return _back(session_id)


@blueprint.post("/sessions/<uuid:session_id>/link")
@permitted("notify.invitation.send")
async def link(session_id: UUID) -> ResponseReturnValue:
    """Make a new link and show it once, to be handed over by other means."""
    url = await services.fresh_url(g.tenant, session_id, g.principal)
    await _note("notify.link_made", session_id)
    page = Page(
        _("A new link"),
        home=url_for("home.home"),
        modules=("@offhook/notify/notify.js",),
    )
    context = await card_context(session_id)
    return await render("notify/sent.html", page, delivery=None, url=url, **context)


# Mail and files


@blueprint.get("/sessions/<uuid:session_id>/note")
@permitted("notify.note.send")
async def note(session_id: UUID) -> ResponseReturnValue:
    session = await get_session(g.tenant.id, session_id)
    email = await services.suggested_email(g.tenant, session)
    return await _note_page(session_id, {"email": email, "comment": ""}, [])


@blueprint.post("/sessions/<uuid:session_id>/note")
@permitted("notify.note.send")
async def send_note(session_id: UUID) -> ResponseReturnValue:
    """Send comment and files. The files are in the session already; the form names them."""
    await get_session(g.tenant.id, session_id)
    sent_form = await request.form
    for name, texts in sent_form.lists():
        if name not in _NOTE_FIELDS or (name != "file" and len(texts) > 1):
            raise BadInput(field=name[:40], problem=_("there is no such field"))
    chosen = await _files(session_id, sent_form.getlist("file"))
    values = {"email": sent_form.get("email", ""), "comment": sent_form.get("comment", "").strip()}
    wrong: dict[str, str] = {}
    try:
        values["email"] = addresses.email(values["email"])
    except BadInput as error:
        wrong["email"] = translate_error(error)
    if len(values["comment"]) > MAX_COMMENT:
        wrong["comment"] = _("At most %(n)s characters.", n=MAX_COMMENT)
    elif not values["comment"] and not chosen:
        wrong["comment"] = _("Write something or add a file.")
    if wrong:
        return await _note_page(session_id, values, chosen, wrong), 400
    await services.send_note(
        g.tenant,
        session_id,
        g.principal,
        comment=values["comment"],
        files=[UUID(file_id) for file_id, _name in chosen],
        email=values["email"],
    )
    return redirect(url_for("sessions.show", session_id=session_id), 303)


async def _files(session_id: UUID, wanted: list[str]) -> list[tuple[str, str]]:
    """Return (id, name) of files of this session; any other id is refused."""
    if len(wanted) > MAX_FILES:
        raise BadInput(field="file", problem=_("at most %(n)s files", n=MAX_FILES))
    found = []
    for text in dict.fromkeys(wanted):
        try:
            file = await files.find(g.tenant.id, UUID(text), session_id)
        except (ValueError, NotFound):
            raise BadInput(field="file", problem=_("there is no such file here")) from None
        found.append((str(file.id), file.name))
    return found


async def _note_page(
    session_id: UUID,
    values: Mapping[str, str],
    chosen: list[tuple[str, str]],
    wrong: Mapping[str, str] | None = None,
) -> str:
    return await render(
        "notify/note.html",
        Page(
            _("Mail and files"),
            home=url_for("home.home"),
            modules=("@offhook/notify/note.js",),
        ),
        session=await get_session(g.tenant.id, session_id),
        values=values,
        wrong=wrong or {},
        chosen=chosen,
        limit_mb=services.upload_limit_mb(),
    )


def _back(session_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("sessions.show", session_id=session_id), 303)


async def _note(action: str, session_id: UUID) -> None:
    await audit.write(g.tenant.id, g.principal.actor, action, subject=str(session_id))
