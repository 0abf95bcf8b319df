"""Rendering: themes, slots, pages, the assets they load and the headers that guard them."""

from __future__ import annotations

from core.rendering.assets import Assets
from core.rendering.headers import nonce, security_headers
from core.rendering.navigation import Entry
from core.rendering.pages import Page, Rendering, error_page, install, render, render_fragment
from core.rendering.slots import Slots
from core.rendering.themes import Theme, Themes, installed_themes
from core.rendering.words import Words

__all__ = [
    "Assets",
    "Entry",
    "Page",
    "Rendering",
    "Slots",
    "Theme",
    "Themes",
    "Words",
    "error_page",
    "install",
    "installed_themes",
    "nonce",
    "render",
    "render_fragment",
    "security_headers",
]
