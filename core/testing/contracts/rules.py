"""The rules a plugin keeps, each a function that returns what is wrong: nothing, in the end."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from tortoise.models import Model

from core import hookspecs
from core.access import CORE_PERMISSIONS
from core.errors import AppError
from core.i18n.__main__ import LANGUAGES, problems
from core.models import TenantModel
from core.plugins import Plugin
from core.rendering.pages import folder_of
from core.settings import form_fields

HEADINGS: Final = ("does", "hooks", "settings", "permissions", "data", "limits", "test")
"""Words of which each stands in some heading of a README."""

Rule = Callable[[Plugin], list[str]]


def models_of(plugin: Plugin) -> list[type[Model]]:
    if plugin.models is None:
        return []
    module = importlib.import_module(plugin.models)
    found = [one for one in vars(module).values() if inspect.isclass(one)]
    return [one for one in found if issubclass(one, Model) and _is_own(one, plugin)]


def _is_own(model: type[Model], plugin: Plugin) -> bool:
    package = str(plugin.models).rpartition(".")[0]
    return model.__module__.startswith(package) and not model._meta.abstract


def specs() -> dict[str, Any]:
    """Return every hook of core by name."""
    return {
        name: spec
        for spec_class in hookspecs.ALL
        for name, spec in vars(spec_class).items()
        if hasattr(spec, "run")
    }


def impls_of(plugin: Plugin) -> Iterator[tuple[str, Any]]:
    """Yield the plugin's answers to core's hooks."""
    for name in specs():
        method = getattr(type(plugin), name, None)
        if method is not None and hasattr(method, "core_impl"):
            yield name, method


def tables_begin_with_the_name(plugin: Plugin) -> list[str]:
    names = [model._meta.db_table for model in models_of(plugin)]
    return [f"table {name}" for name in names if not name.startswith(f"{plugin.name}_")]


def tenants_records_are_guarded(plugin: Plugin) -> list[str]:
    return [
        f"{model.__name__} has a tenant and is not a TenantModel"
        for model in models_of(plugin)
        if "tenant" in model._meta.fields_map and not issubclass(model, TenantModel)
    ]


def tables_come_with_migrations(plugin: Plugin) -> list[str]:
    folder = folder_of(plugin) / "migrations"
    if plugin.models is None or list(folder.glob("0*.py")):
        return []
    return ["it has models and no migrations"]


def templates_are_in_a_folder_of_its_name(plugin: Plugin) -> list[str]:
    templates = folder_of(plugin) / "templates"
    if not templates.is_dir():
        return []
    return [f"templates/{p.name}" for p in templates.iterdir() if p.name != plugin.name]


def modules_exist(plugin: Plugin) -> list[str]:
    static = folder_of(plugin) / "static"
    files = [name for names in plugin.modules.values() for name in names]
    found = [f"static/{name} is missing" for name in files if not (static / name).is_file()]
    return found + [f"there is no page {p}" for p in plugin.modules if p not in {"agent", "visit"}]


def permissions_exist(plugin: Plugin) -> list[str]:
    known = {p.name for p in (*CORE_PERMISSIONS, *plugin.permissions)}
    used = {
        *(n.permission for n in plugin.nav if n.permission is not None),
        *(t.permission for t in plugin.topics),
        *(m.permission for m in plugin.messages),
    }
    badly = [p.name for p in plugin.permissions if p.name.count(".") != 2]
    return [f"{name} is declared nowhere" for name in sorted(used - known)] + [
        f"{name} is not <plugin>.<noun>.<verb>" for name in badly
    ]


def hooks_are_annotated_as_specified(plugin: Plugin) -> list[str]:
    found = []
    for name, method in impls_of(plugin):
        spec, own = inspect.signature(specs()[name]), inspect.signature(method)
        for parameter in own.parameters.values():
            wanted = spec.parameters[parameter.name].annotation
            if parameter.name != "self" and _plain(parameter.annotation) != _plain(wanted):
                found.append(f"{name}({parameter.name}: {parameter.annotation}), not {wanted}")
        answer, wanted = _plain(own.return_annotation), _plain(spec.return_annotation)
        if answer not in {wanted, wanted.removesuffix(" | None"), "None"}:
            found.append(f"{name} returns {answer}, not {wanted}")
    return found


def _plain(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"[\w.]+\.(\w+)", r"\1", text).strip("'\"")


def readme_says_everything(plugin: Plugin) -> list[str]:
    path = folder_of(plugin) / "README.md"
    if not path.is_file():
        return ["README.md is missing"]
    headings = " ".join(re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)).lower()
    return [f"README.md has no heading on {word}" for word in HEADINGS if word not in headings]


def what_it_keeps_is_stated(plugin: Plugin) -> list[str]:
    if not plugin.keeps.strip():
        return ["keeps is empty"]
    if models_of(plugin) and plugin.keeps == Plugin.keeps:
        return ["it has tables, and keeps says Nothing"]
    return []


def settings_explain_themselves(plugin: Plugin) -> list[str]:
    if plugin.settings is None:
        return []
    found = []
    for field in form_fields(plugin.settings):
        if field.default is msgspec.NODEFAULT:
            found.append(f"setting {field.name} has no default")
        if field.title == field.name or not field.description:
            found.append(f"setting {field.name} has no title or no description")
    return found


def jobs_are_coroutines(plugin: Plugin) -> list[str]:
    return [f"{j.name} is not async" for j in plugin.jobs if not inspect.iscoroutinefunction(j.run)]


def texts_are_translated(plugin: Plugin) -> list[str]:
    return [line for language in LANGUAGES for line in problems(folder_of(plugin), language)]


def it_is_described(plugin: Plugin) -> list[str]:
    docstring = importlib.import_module(type(plugin).__module__.rpartition(".")[0]).__doc__
    found = [] if docstring else ["its package has no docstring"]
    return found + ([] if plugin.title and plugin.description else ["title or description lacks"])


PLUGIN_RULES: Final[tuple[Rule, ...]] = (
    tables_begin_with_the_name,
    tenants_records_are_guarded,
    tables_come_with_migrations,
    templates_are_in_a_folder_of_its_name,
    modules_exist,
    permissions_exist,
    hooks_are_annotated_as_specified,
    readme_says_everything,
    what_it_keeps_is_stated,
    settings_explain_themselves,
    jobs_are_coroutines,
    texts_are_translated,
    it_is_described,
)


def error_codes_are_unique() -> list[str]:
    """Compare the errors of everything imported so far."""
    owners: dict[str, str] = {}
    found = []
    for kind in sorted(set(_subclasses(AppError)), key=lambda one: one.__qualname__):
        if "code" not in vars(kind) or ".tests." in kind.__module__:
            continue
        name = f"{kind.__module__}.{kind.__qualname__}"
        other = owners.setdefault(kind.code, name)
        if other != name:
            found.append(f"{name} and {other} share the code {kind.code}")
        if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", kind.code):
            found.append(f"{name}: {kind.code!r} is not lower-case-with-hyphens")
    return found


def _subclasses(kind: type[AppError]) -> Iterator[type[AppError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)


def hook_is_documented(name: str, installed: dict[str, Plugin]) -> list[str]:
    """*installed*: a plugin named under "Used by" that is among them must really use it."""
    text = inspect.getdoc(specs()[name]) or ""
    if not text:
        return ["it has no docstring"]
    _, mark, users = text.partition("Used by:")
    if not mark:
        return ["nobody is named under Used by"]
    named = re.findall(r"``(\w+)``", users)
    return [
        f"{user} is named and does not use it"
        for user in named
        if user in installed and name not in dict(impls_of(installed[user]))
    ]
