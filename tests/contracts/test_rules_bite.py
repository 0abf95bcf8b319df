"""Each rule turns red for a plugin made to break it; a rule that cannot is no rule."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.hooks import hookimpl
from core.plugins import NavItem, Plugin, discover
from core.testing.contracts import rules

GOOD = """
from core.api import Plugin
class BadPlugin(Plugin):
    name = "bad"
    title = "Bad"
    description = "Breaks a rule."
"""
MODELS = """
from tortoise import fields
from tortoise.models import Model
class Thing(Model):
    id = fields.IntField(primary_key=True)
    tenant = fields.ForeignKeyField("core.Tenant", related_name=False)
    class Meta:
        table = "thing"
"""
Made = Callable[..., Plugin]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Return a function that writes a plugin's folder and makes the plugin."""

    def make(files: dict[str, str] | None = None, facts: str = "", docstring: str = "") -> Plugin:
        package = f"bad_{tmp_path.name}"
        folder = tmp_path / package
        (folder / "templates").mkdir(parents=True)
        (folder / "__init__.py").write_text(f'"""{docstring}"""' if docstring else "")
        (folder / "plugin.py").write_text(GOOD + facts.replace("PACKAGE", package))
        for name, text in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        for module in [m for m in sys.modules if m.startswith(package)]:
            del sys.modules[module]
        plugin: Any = __import__(f"{package}.plugin", fromlist=["BadPlugin"]).BadPlugin()
        return plugin  # type: ignore[no-any-return]

    return make


SETTINGS = """
    from core.api import Settings
    class settings(Settings, frozen=True):
        wait_s: int = 3
"""
UNTRANSLATED = """
    from core.api import gettext_noop as _
    keeps = _("Nothing at all, ever.")
"""


@pytest.mark.parametrize(
    ("rule", "facts", "files"),
    [
        (
            rules.tables_begin_with_the_name,
            "    models = 'PACKAGE.models'\n",
            {"models.py": MODELS},
        ),
        (rules.tables_come_with_migrations, "    models = 'PACKAGE.models'\n", {}),
        (rules.what_it_keeps_is_stated, "    models = 'PACKAGE.models'\n", {"models.py": MODELS}),
        (rules.what_it_keeps_is_stated, "    keeps = ' '\n", {}),
        (rules.templates_are_in_a_folder_of_its_name, "", {"templates/core/base.html": ""}),
        (rules.modules_exist, "    modules = {'agent': ('gone.js',)}\n", {}),
        (rules.modules_exist, "    modules = {'desk': ()}\n", {}),
        (rules.readme_says_everything, "", {}),
        (rules.readme_says_everything, "", {"README.md": "# What it does\n"}),
        (rules.settings_explain_themselves, SETTINGS, {}),
        (rules.texts_are_translated, UNTRANSLATED, {}),
        (rules.it_is_described, "", {}),
    ],
)
def test_rule_finds_it(made: Made, rule: rules.Rule, facts: str, files: dict[str, str]) -> None:
    assert rule(made(files, facts)) != []


def test_permission_nobody_declared_is_found() -> None:
    class Bad(Plugin):
        name = "bad"
        title = "Bad"
        nav = (NavItem("bad.index", "Bad", "x", permission="bad.thing.see"),)

    assert rules.permissions_exist(Bad()) == ["bad.thing.see is declared nowhere"]


def test_hook_annotated_otherwise_is_found() -> None:
    class Bad(Plugin):
        name = "bad"
        title = "Bad"

        @hookimpl
        async def job_failed(self, name: int) -> None: ...

    assert rules.hooks_are_annotated_as_specified(Bad()) == ["job_failed(name: int), not str"]


def test_every_hook_has_a_plugin_of_ours_that_uses_it() -> None:
    """A hook is a promise; none is made before somebody needs it."""
    ours = [p for p in discover() if type(p).__module__.startswith("plugins.")]
    used = {name for plugin in ours for name, _ in rules.impls_of(plugin)}
    assert set(rules.specs()) - used == set()


def test_plugins_in_the_tree_are_announced() -> None:
    root = Path(__file__).parents[2]
    folders = {path.parent.name for path in root.glob("plugins/*/plugin.py")}
    assert folders <= discover().sources.keys(), "install again: a new plugin is not announced"
