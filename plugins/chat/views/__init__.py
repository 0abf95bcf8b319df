"""The pages and the data of chat."""

from __future__ import annotations

from plugins.chat.views import conversation, responses, widget
from plugins.chat.views.blueprint import blueprint

__all__ = ["blueprint", "conversation", "responses", "widget"]
