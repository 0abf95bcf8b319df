from __future__ import annotations

import json
import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from core.database import connect, fetch
from core.migrator import (
    BrokenReferences,
    NeedsDatabaseDefault,
    NothingToUnapply,
    UnknownMigration,
    make_migrations,
    pending,
    unapply_plugin,
    upgrade,
)
from core.schema_editor import IndexWouldBeLost, split_statements
from tests.core.data.conftest import Program, Release
from tests.core.data.toys.base.models import Room, Tenant
from tests.core.data.toys.facts import BASE, PLUGINS, Facts
from tests.core.data.toys.talk.models import Line

WIDER_NAME = """ops.AlterField(model_name="Room", name="name",
    field=fields.CharField(max_length=120))"""
NO_FLOOR = """ops.RemoveIndex(model_name="Room", fields=["floor", "name"]),
    ops.RemoveField(model_name="Room", name="floor")"""
COLOUR = """ops.AddField(model_name="Room", name="colour",
    field=fields.CharField(max_length=20, {default}))"""


async def rows(url: str, sql: str, plugins: tuple[Facts, ...] = PLUGINS) -> list[dict[str, Any]]:
    database = await connect(url, plugins)
    try:
        return await fetch(database.connection, sql)
    finally:
        await database.close()


async def furnish(url: str, plugins: tuple[Facts, ...] = PLUGINS) -> None:
    """One tenant, one room, three lines."""
    database = await connect(url, plugins)
    with database.entered():
        tenant = await Tenant.create(slug="acme")
        room = await Room.create(tenant=tenant, name="hall")
        for text in "abc":
            await Line.create(tenant=tenant, room=room, text=text)
    await database.close()


def migrations_of(facts: Facts) -> Path:
    return Path(import_module(f"{facts.models.rpartition('.')[0]}.migrations").__path__[0])


async def indexes(url: str, table: str) -> set[str]:
    if url.startswith("sqlite"):
        found = await rows(url, f"SELECT * FROM pragma_index_list('{table}')")
        names = {row["name"] for row in found}
        columns = [await rows(url, f"SELECT name FROM pragma_index_info('{n}')") for n in names]
        return {",".join(row["name"] for row in info) for info in columns}
    found = await rows(url, f"SELECT indexdef FROM pg_indexes WHERE tablename = '{table}'")
    return {
        row["indexdef"].rpartition("(")[2].rstrip(")").replace('"', "").replace(" ", "")
        for row in found
    }


async def test_an_empty_database_gets_every_app_in_order(database_url: str) -> None:
    waiting = await pending(database_url, PLUGINS)
    applied = await upgrade(database_url, PLUGINS)

    assert applied == waiting == ["core.0001_initial", "talk.0001_initial"]
    assert await pending(database_url, PLUGINS) == []
    assert await upgrade(database_url, PLUGINS) == []


async def test_core_moves_on_although_a_plugin_depends_on_its_last_migration(
    database_url: str, release: Release
) -> None:
    await upgrade(database_url, PLUGINS)
    later = release(core={"0002_wider": WIDER_NAME})
    assert await upgrade(database_url, later) == ["core.0002_wider"]


async def test_rows_of_children_survive_a_change_of_the_parent(
    database_url: str, release: Release
) -> None:
    await upgrade(database_url, PLUGINS)
    await furnish(database_url)

    await upgrade(database_url, release(core={"0002_wider": WIDER_NAME, "0003_flat": NO_FLOOR}))

    found = await rows(database_url, "SELECT text FROM talk_line ORDER BY id")
    assert [row["text"] for row in found] == ["a", "b", "c"]


async def test_indexes_survive_a_change_of_their_table(database_url: str, release: Release) -> None:
    await upgrade(database_url, PLUGINS)
    before = await indexes(database_url, "base_room")
    await upgrade(database_url, release(core={"0002_wider": WIDER_NAME}))

    assert {"floor,name", "tenant_id,name", "tenant_id"} <= before
    assert await indexes(database_url, "base_room") == before


async def test_a_foreign_key_has_an_index_where_it_asks_for_one(database_url: str) -> None:
    await upgrade(database_url, PLUGINS)
    assert {"tenant_id", "room_id"} <= await indexes(database_url, "talk_line")


async def test_a_column_that_must_not_be_null_comes_to_a_table_with_rows(
    database_url: str, release: Release
) -> None:
    await upgrade(database_url, PLUGINS)
    await furnish(database_url)
    colour = COLOUR.format(default='default="red", db_default="red"')

    await upgrade(database_url, release(core={"0002_colour": colour}))

    assert await rows(database_url, "SELECT colour FROM base_room") == [{"colour": "red"}]


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        pytest.param('default="red"', True, id="a Python default alone"),
        pytest.param('default="red", db_default="red"', False, id="a default in the database"),
        pytest.param("null=True", False, id="may be null"),
    ],
)
async def test_a_new_column_without_a_value_for_old_rows_is_refused_when_written(
    release: Release, options: str, refused: bool
) -> None:
    source = f"""
from tortoise import fields
from tortoise.models import Model

class Tenant(Model):
    id = fields.IntField(primary_key=True)
    slug = fields.CharField(30, unique=True)
    colour = fields.CharField(20, {options})

    class Meta:
        table = "base_tenant"
"""
    plugins = release(models={"core": source})[:1]
    if refused:
        with pytest.raises(NeedsDatabaseDefault, match=r"core\.Tenant\.colour"):
            await make_migrations(plugins, "core")
    else:
        assert len(await make_migrations(plugins, "core", "a colour")) == 1


