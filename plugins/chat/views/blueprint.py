from __future__ import annotations

from core.api import Blueprint

blueprint = Blueprint("chat", __name__)
