"""People: users who sign in, customers who visit, and how each proves who he is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from core.models.base import TenantModel

if TYPE_CHECKING:
    from core.models.sessions import Session


class User(TenantModel):
    """A sign-in in one tenant. An agent is a user who serves customers."""

    id = fields.IntField(primary_key=True)
    email = fields.CharField(254)
    """Lower case."""
    name = fields.CharField(120)
    role = fields.CharField(40, default="agent")
    password_hash = fields.CharField(200, null=True)
    """argon2id; ``None`` until the one-time link was used."""
    language = fields.CharField(16, null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    deleted_at = fields.DatetimeField(null=True)
    """Kept for the history; such a user cannot sign in and does not count against the plan."""

    class Meta:
        table = "core_user"
        unique_together = (("tenant", "email"),)


class Customer(TenantModel):
    """A person on record, also while he is here. ``kind``: lead, customer or previous."""

    id = fields.UUIDField(primary_key=True)
    kind = fields.CharField(16, default="customer")
    name = fields.CharField(120, default="")
    language = fields.CharField(16, null=True)
    reference = fields.CharField(80, default="")
    """The tenant's own number for this person."""
    notes = fields.TextField(default="")
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "core_customer"


class CustomerAddress(TenantModel):
    """One way to reach a customer. ``value``: E.164 with plus, or a lower-case e-mail address."""

    id = fields.IntField(primary_key=True)
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "core.Customer", related_name="addresses", db_index=True
    )
    kind = fields.CharField(8)
    """``email`` or ``phone``."""
    value = fields.CharField(254)

    class Meta:
        table = "core_customer_address"
        indexes = (("tenant", "kind", "value"),)


class SignIn(TenantModel):
    """A browser that proved who it is: a user's, or a customer's in one session.

    The token is known to the browser alone; ``token_hash`` is its SHA-256 in hex.
    """

    id = fields.IntField(primary_key=True)
    token_hash = fields.CharField(64, unique=True)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "core.User", related_name="sign_ins", null=True, db_index=True
    )
    session: fields.ForeignKeyNullableRelation[Session] = fields.ForeignKeyField(
        "core.Session", related_name="sign_ins", null=True, db_index=True
    )
    address = fields.CharField(45, default="")
    device = fields.CharField(200, default="")
    created_at = fields.DatetimeField(auto_now_add=True)
    seen_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "core_sign_in"


class OneTimeLink(TenantModel):
    """A link that works once: setting a first or a forgotten password. Token hashed as above."""

    id = fields.IntField(primary_key=True)
    token_hash = fields.CharField(64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "core.User", related_name="one_time_links", db_index=True
    )
    purpose = fields.CharField(20)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "core_one_time_link"


class Throttle(TenantModel):
    """Failed tries of one kind by one account or one address. ``key`` is a hash, never the name."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(64)
    failures = fields.IntField(default=0)
    last_at = fields.DatetimeField()
    blocked_until = fields.DatetimeField(null=True)

    class Meta:
        table = "core_throttle"
        unique_together = (("tenant", "key"),)
