"""A user's own account: his password, his language, where he is signed in."""

from __future__ import annotations

from typing import Annotated, cast

from msgspec import Meta
from quart import Blueprint, Response, g, jsonify, make_response, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core import credentials, sign_ins, users
from core.access import signed_in
from core.errors import AppError
from core.i18n import gettext as _
from core.i18n import translate_error
from core.models import SignIn
from core.rendering import Page, render
from core.web import forms
from core.web.devices import device_name
from core.web.problems import wants_page

blueprint = Blueprint("account", __name__, url_prefix="/account")

Text = Annotated[str, Meta(max_length=500)]


class ChangeForm(forms.Form, frozen=True):
    old: Text
    new: Text
    repeat: Text


class LanguageForm(forms.Form, frozen=True):
    language: Text


@blueprint.get("/")
@signed_in
async def show() -> str:
    return await _account_page()


@blueprint.post("/password")
@signed_in
async def change_password() -> ResponseReturnValue:
    form = await forms.read(ChangeForm)
    try:
        if form.new != form.repeat:
            raise credentials.PasswordsDiffer
        user = await credentials.change_password(g.principal, form.old, form.new)
    except AppError as error:
        if not wants_page():
            raise
        return await forms.shown_again(await _account_page(error=translate_error(error)), error)
    token = await sign_ins.begin_user(user)
    response = await _done("password")
    sign_ins.set_cookie(response, token)
    return response


@blueprint.post("/language")
@signed_in
async def choose_language() -> ResponseReturnValue:
    form = await forms.read(LanguageForm)
    await users.choose_language(g.tenant, g.principal.user_id, form.language)
    response = await _done("language")
    response.delete_cookie("lang", path=request.root_path.rstrip("/") + "/")
    return response


@blueprint.post("/sign-ins/<int:sign_in_id>/end")
@signed_in
async def end_sign_in(sign_in_id: int) -> ResponseReturnValue:
    await sign_ins.revoke(g.tenant.id, g.principal.user_id, sign_in_id)
    return await _done("ended")


@blueprint.post("/sign-ins/end-others")
@signed_in
async def end_others() -> ResponseReturnValue:
    await sign_ins.end_others(g.tenant.id, g.principal.user_id, g.principal.sign_in_id)
    return await _done("ended")


async def _done(what: str) -> Response:
    if not wants_page():
        answer: Response = jsonify(ok=True)
        return answer
    back = redirect(url_for("account.show", done=what), 303)
    return cast("Response", await make_response(back))


async def _account_page(error: str = "") -> str:
    user = await users.get(g.tenant.id, g.principal.user_id)
    done = {
        "password": _("Your password was changed. Everywhere else you are signed out."),
        "language": _("Your language was saved."),
        "ended": _("Signed out there."),
    }
    return await render(
        "core/account.html",
        Page(title=_("My account"), home=url_for("home.home")),
        user=user,
        sign_ins=[_shown(row) for row in await sign_ins.of_user(g.tenant.id, user.id)],
        done=done.get(request.args.get("done", ""), "") if not error else "",
        error=error,
    )


def _shown(row: SignIn) -> dict[str, object]:
    return {
        "id": row.id,
        "device": device_name(row.device),
        "address": row.address,
        "seen_at": row.seen_at,
        "is_this": row.id == g.principal.sign_in_id,
    }
