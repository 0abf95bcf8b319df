"""The headers that keep a page from doing what it was not written to do."""

from __future__ import annotations

import re
import secrets
from typing import Final

from quart import Response, g, request

_HOST: Final = re.compile(r"[A-Za-z0-9.\-:\[\]]{1,255}")
_PERMISSIONS: Final = (
    "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), autoplay=(self), "
    "geolocation=(), payment=(), usb=(), serial=(), midi=(), browsing-topics=()"
)
TRUSTED_TYPES: Final = "htmx lit-html offhook"


def nonce() -> str:
    """Return the nonce of this response; the same one each time it is asked."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def content_security_policy() -> str:
    once = f"'nonce-{nonce()}'"
    ancestors = g.get("frame_ancestors") or "'none'"
    sockets = ""
    if _HOST.fullmatch(request.host):
        scheme = "wss" if request.scheme in {"https", "wss"} else "ws"
        sockets = f" {scheme}://{request.host}"
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {once}",
            f"style-src 'self' {once}",
            f"connect-src 'self'{sockets}",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            f"frame-ancestors {ancestors}",
            "require-trusted-types-for 'script'",
            f"trusted-types {TRUSTED_TYPES}",
        )
    )


async def security_headers(response: Response) -> Response:
    """Complete *response*; what a view has set itself stays.

    A page that foreign sites embed sets ``g.frame_ancestors`` to their origins.
    """
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", _PERMISSIONS)
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Content-Security-Policy", content_security_policy())
    if not g.get("frame_ancestors"):
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    headers.setdefault("Cache-Control", "no-store")
    return response
