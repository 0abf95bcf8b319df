"""The tenant's own words: list, edit with a preview, go back to ours."""

from __future__ import annotations

from datetime import UTC, datetime

from quart import g, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core.api import BadInput, NotFound, Page, audit, permitted, render, translate_error
from core.api import gettext as _
from plugins.notify import words
from plugins.notify.models import Kind
from plugins.notify.views import blueprint as blueprint
from plugins.notify.words import Words

_FIELDS = frozenset({"csrf", "subject", "body", "act"})
_PATH = "/templates/<kind>/<channel>/<language>"


@blueprint.get("/templates")
@permitted("notify.template.edit")
async def templates() -> ResponseReturnValue:
    own = await words.own_ones(g.tenant)
    rows = [
        (kind, channel, language, (str(kind), channel, language) in own)
        for kind in Kind
        for channel in _channels(kind)
        for language in g.tenant.languages
    ]
    page = Page(_("Texts of notifications"), nav="notify.templates", home=url_for("home.home"))
    return await render("notify/templates.html", page, rows=rows)


@blueprint.get(_PATH)
@permitted("notify.template.edit")
async def template(kind: str, channel: str, language: str) -> ResponseReturnValue:
    which = _which(kind, channel, language)
    return await _page(*which, await words.of_tenant(g.tenant, *which))


@blueprint.post(_PATH)
@permitted("notify.template.edit")
async def save_template(kind: str, channel: str, language: str) -> ResponseReturnValue:
    """Save, preview or reset, as the button says."""
    which = _which(kind, channel, language)
    form = await request.form
    if unknown := set(form) - _FIELDS:
        raise BadInput(field=sorted(unknown)[0][:40], problem=_("there is no such field"))
    act = form.get("act", "save")
    if act not in {"save", "preview", "reset"}:
        raise BadInput(field="act", problem=_("Choose one of the list."))
    if act == "reset":
        await words.reset(g.tenant, *which)
        return await _done(*which, action="notify.template_reset")
    typed = Words(form.get("subject", ""), form.get("body", ""))
    try:
        checked = words.check(which[0], channel, typed)
        if act == "save":
            await words.save(g.tenant, *which, checked)
    except BadInput as error:
        wrong = {str(error.details["field"]): translate_error(error)}
        return await _page(*which, typed, wrong=wrong), error.status
    if act == "preview":
        return await _page(*which, checked, preview=words.fill(checked, _example(language)))
    return await _done(*which, action="notify.template_saved")


def _channels(kind: Kind) -> list[str]:
    return ["email", "sms"] if kind is Kind.INVITATION else ["email"]


def _which(kind: str, channel: str, language: str) -> tuple[Kind, str, str]:
    known = {str(one) for one in Kind}
    if kind not in known or channel not in _channels(Kind(kind)):
        raise NotFound
    if language not in g.tenant.languages:
        raise NotFound
    return Kind(kind), channel, language


def _example(language: str) -> dict[str, str]:
    return {
        "customer": "Ana García",
        "agent": g.principal.name,
        "tenant": g.tenant.name,
        "link": f"{g.tenant.url}/v/…",
        "when": words.when(g.tenant, language, datetime.now(UTC)),
        "comment": _("Here are the papers we talked about."),
    }


async def _page(
    kind: Kind,
    channel: str,
    language: str,
    shown: Words,
    wrong: dict[str, str] | None = None,
    preview: Words | None = None,
) -> str:
    page = Page(
        _("Text of a notification"),
        nav="notify.templates",
        home=url_for("home.home"),
        modules=("@offhook/notify/notify.js",),
    )
    return await render(
        "notify/template.html",
        page,
        kind=kind,
        channel=channel,
        spoken=language,
        shown=shown,
        wrong=wrong or {},
        preview=preview,
        variables=words.VARIABLES[kind],
        is_own=(str(kind), channel, language) in await words.own_ones(g.tenant),
        saved="saved" in request.args,
    )


async def _done(kind: Kind, channel: str, language: str, action: str) -> ResponseReturnValue:
    await audit.write(
        g.tenant.id, g.principal.actor, action, subject=f"{kind}/{channel}/{language}"
    )
    page = url_for("notify.template", kind=str(kind), channel=channel, language=language, saved=1)
    return redirect(page, 303)
