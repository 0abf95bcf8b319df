"""What Team View remembers of sessions and agents; the sessions themselves are core's."""

from __future__ import annotations

from uuid import UUID

from tortoise import fields

from core.api import Session, TenantModel, User


class Mark(TenantModel):
    """The customer's presence in one open session, and whether he waits for an answer."""

    id = fields.IntField(primary_key=True)
    session: fields.OneToOneRelation[Session] = fields.OneToOneField(
        "core.Session", related_name=False
    )
    session_id: UUID
    online = fields.BooleanField(default=False)
    online_changed_at = fields.DatetimeField(null=True)
    attention_at = fields.DatetimeField(null=True)
    """UTC. The first message no agent has reacted to; ``None``: there is none."""

    class Meta:
        table = "teamview_mark"


class Choice(TenantModel):
    """The view an agent used last: ``team`` or ``dark``. His home opens with it."""

    id = fields.IntField(primary_key=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField("core.User", related_name=False)
    user_id: int
    view = fields.CharField(8)

    class Meta:
        table = "teamview_choice"
