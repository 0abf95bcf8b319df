from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """As much of a plugin as the data layer looks at."""

    name: str
    models: str


BASE = Facts("core", "tests.core.data.toys.base.models")
TALK = Facts("talk", "tests.core.data.toys.talk.models")
PLUGINS = (BASE, TALK)