async def test_a_migration_is_written_for_one_app_and_knows_the_other(release: Release) -> None:
    plugins = release()
    room, talk = (migrations_of(facts) for facts in plugins)
    (talk / "0001_initial.py").unlink()
    [written] = await make_migrations(plugins, "talk", "lines")

    text = written.read_text()
    assert written.name == "0001_lines.py"
    assert "('core', '0001_initial')" in text
    assert "from orjson import loads" in text
    assert [p.name for p in room.glob("0*.py")] == ["0001_initial.py"]


async def test_a_plugin_is_unapplied_and_applied_again(database_url: str) -> None:
    await upgrade(database_url, PLUGINS)
    await furnish(database_url)

    assert await unapply_plugin(database_url, PLUGINS, "talk") == ["talk.0001_initial"]
    assert await rows(database_url, "SELECT name FROM base_room") == [{"name": "hall"}]
    assert await pending(database_url, PLUGINS) == ["talk.0001_initial"]

    assert await upgrade(database_url, PLUGINS) == ["talk.0001_initial"]
    assert await rows(database_url, "SELECT * FROM talk_line") == []


async def test_unapplying_takes_along_what_depends_on_it(database_url: str) -> None:
    await upgrade(database_url, PLUGINS)
    gone = await unapply_plugin(database_url, PLUGINS, "core")
    assert gone == ["talk.0001_initial", "core.0001_initial"]


async def test_what_is_not_applied_cannot_be_unapplied(database_url: str) -> None:
    with pytest.raises(NothingToUnapply, match="talk"):
        await unapply_plugin(database_url, PLUGINS, "talk")


async def test_code_older_than_the_database_is_refused(database_url: str, release: Release) -> None:
    await upgrade(database_url, release(core={"0002_wider": WIDER_NAME}))
    with pytest.raises(UnknownMigration, match=r"core\.0002_wider"):
        await upgrade(database_url, PLUGINS)


async def test_a_plugin_that_was_removed_leaves_its_tables_alone(database_url: str) -> None:
    await upgrade(database_url, PLUGINS)
    await furnish(database_url)
    assert await upgrade(database_url, [BASE]) == []
    assert len(await rows(database_url, "SELECT * FROM talk_line")) == 3


async def test_a_migration_that_breaks_references_is_undone(
    sqlite_url: str, release: Release
) -> None:
    await upgrade(sqlite_url, PLUGINS)
    await furnish(sqlite_url)
    wrong = release(core={"0002_wrong": 'ops.RunSQL("DELETE FROM base_room")'})

    with pytest.raises(BrokenReferences, match=r"3 rows point nowhere.*talk_line -> base_room"):
        await upgrade(sqlite_url, wrong)

    assert len(await rows(sqlite_url, "SELECT * FROM base_room")) == 1
    assert await pending(sqlite_url, wrong) == ["core.0002_wrong"]


async def test_a_trigger_and_a_semicolon_in_a_text_reach_sqlite_whole(
    sqlite_url: str, release: Release
) -> None:
    sql = (
        "CREATE TRIGGER shout AFTER INSERT ON talk_line BEGIN "
        "UPDATE talk_line SET text = upper(text) || ';' WHERE id = new.id; END;"
        "INSERT INTO base_tenant (slug) VALUES ('a;b')"
    )
    plugins = release(
        talk={
            "0002_trigger": f'ops.RunSQL("""{sql}""")',
            "0003_wider": """ops.AlterField(model_name="Line", name="text",
                field=fields.CharField(max_length=300))""",
        }
    )
    await upgrade(sqlite_url, plugins)
    await furnish(sqlite_url)
    assert await rows(sqlite_url, "SELECT slug FROM base_tenant ORDER BY id LIMIT 1") == [
        {"slug": "a;b"}
    ]
    assert {"text": "A;"} in await rows(sqlite_url, "SELECT text FROM talk_line")


async def test_an_index_is_not_lost_silently(sqlite_url: str, release: Release) -> None:
    both = """ops.AlterField(model_name="Room", name="floor",
        field=fields.IntField(null=True, source_field="level"))"""
    with pytest.raises(IndexWouldBeLost, match="base_room"):
        await upgrade(sqlite_url, release(core={"0002_both": both}))


