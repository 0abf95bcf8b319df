"""Write the reference pages from the code: ``python docs/build.py [--check]``.

``--check`` changes nothing and fails when a page differs from what the code says.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT))

from core import hookspecs  # noqa: E402
from core.access import CORE_PERMISSIONS  # noqa: E402
from core.config import Config  # noqa: E402
from core.events import CORE_EVENTS  # noqa: E402
from core.hookspecs.rendering import RenderingHooks  # noqa: E402
from core.plugins import Plugin  # noqa: E402
from core.settings import form_fields  # noqa: E402

NOTE = "<!-- Written by docs/build.py from the code; edit there. -->\n"


def plugins() -> list[Plugin]:
    """Return the plugins of this tree; others that are installed do not change our pages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points = project.get("entry-points", {}).get("offhook.plugins", {})
    return [_load(points[name]) for name in sorted(points)]


def _load(point: str) -> Plugin:
    module, _, name = point.partition(":")
    return getattr(importlib.import_module(module), name)()  # type: ignore[no-any-return]


def hooks() -> str:
    parts = [
        "# Hooks",
        "What core asks plugins. The kind says what happens when a plugin fails: `event` and "
        "`collect` go on, `first` asks the next, `fold` keeps the value, `demand` stops.",
    ]
    for spec_class in hookspecs.ALL:
        if spec_class is RenderingHooks:
            continue
        parts.append(f"## {_title(spec_class)}")
        parts += [_hook(name, spec) for name, spec in _specs(spec_class)]
    return _page(parts)


def slots() -> str:
    parts = [
        "# Slots",
        "Places in pages where plugins add a piece. Each is a `collect` hook that returns a "
        "`Fragment` or an `Action`.",
    ]
    used = _slots_in_templates()
    for name, spec in _specs(RenderingHooks):
        parts.append(_hook(name, spec))
        places = ", ".join(f"`{place}`" for place in sorted(used[name])) or "no template yet"
        parts.append(f"Shown in: {places}.")
    return _page(parts)


def _slots_in_templates() -> dict[str, set[str]]:
    used: dict[str, set[str]] = defaultdict(set)
    for template in sorted(ROOT.glob("**/templates/**/*.html")):
        if ".venv" in template.parts:
            continue
        short = str(template).rpartition("/templates/")[2]
        for name in re.findall(r"\bslots\.(\w+)\(", template.read_text()):
            used[name].add(short)
    return used


def _specs(spec_class: type) -> Iterator[tuple[str, Any]]:
    return ((name, spec) for name, spec in vars(spec_class).items() if hasattr(spec, "run"))


def _title(spec_class: type) -> str:
    return re.sub(r"Hooks$", "", spec_class.__name__)


def _hook(name: str, spec: Any) -> str:
    shown = [p for p in inspect.signature(spec).parameters.values() if p.name != "self"]
    arguments = ", ".join(str(parameter).replace("'", "") for parameter in shown)
    answer = str(inspect.signature(spec).return_annotation).replace("'", "")
    code = f"```python\n@{spec.kind}  # at most {spec.limit_s:g} s per plugin\n"
    code += f"async def {name}({arguments}) -> {answer}\n```"
    return f"### {name}\n\n{code}\n\n{inspect.getdoc(spec)}"


def events() -> str:
    rows = [("core", event) for event in CORE_EVENTS]
    rows += [(plugin.name, event) for plugin in plugins() for event in plugin.events]
    return _page(
        [
            "# Events of the timeline",
            "Names never change their meaning. *Shown as*: empty means that an element of the "
            "plugin shows it. *Attention*: an agent should look.",
            _table(
                ("Event", "By", "Shown as", "Attention"),
                [(f"`{e.name}`", by, e.text, "yes" if e.attention else "") for by, e in rows],
            ),
        ]
    )


def settings() -> str:
    parts = ["# Settings of plugins", "Each tenant sets its own; the defaults are these."]
    for plugin in plugins():
        if plugin.settings is None:
            continue
        rows = [
            (f"`{f.name}`", f.title, _value(f.default), _range(f), f.description)
            for f in form_fields(plugin.settings)
        ]
        parts.append(f"## {plugin.title} (`{plugin.name}`)")
        parts.append(_table(("Name", "Title", "Default", "Allowed", "Meaning"), rows))
    return _page(parts)


