"""A plugin with a table of its own that points at core's."""

from __future__ import annotations

from tortoise import fields

from tests.core.data.toys.base.models import Owned, Room


class Line(Owned):
    id = fields.IntField(primary_key=True)
    room: fields.ForeignKeyRelation[Room] = fields.ForeignKeyField(
        "core.Room", related_name="lines", db_index=True
    )
    room_id: int
    text = fields.CharField(200)
    extra: dict[str, object] = fields.JSONField(default=dict)

    class Meta:
        table = "talk_line"
