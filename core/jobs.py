"""Background and scheduled jobs, kept in the application's own database.

A job is written inside the caller's transaction, so it exists exactly when what it is about
exists. It runs at least once: a process that dies loses its lease and another repeats the job.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from core.bus import Bus
from core.current import service
from core.database import Database, DatabaseUnavailable, dialect, fetch, patiently
from core.drivers import DriverError
from core.errors import NotFound
from core.hooks import Hooks
from core.models import Job
from core.plugins import JobType, Registry
from core.tenancy import Tenancy

log = logging.getLogger(__name__)

CORE: Final = "core"
WAITING: Final = "jobs"
"""Bus channel: a process that runs no jobs has written one."""
MAX_PAUSE_S: Final = 3600
DONE_KEPT_MS: Final = 24 * 3600 * 1000
DEAD_KEPT_MS: Final = 30 * DONE_KEPT_MS


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How the jobs of one process run. ``at_once``: this many beside each other."""

    at_once: int = 10
    poll_s: float = 1.0
    lease_s: float = 60.0
    """A process that stays silent for so long has lost its jobs to the others."""
    tidy_s: float = 60.0
    stop_s: float = 5.0
    """How long a stopping process waits for the jobs it has begun."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job this process holds. ``tries`` counts this one, and tells later holders apart."""

    id: int
    name: str
    plugin: str
    tenant_id: int | None
    args: dict[str, Any]
    tries: int


class UnknownJob(LookupError):
    """No installed plugin declares this job."""


async def enqueue(
    name: str,
    args: dict[str, Any] | None = None,
    *,
    tenant_id: int | None = None,
    delay_s: float = 0,
    key: str | None = None,
) -> int | None:
    """Have the job run after the running transaction is committed; see ``Jobs.enqueue``."""
    return await service(Jobs).enqueue(name, args, tenant_id=tenant_id, delay_s=delay_s, key=key)