def _value(value: Any) -> str:
    return f"`{getattr(value, 'value', value)!r}`"


def _range(field: Any) -> str:
    if field.choices:
        return ", ".join(f"`{choice}`" for choice in field.choices)
    limits = (field.minimum, field.maximum)
    if limits == (None, None):
        return field.kind  # type: ignore[no-any-return]
    return " … ".join("" if limit is None else f"{limit:g}" for limit in limits).strip()


def permissions() -> str:
    rows = [
        (f"`{one.name}`", one.title, ", ".join(one.roles))
        for one in (*CORE_PERMISSIONS, *(p for plugin in plugins() for p in plugin.permissions))
    ]
    return _page(
        [
            "# Permissions",
            "Those of a plugin mean nothing while it is off.",
            _table(("Permission", "Allows to", "Roles that have it"), rows),
        ]
    )


def configuration() -> str:
    rows = [
        (f"`OFFHOOK_{f.name.upper()}`", str(f.type), _default(f), f.metadata["help"])
        for f in fields(Config)
    ]
    return _page(
        [
            "# Configuration",
            "What the operator sets in the environment; an unknown name is refused at start.",
            _table(("Variable", "Kind", "Default", "Meaning"), rows),
        ]
    )


def _default(field: Any) -> str:
    return "" if field.default in ("", None) else f"`{field.default}`"


def functions() -> str:
    shown = served()
    known = tomllib.loads((DOCS / "functions.toml").read_text())
    parts = [
        "# Functions",
        "What the platform does, and the tests that show it. Tests name the function they serve "
        'by `@pytest.mark.serves("V1")`.',
    ]
    for group in known.values():
        texts = {name: text for name, text in group.items() if name != "title"}
        done = sum(1 for name in texts if name in shown)
        rows = [(name, text, _tests(shown.get(name, []))) for name, text in texts.items()]
        parts.append(f"## {group['title']} ({done} of {len(texts)} shown)")
        parts.append(_table(("Id", "Function", "Shown by"), rows))
    return _page(parts)


def _tests(tests: list[str]) -> str:
    return "<br>".join(f"`{test}`" for test in sorted(set(tests))) or "not yet"


def served() -> dict[str, list[str]]:
    """Return the tests by the function they are marked with."""
    found: dict[str, list[str]] = defaultdict(list)
    places = ("tests/**/test_*.py", "plugins/*/tests/**/*.py", "core/testing/**/*.py")
    for path in sorted({path for place in places for path in ROOT.glob(place)}):
        tree = ast.parse(path.read_text())
        everywhere = [i for node in tree.body for i in _of_module(node)]
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                ids = [i for d in node.decorator_list for i in _ids(d)]
                if node.name.startswith("test_"):
                    ids += everywhere
                for one in ids:
                    found[one].append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def _of_module(node: ast.stmt) -> list[str]:
    """Return the ids of ``pytestmark = pytest.mark.serves(…)``."""
    if not isinstance(node, ast.Assign):
        return []
    if not any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
        return []
    return [i for call in ast.walk(node.value) for i in _ids(call)]


def _ids(node: ast.AST) -> list[str]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return []
    if node.func.attr != "serves":
        return []
    return [str(a.value) for a in node.args if isinstance(a, ast.Constant)]


def unknown_ids() -> list[str]:
    """Return ids that tests name and ``functions.toml`` does not know."""
    known = tomllib.loads((DOCS / "functions.toml").read_text()).values()
    names = {name for group in known for name in group}
    return sorted(set(served()) - names)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _page(parts: list[str]) -> str:
    return NOTE + "\n" + "\n\n".join(parts) + "\n"


PAGES = (hooks, slots, events, settings, permissions, configuration, functions)


def main() -> int:
    check = "--check" in sys.argv[1:]
    if wrong := unknown_ids():
        print("tests serve functions nobody knows:", ", ".join(wrong))
        return 1
    stale = []
    for page in PAGES:
        path, text = DOCS / f"{page.__name__}.md", page()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(text)
    if stale:
        print("stale, run ./dev docs:" if check else "written:", ", ".join(stale))
    return int(check and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main())
