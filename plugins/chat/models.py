"""The one table of chat: prepared answers. Messages are events of core's timeline."""

from __future__ import annotations

from tortoise import fields

from core.api import TenantModel, User


class QuickResponse(TenantModel):
    """A prepared answer. ``owner`` ``None``: for every agent of the tenant, else for him alone."""

    id = fields.IntField(primary_key=True)
    owner: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "core.User", related_name=False, null=True, on_delete=fields.CASCADE, db_index=True
    )
    owner_id: int | None
    title = fields.CharField(80)
    text = fields.TextField()
    language = fields.CharField(16, null=True)
    """BCP 47; ``None``: fits every customer."""

    class Meta:
        table = "chat_quick_response"
