from __future__ import annotations

import asyncio
import fcntl
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from quart import Quart
from tortoise.exceptions import IntegrityError, OperationalError
from tortoise.transactions import in_transaction

from core.database import (
    Database,
    DatabaseUnavailable,
    connect,
    connect_process,
    dialect,
    fetch,
    patiently,
    placeholders,
)
from core.engines import asyncpg as postgres_engine
from core.migrator import upgrade
from core.testing.services import Postgres
from tests.core.data.conftest import Program
from tests.core.data.toys.base.models import Room, Tenant
from tests.core.data.toys.facts import PLUGINS
from tests.core.data.toys.talk.models import Line


async def slugs() -> list[str]:
    return sorted([tenant.slug for tenant in await Tenant.all()])


@pytest.fixture
async def other(database: Database, postgres: Postgres, tmp_path: Path) -> AsyncIterator[Database]:
    """A second database of the same dialect."""
    if dialect(database.connection) == "sqlite":
        url = f"sqlite://{tmp_path / 'other.sqlite3'}"
    else:
        url = await postgres.create_database()
    await upgrade(url, PLUGINS)
    second = await connect(url, PLUGINS)
    yield second
    await second.close()


async def test_two_databases_in_one_process_keep_apart(database: Database, other: Database) -> None:
    await Tenant.create(slug="first")
    with other.entered():
        await Tenant.create(slug="second")
        assert await slugs() == ["second"]
    assert await slugs() == ["first"]


async def test_each_request_finds_the_database_of_its_application(
    database: Database, other: Database
) -> None:
    for each, slug in ((database, "first"), (other, "second")):
        with each.entered():
            await Tenant.create(slug=slug)

    def application(each: Database) -> Quart:
        app = Quart(__name__)
        app.add_url_rule("/", view_func=slugs)
        app.asgi_app = each.serving(app.asgi_app)  # type: ignore[method-assign]
        return app

    for each, slug in ((database, "first"), (other, "second")):
        response = await application(each).test_client().get("/")
        assert await response.get_json() == [slug]


async def test_the_database_of_a_process_is_found_outside_of_any_context(
    database_url: str,
) -> None:
    await upgrade(database_url, PLUGINS)
    database = await connect_process(database_url, PLUGINS)
    try:
        assert await slugs() == []
    finally:
        await database.close()
    with pytest.raises(RuntimeError, match="No TortoiseContext"):
        await slugs()


async def test_a_second_database_of_a_process_is_refused(sqlite_url: str) -> None:
    await upgrade(sqlite_url, PLUGINS)
    database = await connect_process(sqlite_url, PLUGINS)
    with pytest.raises(Exception, match="already enabled"):
        await connect_process(sqlite_url, PLUGINS)
    await database.close()


async def test_a_spawned_task_does_not_share_the_transaction(database: Database) -> None:
    committed = asyncio.Event()

    async def late() -> list[str]:
        await committed.wait()
        return await slugs()

    async with in_transaction():
        await Tenant.create(slug="inside")
        task = database.spawn(late(), name="late")
    committed.set()
    assert await task == ["inside"]


