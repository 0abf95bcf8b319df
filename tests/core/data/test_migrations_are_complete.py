"""The migrations that are committed make the tables the models describe."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import migrator
from core.plugins import discover

LABELS = ["core", *(plugin.name for plugin in discover() if plugin.models)]


@pytest.mark.parametrize("label", LABELS)
async def test_no_model_has_changed_without_a_migration(
    label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def note(writer: migrator.MigrationWriter) -> Path:
        written.append(writer.name)
        return Path(writer.name)

    monkeypatch.setattr(migrator.MigrationWriter, "write", note)
    await migrator.make_migrations(list(discover()), label)
    assert written == []