async def test_a_historic_model_leaves_nothing_behind_in_this_process(
    database_url: str, release: Release
) -> None:
    """Tortoise caches INSERT by table name; a migration's model has fewer columns."""
    code = """ops.RunPython(code=fill), ops.AddField(model_name="Tenant", name="note",
        field=fields.CharField(max_length=20, default="", db_default=""))"""
    source = """
from tests.core.data.toys.base.models import Room as Room
from tortoise import fields
from tortoise.models import Model

class Tenant(Model):
    id = fields.IntField(primary_key=True)
    slug = fields.CharField(30, unique=True)
    note = fields.CharField(20, default="", db_default="")

    class Meta:
        table = "base_tenant"

__models__ = [Tenant]
"""
    plugins = release(models={"core": source}, core={"0002_fill": code})[:1]
    path = migrations_of(plugins[0]) / "0002_fill.py"
    fill = "async def fill(apps, editor):\n"
    fill += "    await apps.get_model('core.Tenant').create(slug='old')\n\n\n"
    path.write_text(path.read_text().replace("class Migration", fill + "class Migration", 1))

    await upgrade(database_url, plugins)
    database = await connect(database_url, plugins)
    with database.entered():
        assert database.context.apps is not None
        model = database.context.apps["core"]["Tenant"]
        await model.create(slug="new", note="kept")
    await database.close()

    found = await rows(database_url, "SELECT slug, note FROM base_tenant ORDER BY id", plugins)
    assert found == [{"slug": "old", "note": ""}, {"slug": "new", "note": "kept"}]


UPGRADE = """
import asyncio, json, sys
from core.migrator import upgrade
from tests.core.data.toys.facts import Facts
plugins = [Facts(*pair) for pair in json.loads(sys.argv[2])]
print(json.dumps(asyncio.run(upgrade(sys.argv[1], plugins))))
"""


def as_json(plugins: tuple[Facts, ...]) -> str:
    return json.dumps([[facts.name, facts.models] for facts in plugins])


async def test_of_three_upgrades_at_once_one_does_the_work(
    database_url: str, program: Program
) -> None:
    started = [program(UPGRADE, database_url, as_json(PLUGINS)) for _ in range(3)]
    results = [process.communicate(timeout=60) for process in started]

    assert [process.returncode for process in started] == [0, 0, 0], results
    applied = sorted(json.loads(out) for out, _ in results)
    assert applied == [[], [], ["core.0001_initial", "talk.0001_initial"]]


KILLED = """
import asyncio, json, os, signal, sys
from tortoise.migrations.migration import Migration
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_editor import BaseSchemaEditor
from tortoise.migrations.schema_editor import sqlite
from core import migrator, schema_editor
from core.engines import asyncpg as pg, sqlite as lite
from tests.core.data.toys.facts import Facts

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

armed = False
moment = sys.argv[3]

def around(owner, name, before):
    original = getattr(owner, name)
    async def call(*args, **kwargs):
        if armed and before:
            die()
        answer = await original(*args, **kwargs)
        if armed:
            die()
        return answer
    setattr(owner, name, call)

if moment == "before the first statement":
    around(migrator._Executor, "_change", before=True)
elif moment == "between two statements":
    editors = (BaseSchemaEditor, sqlite.SqliteSchemaEditor, schema_editor.SafeSqliteSchemaEditor)
    for owner in editors:
        if "_run_sql" in vars(owner):
            around(owner, "_run_sql", before=False)
elif moment == "after the tables, before the note":
    around(MigrationRecorder, "record_applied", before=True)
elif moment == "after the note, before the commit":
    around(MigrationRecorder, "record_applied", before=False)
elif moment == "after the commit":
    around(migrator._Executor, "_run_one", before=False)
else:
    raise ValueError(moment)

def progress(name):
    global armed
    armed = name == sys.argv[4]

plugins = [Facts(*pair) for pair in json.loads(sys.argv[2])]
asyncio.run(migrator.upgrade(sys.argv[1], plugins, progress))
"""


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        ("before the first statement", 1),
        ("between two statements", 1),
        ("after the tables, before the note", 1),
        ("after the note, before the commit", 1),
        ("after the commit", 0),
    ],
)
async def test_an_upgrade_killed_at_any_moment_is_run_again(
    database_url: str, release: Release, program: Program, moment: str, left: int
) -> None:
    await upgrade(database_url, PLUGINS)
    await furnish(database_url)
    both = WIDER_NAME + ", " + COLOUR.format(default='db_default="red"')
    plugins = release(core={"0002_two_things": both})

    killed = program(KILLED, database_url, as_json(plugins), moment, "core.0002_two_things")
    output = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, output

    assert len(await upgrade(database_url, plugins)) == left
    assert len(await rows(database_url, "SELECT * FROM talk_line")) == 3
    assert await rows(database_url, "SELECT colour FROM base_room") == [{"colour": "red"}]


async def test_a_database_in_memory_is_not_migrated() -> None:
    with pytest.raises(ValueError, match="in memory"):
        await upgrade("sqlite://:memory:", PLUGINS)


def test_statements_end_where_sqlite_sees_their_end() -> None:
    script = "SELECT ';'; CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END; SELECT 2"
    assert [s.strip() for s in split_statements(script)] == [
        "SELECT ';';",
        "CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END;",
        "SELECT 2",
    ]
