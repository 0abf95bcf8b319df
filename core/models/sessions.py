"""Sessions and the ways into them."""

from __future__ import annotations

from tortoise import fields

from core.lifecycle import Channel, EndReason, SessionState
from core.models.base import TenantModel
from core.models.people import Customer, User


class Queue(TenantModel):
    """A line in which sessions wait."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(80)
    is_default = fields.BooleanField(default=False)

    class Meta:
        table = "core_queue"
        unique_together = (("tenant", "name"),)


class EntryPoint(TenantModel):
    """A door for customers: a location's URL, a widget on the tenant's site, later a number.

    ``origins``: the foreign sites (``https://host``) whose pages may show the widget.
    """

    id = fields.IntField(primary_key=True)
    slug = fields.CharField(63)
    title = fields.CharField(120)
    channel = fields.CharEnumField(Channel, default=Channel.CHAT)
    queue: fields.ForeignKeyNullableRelation[Queue] = fields.ForeignKeyField(
        "core.Queue", related_name="entry_points", null=True, on_delete=fields.SET_NULL
    )
    is_open = fields.BooleanField(default=True)
    origins: list[str] = fields.JSONField(default=list)

    class Meta:
        table = "core_entry_point"
        unique_together = (("tenant", "slug"),)


class Session(TenantModel):
    """One visit, from the invitation or the arrival to its end. Times are UTC.

    ``enqueued_at`` is set at the first arrival and kept through everything: it is the
    customer's place in line. ``owner`` is the agent he waits for, ``agent`` who attends now.
    """

    id = fields.UUIDField(primary_key=True)
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "core.Customer", related_name="sessions", db_index=True
    )
    customer_id: object
    queue: fields.ForeignKeyNullableRelation[Queue] = fields.ForeignKeyField(
        "core.Queue", related_name="sessions", null=True, on_delete=fields.SET_NULL
    )
    queue_id: int | None
    entry_point: fields.ForeignKeyNullableRelation[EntryPoint] = fields.ForeignKeyField(
        "core.EntryPoint", related_name="sessions", null=True, on_delete=fields.SET_NULL
    )
    entry_point_id: int | None
    owner: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "core.User", related_name="owned_sessions", null=True, on_delete=fields.SET_NULL
    )
    owner_id: int | None
    agent: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "core.User", related_name="attended_sessions", null=True, on_delete=fields.SET_NULL
    )
    agent_id: int | None
    channel = fields.CharEnumField(Channel, default=Channel.CHAT)
    state = fields.CharEnumField(SessionState, default=SessionState.WAITING)
    end_reason = fields.CharEnumField(EndReason, null=True)
    priority = fields.SmallIntField(default=0)
    """-2 … 2; higher goes first."""
    language = fields.CharField(16, default="en")
    scheduled_for = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    enqueued_at = fields.DatetimeField(null=True)
    attended_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    last_n = fields.IntField(default=0, db_default=0)
    """The newest ``Event.n`` of this session."""

    class Meta:
        table = "core_session"
        indexes = (("tenant", "state", "enqueued_at"),)


class Invitation(TenantModel):
    """A link to one session. Its token is derived from ``id`` with the installation's key.

    ``token_hash`` is the token's SHA-256, so neither a stolen database nor a log shows links.
    """

    id = fields.UUIDField(primary_key=True)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "core.Session", related_name="invitations", db_index=True
    )
    session_id: object
    token_hash = fields.CharField(64, unique=True)
    created_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "core.User", related_name="invitations", null=True, on_delete=fields.SET_NULL
    )
    ask_id = fields.BooleanField(default=False)
    given_id = fields.CharField(80, default="")
    auto_connect = fields.BooleanField(default=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    opened_at = fields.DatetimeField(null=True)
    withdrawn_at = fields.DatetimeField(null=True)

    class Meta:
        table = "core_invitation"


class RefusedArrivals(TenantModel):
    """How often arrivals were turned away, by day (UTC) and by the code of the refusal."""

    id = fields.IntField(primary_key=True)
    day = fields.DateField()
    code = fields.CharField(63)
    count = fields.IntField(default=0)

    class Meta:
        table = "core_refused_arrivals"
        unique_together = (("tenant", "day", "code"),)
