"""What the guard cannot see at run time, read from the source of core and of every plugin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DATA_LAYER = {
    "core/database.py",
    "core/migrator.py",
    "core/schema_editor.py",
    "core/scoping.py",
    "core/engines/asyncpg.py",
    "core/engines/sqlite.py",
}
AROUND_THE_MODELS = {
    "execute_insert",
    "execute_query",
    "execute_query_dict",
    "execute_script",
    "raw",
}
NEEDS_A_FILTER = {"all", "first", "last", "latest", "earliest", "in_bulk", "bulk_update"}


def problems(source: str, path: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in AROUND_THE_MODELS:
                yield f"{path}:{node.lineno}: .{name}() goes around the models; use fetch()"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=model), attr=name)) if (
                name in NEEDS_A_FILTER and model[:1].isupper() and model not in UNOWNED
            ):
                yield f"{path}:{node.lineno}: {model}.{name}() names no tenant"
            case ast.Attribute(attr="manager", value=ast.Attribute(attr="_meta")):
                yield f"{path}:{node.lineno}: the manager is the guard; leave it alone"
            case ast.Call(func=ast.Name(id="QuerySet" | "Manager")):
                yield f"{path}:{node.lineno}: a QuerySet of one's own is not guarded"
            case ast.Call(func=ast.Name(id="across_tenants")) if is_web(path):
                yield f"{path}:{node.lineno}: a request belongs to one tenant"


def is_web(path: str) -> bool:
    return path.startswith("core/web/") or path.endswith("/views.py")


def models_without_tenant() -> set[str]:
    """The classes of ``models`` that are not a ``TenantModel``: accounts, plans, tenants."""
    free = set()
    for path in [*ROOT.glob("core/models/*.py"), *ROOT.glob("plugins/*/models.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                fields = {
                    target.target.id if isinstance(target, ast.AnnAssign) else ""
                    for target in node.body
                    if isinstance(target, ast.AnnAssign) and isinstance(target.target, ast.Name)
                }
                if "Model" in bases and "tenant" not in fields:
                    free.add(node.name)
    return free


UNOWNED = models_without_tenant()


def sources() -> Iterator[tuple[str, str]]:
    for folder in ("core", "plugins", "themes"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if path in DATA_LAYER or "/migrations/" in path or "/tests/" in path:
                continue
            if not path.startswith("core/testing/"):
                yield path, file.read_text()


@pytest.mark.serves("S-01")
def test_no_source_goes_around_the_tenant_guard() -> None:
    found = [problem for path, source in sources() for problem in problems(source, path)]
    assert found == []


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("await Session.all()", "core/sessions.py"),
        ("await Session.first()", "plugins/chat/services.py"),
        ("await Session.raw('SELECT 1')", "plugins/chat/services.py"),
        ("await connection.execute_query('SELECT 1')", "core/jobs.py"),
        ("Session._meta.manager = other", "plugins/chat/models.py"),
        ("await QuerySet(Session)", "plugins/chat/services.py"),
        ("await across_tenants(Session).all()", "plugins/chat/views.py"),
        ("await across_tenants(Session).all()", "core/web/desk.py"),
    ],
)
def test_a_planted_way_around_is_found(source: str, path: str) -> None:
    code = f"async def f():\n    {source}\n"
    assert len(list(problems(code, path))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "await Session.filter(tenant_id=1).first()",
        "await across_tenants(Session).all()",
        "await fetch(connection, 'SELECT 1')",
        "await Tenant.all()",
    ],
)
def test_what_names_its_tenant_or_says_that_it_crosses_is_fine(source: str) -> None:
    code = f"async def f():\n    {source}\n"
    assert list(problems(code, "core/jobs.py")) == []
