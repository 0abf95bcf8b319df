from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.database import Database
from tests.core.realtime.house import Log, log_of, opened


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database with core's tables; every test runs on both dialects."""
    async with opened(database_url, fresh=True) as database:
        yield database


@pytest.fixture
async def log(database: Database, database_url: str) -> AsyncIterator[Log]:
    with database.entered():
        async with log_of(database, database_url) as log:
            yield log
