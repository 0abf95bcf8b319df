"""Themes: which template wins, and which style sheets a page loads.

The order is the tenant's theme, its parents, the plugin whose folder the name begins with, core.
``~core/x.html`` and ``~chat/x.html`` skip the themes and reach the original.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

from core.i18n.catalogs import package_folder

GROUP: Final = "offhook.themes"
DEFAULT: Final = "default"
Source = tuple[str, str | None, Callable[[], bool] | None]


class BadTheme(Exception):
    """A theme cannot be used; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A folder with ``theme.toml``, ``templates/`` and ``static/``; both folders may be absent.

    ``hue``: degrees on the colour circle, ``None`` leaves the parent's.
    """

    name: str
    title: str
    folder: Path
    inherits: str | None = None
    hue: int | None = None
    styles: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """The name of its static folder among the assets."""
        return f"theme-{self.name}"


def read_theme(name: str, folder: Path) -> Theme:
    try:
        facts = tomllib.loads((folder / "theme.toml").read_text("utf-8"))
        return Theme(
            name,
            str(facts["title"]),
            folder,
            facts.get("inherits"),
            facts.get("hue"),
            tuple(facts.get("styles", ())),
        )
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise BadTheme(f"theme {name}: theme.toml: {error}") from error


def installed_themes() -> dict[str, Theme]:
    """Return the themes that distributions announce; two may not claim one name."""
    themes: dict[str, Theme] = {}
    for point in entry_points(group=GROUP):
        folder = package_folder(importlib.import_module(point.value).__name__)
        if folder is None:
            raise BadTheme(f"theme {point.name}: {point.value} is not a package")
        if themes.get(point.name) not in (None, theme := read_theme(point.name, folder)):
            raise BadTheme(f"theme {point.name} is there twice")
        themes[point.name] = theme
    return themes


class Themes:
    """The installed themes, and one Jinja environment for each that is in use."""

    def __init__(
        self, themes: Mapping[str, Theme], plugins: Mapping[str, Path], core: Path
    ) -> None:
        self._themes = dict(themes)
        self._environments: dict[str, Environment] = {}
        self._original = ChoiceLoader(
            [
                PrefixLoader(
                    {name: FileSystemLoader(p / "templates" / name) for name, p in plugins.items()}
                ),
                FileSystemLoader(core / "templates"),
            ]
        )
        for name in self._themes:
            self.chain(name)

    @property
    def titles(self) -> dict[str, str]:
        return {name: theme.title for name, theme in self._themes.items()}

    def chain(self, name: str) -> tuple[Theme, ...]:
        """Return the theme and its parents, nearest first. An unknown *name* is the default."""
        chain: list[Theme] = []
        following: str | None = name if name in self._themes else DEFAULT
        while following:
            theme = self._themes.get(following)
            if theme is None:
                raise BadTheme(f"theme {chain[-1].name if chain else name}: no theme {following}")
            if theme in chain:
                raise BadTheme(f"theme {name} inherits itself")
            chain.append(theme)
            following = theme.inherits
        return tuple(chain)

    def hue(self, name: str) -> int | None:
        return next((theme.hue for theme in self.chain(name) if theme.hue is not None), None)

    def styles(self, name: str) -> list[tuple[str, str]]:
        """Return (owner, path) of the style sheets, the most distant parent's first."""
        return [(t.owner, style) for t in reversed(self.chain(name)) for style in t.styles]

    def environment(self, name: str, base: Environment) -> Environment:
        """Return *base* with the loader of the theme *name*."""
        name = name if name in self._themes else DEFAULT
        if name not in self._environments:
            self._environments[name] = base.overlay(loader=self.loader(name))
        return self._environments[name]

    def loader(self, name: str) -> BaseLoader:
        folders = [theme.folder / "templates" for theme in self.chain(name)]
        return _ThemeLoader(FileSystemLoader(folders), self._original)


class _ThemeLoader(BaseLoader):
    def __init__(self, themed: BaseLoader, original: BaseLoader) -> None:
        self._all = ChoiceLoader([themed, original])
        self._original = original

    def get_source(self, environment: Environment, template: str) -> Source:
        if template.startswith("~"):
            return self._original.get_source(environment, template[1:])
        return self._all.get_source(environment, template)
