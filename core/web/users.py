"""The administrators' page of users: who has access, with which role."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType
from quart import Blueprint, g, jsonify, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core import sign_ins, users
from core.access import ADMINISTRATOR, AGENT, permitted
from core.errors import AppError, NotFound
from core.i18n import gettext as _
from core.i18n import translate_error
from core.models import User
from core.rendering import Page, render
from core.web import forms
from core.web.problems import wants_page

blueprint = Blueprint("users", __name__, url_prefix="/users")

Text = Annotated[str, Meta(max_length=254)]


class NewUserForm(forms.Form, frozen=True):
    name: Text
    email: Text
    role: Text = AGENT
    language: Text = ""


class ChangedUserForm(forms.Form, frozen=True):
    name: Text | UnsetType = UNSET
    email: Text | UnsetType = UNSET
    role: Text | UnsetType = UNSET
    language: Text | UnsetType = UNSET


class DeleteForm(forms.Form, frozen=True):
    successor: Text = ""


@blueprint.get("/")
@permitted("core.user.manage")
async def index() -> ResponseReturnValue:
    found = await users.listed(g.tenant.id)
    if not wants_page():
        return jsonify(users=[_plain(user) for user in found])
    limit = g.tenant.limits.get("users")
    done = {
        "created": _("The user was made. A mail with a link to choose a password is on its way."),
        "deleted": _("The user was deleted. What he did stays in the history."),
    }
    return await render(
        "core/users.html",
        Page(title=_("Users"), nav="users.index", home=url_for("home.home")),
        users=found,
        limit=limit,
        is_full=limit is not None and len(found) >= limit,
        seen=await sign_ins.last_seen(g.tenant.id),
        role_titles=role_titles(),
        done=done.get(request.args.get("done", ""), ""),
    )


@blueprint.get("/new")
@permitted("core.user.manage")
async def blank() -> str:
    return await _new_page({"role": AGENT})


@blueprint.post("/new")
@permitted("core.user.manage")
async def create() -> ResponseReturnValue:
    form = await forms.read(NewUserForm)
    values = forms.given(form)
    try:
        user = await users.create(g.tenant, g.principal.actor, values)
    except AppError as error:
        if not wants_page():
            raise
        return await forms.shown_again(await _new_page(values, translate_error(error)), error)
    if not wants_page():
        return jsonify(_plain(user)), 201
    return redirect(url_for("users.index", done="created"), 303)


@blueprint.get("/<int:user_id>")
@permitted("core.user.manage")
async def show(user_id: int) -> ResponseReturnValue:
    user = await users.get(g.tenant.id, user_id)
    return await _user_page(user) if wants_page() else jsonify(_plain(user))


@blueprint.route("/<int:user_id>", methods=["POST", "PATCH"])
@permitted("core.user.manage")
async def change(user_id: int) -> ResponseReturnValue:
    values = forms.given(await forms.read(ChangedUserForm))
    user = await users.get(g.tenant.id, user_id)
    try:
        user = await users.change(g.tenant, user_id, g.principal.actor, values)
    except AppError as error:
        if not wants_page():
            raise
        html = await _user_page(user, values, translate_error(error))
        return await forms.shown_again(html, error)
    if not wants_page():
        return jsonify(_plain(user))
    return redirect(url_for("users.show", user_id=user_id, done="saved"), 303)


@blueprint.post("/<int:user_id>/delete")
@permitted("core.user.manage")
async def delete(user_id: int) -> ResponseReturnValue:
    form = await forms.read(DeleteForm)
    user = await users.get(g.tenant.id, user_id)
    successor = _id_of(form.successor) if form.successor else None
    try:
        await users.delete(g.tenant, user_id, g.principal.actor, successor)
    except AppError as error:
        if not wants_page():
            raise
        html = await _user_page(user, error=translate_error(error))
        return await forms.shown_again(html, error)
    if not wants_page():
        return jsonify(ok=True)
    return redirect(url_for("users.index", done="deleted"), 303)


@blueprint.post("/<int:user_id>/link")
@permitted("core.user.manage")
async def send_link(user_id: int) -> ResponseReturnValue:
    await users.send_link(g.tenant, user_id, g.principal.actor)
    if not wants_page():
        return jsonify(ok=True)
    return redirect(url_for("users.show", user_id=user_id, done="link"), 303)


def _id_of(text: str) -> int:
    """Read the number of a user; what can be nobody's is not found."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise NotFound
    return int(text)


def role_titles() -> dict[str, str]:
    """Return what people call each role."""
    return {AGENT: _("Agent"), ADMINISTRATOR: _("Administrator")}


def _plain(user: User) -> dict[str, Any]:
    """What programs see of a user: these fields and no others."""
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "language": user.language,
        "invited": user.password_hash is None,
    }


async def _new_page(values: dict[str, Any], error: str = "") -> str:
    return await render(
        "core/user_new.html",
        Page(title=_("New user"), nav="users.index", home=url_for("home.home")),
        values={"name": "", "email": "", "role": AGENT, "language": ""} | values,
        error=error,
        role_titles=role_titles(),
    )


async def _user_page(user: User, values: dict[str, Any] | None = None, error: str = "") -> str:
    done = {
        "saved": _("Saved."),
        "link": _("A mail with a link to choose a password is on its way."),
    }
    others = [other for other in await users.listed(g.tenant.id) if other.id != user.id]
    return await render(
        "core/user.html",
        Page(title=user.name, nav="users.index", home=url_for("home.home")),
        user=user,
        values=_plain(user) | {"language": user.language or ""} | (values or {}),
        error=error,
        done=done.get(request.args.get("done", ""), "") if not error else "",
        others=others,
        open_sessions=len(await users.open_of(g.tenant.id, user.id)),
        role_titles=role_titles(),
    )
