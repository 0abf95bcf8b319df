"""Small apps with migrations of their own, so that core's tables may change freely."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from core.database import Database, connect
from core.migrator import upgrade
from tests.core.data.toys.facts import PLUGINS, Facts

ROOT = Path(__file__).parents[3]
MIGRATION = """\
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

class Migration(migrations.Migration):
    dependencies = [{after}]
    operations = [{operations}]
"""
Release = Callable[..., tuple[Facts, ...]]


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Make a later release of the toys: ``release(core={"0002_wider": "ops.AlterField(…)"})``."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(models: dict[str, str] | None = None, **added: dict[str, str]) -> tuple[Facts, ...]:
        package = f"release_{uuid.uuid4().hex}"
        return tuple(
            write(tmp_path / package, facts, added.get(facts.name, {}), (models or {}))
            for facts in PLUGINS
        )

    return make


def write(root: Path, facts: Facts, added: dict[str, str], models: dict[str, str]) -> Facts:
    first = ROOT / Path(*facts.models.split(".")[:-1]) / "migrations" / "0001_initial.py"
    migrations = root / facts.name / "migrations"
    migrations.mkdir(parents=True)
    for folder in (root, root / facts.name, migrations):
        (folder / "__init__.py").touch()
    source = models.get(facts.name) or f"from {facts.models} import *\n"
    (root / facts.name / "models.py").write_text(source)
    (migrations / "0001_initial.py").write_text(first.read_text())
    previous = "0001_initial"
    for name, operations in added.items():
        after = f"({facts.name!r}, {previous!r})"
        (migrations / f"{name}.py").write_text(MIGRATION.format(after=after, operations=operations))
        previous = name
    return Facts(facts.name, f"{root.name}.{facts.name}.models")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The toys' database, up to date, open and entered by the test."""
    await upgrade(database_url, PLUGINS)
    database = await connect(database_url, PLUGINS)
    with database.entered():
        yield database
    await database.close()


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    await upgrade(sqlite_url, PLUGINS)
    database = await connect(sqlite_url, PLUGINS)
    with database.entered():
        yield database
    await database.close()


Program = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Start Python code as a process of its own; what still runs afterwards is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
