from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from core.drivers import DriverError
from core.hooks import hookimpl
from core.jobs import Jobs, Pace, UnknownJob, enqueue
from core.models import Job, Tenant
from core.plugins import JobType, Plugin
from tests.core.parts import Parts, started

ran: list[tuple[str | None, dict[str, Any]]] = []


async def work(tenant: Any, **args: Any) -> None:
    ran.append((tenant and tenant.slug, args))


async def fail(tenant: Any, error: str = "") -> None:
    ran.append((tenant and tenant.slug, {}))
    raise DriverError("no", retryable=False) if error == "hopeless" else RuntimeError("broken")


async def wait(tenant: Any, seconds: float) -> None:
    ran.append((None, {}))
    await asyncio.sleep(seconds)


class Toy(Plugin):
    name = "toy"
    title = "Toy"
    jobs = (
        JobType("toy.work", work),
        JobType("toy.fail", fail, tries=3),
        JobType("toy.wait", wait, timeout_s=0.05, tries=2),
        JobType("toy.hourly", work, cron_s=3600),
    )


class Listener(Plugin):
    name = "listener"
    title = "Listener"

    def __init__(self) -> None:
        self.heard: list[tuple[str, int | None, dict[str, object]]] = []

    @hookimpl
    async def job_failed(self, name: str, tenant_id: int | None, args: dict[str, object]) -> None:
        self.heard.append((name, tenant_id, args))


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def parts(database_url: str, tmp_path: Path, listener: Listener) -> AsyncIterator[Parts]:
    ran.clear()
    async with started(database_url, tmp_path, [Toy(), listener]) as parts:
        yield parts


async def statuses() -> list[str]:
    return [job.status for job in await Job.all().order_by("id")]


class Rollback(Exception):
    pass


async def test_a_job_exists_exactly_when_the_callers_transaction_is_committed(
    parts: Parts,
) -> None:
    with pytest.raises(Rollback):
        async with in_transaction():
            await enqueue("toy.work", {"n": 1})
            raise Rollback
    async with in_transaction():
        await enqueue("toy.work", {"n": 2})

    await parts.jobs.work_off()

    assert ran == [(None, {"n": 2})]
    assert await statuses() == ["done"]


async def test_the_same_key_waits_once_and_does_not_spoil_the_transaction(parts: Parts) -> None:
    acme, other = await parts.tenant("acme", ["toy"]), await parts.tenant("other", ["toy"])
    async with in_transaction():
        assert await enqueue("toy.work", {}, tenant_id=acme.id, key="a") is not None
        assert await enqueue("toy.work", {}, tenant_id=acme.id, key="a") is None
        await Tenant.filter(id=acme.id).update(name="still usable")
    assert await enqueue("toy.work", {}, tenant_id=other.id, key="a") is not None

    await parts.jobs.work_off()

    assert (await Tenant.get(id=acme.id)).name == "still usable"
    assert ran == [("acme", {}), ("other", {})]
    assert await enqueue("toy.work", {}, tenant_id=acme.id, key="a") is not None


async def test_a_job_waits_for_its_time(parts: Parts) -> None:
    await enqueue("toy.work", {}, delay_s=10)
    assert await parts.jobs.work_off() == 0
    parts.clock.tick(10)
    assert await parts.jobs.work_off() == 1


async def test_an_unknown_job_is_refused_when_it_is_written(parts: Parts) -> None:
    with pytest.raises(UnknownJob):
        await enqueue("toy.wrok")


async def test_a_failing_job_is_tried_again_later_and_later_then_everyone_hears(
    parts: Parts, listener: Listener
) -> None:
    acme = await parts.tenant("acme", ["toy"])
    await enqueue("toy.fail", {}, tenant_id=acme.id, key="k")
    pauses = []
    for _ in range(2):
        await parts.jobs.work_off()
        job = await Job.get()
        pauses.append((job.run_at_ms - parts.clock.ms) / 1000)
        assert job.status == "todo"
        parts.clock.ms = job.run_at_ms
    assert listener.heard == []
    await parts.jobs.work_off()

    assert 1.6 <= pauses[0] <= 2.4
    assert 3.2 <= pauses[1] <= 4.8
    assert listener.heard == [("toy.fail", acme.id, {})]
    job = await Job.get()
    assert (job.status, job.key) == ("dead", None)
    assert "broken" in job.error
    parts.clock.tick(10_000)
    assert await parts.jobs.work_off() == 0


