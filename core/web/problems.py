"""How an error reaches people and programs: a page or a problem body, never a stack trace."""

from __future__ import annotations

import logging
from typing import cast

from quart import Quart, Response, g, has_request_context, jsonify, make_response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from core.errors import AppError, BadInput, NotFound, TooLarge
from core.i18n import gettext as _
from core.i18n import translate_error
from core.rendering import error_page

log = logging.getLogger(__name__)


class MethodNotAllowed(AppError):
    status = 405
    code = "method-not-allowed"
    message = "This address does not do that."


def install(app: Quart) -> None:
    app.register_error_handler(AppError, show)
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(Exception, _unexpected)


def wants_page() -> bool:
    """People's browsers ask for HTML when they go somewhere; scripts do not."""
    if not has_request_context():
        return False
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return best == "text/html" and request.headers.get("HX-Request") is None


async def show(error: AppError) -> Response:
    """Answer with the page or the body of *error*."""
    message = translate_error(error)
    if wants_page():
        html = await error_page(error)
        response = Response(html, content_type="text/html; charset=utf-8")
    else:
        response = jsonify(error.as_problem(message))
        response.content_type = "application/problem+json"
    response.status_code = error.status
    if "retry_s" in error.details:
        response.headers["Retry-After"] = str(error.details["retry_s"])
    return response


async def _from_werkzeug(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return await show(TooLarge(limit_mb=1))
    if error.code == 404:
        return await show(NotFound())
    if error.code == 405:
        return await show(MethodNotAllowed())
    if error.code is not None and 300 <= error.code < 400:
        return cast(Response, await make_response(error.get_response()))
    if error.code is not None and error.code < 500:
        return await show(BadInput(field=_("request"), problem=error.name))
    return await _unexpected(error)


async def _unexpected(error: Exception) -> Response:
    where = request.endpoint if has_request_context() else "a socket"
    log.error("unexpected error at %s", where, exc_info=error)
    g.setdefault("principal", None)
    return await show(AppError())
