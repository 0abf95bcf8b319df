"""What happened and what is to be done: events, files, audit, jobs, messages between processes."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.models import Model

from core.models.base import TenantModel
from core.models.people import Customer
from core.models.sessions import Session


class Event(TenantModel):
    """One fact. Never changed, except that erasing a person blanks ``payload`` and ``actor_name``.

    ``seq`` is gapless per tenant, ``n`` gapless per session. ``key`` is the client's id of
    what he sent: the same key in the same session is the same event.
    """

    id = fields.BigIntField(primary_key=True)
    seq = fields.BigIntField()
    session: fields.ForeignKeyNullableRelation[Session] = fields.ForeignKeyField(
        "core.Session", related_name="events", null=True, on_delete=fields.RESTRICT
    )
    session_id: Any
    n = fields.IntField(null=True)
    customer: fields.ForeignKeyNullableRelation[Customer] = fields.ForeignKeyField(
        "core.Customer", related_name="events", null=True, on_delete=fields.RESTRICT, db_index=True
    )
    customer_id: Any
    type = fields.CharField(64)
    actor = fields.CharField(64)
    """``agent:<id>``, ``customer:<id>``, ``plugin:<name>`` or ``system``."""
    actor_name = fields.CharField(120, default="")
    at_ms = fields.BigIntField()
    """Milliseconds since 1970, UTC."""
    internal = fields.BooleanField(default=False)
    """For agents only: a customer is told that something happened, not what."""
    key = fields.CharField(64, null=True)
    payload: dict[str, Any] = fields.JSONField(default=dict)

    class Meta:
        table = "core_event"
        unique_together = (("tenant", "seq"), ("session", "n"), ("key", "session"))


class File(TenantModel):
    """A file of a session. ``key`` names the bytes in storage; ``name`` is only shown."""

    id = fields.UUIDField(primary_key=True)
    session: fields.ForeignKeyNullableRelation[Session] = fields.ForeignKeyField(
        "core.Session", related_name="files", null=True, on_delete=fields.RESTRICT, db_index=True
    )
    session_id: Any
    customer: fields.ForeignKeyNullableRelation[Customer] = fields.ForeignKeyField(
        "core.Customer", related_name="files", null=True, on_delete=fields.RESTRICT, db_index=True
    )
    customer_id: Any
    key = fields.CharField(120, unique=True)
    name = fields.CharField(255)
    media_type = fields.CharField(120)
    """As the bytes say, not as the sender claims."""
    size = fields.BigIntField()
    """Bytes."""
    sha256 = fields.CharField(64)
    uploaded_by = fields.CharField(64)
    """As ``Event.actor``."""
    created_at = fields.DatetimeField(auto_now_add=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "core_file"


class Audit(TenantModel):
    """Who changed what, for administrators. ``details`` holds ids and names of fields, no texts."""

    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField(auto_now_add=True)
    actor = fields.CharField(64)
    actor_name = fields.CharField(120, default="")
    action = fields.CharField(64)
    subject = fields.CharField(80, default="")
    details: dict[str, Any] = fields.JSONField(default=dict)
    address = fields.CharField(45, default="")

    class Meta:
        table = "core_audit"
        indexes = (("tenant", "at"),)


class Job(Model):
    """Work to do once, at or after ``run_at_ms``. ``status``: todo, doing, done, dead, parked.

    ``key`` makes a job unique among those not finished. ``lease_ms``: when a worker that
    never came back loses it. Times are milliseconds since 1970, UTC.
    """

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(80)
    plugin = fields.CharField(63)
    tenant_id = fields.IntField(null=True)
    args: dict[str, Any] = fields.JSONField(default=dict)
    key = fields.CharField(120, null=True, unique=True)
    status = fields.CharField(8, default="todo")
    run_at_ms = fields.BigIntField()
    lease_ms = fields.BigIntField(null=True)
    tries = fields.IntField(default=0, db_default=0)
    error = fields.CharField(500, default="")

    class Meta:
        table = "core_job"
        indexes = (("status", "run_at_ms"),)


class BusMessage(Model):
    """What one process tells the others when there is no Redis; polled, and soon deleted."""

    id = fields.BigIntField(primary_key=True)
    channel = fields.CharField(80)
    body = fields.TextField()
    at_ms = fields.BigIntField()

    class Meta:
        table = "core_bus_message"
