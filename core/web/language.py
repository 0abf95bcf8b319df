"""Each request speaks one language, in one zone: the reader's."""

from __future__ import annotations

from typing import Final

from quart import Quart, Response, g, request

from core import i18n

COOKIE: Final = "lang"
EVERYWHERE: Final = ("en", "es", "ru", "zh-Hans")
"""What pages without a tenant can be shown in."""


def install(app: Quart) -> None:
    """Let *app* speak its reader's language; after the guard, which finds out who that is."""
    app.before_request(speak)
    app.after_request(remember_language)


async def speak() -> None:
    """Choose the language of this request: what was asked for, the person's, the browser's."""
    tenant, principal = g.get("tenant"), g.get("principal")
    languages = tenant.languages if tenant else EVERYWHERE
    asked = request.args.get("lang")
    g.language_chosen = i18n.best_match(asked, languages) if asked else None
    language = i18n.choose_language(
        languages,
        languages[0],
        explicit=(asked, request.cookies.get(COOKIE)),
        preferred=principal.language if principal else None,
        accept=request.headers.get("Accept-Language", ""),
    )
    i18n.switch(i18n.Context(language, tenant.timezone if tenant else "UTC"))


async def remember_language(response: Response) -> Response:
    """After a request: keep the choice made by ``?lang=``, and tell caches what we looked at."""
    if chosen := g.get("language_chosen"):
        response.set_cookie(
            COOKIE,
            chosen,
            max_age=31536000,
            path=request.root_path + "/",
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    if response.mimetype == "text/html":
        response.headers["Content-Language"] = i18n.current().language
        response.vary.update(("Accept-Language", "Cookie"))
    return response
