"""Can this installation work right now? Asked by load balancers, by ``doctor``, by people."""

from __future__ import annotations

import logging
import shutil
import time
from typing import Final

from core.config import Config
from core.current import service
from core.database import Database, fetch
from core.hooks import Hooks
from core.jobs import now_ms
from core.models import Job
from core.values import Health

log = logging.getLogger(__name__)

LATE_JOB_MS: Final = 5 * 60 * 1000
LITTLE_SPACE_MB: Final = 200
SLOW_S: Final = 1.0


async def check() -> list[Health]:
    """Ask every part and every installed plugin. Never raises: an error is an answer."""
    parts = [await _database()]
    if parts[0].state != "down":
        parts.append(await _jobs())
    parts.append(_disk())
    hooks = service(Hooks)
    parts += [Health(f"plugin {n}", "degraded", why) for n, why in sorted(hooks.broken.items())]
    parts += [answer.value for answer in await hooks.everyone.health()]
    return parts


def worst(parts: list[Health]) -> str:
    """Return ``ok``, ``degraded`` or ``down``: only core's own parts can take all of it down."""
    states = {part.state for part in parts}
    if any(part.state == "down" and part.component in {"database", "disk"} for part in parts):
        return "down"
    return "ok" if states == {"ok"} else "degraded"


async def _database() -> Health:
    began = time.monotonic()
    try:
        await fetch(service(Database).connection, "SELECT 1 AS one")
    except Exception as error:
        log.warning("the database does not answer", exc_info=error)
        return Health("database", "down", f"it does not answer: {type(error).__name__}")
    if (took_s := time.monotonic() - began) > SLOW_S:
        return Health("database", "degraded", f"it took {took_s:.1f} s to answer")
    return Health("database")


async def _jobs() -> Health:
    late = await Job.filter(status="todo", run_at_ms__lt=now_ms() - LATE_JOB_MS).count()
    if late:
        return Health("jobs", "degraded", f"{late} wait for more than 5 minutes")
    return Health("jobs")


def _disk() -> Health:
    try:
        free_mb = shutil.disk_usage(service(Config).data_dir).free // 2**20
    except OSError as error:
        return Health("disk", "down", f"data_dir cannot be read: {error.strerror}")
    if free_mb < LITTLE_SPACE_MB:
        return Health("disk", "degraded", f"{free_mb} MB are left")
    return Health("disk")