class Jobs:
    """Takes jobs in, and in a process with ``start`` runs them."""

    def __init__(
        self,
        registry: Registry,
        hooks: Hooks,
        tenancy: Tenancy,
        bus: Bus,
        *,
        pace: Pace | None = None,
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._hooks, self._tenancy, self._bus = hooks, tenancy, bus
        bus.on(WAITING, self._heard)
        self._pace, self._clock = pace or Pace(), clock_ms
        self._types = {job.name: (p.name, job) for p in registry for job in p.jobs}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._kick = asyncio.Event()
        self._stopping = False
        self._slots: dict[str, int] = {}
        """Job name -> the last time slot this process has asked for."""
        self._database: Database | None = None

    def register(self, kind: JobType) -> None:
        """Add one of core's own. With ``cron_s`` it runs once for the installation, no tenant."""
        self._types[kind.name] = (CORE, kind)

    async def enqueue(
        self,
        name: str,
        args: dict[str, Any] | None = None,
        *,
        tenant_id: int | None = None,
        delay_s: float = 0,
        key: str | None = None,
    ) -> int | None:
        """Write the job within the caller's transaction and return its id.

        ``None``: the tenant has an unfinished job of this name with the same *key* already.
        *args* must be plain data; they are stored, so ids are better than texts.
        """
        stored = None if key is None else _bounded(f"{name}:{tenant_id or ''}:{key}")
        return await self._insert(name, args or {}, tenant_id, self._in(delay_s), stored)

    async def _insert(
        self, name: str, args: dict[str, Any], tenant_id: int | None, at_ms: int, key: str | None
    ) -> int | None:
        if name not in self._types:
            raise UnknownJob(name)
        # ON CONFLICT rather than catching the error: PostgreSQL would refuse every further
        # statement of the caller's transaction after one that failed.
        rows = await fetch(
            Job._meta.db,
            "INSERT INTO core_job"
            " (name, plugin, tenant_id, args, key, status, run_at_ms, tries, error)"
            " VALUES ($1, $2, $3, $4, $5, 'todo', $6, 0, '')"
            " ON CONFLICT (key) DO NOTHING RETURNING id",
            [name, self._types[name][0], tenant_id, orjson.dumps(args).decode(), key, at_ms],
        )
        if not rows:
            return None
        await self._wake()
        return int(rows[0]["id"])

    def _in(self, delay_s: float) -> int:
        return self._clock() + int(delay_s * 1000)

    async def _wake(self) -> None:
        if self._loops:
            self._look()
        else:
            await self._bus.publish(WAITING, {}, everywhere=True)

    async def _heard(self, _: dict[str, Any]) -> None:
        self._look()

    def _look(self) -> None:
        """Look for work now, and again when the writer's transaction has likely committed."""
        self._kick.set()
        asyncio.get_running_loop().call_later(0.05, self._kick.set)

    # Running

    async def start(self, database: Database) -> None:
        self._database, self._stopping = database, False
        self._loops = [
            database.spawn(self._take_work(), name="jobs"),
            database.spawn(self._renew_leases(), name="jobs: leases"),
            database.spawn(self._keep_order(), name="jobs: order"),
        ]

    async def stop(self) -> None:
        """Take no more work and wait a little; what is not done by then runs again later."""
        self._stopping = True
        self._kick.set()
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=self._pace.stop_s)
        ending = [*self._loops, *self._running.values()]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._loops = []

    async def _take_work(self) -> None:
        while not self._stopping:
            self._kick.clear()
            free = self._pace.at_once - len(self._running)
            try:
                claimed = await self.claim(free) if free else []
            except DatabaseUnavailable as error:
                log.warning("jobs wait: %s", error)
                claimed = []
            except Exception:
                log.exception("jobs wait")
                claimed = []
            for job in claimed:
                self._begin(job)
            if not claimed:
                await _first_of(self._kick, self._pace.poll_s)

    def _begin(self, job: Claimed) -> None:
        assert self._database is not None
        task = self._database.spawn(self.run(job), name=f"job {job.name}")
        self._running[job.id] = task

        def ended(_: object) -> None:
            self._running.pop(job.id, None)
            self._kick.set()

        task.add_done_callback(ended)

    async def claim(self, limit: int) -> list[Claimed]:
        """Take over at most *limit* due jobs, and those whose holder has gone silent."""
        connection = Job._meta.db
        postgres = dialect(connection) == "postgres"
        mine = ", ".join(str(job_id) for job_id in self._running) or "0"
        due = (
            "SELECT id FROM core_job WHERE ((status = 'todo' AND run_at_ms <= $2)"  # noqa: S608
            f" OR (status = 'doing' AND lease_ms < $2)) AND id NOT IN ({mine})"
            f" ORDER BY run_at_ms, id LIMIT {int(limit)}"
        )
        # ARRAY() is evaluated once; a plan may evaluate IN (… LIMIT) again and take too many.
        chosen = f"= ANY(ARRAY({due} FOR UPDATE SKIP LOCKED))" if postgres else f"IN ({due})"
        rows = await fetch(
            connection,
            "UPDATE core_job SET status = 'doing', lease_ms = $1, tries = tries + 1"  # noqa: S608
            f" WHERE id {chosen} RETURNING id, name, plugin, tenant_id, args, tries",
            [self._in(self._pace.lease_s), self._clock()],
        )
        return [Claimed(**row | {"args": _plain(row["args"])}) for row in rows]

    async def work_off(self) -> int:
        """Run what is due, and what that leads to, in the caller's task; return how many."""
        count = 0
        while claimed := await self.claim(self._pace.at_once):
            for job in claimed:
                await self.run(job)
                count += 1
        return count

    async def run(self, job: Claimed) -> None:
        """Run one claimed job and record how it went."""
        _, kind = self._types.get(job.name, (None, None))
        try:
            allowed = await self._may_run(job)
        except NotFound:
            await self._settle(job, status="dead", error="its tenant is gone")
            return
        if kind is None or not allowed:
            await self._settle(job, status="parked")
        elif job.tries > kind.tries:
            await self._give_up(job, "the process that ran it was lost each time")
        else:
            await self._attempt(job, kind)

    async def _may_run(self, job: Claimed) -> bool:
        if job.tenant_id is None or job.plugin == CORE:
            return True
        return job.plugin in (await self._tenancy.get(job.tenant_id)).enabled

    async def _attempt(self, job: Claimed, kind: JobType) -> None:
        try:
            async with asyncio.timeout(kind.timeout_s):
                tenant = None if job.tenant_id is None else await self._tenancy.get(job.tenant_id)
                await kind.run(tenant, **job.args)
        except Exception as error:
            log.warning("job %s (%d) failed, try %d", job.name, job.id, job.tries, exc_info=error)
            hopeless = isinstance(error, DriverError) and not error.retryable
            if hopeless or job.tries >= kind.tries:
                await self._give_up(job, repr(error))
            else:
                pause_s = min(MAX_PAUSE_S, 2**job.tries) * random.uniform(0.8, 1.2)  # noqa: S311
                await self._settle(job, status="todo", error=repr(error), delay_s=pause_s)
        else:
            await self._settle(job, status="done")

    async def _give_up(self, job: Claimed, why: str) -> None:
        if await self._settle(job, status="dead", error=why):
            await self._hooks.everyone.job_failed(
                name=job.name, tenant_id=job.tenant_id, args=job.args
            )

    async def _settle(
        self, job: Claimed, *, status: str, error: str = "", delay_s: float = 0
    ) -> bool:
        """Record the outcome, unless the lease was lost and somebody else holds the job now.

        A finished job gives its key free; a scheduled one keeps it, or its slot would run again.
        """
        values = [status, self._in(delay_s), error[:500], job.id, job.tries]
        free = "key = CASE WHEN key LIKE 'cron:%' THEN key END," if status in _FINISHED else ""
        rows = await patiently(
            lambda: fetch(
                Job._meta.db,
                f"UPDATE core_job SET {free} status = $1, run_at_ms = $2, error = $3,"  # noqa: S608
                " lease_ms = NULL WHERE id = $4 AND tries = $5 AND status = 'doing' RETURNING id",
                values,
            )
        )
        return bool(rows)

    # Keeping order

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self._pace.lease_s / 3)
            if ids := list(self._running):
                try:
                    await Job.filter(id__in=ids, status="doing").update(
                        lease_ms=self._in(self._pace.lease_s)
                    )
                except DatabaseUnavailable as error:
                    log.warning("leases are not renewed: %s", error)
                except Exception:
                    log.exception("leases are not renewed")

    async def _keep_order(self) -> None:
        tidied = -self._pace.tidy_s
        while True:
            try:
                await self.ask_scheduled()
                if time.monotonic() - tidied >= self._pace.tidy_s:
                    await self.tidy()
                    tidied = time.monotonic()
            except DatabaseUnavailable as error:
                log.warning("scheduled jobs wait: %s", error)
            except Exception:
                log.exception("scheduled jobs wait")
            await asyncio.sleep(self._pace.poll_s)

    async def ask_scheduled(self) -> None:
        """Write the scheduled jobs of the present time slot; one process wins each of them."""
        for name, (plugin, kind) in list(self._types.items()):
            if kind.cron_s is None:
                continue
            slot = self._clock() // (kind.cron_s * 1000)
            if self._slots.get(name) == slot:
                continue
            for tenant_id in await self._scheduled_for(plugin):
                key = _bounded(f"cron:{name}:{tenant_id or ''}:{slot}")
                await self._insert(name, {}, tenant_id, self._clock(), key)
            self._slots[name] = slot

    async def _scheduled_for(self, plugin: str) -> list[int | None]:
        if plugin == CORE:
            return [None]
        return [t.id for t in await self._tenancy.everyone() if plugin in t.enabled]

    async def tidy(self) -> None:
        """Delete what ended long ago, and un-park what may run after all.

        A switch heard late may have parked a job just after it was switched on.
        """
        slots_s = max((kind.cron_s or 0 for _, kind in self._types.values()), default=0)
        kept = {"done": max(DONE_KEPT_MS, 2000 * slots_s), "dead": DEAD_KEPT_MS}
        for status, age_ms in kept.items():
            await Job.filter(status=status, run_at_ms__lt=self._clock() - age_ms).delete()
        parked = await Job.filter(status="parked").distinct().values_list("tenant_id", flat=True)
        for tenant_id in parked:
            try:
                await self._unpark(tenant_id)  # type: ignore[arg-type]
            except NotFound:
                gone = Job.filter(status="parked", tenant_id=tenant_id)
                await gone.update(status="dead", key=None, error="its tenant is gone")

    async def unpark(self, tenant_id: int, plugin: str) -> None:
        """Let the jobs of *plugin*, and of those that need it, go on: it was switched on."""
        log.info("plugin %s is on for tenant %d: its jobs go on", plugin, tenant_id)
        await self._unpark(tenant_id)

    async def _unpark(self, tenant_id: int | None) -> None:
        enabled = {plugin for plugin, _ in self._types.values()}
        if tenant_id is not None:
            enabled &= (await self._tenancy.get(tenant_id)).enabled | {CORE}
        names = [name for name, (plugin, _) in self._types.items() if plugin in enabled]
        # A new start: what was parked had not failed, its tries were spent on looking.
        await Job.filter(status="parked", tenant_id=tenant_id, name__in=names).update(
            status="todo", run_at_ms=self._clock(), tries=0
        )
        await self._wake()


_FINISHED: Final = frozenset({"done", "dead"})


def _bounded(key: str) -> str:
    return key if len(key) <= 120 else hashlib.sha256(key.encode()).hexdigest()


def _plain(stored: Any) -> dict[str, Any]:
    return orjson.loads(stored) if isinstance(stored, str | bytes) else stored  # type: ignore[no-any-return]


async def _first_of(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
