from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import tortoise.queryset
from tortoise import fields
from tortoise.expressions import F, Q, Subquery
from tortoise.functions import Count
from tortoise.manager import Manager
from tortoise.models import Model
from tortoise.query_utils import Prefetch
from tortoise.queryset import AwaitableQuery, QuerySet

from core.database import Database, UnscopedQuery, across_tenants
from core.scoping import ScopedQuerySet, TenantManager, guard_tenant_models
from tests.core.data.toys.base.models import Room, Tenant
from tests.core.data.toys.talk.models import Line


@pytest.fixture
async def rooms(sqlite: Database) -> list[Room]:
    """Two tenants, a room called ``hall`` and a line in each."""
    rooms = []
    for slug in ("acme", "beta"):
        tenant = await Tenant.create(slug=slug)
        rooms.append(await Room.create(tenant=tenant, name="hall"))
        await Line.create(tenant=tenant, room=rooms[-1], text=slug)
    return rooms


UNSCOPED: dict[str, Callable[[Room], Awaitable[Any]]] = {
    "all": lambda room: Room.all(),
    "get": lambda room: Room.get(id=room.id),
    "get or none": lambda room: Room.get_or_none(id=room.id),
    "filter": lambda room: Room.filter(name="hall"),
    "exclude": lambda room: Room.exclude(name="hall"),
    "exclude the tenant": lambda room: Room.exclude(tenant_id=1),
    "not the tenant": lambda room: Room.filter(tenant_id__not=1),
    "first": lambda room: Room.first(),
    "last": lambda room: Room.last(),
    "latest": lambda room: Room.latest("id"),
    "earliest": lambda room: Room.earliest("id"),
    "exists": lambda room: Room.exists(name="hall"),
    "count": lambda room: Room.all().count(),
    "update": lambda room: Room.filter(name="hall").update(floor=1),
    "delete": lambda room: Room.filter(name="hall").delete(),
    "values": lambda room: Room.all().values("name"),
    "values list": lambda room: Room.filter(id=1).values_list("name", flat=True),
    "contains": lambda room: Room.all().contains(room),
    "in bulk": lambda room: Room.in_bulk([1, 2], "id"),
    "bulk update": lambda room: Room.bulk_update([room], ["floor"]),
    "annotate": lambda room: Room.annotate(n=Count("lines")),
    "explain": lambda room: Room.all().explain(),
    "for update": lambda room: Room.select_for_update().get(id=1),
    "get or create": lambda room: Room.get_or_create(name="hall"),
    "update or create": lambda room: Room.update_or_create({"floor": 1}, name="hall"),
    "raw": lambda room: Room.raw("SELECT * FROM base_room"),
    "a union": lambda room: Room.filter(tenant_id=1).union(Room.filter(name="hall")),
    "a subquery": lambda room: Line.filter(
        tenant_id=1, room_id__in=Subquery(Room.all().values("id"))
    ),
    "either or": lambda room: Room.filter(Q(tenant_id=1) | Q(name="hall")),
    "a negated condition": lambda room: Room.filter(~Q(tenant_id=1)),
    "nobody": lambda room: Room.filter(tenant_id=None),
    "itself": lambda room: Room.filter(tenant_id=F("tenant_id")),
    "several": lambda room: Room.filter(tenant_id__in=[1, 2]),
    "the tenant of a relation": lambda room: Line.filter(room__tenant_id=1),
    "a reverse relation": lambda room: room.lines.all(),  # type: ignore[attr-defined]
    "a forward relation": lambda room: Line(tenant_id=1, room_id=1, text="").room,
    "a prefetch": lambda room: Room.filter(tenant_id=1).prefetch_related("lines"),
    "fetching what belongs to it": lambda room: room.fetch_related("lines"),
}


@pytest.mark.serves("S-01")
@pytest.mark.parametrize("query", UNSCOPED.values(), ids=UNSCOPED)
async def test_a_query_without_a_tenant_is_refused(
    rooms: list[Room], query: Callable[[Room], Awaitable[Any]]
) -> None:
    async def run() -> None:
        await query(rooms[0])

    with pytest.raises(UnscopedQuery, match="names no tenant"):
        await run()
    assert await across_tenants(Room).filter(name="hall", floor=0).count() == 2


