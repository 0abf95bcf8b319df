"""Every installed plugin against every rule."""

from __future__ import annotations

import pytest

from core.plugins import Blueprint, Plugin, discover
from core.testing.contracts import rules

REGISTRY = discover()
PLUGINS = list(REGISTRY)


def test_every_installed_plugin_could_be_loaded() -> None:
    assert REGISTRY.broken == {}


@pytest.mark.parametrize("rule", rules.PLUGIN_RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_rule(plugin: Plugin, rule: rules.Rule) -> None:
    assert rule(plugin) == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_its_pages_are_behind_the_gate(plugin: Plugin) -> None:
    assert plugin.blueprint is None or isinstance(plugin.blueprint, Blueprint)
    assert plugin.blueprint is None or plugin.blueprint.name == plugin.name


@pytest.mark.parametrize("name", sorted(rules.specs()))
def test_hook_is_documented(name: str) -> None:
    assert rules.hook_is_documented(name, REGISTRY.plugins) == []


def test_error_codes_are_unique() -> None:
    assert rules.error_codes_are_unique() == []


def test_events_are_declared_once() -> None:
    names = [event.name for plugin in PLUGINS for event in plugin.events]
    assert len(names) == len(set(names))
