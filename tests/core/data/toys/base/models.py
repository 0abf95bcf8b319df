"""What core is to the toy plugin ``talk``: tenants and rooms."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Tenant(Model):
    id = fields.IntField(primary_key=True)
    slug = fields.CharField(30, unique=True)

    class Meta:
        table = "base_tenant"


class Owned(Model):
    tenant: fields.ForeignKeyRelation[Tenant] = fields.ForeignKeyField(
        "core.Tenant", related_name=False, db_index=True
    )
    tenant_id: int

    class Meta:
        abstract = True


class Room(Owned):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(60)
    floor = fields.IntField(default=0)
    opened_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "base_room"
        unique_together = (("tenant", "name"),)
        indexes = (("floor", "name"),)