async def test_sql_of_a_query_without_a_tenant_is_not_even_shown(rooms: list[Room]) -> None:
    with pytest.raises(UnscopedQuery):
        Room.all().sql()


SCOPED: dict[str, Callable[[], Any]] = {
    "by id": lambda: Room.filter(tenant_id=1),
    "by record": lambda: Room.filter(tenant=1),
    "later": lambda: Room.all().order_by("name").filter(tenant_id=1),
    "in a condition": lambda: Room.filter(Q(tenant_id=1) & Q(name="hall")),
    "in each branch": lambda: Room.filter(Q(tenant_id=1, name="hall") | Q(tenant_id=1, name="x")),
    "with a relation": lambda: Room.filter(tenant_id=1, lines__text="acme"),
    "with a prefetch of its own": lambda: Room.filter(tenant_id=1).prefetch_related(
        Prefetch("lines", queryset=Line.filter(tenant_id=1))
    ),
    "united": lambda: Room.filter(tenant_id=1).union(Room.filter(tenant_id=1)),
}


@pytest.mark.parametrize("query", SCOPED.values(), ids=SCOPED)
async def test_a_query_with_a_tenant_gets_its_rows_alone(
    rooms: list[Room], query: Callable[[], Any]
) -> None:
    assert [room.id for room in await query()] == [rooms[0].id]


async def test_every_end_of_a_scoped_query_keeps_to_its_tenant(rooms: list[Room]) -> None:
    mine = Room.filter(tenant_id=1)
    assert await mine.count() == 1
    assert await mine.exists()
    assert list(await mine.values("id")) == [{"id": 1}]
    assert await mine.contains(rooms[0])
    assert not await mine.contains(rooms[1])
    assert await mine.bulk_update([rooms[0], rooms[1]], ["floor"]) == 1
    assert await mine.update(floor=7) == 1
    assert await Room.get_or_none(tenant_id=1, id=rooms[1].id) is None
    assert [line.text for line in await rooms[1].lines.filter(tenant_id=2)] == ["beta"]  # type: ignore[attr-defined]
    await mine.delete()
    assert await across_tenants(Room).all().values("floor") == [{"floor": 0}]


async def test_a_record_at_hand_may_be_saved_refreshed_and_deleted(rooms: list[Room]) -> None:
    room = rooms[0]
    room.floor = 3
    await room.save()
    await room.refresh_from_db()
    line = await Line.filter(tenant_id=1).select_related("room").first()
    assert line is not None
    assert line.room.floor == 3
    await room.delete()
    assert await Room.filter(tenant_id=1).count() == 0


async def test_models_without_a_tenant_are_free(rooms: list[Room]) -> None:
    assert await Tenant.all().count() == 2


def test_no_query_of_the_library_escapes_the_guard() -> None:
    """A new kind of query in a new Tortoise needs a thought first."""
    kinds = {
        name
        for name, kind in vars(tortoise.queryset).items()
        if isinstance(kind, type) and issubclass(kind, AwaitableQuery)
    }
    known = {"QuerySet", "UpdateQuery", "DeleteQuery", "ExistsQuery", "ContainsQuery"}
    known |= {"CountQuery", "FieldSelectQuery", "ValuesListQuery", "ValuesQuery", "RawSQLQuery"}
    known |= {"BulkUpdateQuery", "BulkCreateQuery", "UnionCountQuery", "AwaitableQuery"}
    assert kinds == known


async def test_a_model_with_a_meta_of_its_own_is_guarded_nevertheless(sqlite: Database) -> None:
    assert "manager" not in vars(Room.Meta)
    assert isinstance(Room.all(), ScopedQuerySet)
    assert not isinstance(Tenant.all(), ScopedQuerySet)


def test_a_manager_that_would_undo_the_guard_is_refused() -> None:
    class Everything(Manager):
        def get_queryset(self) -> QuerySet[Any]:
            return QuerySet(self._model)

    class Leak(Model):
        tenant = fields.IntField()

        class Meta:
            manager = Everything()

    with pytest.raises(TypeError, match="Leak must be a TenantManager"):
        guard_tenant_models([Leak])


def test_a_stricter_manager_stays() -> None:
    class Stricter(TenantManager):
        pass

    class Shelf(Model):
        tenant = fields.IntField()

        class Meta:
            manager = Stricter()

    guard_tenant_models([Shelf])
    assert type(Shelf._meta.manager) is Stricter
