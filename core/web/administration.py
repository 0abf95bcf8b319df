"""What a tenant's administrators set: features, their settings, and the entry points."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from quart import Blueprint, g, redirect, request, url_for
from quart.typing import ResponseReturnValue

from core import audit, i18n, settings, switching
from core.access import permitted
from core.current import service
from core.errors import AppError, BadInput, Conflict, NotFound, UnknownPlugin
from core.hooks import Hooks
from core.i18n import gettext as _
from core.i18n.catalogs import package_of
from core.lifecycle import Channel
from core.models import EntryPoint
from core.plugins import Plugin, Registry
from core.rendering import Page, render
from core.tenancy import Tenancy, TenantView


def words_of(plugin: Plugin, text: str) -> str:
    """Translate a plugin's own fact with the plugin's catalog."""
    return i18n.gettext_in(package_of(type(plugin).__module__), text) if text else ""


blueprint = Blueprint("administration", __name__, url_prefix="/administration")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Feature:
    """One plugin as the administrator sees it."""

    plugin: Plugin
    on: bool
    broken: bool


@blueprint.get("/features")
@permitted("core.plugin.manage")
async def features() -> ResponseReturnValue:
    return await _features_page()


@blueprint.post("/features/<plugin>")
@permitted("core.plugin.manage")
async def switch(plugin: str) -> ResponseReturnValue:
    """Switch a feature of the plan; ``on`` is 1 or 0."""
    wanted = (await request.form).get("on")
    if wanted not in {"0", "1"}:
        raise BadInput(field="on", problem=_("1 or 0 is expected"))
    if plugin not in g.tenant.planned:
        raise UnknownPlugin(plugin=plugin)
    try:
        await switching.switch(g.tenant, plugin, g.principal.actor, on=wanted == "1")
    except (switching.NeededByOthers, switching.NeedsOthers) as error:
        return await _features_page(i18n.translate_error(error)), error.status
    return redirect(url_for("administration.features"), 303)


@blueprint.get("/settings/<plugin>")
@permitted("core.setting.manage")
async def show_settings(plugin: str) -> ResponseReturnValue:
    return await _settings_page(_configurable(g.tenant, plugin))


@blueprint.post("/settings/<plugin>")
@permitted("core.setting.manage")
async def save_settings(plugin: str) -> ResponseReturnValue:
    """Save all settings of one plugin; a secret left empty stays as it was."""
    instance = _configurable(g.tenant, plugin)
    assert instance.settings is not None
    form = {k: v for k, v in (await request.form).items() if k != "csrf"}
    stored = g.tenant.settings.get(plugin, {})
    for field in settings.form_fields(instance.settings):
        if field.secret and not form.get(field.name):
            form[field.name] = stored.get(field.name, field.default)
    try:
        values = settings.parse_form(instance.settings, form)
    except BadInput as error:
        return await _settings_page(instance, form, error), 400
    await service(Tenancy).save_settings(g.tenant.id, plugin, values)
    await audit.write(g.tenant.id, g.principal.actor, "core.settings_saved", subject=plugin)
    return redirect(url_for("administration.show_settings", plugin=plugin, saved=1), 303)


@blueprint.get("/entry-points")
@permitted("core.setting.manage")
async def entry_points() -> ResponseReturnValue:
    return await _entry_points_page()


@blueprint.post("/entry-points")
@permitted("core.setting.manage")
async def add_entry_point() -> ResponseReturnValue:
    form = dict(await request.form)
    try:
        values = _entry_values(form)
        slug = form.get("slug", "").strip().lower()
        if not _SLUG.fullmatch(slug):
            raise BadInput(field="slug", problem=_("letters, digits and hyphens"))
        if await EntryPoint.exists(tenant_id=g.tenant.id, slug=slug):
            raise Conflict
    except AppError as error:
        return await _entry_points_page(form, i18n.translate_error(error)), error.status
    point = await EntryPoint.create(tenant_id=g.tenant.id, slug=slug, **values)
    await _note("core.entry_point_added", point.slug)
    return redirect(url_for("administration.entry_points"), 303)


@blueprint.post("/entry-points/<int:point_id>")
@permitted("core.setting.manage")
async def change_entry_point(point_id: int) -> ResponseReturnValue:
    """Change title, state and sites; only fields that the form holds are touched."""
    point = await EntryPoint.get_or_none(tenant_id=g.tenant.id, id=point_id)
    if point is None:
        raise NotFound
    form = dict(await request.form)
    try:
        values = _entry_values(form, partial=True)
    except BadInput as error:
        return await _entry_points_page(form, i18n.translate_error(error)), 400
    if values:
        await EntryPoint.filter(tenant_id=g.tenant.id, id=point_id).update(**values)
        await _note("core.entry_point_changed", point.slug)
    return redirect(url_for("administration.entry_points"), 303)


def _configurable(tenant: TenantView, plugin: str) -> Plugin:
    instance = service(Registry).plugins.get(plugin)
    if instance is None or plugin not in tenant.enabled or instance.settings is None:
        raise NotFound
    return instance


def _entry_values(form: dict[str, str], *, partial: bool = False) -> dict[str, Any]:
    """Check the fields of an entry point; with *partial* only those that are there."""
    known = {"csrf", "slug", "title", "channel", "is_open", "origins"}
    if unknown := sorted(form.keys() - known):
        raise BadInput(field=unknown[0], problem=_("unknown field"))
    values: dict[str, Any] = {}
    if "title" in form or not partial:
        title = form.get("title", "").strip()
        if not 1 <= len(title) <= 120:
            raise BadInput(field="title", problem=_("between 1 and 120 characters"))
        values["title"] = title
    if "channel" in form and not partial:
        if form["channel"] not in set(Channel) & g.tenant.enabled:
            raise BadInput(field="channel", problem=_("this channel is not switched on"))
        values["channel"] = Channel(form["channel"])
    if "is_open" in form:
        values["is_open"] = form["is_open"] == "1"
    if "origins" in form:
        values["origins"] = [_origin(line) for line in form["origins"].split() if line]
    return values


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise BadInput(field="origins", problem=_("write https://www.example.org, one a line"))
    if not re.fullmatch(r"[A-Za-z0-9.\-:\[\]]+", parts.netloc):
        raise BadInput(field="origins", problem=_("write https://www.example.org, one a line"))
    return f"{parts.scheme}://{parts.netloc}".lower()


async def _note(action: str, subject: str) -> None:
    await audit.write(g.tenant.id, g.principal.actor, action, subject=subject)


async def _features_page(error: str = "") -> str:
    registry, hooks = service(Registry), service(Hooks)
    rows = [
        Feature(plugin, plugin.name in g.tenant.enabled, plugin.name in hooks.broken)
        for plugin in registry
        if plugin.name in g.tenant.planned
    ]
    page = Page(title=_("Features"), nav="administration.features", home=url_for("home.home"))
    return await render("core/features.html", page, features=rows, error=error, words_of=words_of)


async def _settings_page(
    plugin: Plugin, form: dict[str, str] | None = None, error: BadInput | None = None
) -> str:
    assert plugin.settings is not None
    page = Page(title=words_of(plugin, plugin.title), home=url_for("administration.features"))
    return await render(
        "core/settings.html",
        page,
        words_of=words_of,
        zip=zip,
        plugin=plugin,
        fields=settings.form_fields(plugin.settings),
        values=form or {**_defaults(plugin), **g.tenant.settings.get(plugin.name, {})},
        error=error,
        message=i18n.translate_error(error) if error else "",
        saved=request.args.get("saved") == "1",
    )


def _defaults(plugin: Plugin) -> dict[str, Any]:
    assert plugin.settings is not None
    return {field.name: field.default for field in settings.form_fields(plugin.settings)}


def _channel_title(name: str) -> str:
    """Return what a channel is called: it has the name of the plugin that carries it."""
    plugin = service(Registry).plugins[name]
    return words_of(plugin, plugin.title)


async def _entry_points_page(form: dict[str, str] | None = None, error: str = "") -> str:
    points = await EntryPoint.filter(tenant_id=g.tenant.id).order_by("title")
    page = Page(
        title=_("Entry points"), nav="administration.entry_points", home=url_for("home.home")
    )
    channels = [(name, _channel_title(name)) for name in sorted(set(Channel) & g.tenant.enabled)]
    return await render(
        "core/entry_points.html",
        page,
        points=points,
        channels=channels,
        form=form or {},
        error=error,
    )
