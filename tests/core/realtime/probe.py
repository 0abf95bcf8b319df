"""A small plugin that stores what it is sent, and an app that has it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from quart import Quart

from core.api import (
    Draft,
    EventType,
    Incoming,
    MessageType,
    Permission,
    Plugin,
    Principal,
    StateTopic,
    Tenancy,
    TenantView,
    Timeline,
    service,
)
from core.app import create_app
from core.database import Database
from core.hooks import hookimpl
from core.serving import listen, serve
from tests.core.realtime.house import config_for

ROWS: list[dict[str, Any]] = [{"id": 1, "name": "first"}]


class Say(msgspec.Struct, forbid_unknown_fields=True):
    text: str


async def say(incoming: Incoming) -> dict[str, Any]:
    if incoming.data.text == "fail":
        raise RuntimeError("as asked")
    if incoming.data.text == "hang":
        await asyncio.sleep(60)
    kept = await service(Timeline).append(
        Draft(
            incoming.tenant.id,
            "probe.said",
            incoming.principal.actor,
            {"text": incoming.data.text},
            session_id=incoming.session_id,
            internal=incoming.data.text.startswith("internal"),
            key=incoming.key,
        )
    )
    return {"n": kept.n}


async def rows(tenant: TenantView, principal: Principal) -> list[dict[str, Any]]:
    return ROWS


class Switch(msgspec.Struct, forbid_unknown_fields=True):
    pass


async def switch_off(incoming: Incoming) -> None:
    """Off everywhere, and on again a second later, when nothing of the plugin could do it."""
    tenancy, tenant_id = service(Tenancy), incoming.tenant.id
    await tenancy.switch(tenant_id, "probe", on=False)

    async def on_again() -> None:
        await asyncio.sleep(1.5)
        await tenancy.switch(tenant_id, "probe", on=True)

    service(Database).spawn(on_again(), name="on again")


class Probe(Plugin):
    name = "probe"
    title = "Probe"
    permissions = (
        Permission("probe.thing.say", "Say things"),
        Permission("probe.thing.see", "See things", ("administrator",)),
    )
    messages = (
        MessageType("probe.say", Say, say, "probe.thing.say", customers=True),
        MessageType("probe.off_and_on", Switch, switch_off, "probe.thing.see"),
    )
    topics = (StateTopic("probe.things", "probe.thing.see", rows),)
    events = (EventType("probe.said"),)
    presence: ClassVar[list[tuple[str, bool]]] = []

    @hookimpl
    async def presence_changed(self, side: str, online: bool) -> None:
        self.presence.append((side, online))


def make_app(database_url: str, folder: Path, **more: Any) -> Quart:
    folder.mkdir(exist_ok=True)
    return create_app(
        config_for(database_url, data_dir=folder, **more), extra=(Probe(),), work=False
    )


if __name__ == "__main__":
    url, folder, port, redis = sys.argv[1:5]
    app = make_app(url, Path(folder), redis_url=redis)
    asyncio.run(serve(app, listen("127.0.0.1", int(port))))
