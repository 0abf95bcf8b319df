"""What load balancers ask. Reasons are for the operator's eyes: ``offhook doctor`` shows them."""

from __future__ import annotations

from quart import Blueprint, jsonify
from quart.typing import ResponseReturnValue

from core import health
from core.access import public

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
async def alive() -> ResponseReturnValue:
    """The process answers; if not, restart it."""
    return jsonify(state="ok")


@blueprint.get("/readyz")
@public
async def ready() -> ResponseReturnValue:
    """It can serve; if not, send requests elsewhere."""
    parts = await health.check()
    state = health.worst(parts)
    body = {"state": state, "parts": {part.component: part.state for part in parts}}
    return jsonify(body), 503 if state == "down" else 200