async def test_a_job_that_can_never_work_is_not_repeated(parts: Parts, listener: Listener) -> None:
    await enqueue("toy.fail", {"error": "hopeless"})
    await parts.jobs.work_off()
    assert len(ran) == 1
    assert await statuses() == ["dead"]
    assert len(listener.heard) == 1


async def test_a_job_may_not_take_longer_than_it_says(parts: Parts) -> None:
    await enqueue("toy.wait", {"seconds": 30})
    async with asyncio.timeout(5):
        await parts.jobs.work_off()
    assert await statuses() == ["todo"]


@pytest.mark.serves("X3")
async def test_a_job_of_a_plugin_that_is_off_rests_until_it_is_on(parts: Parts) -> None:
    acme, other = await parts.tenant("acme", ["toy"]), await parts.tenant("other", ["toy"])
    for tenant in (acme, other):
        await enqueue("toy.work", {"n": 1}, tenant_id=tenant.id)
    await parts.tenancy.switch(acme.id, "toy", on=False)

    await parts.jobs.work_off()
    assert ran == [("other", {"n": 1})]
    assert await statuses() == ["parked", "done"]

    await parts.tenancy.switch(acme.id, "toy", on=True)
    await parts.jobs.unpark(acme.id, "toy")
    await parts.jobs.work_off()
    assert ran == [("other", {"n": 1}), ("acme", {"n": 1})]


async def test_a_job_parked_just_after_the_switch_is_found_again(parts: Parts) -> None:
    acme = await parts.tenant("acme", ["toy"])
    await enqueue("toy.work", {}, tenant_id=acme.id)
    await Job.all().update(status="parked")
    await parts.jobs.tidy()
    await parts.jobs.work_off()
    assert ran == [("acme", {})]


async def test_a_parked_job_of_a_tenant_that_is_gone_stops_nothing(parts: Parts) -> None:
    acme = await parts.tenant("acme", ["toy"])
    for tenant_id in (999_999, acme.id):
        await enqueue("toy.work", {}, tenant_id=tenant_id)
    await Job.all().update(status="parked")
    await parts.jobs.tidy()
    await parts.jobs.work_off()
    assert ran == [("acme", {})]
    assert await statuses() == ["dead", "done"]


