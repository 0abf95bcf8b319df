"""The application as it is measured: real tenants, sign-ins and permissions, generated plugins."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from quart import Quart

from benchmarks._plugins import HOOKS, SLOT, generate
from core.app import create_app
from core.config import Config
from core.database import connect
from core.hooks import Hooks
from core.models import Account, Customer, Plan, Session, SignIn, Tenant, User
from core.plugins import discover
from core.realtime import Realtime
from core.serving import listen, run

SECRET = "only for measuring, only for measuring"
PLUGINS = 10


@dataclass(frozen=True)
class Seat:
    """One page to be opened: where, and with which headers it gets its ticket."""

    session: UUID
    headers: dict[str, str]


def config_of(folder: Path) -> Config:
    url = f"sqlite://{folder / 'site.sqlite3'}"
    return Config.from_env({}, data_dir=folder, database_url=url, secret=SECRET)


async def furnish(folder: Path, rooms: int, agents_per_room: int = 1) -> list[Seat]:
    """Make the database; return a customer's seat and the agents' for each room, in turn."""
    plugins = (*discover(), *generate(folder, PLUGINS))
    database = await connect(config_of(folder).database_url, plugins)
    try:
        with database.entered():
            await database.context.generate_schemas(safe=False)
            return await _people([plugin.name for plugin in plugins], rooms, agents_per_room)
    finally:
        await database.close()


async def _people(plugins: list[str], rooms: int, agents_per_room: int) -> list[Seat]:
    account = await Account.create(number="1", name="Acme")
    names = [name for name in plugins if name == "chat" or name.startswith("made")]
    plan = await Plan.create(name="all", title="All", plugins=names)
    tenant = await Tenant.create(
        account=account, plan=plan, slug="acme", name="Acme", languages=["en"]
    )
    seats = []
    for room in range(rooms):
        customer = await Customer.create(id=uuid4(), tenant=tenant, name=f"Customer {room}")
        session = await Session.create(id=uuid4(), tenant=tenant, customer=customer)
        seats.append(await _seat(tenant, session.id, session=session))
        for number in range(agents_per_room):
            email = f"a{room}.{number}@acme.example"
            user = await User.create(tenant=tenant, email=email, name="Agent", role="agent")
            seats.append(await _seat(tenant, session.id, user=user))
    return seats


async def _seat(tenant: Tenant, where: UUID, **whose: object) -> Seat:
    token = secrets.token_urlsafe(32)
    row = await SignIn.create(
        tenant=tenant,
        token_hash=hashlib.sha256(token.encode()).hexdigest(),
        expires_at=datetime.now(UTC) + timedelta(days=1),
        **whose,
    )
    if "session" in whose:
        return Seat(where, {"Authorization": f"Bearer {token}"})
    digest = hmac.digest(SECRET.encode(), f"csrf:{row.id}".encode(), "sha256")
    csrf = urlsafe_b64encode(digest[:24]).decode()
    return Seat(where, {"Cookie": f"offhook_acme={token}", "X-CSRF-Token": csrf})


def app_of(folder: Path) -> Quart:
    made = generate(folder, PLUGINS)
    app = create_app(config_of(folder), extra=made)
    services = app.extensions["services"]
    count_implementations(services[Hooks])
    # The closed loop of a benchmark is faster than any person; the limits are not its subject.
    services[Realtime].limits.rate = services[Realtime].limits.burst = 1e9
    return app


def count_implementations(hooks: Hooks) -> int:
    """Assert that every generated plugin implements its five hooks and its slot."""
    total = 0
    for name in (*HOOKS, SLOT):
        impls = getattr(hooks.manager.hook, name).get_hookimpls()
        made = [impl for impl in impls if impl.plugin_name.startswith("made")]
        assert len(made) == PLUGINS, f"{name}: {len(made)}"
        total += len(made)
    assert total == PLUGINS * (len(HOOKS) + 1)
    return total


if __name__ == "__main__":
    run(app_of(Path(sys.argv[1])), listen("127.0.0.1", int(sys.argv[2])))
