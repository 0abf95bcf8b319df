from __future__ import annotations

import pytest
from quart import Quart

from core.current import service
from core.database import Database
from core.hooks import Hooks
from core.jobs import Jobs
from core.models import Job
from core.values import Health


async def ask(app: Quart, path: str) -> tuple[int, dict[str, object]]:
    response = await app.test_client().get(path)
    return response.status_code, await response.get_json()


async def test_a_healthy_installation_is_ready(app: Quart) -> None:
    assert await ask(app, "/healthz") == (200, {"state": "ok"})
    status, body = await ask(app, "/readyz")
    assert (status, body["state"]) == (200, "ok")


async def test_a_broken_plugin_and_late_jobs_degrade_but_do_not_stop(app: Quart) -> None:
    service(Hooks).mark_broken("toy", "for a secret reason")
    await service(Jobs).stop()
    await Job.create(name="core.x", plugin="core", run_at_ms=1)
    status, body = await ask(app, "/readyz")
    assert (status, body["state"]) == (200, "degraded")
    assert body["parts"] == dict(body["parts"]) | {"plugin toy": "degraded", "jobs": "degraded"}  # type: ignore[call-overload]
    assert "secret reason" not in str(body)


@pytest.mark.serves("R-05")
async def test_without_its_database_it_is_alive_but_not_ready(
    app: Quart, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        connection = None

    services = app.extensions["services"]
    monkeypatch.setitem(services, Database, Away())
    from core import health

    parts = await health.check()
    assert health.worst(parts) == "down"
    assert parts[0] == Health("database", "down", "it does not answer: AttributeError")
