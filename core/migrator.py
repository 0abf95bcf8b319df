"""Bringing the tables up to what is installed: all apps at once, one process at a time."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget, PlanStep
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.operations import AddField
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_editor import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.writer import MigrationWriter, format_migration_name
from tortoise.transactions import in_transaction

from core.database import PRAGMAS, HasModels, claim_dialect, connection_config, fetch, orm_config
from core.engines.errors import DatabaseUnavailable, is_outage
from core.schema_editor import SafePostgresSchemaEditor, SafeSqliteSchemaEditor

Progress = Callable[[str], object]
"""Hears the name of each migration, as in ``chat.0002_read_marks``, before it runs."""

_LOCK_KEY = 7_201_417
_MIGRATING_PRAGMAS = {**PRAGMAS, "foreign_keys": "OFF"}
"""Changing a parent table on SQLite is dropping it, and ON DELETE CASCADE would empty its
children. The references are checked before each step commits instead."""


class BrokenReferences(Exception):
    """A migration would leave rows that point nowhere. It was undone."""


class UnknownMigration(Exception):
    """The database has a migration that the installed code does not know.

    The code is older than the database, or somebody renamed a migration.
    """


class NothingToUnapply(Exception):
    """No migration of this plugin is applied, or no plugin of this name is installed."""


class NeedsDatabaseDefault(Exception):
    """A new column that must not be null has no value for the rows already there.

    A Python ``default`` is not known to the database: give the field ``db_default=`` as well,
    or ``null=True``.
    """


async def upgrade(
    database_url: str, plugins: Sequence[HasModels], progress: Progress | None = None
) -> list[str]:
    """Apply every migration that is missing and return their names.

    May be started by several processes together: one works, the others wait and find
    nothing to do. A step and the note that it was done are one transaction, so an
    interrupted upgrade is simply run again.
    """
    async with _migrating(database_url, plugins) as executor:
        return await executor.forward(progress)


async def pending(database_url: str, plugins: Sequence[HasModels]) -> list[str]:
    """Name the migrations that ``upgrade`` would apply. Writes nothing."""
    async with _opened(database_url, plugins) as executor:
        return [_name(step) for step in await executor.forward_steps()]


async def unapply_plugin(
    database_url: str,
    plugins: Sequence[HasModels],
    label: str,
    progress: Progress | None = None,
) -> list[str]:
    """Drop everything the migrations of one plugin made, **with its data**.

    Also unapplies what depends on it in other plugins; their names are in the answer.
    """
    async with _migrating(database_url, plugins) as executor:
        return await executor.backward(label, progress)


async def make_migrations(
    plugins: Sequence[HasModels], label: str, name: str | None = None
) -> list[Path]:
    """Write the missing migration of one app and return its path; needs no database.

    Tortoise's own command fails for an app with a relation into another, and without a label
    writes into every installed plugin.
    """
    config = orm_config("sqlite://:memory:", plugins)
    async with TortoiseContext() as context:
        await context.init(config=config, init_connections=False)
        assert context.apps is not None
        changes = await MigrationAutodetector(context.apps, config["apps"]).changes()
    ours = [writer for writer in changes if writer.app_label == label]
    for writer in ours:
        _refuse_columns_without_default(writer)
        if name:
            writer.name = format_migration_name(int(writer.name.split("_", 1)[0]), name)
    return [writer.write() for writer in ours]


def _refuse_columns_without_default(writer: MigrationWriter) -> None:
    for operation in writer.operations:
        if not isinstance(operation, AddField):
            continue
        field: Any = operation.field
        is_column = getattr(field, "has_db_field", True) or hasattr(field, "to_field_instance")
        if is_column and not field.null and not field.has_db_default():
            where = f"{writer.app_label}.{operation.model_name}.{operation.name}"
            raise NeedsDatabaseDefault(f"{where} needs db_default= or null=True")


class _Executor(MigrationExecutor):
    """Tortoise's executor with our schema editor, and with one transaction per step."""

    def _schema_editor(self, atomic: bool = True, collect_sql: bool = False) -> BaseSchemaEditor:
        sqlite = self.connection.capabilities.dialect == "sqlite"
        editor = SafeSqliteSchemaEditor if sqlite else SafePostgresSchemaEditor
        return editor(self.connection, atomic=atomic, collect_sql=collect_sql)

    async def forward(self, progress: Progress | None) -> list[str]:
        await self.recorder.ensure_schema(self._schema_editor(atomic=False))
        return await self._run(await self.forward_steps(), progress)

    async def forward_steps(self) -> list[PlanStep]:
        await self.loader.build_graph()
        # Every leaf of the whole graph: Tortoise finds no leaf of an app once a migration of
        # another app depends on its last one, and then has "nothing to apply".
        return self._migration_plan(None, await self._applied(), self.loader.graph)

    async def backward(self, label: str, progress: Progress | None) -> list[str]:
        await self.loader.build_graph()
        applied = await self._applied()
        mine = sorted(key for key in applied if key.app_label == label)
        if not mine:
            raise NothingToUnapply(f"no migration of {label} is applied")
        steps = [
            step
            for key in mine
            for step in self._backward_plan(
                MigrationTarget(label, key.name), applied, self.loader.graph, include_target=True
            )
        ]
        return await self._run(self._dedupe_plan(steps), progress)

    async def _applied(self) -> set[MigrationKey]:
        """Not Tortoise's own: that takes every error, a lost connection too, for "none"."""
        if not await _has_records(self.connection):
            return set()
        rows = await fetch(self.connection, "SELECT app, name FROM tortoise_migrations")
        applied = {MigrationKey(app_label=row["app"], name=row["name"]) for row in rows}
        for key in sorted(applied - self.loader.graph.nodes.keys()):
            if key.app_label in self.loader.apps_config:
                raise UnknownMigration(f"{key.app_label}.{key.name} is applied but not installed")
        return applied

    async def _run(self, steps: list[PlanStep], progress: Progress | None) -> list[str]:
        applied = await self._applied()
        for step in steps:
            if progress:
                progress(_name(step))
            key = MigrationKey(app_label=step.migration.app_label, name=step.migration.name)
            upto = key if step.backward else None
            state = await self._project_state(applied, upto=upto)
            await self._run_one(step, state)
            applied ^= {key}
        return [_name(step) for step in steps]

    async def _run_one(self, step: PlanStep, state: State) -> None:
        # Historic models share table names with today's; a cached INSERT of theirs would
        # later be used for today's.
        EXECUTOR_CACHE.clear()
        try:
            editor = self._schema_editor(atomic=step.migration.atomic)
            if not editor.atomic_migration:
                await self._change(step, state, editor, self.connection)
                return
            async with in_transaction("default") as transaction:
                editor.client = transaction
                await self._change(step, state, editor, transaction)
        finally:
            EXECUTOR_CACHE.clear()

    async def _change(
        self,
        step: PlanStep,
        state: State,
        editor: BaseSchemaEditor,
        connection: BaseDBAsyncClient,
    ) -> None:
        change = step.migration.unapply if step.backward else step.migration.apply
        await change(state, dry_run=False, schema_editor=editor)
        await _refuse_broken_references(connection, _name(step))
        recorder = MigrationRecorder(connection)
        record = recorder.record_unapplied if step.backward else recorder.record_applied
        await record(step.migration.app_label, step.migration.name)


