"""Themes: which template wins, what is inherited, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import Environment, TemplateNotFound

from core.i18n.__main__ import ROOT
from core.rendering.themes import BadTheme, Themes, read_theme


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def themes(tmp_path: Path) -> Themes:
    write(
        tmp_path,
        {
            "default/theme.toml": 'title = "Default"\nhue = 10\nstyles = ["a.css"]',
            "default/templates/core/two.html": "default",
            "night/theme.toml": 'title = "Night"\ninherits = "default"\nstyles = ["b.css"]',
            "night/templates/core/one.html": (
                "{% extends '~core/one.html' %}{% block x %}night{% endblock %}"
            ),
            "night/templates/toy/page.html": "toy in the night",
            "core/templates/core/one.html": "<{% block x %}core{% endblock %}>",
            "core/templates/core/two.html": "core",
            "core/templates/core/three.html": "core",
            "core/secret.html": "secret",
            "toy/templates/toy/page.html": "toy",
            "toy/templates/toy/other.html": "other",
            "toy/templates/core/three.html": "toy pretends to be core",
        },
    )
    found = {name: read_theme(name, tmp_path / name) for name in ("default", "night")}
    return Themes(found, {"toy": tmp_path / "toy"}, tmp_path / "core")


@pytest.mark.parametrize(
    ("theme", "template", "text"),
    [
        pytest.param("night", "core/one.html", "<night>", id="a theme extends the original"),
        pytest.param("night", "core/two.html", "default", id="the parent comes before core"),
        pytest.param("night", "~core/two.html", "core", id="the original can be reached"),
        pytest.param("night", "toy/page.html", "toy in the night", id="a theme overrides a plugin"),
        pytest.param("night", "~toy/page.html", "toy", id="the plugin's original, too"),
        pytest.param("default", "toy/other.html", "other", id="a plugin's own page"),
        pytest.param("default", "core/three.html", "core", id="a plugin cannot replace core's"),
        pytest.param("gone", "core/two.html", "default", id="an unknown theme is the default"),
    ],
)
def test_which_template_wins(themes: Themes, theme: str, template: str, text: str) -> None:
    environment = themes.environment(theme, Environment(autoescape=True))
    assert environment.get_template(template).render() == text


@pytest.mark.parametrize(
    "name", ["core/../secret.html", "~core/../secret.html", "toy/../../core/secret.html"]
)
def test_templates_outside_of_the_folders_are_not_found(themes: Themes, name: str) -> None:
    with pytest.raises(TemplateNotFound):
        themes.environment("night", Environment(autoescape=True)).get_template(name)


def test_hue_and_styles_are_inherited(themes: Themes) -> None:
    assert themes.hue("night") == 10
    assert themes.styles("night") == [("theme-default", "a.css"), ("theme-night", "b.css")]


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        pytest.param('title = "X"\ninherits = "x"', "inherits itself", id="circle"),
        pytest.param('title = "X"\ninherits = "gone"', "no theme gone", id="parent missing"),
        pytest.param("hue = 3", "title", id="title missing"),
        pytest.param("title = ", "theme.toml", id="not TOML"),
    ],
)
def test_a_bad_theme_is_refused_by_name(tmp_path: Path, toml: str, complaint: str) -> None:
    write(tmp_path, {"x/theme.toml": toml})
    with pytest.raises(BadTheme, match=f"theme x.*{complaint}"):
        Themes({"x": read_theme("x", tmp_path / "x")}, {}, tmp_path)


def test_the_themes_that_come_with_offhook() -> None:
    found = {name: read_theme(name, ROOT / "themes" / name) for name in ("default", "dusk")}
    themes = Themes(found, {}, ROOT / "core")
    assert [theme.name for theme in themes.chain("dusk")] == ["dusk", "default"]
    assert themes.hue("dusk") != themes.hue("default")
    for name in found:
        for owner, style in themes.styles(name):
            assert (ROOT / "themes" / owner.removeprefix("theme-") / "static" / style).is_file()
