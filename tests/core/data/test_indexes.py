from __future__ import annotations

from core import migrator
from core.database import connect, dialect, fetch
from core.plugins import discover

SQLITE = """
    SELECT m.tbl_name AS "table", i.name AS "column"
    FROM sqlite_master m, pragma_index_info(m.name) i
    WHERE m.type = 'index' ORDER BY m.name, i.seqno
"""
POSTGRES = """
    SELECT t.relname AS "table", a.attname AS "column" FROM pg_index x
    JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_attribute a ON a.attrelid = i.oid WHERE t.relname LIKE '%\\_%'
    AND t.relnamespace = 'public'::regnamespace ORDER BY i.relname, a.attnum
"""


async def test_what_is_installed_can_be_migrated_and_each_index_is_on_columns(
    database_url: str,
) -> None:
    plugins = list(discover())
    await migrator.upgrade(database_url, plugins)
    database = await connect(database_url, plugins)
    try:
        with database.entered():
            connection = database.connection
            rows = await fetch(connection, SQLITE if dialect(connection) == "sqlite" else POSTGRES)
    finally:
        await database.close()
    assert not [row["table"] for row in rows if row["column"] is None]
    audit = [row["column"] for row in rows if row["table"] == "core_audit"]
    assert "tenant_id" in audit
    assert "at" in audit
    assert "tenant" not in {row["column"] for row in rows}
