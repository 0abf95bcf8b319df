"""The tenant guard: a query on a tenant's records that names no tenant does not run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pypika_tortoise.terms import Term
from tortoise.expressions import Expression, Q
from tortoise.manager import Manager
from tortoise.models import Model
from tortoise.queryset import QuerySet

M = TypeVar("M", bound=Model)

_SCOPES = frozenset({"tenant", "tenant_id", "tenant__id"})
_ENDS = (
    "bulk_update",
    "contains",
    "count",
    "delete",
    "exists",
    "explain",
    "raw",
    "update",
    "values",
    "values_list",
)
"""Methods of a query set that make a query of another class, which would not ask again."""


class UnscopedQuery(RuntimeError):
    """A query would have reached the records of every tenant.

    Filter by ``tenant_id``, or say ``across_tenants(Model)`` where crossing is meant.
    """

    def __init__(self, model: type[Model]) -> None:
        super().__init__(f"a query on {model.__name__} names no tenant; add tenant_id=…")


class ScopedQuerySet(QuerySet[M]):
    """Runs only with a filter that pins ``tenant`` to one value, wherever it came from.

    Relations are query sets as well: ``session.events`` and prefetches need the filter, too.
    ``select_related`` does not: the row it starts from has been filtered.
    """

    __slots__ = ()

    def _make_query(self) -> None:
        self._require_tenant()
        super()._make_query()

    def _require_tenant(self) -> None:
        if not any(_pins_tenant(q) for q in self._q_objects):
            raise UnscopedQuery(self.model)


def _guarded(name: str) -> Callable[..., Any]:
    end = getattr(QuerySet, name)

    @functools.wraps(end)
    def checked(self: ScopedQuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        self._require_tenant()
        return end(self, *args, **kwargs)

    return checked


for _name in _ENDS:
    setattr(ScopedQuerySet, _name, _guarded(_name))


def _pins_tenant(q: Q) -> bool:
    if q._is_negated:
        return False
    pins = [key in _SCOPES and _is_one_value(value) for key, value in q.filters.items()]
    pins += [_pins_tenant(child) for child in q.children]
    return any(pins) if q.join_type == Q.AND else bool(pins) and all(pins)


def _is_one_value(value: object) -> bool:
    return value is not None and not isinstance(value, Expression | Term | QuerySet)


class TenantManager(Manager):
    def get_queryset(self) -> QuerySet[Any]:
        return ScopedQuerySet(self._model)


def across_tenants(model: type[M]) -> QuerySet[M]:
    """Return the records of every tenant: for jobs, retention, privacy and the operator."""
    return QuerySet(model)


def guard_tenant_models(models: Iterable[type[Model]]) -> None:
    """Put the guard on each model that has a ``tenant``.

    At start-up, not in a base class: Tortoise does not hand ``Meta.manager`` down to a model
    that has a ``Meta`` of its own.
    """
    for model in models:
        manager = model._meta.manager
        if "tenant" not in model._meta.fields_map or isinstance(manager, TenantManager):
            continue
        if type(manager) is not Manager:
            raise TypeError(f"the manager of {model.__name__} must be a TenantManager")
        model._meta.manager = TenantManager(model)