def _name(step: PlanStep) -> str:
    return f"{step.migration.app_label}.{step.migration.name}"


async def _has_records(connection: BaseDBAsyncClient) -> bool:
    if connection.capabilities.dialect == "sqlite":
        sql = "SELECT name FROM sqlite_master WHERE name = 'tortoise_migrations'"
    else:
        sql = "SELECT 1 AS name WHERE to_regclass('tortoise_migrations') IS NOT NULL"
    return bool(await fetch(connection, sql))


async def _refuse_broken_references(connection: BaseDBAsyncClient, migration: str) -> None:
    if connection.capabilities.dialect != "sqlite":
        return
    broken = await fetch(connection, "PRAGMA foreign_key_check")
    if broken:
        tables = sorted({f"{row['table']} -> {row['parent']}" for row in broken})
        raise BrokenReferences(f"{migration}: {len(broken)} rows point nowhere: {tables}")


@asynccontextmanager
async def _opened(database_url: str, plugins: Sequence[HasModels]) -> AsyncIterator[_Executor]:
    config = orm_config(database_url, plugins)
    connection = connection_config(database_url, _MIGRATING_PRAGMAS)
    config["connections"]["default"] = connection
    claim_dialect(connection["engine"])
    async with TortoiseContext() as context:
        await context.init(config=config)
        yield _Executor(context.db(), config["apps"])


@asynccontextmanager
async def _migrating(database_url: str, plugins: Sequence[HasModels]) -> AsyncIterator[_Executor]:
    credentials = connection_config(database_url)["credentials"]
    if credentials.get("file_path") == ":memory:":
        raise ValueError("a database in memory would be gone after its migration")
    lock = _file_lock if "file_path" in credentials else _server_lock
    async with lock(credentials), _opened(database_url, plugins) as executor:
        yield executor


@asynccontextmanager
async def _file_lock(credentials: dict[str, Any]) -> AsyncIterator[None]:
    path = Path(f"{credentials['file_path']}.migrate.lock")
    with path.open("w") as file:  # noqa: ASYNC230 - an empty file, opened once
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.05)
        yield


@asynccontextmanager
async def _server_lock(credentials: dict[str, Any]) -> AsyncIterator[None]:
    """Hold an advisory lock of the server; it ends with its connection, however that ends."""
    keys = ("user", "password", "database", "host", "port", "ssl")
    wanted = {key: credentials[key] for key in keys if key in credentials}
    try:
        connection = await asyncpg.connect(**wanted)
    except Exception as error:
        if is_outage(error):
            raise DatabaseUnavailable from error
        raise
    try:
        await connection.execute(f"SELECT pg_advisory_lock({_LOCK_KEY})")
        yield
    finally:
        await connection.close()
