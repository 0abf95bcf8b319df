"""Before every view: who asks, did our own page send this, and may he. Nothing gets past it."""

from __future__ import annotations

from typing import Any, Final

from quart import (
    Quart,
    Request,
    Websocket,
    current_app,
    g,
    has_request_context,
    redirect,
    request,
    url_for,
    websocket,
)
from quart.typing import ResponseReturnValue

from core import i18n, sign_ins
from core.access import (
    CUSTOMER,
    USER,
    Access,
    Principal,
    access_of,
    csrf_token,
    csrf_valid,
    origin_allowed,
)
from core.errors import BadOrigin, Forbidden, NotFound, NotSignedIn
from core.plugins import BadPlugin

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "X-CSRF-Token"
VISIT: Final = ("/visit/", "/v/", "/e/")
"""Where the pages of customers are; there a customer's cookie goes before a user's."""


def install(app: Quart) -> None:
    """Guard *app*. To be called after the last view was added."""
    _check_marks(app)
    app.before_request(_guard_request)
    app.before_websocket(_guard_websocket)


def _check_marks(app: Quart) -> None:
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        access = access_of(view)
        if access is None:
            raise BadPlugin(
                f"the view {rule.endpoint} ({rule.rule}) does not say who may use it;"
                " mark it with public, signed_in, visitor, customer_or_user or permitted"
            )
        owner = (access.permission or "").partition(".")[0]
        plugin = _plugin_of(app, rule.endpoint)
        if plugin and owner and owner not in {plugin, "core"}:
            raise BadPlugin(f"the view {rule.endpoint} asks for a permission of {owner}")


async def _guard_request() -> ResponseReturnValue | None:
    access = _access(request)
    if access is None:
        return None
    await _identify(request, access)
    if request.method not in SAFE:
        await _check_sender(access)
    try:
        _check(access)
    except NotSignedIn:
        if access.kinds == {CUSTOMER} or not _is_navigation():
            raise
        return redirect(url_for("sign_in.show", next=_here()), 303)
    return None


async def _guard_websocket() -> None:
    access = _access(websocket)
    if access is None:
        return
    if not origin_allowed(websocket.headers.get("Origin", ""), websocket.host):
        raise BadOrigin
    await _identify(websocket, access)
    _check(access)


def _access(asked: Request | Websocket) -> Access | None:
    """Return the mark of the view; ``None`` where there is none and the answer is 404 or 405.

    What a plugin that is off would answer does not exist, whoever asks.
    """
    if asked.endpoint is None:
        return None
    plugin = _plugin_of(current_app, asked.endpoint)
    if plugin and (g.tenant is None or plugin not in g.tenant.enabled):
        raise NotFound
    access = access_of(current_app.view_functions[asked.endpoint])
    if access is not None and access.kinds and g.tenant is None:
        raise NotFound
    return access


def _plugin_of(app: Any, endpoint: str) -> str:
    blueprint = app.blueprints.get(endpoint.partition(".")[0])
    return str(getattr(blueprint, "plugin", ""))


async def _identify(asked: Request | Websocket, access: Access) -> None:
    g.principal = await _principal(asked, access) if g.tenant is not None else None
    g.csrf = csrf_token(g.principal.sign_in_id) if g.principal else ""
    _speak(asked)


async def _principal(asked: Request | Websocket, access: Access) -> Principal | None:
    """Return who asks.

    A browser may hold a user's and a customer's cookie at the same time: the view's mark
    decides, then the page, which sends the token of its own sign-in.
    """
    kinds = access.kinds or {USER, CUSTOMER}
    order = [CUSTOMER, USER] if asked.path.startswith(VISIT) else [USER, CUSTOMER]
    found = []
    for kind in order:
        if kind in kinds:
            token = sign_ins.token_of(asked, visit=kind == CUSTOMER)
            principal = await sign_ins.find(g.tenant.id, token) if token else None
            if principal is not None and principal.kind == kind:
                found.append(principal)
    sent = asked.headers.get(CSRF_HEADER, "")
    of_page = (p for p in found if len(found) > 1 and csrf_valid(p.sign_in_id, sent))
    return next(of_page, found[0] if found else None)


def _speak(asked: Request | Websocket) -> None:
    """Use the person's language, unless another one was chosen on the page."""
    wish = g.person_language = g.principal.language if g.principal else None
    if not wish or asked.args.get("lang") or asked.cookies.get("lang"):
        return
    if found := i18n.best_match(wish, g.tenant.languages):
        i18n.switch(i18n.Context(found, g.tenant.timezone))


async def _check_sender(access: Access) -> None:
    """Let a change through only from a page of ours, and one of the same sign-in.

    A public view works without a sign-in, so there the page's origin is all that counts. A
    Bearer token is no cookie: no other site can make a browser send it.
    """
    if g.principal is not None and sign_ins.is_bearer(request):
        return
    origin = request.headers.get("Origin")
    if origin is None:
        ours = request.headers.get("Sec-Fetch-Site") == "same-origin"
    else:
        ours = origin_allowed(origin, request.host)
    if not ours:
        raise BadOrigin
    if not access.kinds or g.principal is None:
        return
    if not csrf_valid(g.principal.sign_in_id, await _sent_token()):
        raise BadOrigin


async def _sent_token() -> str:
    """A form is read for the token only where no header has it: an upload is not a form."""
    header = request.headers.get(CSRF_HEADER)
    if header is not None:
        return header
    if request.mimetype in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return str((await request.form).get(CSRF_FIELD, ""))
    return ""


def _check(access: Access) -> None:
    if not access.kinds:
        return
    if g.principal is None or g.principal.kind not in access.kinds:
        raise NotSignedIn
    if access.permission and not g.principal.may(g.tenant, access.permission):
        raise Forbidden


def _is_navigation() -> bool:
    """A person is going to a page, rather than a script asking for data."""
    return (
        has_request_context()
        and request.method in {"GET", "HEAD"}
        and request.headers.get("HX-Request") is None
        and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
    )


def _here() -> str | None:
    """Where to return to after signing in, below the tenant's root; ``None``: home."""
    query = request.query_string.decode("ascii", "ignore")
    path = request.path + (f"?{query}" if query else "")
    return None if path == "/" else path
