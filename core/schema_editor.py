"""Tortoise's editors of tables, without what they lose on the way."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from tortoise.migrations.schema_editor import AsyncpgSchemaEditor, SqliteSchemaEditor
from tortoise.models import Model

from core.database import fetch


class IndexWouldBeLost(Exception):
    """A column was renamed and changed in one step; do it in two migrations."""


class _IndexesOnColumns:
    """Makes an index that names a relation one on its column.

    Of ``Index(fields=["tenant", "at"])`` in a migration Tortoise makes an index on a column
    ``tenant``. PostgreSQL refuses that; SQLite takes the name for a text and indexes nothing.
    """

    def _get_index_sql(
        self,
        model: type[Model],
        field_names: Sequence[str],
        safe: bool = False,
        index_name: str | None = None,
        index_type: str | None = None,
        extra: str | None = None,
    ) -> str:
        editor: Any = super()
        names = list(field_names)
        sql: str = editor._get_index_sql(
            model,
            editor._resolve_fields_to_columns(model, names),
            safe,
            index_name=index_name or editor._generate_index_name("idx", model, names),
            index_type=index_type,
            extra=extra,
        )
        return sql


class SafePostgresSchemaEditor(_IndexesOnColumns, AsyncpgSchemaEditor):
    """Tortoise's, with indexes on relations."""


class SafeSqliteSchemaEditor(_IndexesOnColumns, SqliteSchemaEditor):
    """SQLite changes a column by making the table anew.

    Tortoise copies the rows and leaves behind every index, trigger and multi-column
    UNIQUE of the old table; here they come along.
    """

    async def _run_sql(self, sql: str) -> None:
        """Run statement by statement; Tortoise cuts at every ``;``, in triggers and texts too."""
        if self.collect_sql or not self.atomic_migration:
            await super()._run_sql(sql)
            return
        for statement in split_statements(sql):
            await self.client.execute_query(statement)

    async def _remake_table(
        self,
        model: type[Model],
        create_field: Any = None,
        delete_field: Any = None,
        alter_fields: Any = None,
    ) -> None:
        table = model._meta.db_table
        indexes = await self._indexes(table)
        triggers = await self._query(
            "SELECT sql FROM sqlite_master WHERE tbl_name = $1 AND type = 'trigger'", [table]
        )
        await super()._remake_table(
            model,
            create_field=create_field,
            delete_field=delete_field,
            alter_fields=alter_fields,
        )
        columns = {row["name"] for row in await self._query(f'PRAGMA table_info("{table}")')}
        gone = {delete_field.source_field or delete_field.model_field_name} if delete_field else ()
        for named, sql in indexes:
            missing = named - columns
            if not missing:
                await self.client.execute_query(sql)
            elif not missing & set(gone):
                raise IndexWouldBeLost(f"{table}: {sorted(missing)}")
        for row in triggers:
            await self.client.execute_query(row["sql"])

    async def _indexes(self, table: str) -> list[tuple[set[str], str]]:
        """Return the columns of each index and the statement that makes it again."""
        found = []
        for index in await self._query(f'PRAGMA index_list("{table}")'):
            info = await self._query(f'PRAGMA index_info("{index["name"]}")')
            columns = [row["name"] for row in info]
            if index["origin"] == "c":
                rows = await self._query(
                    "SELECT sql FROM sqlite_master WHERE name = $1", [index["name"]]
                )
                found.append((set(filter(None, columns)), rows[0]["sql"]))
            elif index["origin"] == "u" and len(columns) > 1:
                name = f"uid_{table}_{'_'.join(columns)}"
                quoted = ", ".join(f'"{column}"' for column in columns)
                found.append(
                    (set(columns), f'CREATE UNIQUE INDEX "{name}" ON "{table}" ({quoted})')
                )
        return found

    async def _get_unique_constraint_names_from_db(
        self, table_name: str, column_names: list[str], schema: str | None = None
    ) -> list[str]:
        """As Tortoise means it; its own asks the driver's rows for a method they lack."""
        names = []
        for index in await self._query(f'PRAGMA index_list("{table_name}")'):
            info = await self._query(f'PRAGMA index_info("{index["name"]}")')
            if index["unique"] and [row["name"] for row in info] == column_names:
                names.append(index["name"])
        return names

    async def _query(self, sql: str, params: list[Any] | None = None) -> list[dict[str, Any]]:
        return await fetch(self.client, sql, params or [])


def split_statements(sql: str) -> Iterator[str]:
    """Cut a script where SQLite itself sees the end of a statement."""
    statement = ""
    for piece in re.split(r"(?<=;)", sql):
        statement += piece
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
