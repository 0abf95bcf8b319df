"""The front doors: the installation's page, and each tenant's way to its home."""

from __future__ import annotations

from quart import Blueprint, current_app, g, redirect, url_for
from quart.typing import ResponseReturnValue

from core.access import public, signed_in
from core.config import Config
from core.current import service
from core.i18n import gettext as _
from core.rendering import Page, Rendering, render
from core.tenancy import Tenancy

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
async def front() -> ResponseReturnValue:
    """Lead a signed-in user home, others to the sign-in; without a tenant tell what this is."""
    if g.tenant is None:
        tenants = await service(Tenancy).everyone() if service(Config).demo else []
        return await render("core/front.html", Page(title="Offhook", kind="plain"), tenants=tenants)
    if g.principal is None or g.principal.kind != "user":
        return redirect(url_for("sign_in.show"))
    return redirect(url_for("home.home"))


@blueprint.get("/home")
@signed_in
async def home() -> ResponseReturnValue:
    """Go to the first home page that a plugin offers; without one, show what there is to do."""
    rendering: Rendering = current_app.extensions["rendering"]
    homes = [entry for entry in rendering.navigation() if entry.home]
    if homes:
        return redirect(homes[0].url)
    page = Page(title=_("Home"), nav="home.home")
    return await render("core/home.html", page, entries=rendering.navigation())