async def test_what_nobody_foresaw_does_not_end_the_running_of_jobs(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.jobs._pace = Pace(poll_s=0.02)
    broken = True
    claim, ask = parts.jobs.claim, parts.jobs.ask_scheduled

    async def moody_claim(limit: int) -> Any:
        if broken:
            raise RuntimeError("unforeseen")
        return await claim(limit)

    async def moody_ask() -> None:
        if broken:
            raise RuntimeError("unforeseen")
        await ask()

    monkeypatch.setattr(parts.jobs, "claim", moody_claim)
    monkeypatch.setattr(parts.jobs, "ask_scheduled", moody_ask)
    acme = await parts.tenant("acme", ["toy"])
    await enqueue("toy.work", {"n": 1}, tenant_id=acme.id)
    await parts.jobs.start(parts.database)
    await asyncio.sleep(0.1)
    broken = False
    async with asyncio.timeout(5):
        while len(ran) < 2:  # the one that waited and the hourly one
            await asyncio.sleep(0.02)
    await parts.jobs.stop()


async def test_a_job_of_a_plugin_no_longer_installed_rests(parts: Parts) -> None:
    await enqueue("toy.work", {})
    await Job.all().update(name="gone.work", plugin="gone")
    await parts.jobs.work_off()
    assert await statuses() == ["parked"]


async def test_a_scheduled_job_runs_once_per_slot_for_each_tenant_that_has_it(
    parts: Parts, database_url: str, tmp_path: Path
) -> None:
    await parts.tenant("acme", ["toy"])
    await parts.tenant("other", [])
    parts.clock.ms -= parts.clock.ms % 3_600_000
    async with started(database_url, tmp_path, [Toy()], schema=False) as second:
        second.clock.ms = parts.clock.ms
        for _ in range(3):
            await parts.jobs.ask_scheduled()
            await parts.jobs.work_off()
            await second.jobs.ask_scheduled()
            await second.jobs.work_off()
        assert ran == [("acme", {})]
        parts.clock.tick(3600)
        await parts.jobs.ask_scheduled()
        await parts.jobs.work_off()
        second.clock.tick(3600)
        await second.jobs.ask_scheduled()
        await second.jobs.work_off()
        assert ran == [("acme", {})] * 2


async def test_whoever_lost_the_lease_cannot_finish_the_job(parts: Parts) -> None:
    await enqueue("toy.fail", {})
    late = (await parts.jobs.claim(1))[0]
    assert await parts.jobs.claim(1) == []
    parts.clock.tick(Pace().lease_s + 1)
    now = (await parts.jobs.claim(1))[0]

    await parts.jobs.run(late)
    assert await statuses() == ["doing"]
    await parts.jobs.run(now)
    assert await statuses() == ["todo"]


@pytest.mark.serves("R-13")
async def test_a_jump_of_the_clock_does_not_run_a_job_beside_itself(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asyncio.Event()
    begun: list[int] = []

    async def hold(tenant: Any) -> None:
        begun.append(1)
        await release.wait()

    parts.jobs.register(JobType("core.hold", hold))
    await parts.jobs.start(parts.database)
    await enqueue("core.hold")
    await until(lambda: begun == [1])
    parts.clock.tick(3600)
    parts.jobs._look()
    await asyncio.sleep(0.2)
    assert begun == [1]
    release.set()
    await until_statuses(["done"])


async def test_a_job_that_takes_its_process_down_is_given_up(
    parts: Parts, listener: Listener
) -> None:
    await enqueue("toy.fail", {})
    for _ in range(3):
        assert len(await parts.jobs.claim(1)) == 1
        parts.clock.tick(Pace().lease_s + 1)
    await parts.jobs.work_off()
    assert ran == []
    assert await statuses() == ["dead"]
    assert len(listener.heard) == 1


async def test_a_running_loop_takes_what_is_written_at_once(parts: Parts) -> None:
    await parts.jobs.start(parts.database)
    await asyncio.sleep(0.05)
    async with in_transaction():
        await enqueue("toy.work", {"n": 1})
    await until_statuses(["done"])
    assert ran == [(None, {"n": 1})]


async def test_stopping_waits_for_the_running_and_leaves_the_rest(parts: Parts) -> None:
    done: list[str] = []

    async def quick(tenant: Any) -> None:
        await asyncio.sleep(0.1)
        done.append("quick")

    async def slow(tenant: Any) -> None:
        await asyncio.sleep(30)

    jobs = Jobs(*_of(parts), pace=Pace(stop_s=0.3), clock_ms=parts.clock)
    jobs.register(JobType("core.quick", quick))
    jobs.register(JobType("core.slow", slow))
    await jobs.enqueue("core.quick")
    await jobs.enqueue("core.slow")
    await jobs.start(parts.database)
    await asyncio.sleep(0.05)
    await jobs.stop()
    assert done == ["quick"]
    assert await statuses() == ["done", "doing"]


async def test_what_ended_long_ago_is_deleted(parts: Parts) -> None:
    await enqueue("toy.work", {})
    await parts.jobs.work_off()
    await enqueue("toy.work", {}, delay_s=40 * 24 * 3600)
    await parts.jobs.tidy()
    assert await statuses() == ["done", "todo"]
    parts.clock.tick(2 * 24 * 3600)
    await parts.jobs.tidy()
    assert await statuses() == ["todo"]


def _of(parts: Parts) -> Any:
    from core.bus import Bus
    from core.hooks import Hooks
    from core.plugins import Registry

    return parts.services[Registry], parts.services[Hooks], parts.tenancy, parts.services[Bus]


async def until(condition: Any, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def until_statuses(expected: list[str]) -> None:
    async with asyncio.timeout(5):
        while await statuses() != expected:
            await asyncio.sleep(0.02)
