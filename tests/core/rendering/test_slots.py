"""Slots: what plugins add to a page, in order, escaped, and without taking it down."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import DictLoader
from quart import Quart, g

from core import hookspecs, rendering
from core.hooks import Hooks, hookimpl
from core.i18n.__main__ import ROOT
from core.plugins import Plugin
from core.values import Action, Fragment

SLOT = re.compile(r"\bslots\.(\w+)")
TEMPLATES = {
    "toys/card.html": "<b>{{ text }}</b>",
    "toys/broken.html": "{{ nowhere }}",
    "toys/empty.html": " {# nothing to say #} ",
}


def unknown_slots(folder: Path) -> list[str]:
    """Return the slots that templates use and no hook specification declares."""
    specs = {name for spec in hookspecs.ALL for name in vars(spec)}
    return [
        f"{path.name}: {name}"
        for path in sorted(folder.rglob("*.html"))
        for name in SLOT.findall(path.read_text("utf-8"))
        if name not in specs
    ]


@pytest.mark.parametrize("folder", ["core", "plugins", "themes"])
def test_every_slot_in_a_template_is_a_hook(folder: str) -> None:
    assert unknown_slots(ROOT / folder) == []


def test_a_misspelt_slot_is_found(tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text("{{ slots.session_sidebar(s=1) }}{{ slots.session_sidbar() }}")
    assert unknown_slots(tmp_path) == ["x.html: session_sidbar"]


class Toy(Plugin):
    """Adds to the sidebar and to the homes what a test gives it."""

    def __init__(self, name: str, piece: Any) -> None:
        self.name = name  # type: ignore[misc]
        self.piece = piece

    @hookimpl
    async def session_sidebar(self, session: Any) -> Fragment | None:
        if isinstance(self.piece, Exception):
            raise self.piece
        return self.piece  # type: ignore[no-any-return]

    @hookimpl
    async def home_actions(self) -> Action | None:
        return self.piece  # type: ignore[no-any-return]


class Stage:
    """A page of a tenant on which some toys are switched on."""

    def __init__(self, *, dev: bool = False) -> None:
        self.app = Quart("stage", static_folder=None)
        self.rendering = rendering.install(self.app, (), dev=dev)
        original = self.rendering.themes._original
        original.loaders.insert(0, DictLoader(TEMPLATES))  # type: ignore[attr-defined]

    async def show(self, source: str, *toys: Toy, may: bool = True) -> str:
        hooks = Hooks(*hookspecs.ALL)
        for toy in toys:
            hooks.register(toy.name, toy)
        enabled = frozenset(toy.name for toy in toys)
        async with self.app.test_request_context("/"):
            g.tenant = SimpleNamespace(theme="default", enabled=enabled, hue=None)
            g.principal = SimpleNamespace(may=lambda tenant, permission: may)
            g.hooks = hooks.of(enabled)
            template = self.rendering.environment().from_string(source)
            return (await template.render_async()).strip()


@pytest.fixture
async def stage() -> Stage:
    return Stage()


SIDEBAR = "{{ slots.session_sidebar(session=1) }}"


async def test_fragments_stand_in_their_order_and_are_escaped(stage: Stage) -> None:
    html = await stage.show(
        SIDEBAR,
        Toy("b", Fragment("toys/card.html", {"text": "late"}, order=90)),
        Toy("c", Fragment("toys/card.html", {"text": "<i>"})),
        Toy("a", Fragment("toys/card.html", {"text": "first of equals"})),
    )
    assert html == (
        '<section data-plugin="a"><b>first of equals</b></section>'
        '<section data-plugin="c"><b>&lt;i&gt;</b></section>'
        '<section data-plugin="b"><b>late</b></section>'
    )


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(RuntimeError("secret"), id="its hook fails"),
        pytest.param(Fragment("toys/broken.html"), id="its template fails"),
        pytest.param(Fragment("toys/absent.html"), id="its template is missing"),
    ],
)
async def test_a_failing_plugin_leaves_a_gap(stage: Stage, piece: Any) -> None:
    good = Toy("good", Fragment("toys/card.html", {"text": "here"}))
    html = await stage.show(SIDEBAR, Toy("bad", piece), good)
    assert html == '<section data-plugin="good"><b>here</b></section>'


async def test_in_development_the_gap_is_seen_but_not_its_cause() -> None:
    html = await Stage(dev=True).show(SIDEBAR, Toy("bad", Fragment("toys/broken.html")))
    assert "bad failed in the slot session_sidebar" in html
    assert "nowhere" not in html


async def test_a_fragment_without_content_leaves_no_box(stage: Stage) -> None:
    assert await stage.show(SIDEBAR, Toy("a", Fragment("toys/empty.html"))) == ""


async def test_an_action_is_a_link_a_form_or_a_reason(stage: Stage) -> None:
    actions = "{{ slots.home_actions() }}"
    assert 'href="/go"' in await stage.show(actions, Toy("a", Action("Go", "/go")))
    form = await stage.show(actions, Toy("a", Action("Do", "/do", method="post", confirm="Sure?")))
    assert 'method="post"' in form
    assert 'name="csrf"' in form
    assert 'data-confirm="Sure?"' in form
    refused = await stage.show(actions, Toy("a", Action("No", "/no", disabled="Not paid")))
    assert 'aria-disabled="true"' in refused
    assert "/no" not in refused


async def test_an_action_without_permission_is_not_shown(stage: Stage) -> None:
    action = Toy("a", Action("Go", "/go", permission="a.thing.do"))
    assert "/go" in await stage.show("{{ slots.home_actions() }}", action)
    assert await stage.show("{{ slots.home_actions() }}", action, may=False) == ""


async def test_words_in_templates_are_escaped_but_the_markup_of_trans_is_kept(
    stage: Stage,
) -> None:
    source = '{{ _("<b>%(x)s", x="<i>") }} {% trans y="<i>" %}<b>{{ y }}</b>{% endtrans %}'
    assert await stage.show(source) == "&lt;b&gt;&lt;i&gt; <b>&lt;i&gt;</b>"


async def test_a_variable_that_nobody_set_is_an_error(stage: Stage) -> None:
    with pytest.raises(Exception, match="nowhere"):
        await stage.show("{{ nowhere }}")
