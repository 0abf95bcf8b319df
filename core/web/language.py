"""Each request speaks one language, in one zone: the reader's."""

from __future__ import annotations

from quart import Response, g, request

from core import i18n

COOKIE = "lang"


async def speak() -> None:
    """Before a request: once tenant and person are known, choose the language for them.

    ``g.person_language`` is what the record of the agent or customer says, if there is one.
    """
    tenant = g.get("tenant")
    if tenant is None:
        languages: tuple[str, ...] = ("en", "es", "ru", "zh-Hans")
        timezone = "UTC"
    else:
        languages, timezone = tenant.languages, tenant.timezone
    asked = request.args.get("lang")
    g.language_chosen = i18n.best_match(asked, languages) if asked else None
    language = i18n.choose_language(
        languages,
        languages[0],
        explicit=(asked, request.cookies.get(COOKIE)),
        preferred=g.get("person_language"),
        accept=request.headers.get("Accept-Language", ""),
    )
    i18n.switch(i18n.Context(language, timezone))


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
