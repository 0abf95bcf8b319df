"""What was sent to whom, and the tenant's own words for it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from tortoise import fields

from core.api import Invitation, Session, TenantModel, User


class Kind(StrEnum):
    INVITATION = "invitation"
    NOTE = "note"
    """A comment or files, in a session that exists already."""


class State(StrEnum):
    QUEUED = "queued"
    RETRYING = "retrying"
    """The carrier is away; it is tried again by itself."""
    SENT = "sent"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """Not sent, since the link was withdrawn or the session deleted before."""


UNDER_WAY = (State.QUEUED, State.RETRYING)


class Delivery(TenantModel):
    """One notice on its way to a customer, and how it went.

    The words of a note are not here but in the timeline, under the key ``note:<id>``.
    """

    id = fields.UUIDField(primary_key=True)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "core.Session", related_name=False, on_delete=fields.RESTRICT, db_index=True
    )
    session_id: Any
    invitation: fields.ForeignKeyNullableRelation[Invitation] = fields.ForeignKeyField(
        "core.Invitation", related_name=False, null=True, on_delete=fields.SET_NULL
    )
    invitation_id: Any
    sent_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "core.User", related_name=False, null=True, on_delete=fields.SET_NULL
    )
    sent_by_id: int | None
    kind = fields.CharEnumField(Kind, max_length=16)
    channel = fields.CharField(16)
    """``email`` or ``sms``."""
    address = fields.CharField(254)
    name = fields.CharField(120)
    """The receiver's."""
    language = fields.CharField(16)
    state = fields.CharEnumField(State, max_length=16, default=State.QUEUED)
    reason = fields.CharField(300, default="")
    """Why it is retried or has failed, in the carrier's words; English, without addresses."""
    created_at = fields.DatetimeField(auto_now_add=True)
    changed_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "notify_delivery"
        indexes = (("tenant", "changed_at"),)


class Template(TenantModel):
    """A tenant's own words for one kind of notice by one channel in one language."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharEnumField(Kind, max_length=16)
    channel = fields.CharField(16)
    language = fields.CharField(16)
    subject = fields.CharField(200, default="")
    """Empty for channels without subjects."""
    body = fields.TextField()

    class Meta:
        table = "notify_template"
        unique_together = (("tenant", "kind", "channel", "language"),)