async def test_a_spawned_task_does_not_see_what_is_not_committed(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with in_transaction():
            await Tenant.create(slug="undone")
            task = database.spawn(slugs(), name="reader")
            await asyncio.sleep(0.05)
            raise ZeroDivisionError
    assert await task == []


async def test_the_failure_of_a_spawned_task_is_logged(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    task = database.spawn(fail(), name="divider")
    await asyncio.wait([task])
    assert "task divider failed" in caplog.text


async def test_closing_ends_the_spawned_tasks_first(database_url: str) -> None:
    await upgrade(database_url, PLUGINS)
    database = await connect(database_url, PLUGINS)
    before_close: list[list[str]] = []

    async def sleeper() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            before_close.append(await slugs())

    task = database.spawn(sleeper(), name="sleeper")
    await asyncio.sleep(0)
    await database.close()
    assert task.cancelled()
    assert before_close == [[]]


async def test_rows_come_back_from_update_returning(database: Database) -> None:
    await Tenant.create(slug="acme")
    sql = "UPDATE base_tenant SET slug = $1 WHERE slug = $2 RETURNING id, slug"
    async with in_transaction() as transaction:
        assert [r["slug"] for r in await fetch(transaction, sql, ["new", "acme"])] == ["new"]
    assert [r["slug"] for r in await fetch(database.connection, sql, ["newer", "new"])] == ["newer"]
    assert await fetch(database.connection, sql, ["newest", "new"]) == []
    assert await slugs() == ["newer"]


async def test_raw_statements_compare_times_as_the_models_store_them(database: Database) -> None:
    tenant = await Tenant.create(slug="acme")
    room = await Room.create(tenant=tenant, name="hall")
    somewhere = timezone(timedelta(hours=5))
    for moment, found in (
        (room.opened_at.astimezone(somewhere) + timedelta(seconds=1), 1),
        (room.opened_at.astimezone(somewhere) - timedelta(seconds=1), 0),
    ):
        sql = "SELECT id FROM base_room WHERE opened_at < $1"
        assert len(await fetch(database.connection, sql, [moment])) == found
    assert room.opened_at.tzinfo is not None
    assert (datetime.now(UTC) - room.opened_at) < timedelta(minutes=1)


async def test_placeholders_fit_the_dialect(database: Database) -> None:
    marks = placeholders(database.connection, 2, start=3)
    assert marks == ("?3, ?4" if dialect(database.connection) == "sqlite" else "$3, $4")
    ids = placeholders(database.connection, 2)
    sql = f"SELECT id FROM base_tenant WHERE id IN ({ids})"
    assert await fetch(database.connection, sql, [1, 2]) == []
    if dialect(database.connection) == "sqlite":
        key = uuid4()
        assert await fetch(database.connection, "SELECT $1 AS x", [key]) == [{"x": str(key)}]


async def test_both_dialects_work_one_after_the_other_and_not_together(
    sqlite_url: str, postgres_url: str
) -> None:
    for url in (postgres_url, sqlite_url):
        await upgrade(url, PLUGINS)
    for url in (sqlite_url, postgres_url, sqlite_url):
        database = await connect(url, PLUGINS)
        with database.entered():
            tenant = await Tenant.create(slug=uuid4().hex[:20])
            room = await Room.create(tenant=tenant, name="hall")
            await Line.create(tenant=tenant, room=room, text="x", extra={"a": 1})
        if url == sqlite_url:
            with pytest.raises(RuntimeError, match="together"):
                await connect(postgres_url, PLUGINS)
        await database.close()


async def test_sqlite_keeps_what_it_acknowledged(sqlite: Database) -> None:
    for pragma, value in {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}.items():
        [row] = await fetch(sqlite.connection, f"PRAGMA {pragma}")
        assert list(row.values()) == [value]


COUNTER = """
import asyncio, sys
from tortoise.transactions import in_transaction
from core.database import connect
from tests.core.data.toys.facts import PLUGINS
from tests.core.data.toys.base.models import Room

async def count():
    for _ in range(40):
        async with in_transaction():
            room = await Room.get(tenant_id=1)
            room.floor += 1
            await room.save(update_fields=["floor"])

async def main():
    database = await connect(sys.argv[1], PLUGINS)
    try:
        with database.entered():
            await count()
    finally:
        await database.close()

asyncio.run(main())
"""


async def test_processes_that_read_then_write_take_turns_on_sqlite(
    sqlite: Database, sqlite_url: str, program: Program
) -> None:
    tenant = await Tenant.create(id=1, slug="acme")
    await Room.create(tenant=tenant, name="hall")

    processes = [program(COUNTER, sqlite_url) for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in processes]

    assert [p.returncode for p in processes] == [0, 0, 0], errors
    assert (await Room.get(tenant_id=1)).floor == 120


async def test_a_transaction_that_cannot_begin_blocks_nobody(
    sqlite: Database, sqlite_url: str
) -> None:
    hasty = await connect(f"{sqlite_url}?busy_timeout=50", PLUGINS)
    async with in_transaction():
        await Tenant.create(slug="slow")
        with hasty.entered(), pytest.raises(DatabaseUnavailable):
            async with in_transaction():
                pytest.fail("the other connection writes")
    with hasty.entered():
        async with asyncio.timeout(5), in_transaction():
            await Tenant.create(slug="next")
        assert await slugs() == ["next", "slow"]
    await hasty.close()


async def test_a_cancelled_begin_leaves_no_open_transaction(
    sqlite: Database, sqlite_url: str
) -> None:
    async def begin() -> None:
        async with in_transaction():
            await asyncio.sleep(10)

    reader = await connect(sqlite_url, PLUGINS)
    for turns in range(12):
        task = asyncio.create_task(begin())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await Tenant.create(slug=f"t{turns}")
        with reader.entered():
            assert f"t{turns}" in await slugs()
    await reader.close()


async def test_a_commit_that_fails_takes_nothing_else_along(sqlite: Database) -> None:
    await sqlite.connection.execute_script(
        "CREATE TABLE late (t INT REFERENCES base_tenant (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    with pytest.raises(Exception, match="FOREIGN KEY"):
        async with in_transaction() as transaction:
            await Tenant.create(slug="lost")
            await transaction.execute_query("INSERT INTO late VALUES (99)")
    await Tenant.create(slug="kept")
    async with in_transaction():
        await Tenant.create(slug="kept, too")
    assert await slugs() == ["kept", "kept, too"]


async def test_an_inner_transaction_can_fail_alone(database: Database) -> None:
    async with in_transaction():
        await Tenant.create(slug="a")
        with pytest.raises(IntegrityError):
            async with in_transaction():
                await Tenant.create(slug="b")
                await Tenant.create(slug="a")
    assert await slugs() == ["a"]


async def test_a_wrong_statement_is_not_taken_for_an_outage(database: Database) -> None:
    with pytest.raises(OperationalError):
        await fetch(database.connection, "SELECT * FROM nowhere")


async def test_a_file_that_cannot_be_opened_is_named_and_leaves_no_thread(tmp_path: Path) -> None:
    threads = threading.active_count()
    with pytest.raises(DatabaseUnavailable):
        await connect(f"sqlite://{tmp_path}/no/such/folder.sqlite3", PLUGINS)
    await asyncio.sleep(0.05)
    assert threading.active_count() <= threads


@pytest.mark.parametrize("url", ["mysql://h/d", "redis://h", "offhook.sqlite3"])
async def test_a_url_of_no_database_of_ours_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite: or postgres:"):
        await connect(url, PLUGINS)


@pytest.fixture
async def small_pool(postgres_url: str) -> AsyncIterator[Database]:
    await upgrade(postgres_url, PLUGINS)
    database = await connect(f"{postgres_url}?minsize=1&maxsize=2", PLUGINS)
    with database.entered():
        yield database
    await database.close()


async def test_a_busy_pool_makes_nobody_wait_for_ever(
    small_pool: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_engine, "ACQUIRE_S", 0.1)
    release = asyncio.Event()

    async def hold() -> None:
        async with in_transaction():
            await release.wait()

    holders = [small_pool.spawn(hold(), name="holder") for _ in range(2)]
    await asyncio.sleep(0.1)
    with pytest.raises(DatabaseUnavailable):
        async with asyncio.timeout(2):
            await slugs()
    with pytest.raises(DatabaseUnavailable):
        async with asyncio.timeout(2), in_transaction():
            pytest.fail("no connection is free")
    release.set()
    await asyncio.gather(*holders)
    assert await slugs() == []


async def test_a_server_that_went_away_is_named_and_comes_back(
    small_pool: Database, postgres: Postgres
) -> None:
    await Tenant.create(slug="before")
    with pytest.raises(DatabaseUnavailable):
        async with in_transaction():
            await Tenant.create(slug="cut off")
            postgres.stop()
            await Tenant.create(slug="too late")
    try:
        for _ in range(5):  # more often than the pool has connections
            with pytest.raises(DatabaseUnavailable) as refused:
                async with in_transaction():
                    pytest.fail("there is no server")
            assert refused.value.status == 503
            assert refused.value.details == {"retry_s": 2}
        repeated = asyncio.create_task(patiently(slugs))
        await asyncio.sleep(0.2)
    finally:
        postgres.start()
    assert await repeated == ["before"]
    for n in range(4):
        async with asyncio.timeout(5), in_transaction():
            await Tenant.create(slug=f"after{n}")


async def test_patience_ends(small_pool: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    async def never() -> None:
        nonlocal calls
        calls += 1
        raise DatabaseUnavailable

    with pytest.raises(DatabaseUnavailable):
        await patiently(never, for_s=0.3)
    assert calls > 1


async def test_a_cancelled_transaction_gives_its_connection_back(small_pool: Database) -> None:
    async def begin() -> None:
        async with in_transaction():
            await asyncio.sleep(10)

    for turns in range(0, 40, 2):
        task = small_pool.spawn(begin(), name="cancelled")
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    async with asyncio.timeout(5), in_transaction():
        assert await slugs() == []


async def test_the_migration_lock_is_free_after_a_crash(postgres_url: str) -> None:
    holder = await asyncpg.connect(postgres_url)
    await holder.execute("SELECT pg_advisory_lock(7201417)")
    waiting = asyncio.create_task(upgrade(postgres_url, PLUGINS))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    holder.terminate()
    assert len(await asyncio.wait_for(waiting, 10)) == 2


async def test_an_upgrade_of_a_file_waits_for_the_one_that_runs(
    sqlite_url: str, tmp_path: Path
) -> None:
    with (tmp_path / "test.sqlite3.migrate.lock").open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        waiting = asyncio.create_task(upgrade(sqlite_url, PLUGINS))
        await asyncio.sleep(0.3)
        assert not waiting.done()
    assert len(await asyncio.wait_for(waiting, 10)) == 2


async def test_an_error_of_ones_own_is_not_hidden_by_a_lost_connection(
    small_pool: Database, postgres: Postgres
) -> None:
    try:
        with pytest.raises(ZeroDivisionError):
            async with in_transaction():
                await Tenant.create(slug="undone")
                postgres.stop()
                raise ZeroDivisionError
    finally:
        postgres.start()
    assert await patiently(slugs) == []
