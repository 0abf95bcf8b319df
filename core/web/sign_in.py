"""Signing in and out, and the ways to a first or a new password."""

from __future__ import annotations

from typing import Annotated, cast

from msgspec import Meta
from quart import Blueprint, Response, g, make_response, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core import audit, credentials, password_links, sign_ins, throttle
from core.access import USER, public
from core.errors import AppError, NotFound, TooMany
from core.i18n import gettext as _
from core.i18n import translate_error
from core.models import User
from core.rendering import Page, render
from core.values import Actor
from core.web import forms
from core.web.problems import wants_page

blueprint = Blueprint("sign_in", __name__)

Text = Annotated[str, Meta(max_length=500)]


class SignInForm(forms.Form, frozen=True):
    email: Text
    password: Text
    next: Text = ""


class RecoverForm(forms.Form, frozen=True):
    email: Text


class PasswordForm(forms.Form, frozen=True):
    password: Text
    repeat: Text


@blueprint.get("/sign-in")
@public
async def show() -> ResponseReturnValue:
    _require_tenant()
    if g.principal is not None and g.principal.kind == USER:
        return redirect(_destination(request.args.get("next", "")), 303)
    return await _sign_in_page(next=request.args.get("next", ""))


@blueprint.post("/sign-in")
@public
async def enter() -> ResponseReturnValue:
    _require_tenant()
    form = await forms.read(SignInForm)
    attempt = credentials.Attempt(
        form.email, form.password, request.remote_addr or "", sign_ins.device_of(request)
    )
    try:
        user = await credentials.authenticate(g.tenant.id, attempt)
    except AppError as error:
        if not wants_page():
            raise
        html = await _sign_in_page(email=form.email, next=form.next, error=translate_error(error))
        return await forms.shown_again(html, error)
    return await _signed_in(user, form.next)


@blueprint.post("/sign-out")
@public
async def leave() -> ResponseReturnValue:
    _require_tenant()
    if g.principal is not None and g.principal.kind == USER:
        await sign_ins.end(g.tenant.id, g.principal.sign_in_id)
    response = cast("Response", await make_response(redirect(url_for("sign_in.show"), 303)))
    sign_ins.delete_cookie(response)
    return response


@blueprint.get("/recover")
@public
async def recover() -> str:
    _require_tenant()
    return await _recover_page()


@blueprint.post("/recover")
@public
async def send_link() -> ResponseReturnValue:
    """Have a link mailed. Whether anybody has this address, the answer does not show."""
    _require_tenant()
    form = await forms.read(RecoverForm)
    email = form.email.strip().lower()[: credentials.LONGEST]
    try:
        await throttle.take(
            g.tenant.id, throttle.MAIL_ADDRESS, throttle.network(request.remote_addr or "")
        )
    except TooMany as error:
        if not wants_page():
            raise
        return await forms.shown_again(await _recover_page(error=translate_error(error)), error)
    try:
        await throttle.take(g.tenant.id, throttle.MAIL, email)
    except TooMany:
        return await _recover_page(sent=True)
    await password_links.ask(g.tenant.id, password_links.FORGOTTEN, email=email)
    return await _recover_page(sent=True)


@blueprint.get("/password/<token>")
@public
async def choose(token: str) -> str:
    """Show the form; looking at it does not use the link up, so mail scanners do no harm."""
    _require_tenant()
    return await _password_page(await password_links.user_of(g.tenant.id, token))


@blueprint.post("/password/<token>")
@public
async def set_password(token: str) -> ResponseReturnValue:
    _require_tenant()
    user = await password_links.user_of(g.tenant.id, token)
    form = await forms.read(PasswordForm)
    try:
        if form.password != form.repeat:
            raise credentials.PasswordsDiffer
        user = await password_links.use(g.tenant.id, token, form.password)
    except AppError as error:
        if not wants_page() or isinstance(error, password_links.LinkUsed):
            raise
        return await forms.shown_again(await _password_page(user, translate_error(error)), error)
    await credentials.end_all(user, Actor("agent", str(user.id), user.name))
    return await _signed_in(user)


async def _signed_in(user: User, destination: str = "") -> Response:
    token = await sign_ins.begin_user(user)
    await audit.write(g.tenant.id, Actor("agent", str(user.id), user.name), "core.signed_in")
    response = cast("Response", await make_response(redirect(_destination(destination), 303)))
    sign_ins.set_cookie(response, token)
    sign_ins.set_device(response, credentials.known_device(user))
    return response


def _destination(wanted: str) -> str:
    """Return *wanted* if it is a path of this tenant; anything that leads elsewhere is home."""
    plain = wanted.isprintable() and "\\" not in wanted
    if plain and wanted.startswith("/") and not wanted.startswith("//"):
        return request.root_path.rstrip("/") + wanted
    return url_for("home.home")


def _require_tenant() -> None:
    if g.tenant is None:
        raise NotFound


async def _sign_in_page(*, email: str = "", next: str = "", error: str = "") -> str:
    page = Page(title=_("Sign in"), kind="plain")
    return await render("core/sign_in.html", page, email=email, next=next, error=error)


async def _recover_page(*, sent: bool = False, error: str = "") -> str:
    page = Page(title=_("Forgot your password?"), kind="plain")
    return await render("core/recover.html", page, sent=sent, error=error)


async def _password_page(user: User, error: str = "") -> str:
    page = Page(title=_("Choose your password"), kind="plain")
    return await render("core/set_password.html", page, email=user.email, error=error)
