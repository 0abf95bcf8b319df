"""The database of one application: connecting, the context its tasks run in, raw SQL."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, TypeVar
from uuid import UUID

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.context import TortoiseContext, _current_context, set_global_context

from core.engines.errors import DatabaseUnavailable
from core.scoping import UnscopedQuery, across_tenants, guard_tenant_models

__all__ = [
    "Database",
    "DatabaseUnavailable",
    "HasModels",
    "UnscopedQuery",
    "across_tenants",
    "connect",
    "connect_process",
    "dialect",
    "fetch",
    "orm_config",
    "patiently",
    "placeholders",
]

log = logging.getLogger(__name__)
T = TypeVar("T")
Asgi = Callable[..., Coroutine[Any, Any, None]]

ENGINES = {"sqlite": "core.engines.sqlite", "asyncpg": "core.engines.asyncpg"}
PRAGMAS = {
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "busy_timeout": 10_000,
    "journal_size_limit": 64 * 1024 * 1024,
    "wal_autocheckpoint": 4000,
}
"""What SQLite is told on every connection; the URL may say otherwise. WAL is Tortoise's own."""


class HasModels(Protocol):
    """What is needed of a plugin here."""

    @property
    def name(self) -> str: ...

    @property
    def models(self) -> str | None:
        """The path of the module with its models; ``None``: no tables."""


def orm_config(database_url: str, plugins: Sequence[HasModels]) -> dict[str, Any]:
    """One Tortoise app for core and for each plugin, labelled with its name.

    It follows what is *installed*: tables exist whether or not a tenant enabled the plugin.
    """
    modules = {"core": "core.models"} | {p.name: p.models for p in plugins if p.models}
    return {
        "connections": {"default": connection_config(database_url)},
        "apps": {
            label: {
                "models": [models],
                "migrations": models.rpartition(".")[0] + ".migrations",
                "default_connection": "default",
            }
            for label, models in modules.items()
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def connection_config(database_url: str, pragmas: Mapping[str, Any] = PRAGMAS) -> dict[str, Any]:
    """Read a database URL. Raises ``ValueError`` for one we have no engine for."""
    scheme = database_url.partition(":")[0]
    if scheme not in {"sqlite", "postgres", "postgresql", "asyncpg"}:
        raise ValueError(f"a database URL begins with sqlite: or postgres:, not {scheme}:")
    config: dict[str, Any] = expand_db_url(database_url)
    config["engine"] = ENGINES[config["engine"].rpartition(".")[2]]
    if scheme == "sqlite":
        config["credentials"] = {**pragmas, **config["credentials"]}
    return config


class Database:
    """An open database and the contextvars context in which its models find it.

    Several may be open in one process, as in tests, if they speak the same dialect.
    """

    _open: ClassVar[set[Database]] = set()
    _last_dialect: ClassVar[str] = ""

    def __init__(self, context: TortoiseContext) -> None:
        self.context = context
        self.base = contextvars.copy_context()
        """What tasks start from; the application sets its own variables here as well."""
        self.base.run(_current_context.set, context)
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def connection(self) -> BaseDBAsyncClient:
        """The connection, or inside a transaction the transaction."""
        return self.context.db()

    @contextmanager
    def entered(self) -> Iterator[Database]:
        """Let the models of the running task use this database."""
        token = _current_context.set(self.context)
        try:
            yield self
        finally:
            _current_context.reset(token)

    def serving(self, app: Asgi) -> Asgi:
        """Wrap an ASGI application so that each request and socket finds this database."""

        async def enter(scope: Any, receive: Any, send: Any) -> None:
            with self.entered():
                await app(scope, receive, send)

        return enter

    def spawn(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run *work* beside the caller, in a clean context; its failure is logged.

        A task made with ``create_task`` inherits the caller's transaction and goes on using
        the connection after it was given back. Nothing of the request travels along either:
        pass the tenant. Ends with the database.
        """
        loop = asyncio.get_running_loop()
        task = loop.create_task(work, name=name, context=self.base.copy())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("task %s failed", task.get_name(), exc_info=error)

    async def close(self) -> None:
        """End the spawned tasks and close; an open SQLite connection keeps a process alive."""
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._open.discard(self)
        with self.entered():
            await self.context.close_connections()


async def connect(database_url: str, plugins: Sequence[HasModels]) -> Database:
    """Open a database for code that runs inside ``entered``, ``serving`` or ``spawn``.

    Raises ``DatabaseUnavailable`` when it does not answer.
    """
    config = orm_config(database_url, plugins)
    claim_dialect(config["connections"]["default"]["engine"])
    database = Database(TortoiseContext())
    with database.entered():
        try:
            await database.context.init(config=config)
            apps = database.context.apps
            assert apps is not None
            guard_tenant_models(model for app in apps.values() for model in app.values())
            await database.connection.execute_query("SELECT 1")
        except BaseException:
            await database.context.close_connections()
            raise
    Database._open.add(database)
    return database


async def connect_process(database_url: str, plugins: Sequence[HasModels]) -> Database:
    """Open the one database of this process; code outside any context finds it, too."""
    database = await connect(database_url, plugins)
    try:
        set_global_context(database.context)
    except BaseException:
        await database.close()
        raise
    return database


def claim_dialect(engine: str) -> None:
    """Refuse what Tortoise would get wrong: its caches of SQL do not know the dialect."""
    if Database._last_dialect != engine:
        if Database._open:
            raise RuntimeError("SQLite and PostgreSQL cannot be open in one process together")
        EXECUTOR_CACHE.clear()
        Database._last_dialect = engine


async def patiently(action: Callable[[], Awaitable[T]], *, for_s: float = 30.0) -> T:
    """Repeat *action* while the database is away, at most *for_s* seconds.

    For work that may be done twice: a commit that was cut off may have taken place.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + for_s
    pause_s = 0.05
    while True:
        try:
            return await action()
        except DatabaseUnavailable:
            if loop.time() + pause_s >= give_up:
                raise
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, 2.0)


def dialect(connection: BaseDBAsyncClient) -> str:
    """``sqlite`` or ``postgres``."""
    return connection.capabilities.dialect


def placeholders(connection: BaseDBAsyncClient, count: int, start: int = 1) -> str:
    """``$1, $2`` or ``?1, ?2``, for a list of *count* values."""
    mark = "?" if dialect(connection) == "sqlite" else "$"
    return ", ".join(f"{mark}{n}" for n in range(start, start + count))


async def fetch(
    connection: BaseDBAsyncClient, sql: str, params: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """Run one statement and return its rows, those of ``RETURNING`` included.

    Write ``$1``, ``$2`` for both dialects (so none inside a literal). Values come back as the
    driver has them: on SQLite times, UUIDs and JSON are text.
    """
    if dialect(connection) == "sqlite":
        sql = re.sub(r"\$(\d+)", r"?\1", sql)
        params = [_for_sqlite(value) for value in params]
    rows: list[dict[str, Any]] = await connection.execute_query_dict(sql, list(params))
    return rows


def _for_sqlite(value: Any) -> Any:
    """As Tortoise stores it, so that raw and mapped statements compare alike."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ")
    if isinstance(value, UUID):
        return str(value)
    return value
