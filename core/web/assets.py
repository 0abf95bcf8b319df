"""The route of the static files."""

from __future__ import annotations

import mimetypes
from typing import Final

from quart import Blueprint, Response, current_app, g, request

from core.access import public
from core.errors import NotFound
from core.rendering import Rendering

blueprint = Blueprint("assets", __name__)
_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


@blueprint.get("/static/<owner>/<version>/<path:path>")
@public
async def file(owner: str, version: str, path: str) -> Response:
    """Send a file of core, a theme or an enabled plugin. An old *version* gets the new file."""
    rendering: Rendering = current_app.extensions["rendering"]
    tenant = g.get("tenant")
    if owner in rendering.plugins and tenant is not None and owner not in tenant.enabled:
        raise NotFound
    found = rendering.assets.find(owner, path)
    if found is None:
        raise NotFound
    kind = _TYPES.get(found.suffix) or mimetypes.guess_type(found.name)[0]
    response = Response(found.read_bytes(), mimetype=kind or "application/octet-stream")
    await response.add_etag()
    current = version == rendering.assets.version(owner)
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if current and not rendering.dev else "no-cache"
    )
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    await response.make_conditional(request)
    return response


@blueprint.get("/favicon.ico")
@public
async def favicon() -> Response:
    """Browsers ask for it wherever a page does not name an icon, such as files and plain texts."""
    rendering: Rendering = current_app.extensions["rendering"]
    mark = rendering.assets.find("core", "mark.svg")
    assert mark is not None
    response = Response(mark.read_bytes(), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response
