"""What tests ask of jobs: which there are, and not to wait for their next try."""

from __future__ import annotations

from core.current import service
from core.hooks import Hooks, TenantHooks
from core.models import Job


async def jobs(name: str) -> list[Job]:
    """Return the jobs of this name, finished ones too."""
    return await Job.filter(name=name).order_by("id")


async def hurry(name: str) -> None:
    """Let what waits for its next try run now."""
    await Job.filter(name=name, status="todo").update(run_at_ms=0)


async def none_due(name: str) -> bool:
    """Tell whether what ``hurry`` has woken is over."""
    due = Job.filter(name=name, status__in=["todo", "doing"], run_at_ms=0)
    return not await due.exists()


def everyone() -> TenantHooks:
    """Return the hooks of all installed plugins, as health and erasure ask them."""
    return service(Hooks).everyone
