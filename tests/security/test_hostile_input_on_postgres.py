"""PostgreSQL is stricter than SQLite with numbers, lengths and characters: the same cases there."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import migrator
from core.config import Config
from core.plugins import discover
from tests.security.test_hostile_input import (
    test_hostile_fields_are_taken_or_refused_and_never_an_error,
    test_hostile_queries_change_neither_status_nor_rows,
    test_no_column_can_be_written_that_a_form_does_not_have,
)

__all__ = [
    "test_hostile_fields_are_taken_or_refused_and_never_an_error",
    "test_hostile_queries_change_neither_status_nor_rows",
    "test_no_column_can_be_written_that_a_form_does_not_have",
]


@pytest.fixture
async def config(tmp_path: Path, postgres_url: str) -> Config:
    await migrator.upgrade(postgres_url, list(discover()))
    return Config.from_env(
        {}, data_dir=tmp_path, public_url="http://localhost", database_url=postgres_url
    )
