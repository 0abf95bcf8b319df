"""Who owns what: accounts, plans, tenants, and what each tenant has switched on."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.models import Model

from core.models.base import TenantModel


class Account(Model):
    """Who owns tenants and is billed by the operator."""

    id = fields.IntField(primary_key=True)
    number = fields.CharField(20, unique=True)
    name = fields.CharField(120)

    class Meta:
        table = "core_account"


class Plan(Model):
    """What a tenant may use. ``limits``: ``users``, ``storage_mb``, ``open_sessions``, if any."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(40, unique=True)
    title = fields.CharField(120)
    plugins: list[str] = fields.JSONField(default=list)
    limits: dict[str, int] = fields.JSONField(default=dict)

    class Meta:
        table = "core_plan"


class Tenant(Model):
    """A business on this installation; almost every other record belongs to exactly one."""

    id = fields.IntField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "core.Account", related_name="tenants", on_delete=fields.RESTRICT, db_index=True
    )
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "core.Plan", related_name="tenants", on_delete=fields.RESTRICT, db_index=True
    )
    slug = fields.CharField(63, unique=True)
    name = fields.CharField(120)
    languages: list[str] = fields.JSONField(default=list)
    """BCP 47, the first one is the tenant's own."""
    timezone = fields.CharField(64, default="UTC")
    """IANA name."""
    theme = fields.CharField(63, default="default")
    hue = fields.SmallIntField(null=True)
    """Degrees on the colour circle; ``None``: the theme's own."""
    version = fields.BigIntField(default=1, db_default=1)
    """Grows with every change of plan, switches or settings; caches compare it."""
    last_seq = fields.BigIntField(default=0, db_default=0)
    """The newest ``Event.seq`` of this tenant."""

    class Meta:
        table = "core_tenant"


class Domain(TenantModel):
    """A host name that is the tenant's own, lower case, without port."""

    id = fields.IntField(primary_key=True)
    host = fields.CharField(253, unique=True)
    is_primary = fields.BooleanField(default=False)

    class Meta:
        table = "core_domain"


class PluginSwitch(TenantModel):
    """A plugin of the plan that this tenant has switched off. No row: it is on."""

    id = fields.IntField(primary_key=True)
    plugin = fields.CharField(63)

    class Meta:
        table = "core_plugin_switch"
        unique_together = (("tenant", "plugin"),)


class Setting(TenantModel):
    """What a tenant set for one plugin, or for ``core``; checked against its settings type."""

    id = fields.IntField(primary_key=True)
    plugin = fields.CharField(63)
    values: dict[str, Any] = fields.JSONField(default=dict)

    class Meta:
        table = "core_setting"
        unique_together = (("tenant", "plugin"),)
