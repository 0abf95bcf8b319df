"""The audit log speaks in words: every action that is written has a title."""

from __future__ import annotations

import re

import pytest

from core.i18n.__main__ import ROOT
from core.plugins import Plugin, discover
from core.web.audit_log import ACTIONS

WRITTEN = re.compile(
    r"""(?:audit\.write\([^()]*?|_note\(|action=)(?:[^"()]*\([^()]*\))*[^"()]*"([a-z]+\.[a-z_]+)\""""
)


def written() -> set[str]:
    return {
        action
        for folder in ("core", "plugins")
        for path in (ROOT / folder).rglob("*.py")
        if not {"tests", "testing"} & set(path.parts)
        for action in WRITTEN.findall(path.read_text("utf-8"))
    }


def test_every_audited_action_has_a_title() -> None:
    events = {event.name for plugin in discover() for event in plugin.events}
    titles = set(ACTIONS) | {action for plugin in discover() for action in plugin.actions}
    assert len(written()) > 12
    assert written() - events - titles == set()


@pytest.mark.parametrize("plugin", list(discover()), ids=lambda plugin: plugin.name)
def test_a_plugin_names_its_own_actions_only(plugin: Plugin) -> None:
    assert [a for a in plugin.actions if not a.startswith(f"{plugin.name}.")] == []
