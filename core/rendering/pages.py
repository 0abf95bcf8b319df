"""Pages: what every template can use, and how a view renders one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, pass_context
from jinja2.runtime import Context as TemplateContext
from markupsafe import Markup
from quart import Quart, current_app, g, request

from core import i18n
from core.errors import AppError
from core.i18n import catalogs
from core.i18n.context import lookup, lookup_plural
from core.i18n.formats import FILTERS
from core.plugins import NavItem, Plugin
from core.rendering import headers, navigation
from core.rendering.assets import CORE, PRELOADED, Assets
from core.rendering.slots import Slots
from core.rendering.themes import Theme, Themes, installed_themes
from core.rendering.words import Words

CORE_FOLDER = Path(__file__).parents[1]


@dataclass(slots=True)
class Page:
    """What the frame around a page needs to know. Templates see it as ``page``."""

    title: str = field(metadata={"help": "Shown in the window's title and, in sheets, as heading."})
    kind: str = field(
        default="agent", metadata={"help": "Whose modules are loaded: agent, visit or plain."}
    )
    nav: str = field(default="", metadata={"help": "Endpoint of the menu entry that is current."})
    home: str = field(default="", metadata={"help": "Where “Return to home” leads."})
    modules: tuple[str, ...] = field(
        default=(), metadata={"help": "More modules to start, such as @offhook/chat/chat.js."}
    )
    status: str = field(default="", metadata={"help": "HTML id of the status element, if any."})


@dataclass(slots=True)
class Rendering:
    """The parts that rendering needs while the application runs."""

    assets: Assets
    themes: Themes
    words: Words
    plugins: dict[str, Plugin]
    packages: dict[str, str]
    """Plugin name -> package of its catalog."""
    core_nav: tuple[NavItem, ...]
    base: Environment
    dev: bool = False

    def environment(self) -> Environment:
        """Return the environment of this request's theme."""
        tenant = g.get("tenant")
        return self.themes.environment(tenant.theme if tenant else "default", self.base)

    def navigation(self) -> list[navigation.Entry]:
        if g.get("tenant") is None or g.get("principal") is None:
            return []
        offered = [("", catalogs.CORE, item) for item in self.core_nav]
        offered += [(n, self.packages[n], i) for n, p in self.plugins.items() for i in p.nav]
        return navigation.entries(offered)

    def url(self, owner: str, path: str) -> str:
        return self.assets.url(_root(), owner, path)

    def styles(self) -> list[str]:
        tenant = g.get("tenant")
        name = tenant.theme if tenant else "default"
        theme = [self.url(owner, path) for owner, path in self.themes.styles(name)]
        return [theme[0], *(self.url(CORE, f"css/{css}.css") for css in CORE_STYLES), *theme[1:]]

    def hue(self) -> int | None:
        tenant = g.get("tenant")
        if tenant is None:
            return self.themes.hue("default")
        return tenant.hue if tenant.hue is not None else self.themes.hue(tenant.theme)

    def import_map(self) -> dict[str, Any]:
        return self.assets.import_map(_root(), _enabled())

    def preloads(self) -> list[str]:
        return [self.url(CORE, path) for path in PRELOADED]

    def modules(self, page: Page) -> list[str]:
        """Return the specifiers to import: core's own, the enabled plugins' and the page's."""
        found = ["@offhook/bus", "@offhook/ui"]
        for name in sorted(_enabled() & self.plugins.keys()):
            modules = self.plugins[name].modules.get(page.kind, ())
            found += [f"@offhook/{name}/{module}" for module in modules]
        return [*dict.fromkeys([*found, *page.modules])]


CORE_STYLES = ("base", "controls", "layout")


def install(
    app: Quart,
    plugins: Iterable[Plugin],
    *,
    themes: dict[str, Theme] | None = None,
    nav: tuple[NavItem, ...] = (),
    dev: bool = False,
) -> Rendering:
    """Teach *app* to render. *nav*: core's own entries of the menu."""
    by_name = {plugin.name: plugin for plugin in plugins}
    folders = {name: folder_of(plugin) for name, plugin in by_name.items()}
    packages = {name: catalogs.package_of(type(p).__module__) for name, p in by_name.items()}
    chosen = installed_themes() if themes is None else themes
    static = {CORE: CORE_FOLDER / "static"}
    static |= {name: folder / "static" for name, folder in folders.items()}
    static |= {theme.owner: theme.folder / "static" for theme in chosen.values()}
    scripts = {CORE: (catalogs.CORE, static[CORE])}
    scripts |= {name: (packages[name], static[name]) for name in by_name}
    rendering = Rendering(
        Assets(static, dev=dev),
        Themes(chosen, folders, CORE_FOLDER),
        Words(scripts),
        by_name,
        packages,
        nav,
        app.jinja_env,
        dev,
    )
    app.extensions["rendering"] = rendering
    _prepare(app.jinja_env, rendering)
    return rendering


