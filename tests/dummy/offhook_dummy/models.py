"""What the dummy keeps."""

from __future__ import annotations

from tortoise import fields

from core.api import Customer, TenantModel


class Note(TenantModel):
    """A text about a customer."""

    id = fields.IntField(primary_key=True)
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "core.Customer", related_name=False, db_index=True
    )
    customer_id: object
    text = fields.CharField(200)

    class Meta:
        table = "dummy_note"
