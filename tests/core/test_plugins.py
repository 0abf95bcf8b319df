from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from quart import Blueprint as QuartBlueprint
from stevedore import ExtensionManager

from core.plugins import BadPlugin, JobType, Permission, Plugin, Registry, discover, installed

Distribution = Callable[..., None]


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Distribution:
    """Install a distribution, as pip would, that announces plugins: ``name="module:Class"``."""

    def install(dist: str, source: str, **points: str) -> None:
        root = tmp_path / dist
        info = root / f"{dist}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[offhook.plugins]", *lines]))
        (root / f"{dist}.py").write_text(source)
        monkeypatch.syspath_prepend(root)
        monkeypatch.delitem(sys.modules, dist, raising=False)
        # stevedore looks once per process, which is enough for everything but this.
        monkeypatch.setattr(ExtensionManager, "ENTRY_POINT_CACHE", {})

    return install


SOURCE = """
from core.plugins import Plugin
class One(Plugin):
    name = "one"
    title = "One"
"""


@pytest.mark.serves("X4")
def test_a_plugin_of_another_distribution_is_found(distribution: Distribution) -> None:
    distribution("acme_one", SOURCE, one="acme_one:One")
    registry = discover()
    assert registry.plugins["one"].title == "One"
    assert registry.sources["one"] == "acme_one 1.0"


def test_two_distributions_cannot_claim_one_name(distribution: Distribution) -> None:
    distribution("acme_one", SOURCE, one="acme_one:One")
    distribution("acme_two", SOURCE, one="acme_two:One")
    with pytest.raises(BadPlugin, match="one comes from both"):
        installed()


@pytest.mark.serves("R-21")
@pytest.mark.parametrize(
    "source",
    ["import nowhere_at_all", "raise RuntimeError('on import')", "class Other: pass"],
    ids=["import", "raises", "no class"],
)
def test_what_cannot_be_loaded_is_broken_and_the_others_start(
    distribution: Distribution, source: str
) -> None:
    before = set(discover().plugins)
    distribution("acme_bad", source, bad="acme_bad:Bad")
    registry = discover()
    assert registry.broken.keys() == {"bad"}
    assert set(registry.plugins) == before


def made(name: str, **facts: Any) -> Plugin:
    return type(name.title(), (Plugin,), {"name": name, "title": name, **facts})()


def order(*plugins: Plugin) -> Registry:
    return discover(plugins)


def test_what_is_required_comes_first() -> None:
    registry = order(made("aaa", requires=("zzz",)), made("zzz"), made("mmm", requires=("aaa",)))
    names = [name for name in registry.plugins if name in {"aaa", "mmm", "zzz"}]
    assert names == ["zzz", "aaa", "mmm"]


@pytest.mark.parametrize(
    ("plugins", "broken"),
    [
        pytest.param([made("aaa", requires=("gone",))], {"aaa"}, id="missing"),
        pytest.param(
            [made("aaa", requires=("bbb",)), made("bbb", requires=("aaa",))],
            {"aaa", "bbb"},
            id="circle",
        ),
        pytest.param([made("aaa", min_core="99.0")], {"aaa"}, id="newer core"),
    ],
)
def test_what_lacks_something_is_broken_not_fatal(plugins: list[Plugin], broken: set[str]) -> None:
    registry = order(*plugins)
    assert registry.broken.keys() == broken
    assert not broken & registry.plugins.keys()


@pytest.mark.parametrize(
    "plugin",
    [
        pytest.param(made("Upper"), id="name"),
        pytest.param(made("has-hyphen"), id="hyphen"),
        pytest.param(made("aaa", blueprint=QuartBlueprint("aaa", __name__)), id="ungated pages"),
        pytest.param(made("aaa", permissions=(Permission("bbb.x.y", "X"),)), id="permission"),
        pytest.param(made("aaa", jobs=(JobType("core.x", discover),)), id="job"),
    ],
)
def test_a_plugin_that_takes_what_is_not_its_own_keeps_us_from_starting(plugin: Plugin) -> None:
    with pytest.raises(BadPlugin):
        order(plugin)


def test_a_plugin_counts_only_with_all_that_it_requires() -> None:
    registry = order(made("aaa", requires=("bbb",)), made("bbb", requires=("ccc",)), made("ccc"))
    assert registry.closure(frozenset({"aaa", "bbb"})) == frozenset()
    assert registry.closure(frozenset({"ccc", "bbb", "gone"})) == {"bbb", "ccc"}
