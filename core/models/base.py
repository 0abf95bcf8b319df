from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from core.models.accounts import Tenant


class TenantModel(Model):
    """A record that belongs to exactly one tenant; queries must say which."""

    tenant: fields.ForeignKeyRelation[Tenant] = fields.ForeignKeyField(
        "core.Tenant", related_name=False, db_index=True
    )
    tenant_id: int

    class Meta:
        abstract = True
