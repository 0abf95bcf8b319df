"""Plugins made up for measuring: each with a model, a route, a slot and five hooks."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from core.plugins import Plugin

HOOKS = ("session_opened", "session_changed", "presence_changed", "event_kept", "message_in")
SLOT = "session_sidebar"

MODELS = """\
from __future__ import annotations

from tortoise import fields

from core.models import TenantModel


class Mark(TenantModel):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(80)

    class Meta:
        table = "{name}_mark"
"""
PLUGIN = """\
from __future__ import annotations

from core.access import signed_in
from core.hooks import hookimpl
from core.plugins import Blueprint, Permission, Plugin
from core.values import Fragment

blueprint = Blueprint("{name}", __name__)


@blueprint.get("/")
@signed_in
async def index():
    return "{name}"


class Made(Plugin):
    name = "{name}"
    title = "{name}"
    models = "{package}.{name}.models"
    blueprint = blueprint
    permissions = (Permission("{name}.mark.see", "See marks"),)

    def __init__(self) -> None:
        self.kept = 0

    @hookimpl
    async def session_opened(self, tenant, session):
        self.kept += 1

    @hookimpl
    async def session_changed(self, tenant, session):
        self.kept += 1

    @hookimpl
    async def presence_changed(self, tenant, session, side, online):
        self.kept += 1

    @hookimpl
    async def event_kept(self, tenant, event):
        self.kept += 1

    @hookimpl
    async def message_in(self, value, tenant, session_id):
        return value.replace("\\x07", "")

    @hookimpl
    async def session_sidebar(self, session):
        return Fragment("{name}/panel.html")
"""


def generate(folder: Path, count: int) -> tuple[Plugin, ...]:
    """Write *count* plugins as a package in *folder* and return one instance of each."""
    package = "made_plugins"
    for number in range(count):
        name = f"made{number}"
        home = folder / package / name
        templates = home / "templates" / name
        templates.mkdir(parents=True, exist_ok=True)
        (templates / "panel.html").write_text(f"<p>{name}</p>")
        (home / "__init__.py").write_text("")
        (home / "models.py").write_text(MODELS.format(name=name))
        (home / "plugin.py").write_text(PLUGIN.format(name=name, package=package))
    (folder / package / "__init__.py").write_text("")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    plugins = [
        importlib.import_module(f"{package}.made{number}.plugin").Made() for number in range(count)
    ]
    return tuple(plugins)
