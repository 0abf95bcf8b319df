"""The list itself."""

from __future__ import annotations

from tortoise import fields

from core.api import TenantModel


class Entry(TenantModel):
    """One address, network or pattern that is turned away.

    ``value`` is in its stored form: e-mail lower case, phone E.164, network as CIDR, pattern as
    written; of kind ``erased_email`` or ``erased_phone`` it is a keyed fingerprint.
    """

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(16)
    value = fields.CharField(254)
    reason = fields.CharField(200, default="")
    until = fields.DatetimeField(null=True)
    """UTC; from this moment on the entry is void. ``None``: for good."""
    created_at = fields.DatetimeField(auto_now_add=True)
    created_by = fields.CharField(64)
    """As ``Event.actor``."""
    created_by_name = fields.CharField(120, default="")
    attempts = fields.IntField(default=0, db_default=0)
    last_attempt_at = fields.DatetimeField(null=True)

    class Meta:
        table = "blacklist_entry"
        unique_together = (("tenant", "kind", "value"),)