def folder_of(plugin: Plugin) -> Path:
    """Return the folder of the plugin's class: its templates, scripts and words are there."""
    file = sys.modules[type(plugin).__module__].__file__
    return Path(file).parent if file else Path()


def _prepare(environment: Environment, rendering: Rendering) -> None:
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.add_extension("jinja2.ext.i18n")
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    environment.filters |= FILTERS
    environment.filters |= {"tone": tone, "initials": initials}
    environment.globals |= {
        "slots": Slots(),
        "rendering": rendering,
        "nonce": headers.nonce,
        "asset": rendering.url,
        "allowed": navigation.allowed,
        "csrf_token": lambda: g.get("csrf", ""),
        "chosen_appearance": lambda: _one_of(request.cookies.get("theme"), ("light", "dark")),
        "now": lambda: datetime.now(UTC),
        "now_ms": lambda: int(time.time() * 1000),
        "empty_set": frozenset(),
        "language": lambda: i18n.current().language,
        "zone": lambda: i18n.current().timezone,
        "text_direction": i18n.text_direction,
        "language_name": language_name,
        "root": _root,
        "tenant": None,
        "principal": None,
    } | _words_in_templates(rendering)


def _words_in_templates(rendering: Rendering) -> dict[str, Callable[..., str]]:
    """Return Jinja's names for translating, each asking the catalog of the template's plugin.

    ``_()`` escapes what it returns. A ``trans`` block may hold markup, so what the template
    and its catalog say is kept, while a tenant's own words and all values are escaped.
    """

    def package(context: TemplateContext) -> str:
        owner = (context.name or "").lstrip("~").partition("/")[0]
        return rendering.packages.get(owner, catalogs.CORE)

    def trusted(text: str, message: str) -> Markup:
        own = message in i18n.current().overrides
        return Markup.escape(text) if own else Markup(text)  # noqa: S704 - ours or a catalog's

    @pass_context
    def single(context: TemplateContext, message: str, /, **values: Any) -> str:
        return trusted(lookup(package(context), message), message) % values

    @pass_context
    def many(
        context: TemplateContext, singular: str, plural: str, num: int, /, **values: Any
    ) -> str:
        text = lookup_plural(package(context), singular, plural, num)
        return trusted(text, singular) % ({"num": num, "n": num} | values)

    @pass_context
    def plain(context: TemplateContext, message: str, /, **values: Any) -> str:
        text = lookup(package(context), message)
        return text % values if values else text

    return {"gettext": single, "ngettext": many, "_": plain}


async def render(template: str, page: Page, **context: Any) -> str:
    """Render a whole page in the tenant's theme and the language of the moment."""
    return await render_fragment(template, page=page, **context)


async def render_fragment(template: str, **context: Any) -> str:
    """Render a piece of a page, such as what htmx swaps in."""
    rendering: Rendering = current_app.extensions["rendering"]
    values = {"tenant": g.get("tenant"), "principal": g.get("principal")} | context
    await current_app.update_template_context(values)
    return await rendering.environment().get_template(template).render_async(values)


async def error_page(error: AppError) -> str:
    """Render *error* for people: in their language, with its code, without details."""
    titles = {
        401: i18n.gettext("Please sign in"),
        403: i18n.gettext("Not allowed"),
        404: i18n.gettext("Not found"),
        413: i18n.gettext("Too large"),
        429: i18n.gettext("Too many attempts"),
        503: i18n.gettext("Out of order"),
    }
    default = i18n.gettext("That did not work")
    if error.status >= 500:
        default = i18n.gettext("Something went wrong")
    page = Page(titles.get(error.status, default), kind="plain")
    message = i18n.translate_error(error)
    return await render("core/error.html", page, error=error, message=message)


def tone(name: str) -> int:
    """Return which of eight colours stands for *name*; ``tone()`` in ui.js says the same."""
    value = 7
    for character in name:
        value = (value * 31 + ord(character)) % 9973
    return value % 8


def initials(name: str) -> str:
    words = [word for word in name.split() if word[:1].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def language_name(language: str) -> str:
    """Return what the readers of *language* call it."""
    context = i18n.Context(language)
    name = context.locale.get_display_name(context.locale) or language
    return name[:1].upper() + name[1:]


def _enabled() -> frozenset[str]:
    tenant = g.get("tenant")
    return tenant.enabled if tenant else frozenset()


def _root() -> str:
    return request.root_path.rstrip("/")


def _one_of(value: str | None, known: tuple[str, ...]) -> str:
    return value if value in known else ""
