"""Slots: the places in a page where plugins add a piece of their own."""

from __future__ import annotations

import logging
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from quart import current_app, g

from core.rendering.navigation import allowed
from core.values import Action, Fragment

log = logging.getLogger(__name__)


class Slots:
    """What templates see as ``slots``: ``{{ slots.session_sidebar(session=session) }}``.

    Each attribute is a ``collect`` hook whose plugins return a ``Fragment`` or an ``Action``.
    A fragment that cannot be rendered leaves a gap and a log line, and in development a box.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        async def fill(**kwargs: Any) -> Markup:
            answers = await getattr(g.hooks, name)(**kwargs)
            html = Markup()
            for plugin, piece in sorted(answers, key=lambda a: (a.value.order, a.plugin)):
                try:
                    html += await _piece(plugin, piece)
                except Exception:
                    log.exception("plugin %s could not be shown in slot %s", plugin, name)
                    html += _gap(plugin, name)
            return html

        return fill


async def _piece(plugin: str, piece: Fragment | Action) -> Markup:
    environment: Environment = current_app.extensions["rendering"].environment()
    if isinstance(piece, Action):
        if not allowed(piece.permission):
            return Markup()
        template = environment.get_template("core/action.html")
        return _trusted(await template.render_async(action=piece, plugin=plugin))
    template = environment.get_template(piece.template)
    body = _trusted(await template.render_async(piece.context))
    if not body.strip():
        return Markup()
    return Markup('<section data-plugin="{}">{}</section>').format(plugin, body)


def _gap(plugin: str, slot: str) -> Markup:
    if not current_app.extensions["rendering"].dev:
        return Markup()
    return Markup('<p class="notice bad">{} failed in the slot {}.</p>').format(plugin, slot)


def _trusted(html: str) -> Markup:
    return Markup(html)  # noqa: S704 - rendered with autoescape on
